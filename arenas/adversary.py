"""Physical deception, `simple_adversary_v3` of mpe2: one of the landmarks is the goal, and the adversary does not know.

The good agents see the way to the goal, the ways to all landmarks and to all other agents: 10 numbers with two of them;
the adversary sees the same without the goal: 8. Nobody sees a velocity, and nobody collides. Each step pays

    adversary:   -(distance of the adversary to the goal)
    good agents: +(distance of the adversary to the goal) - (least distance of a good agent to the goal)

With physics=openai the adversary is paid minus the squared distance, as in 2017.

Per seat and episode of 25 steps, two good agents: in random play the adversary earns about -28, each good agent 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from arenas.particle import REACHED, Body, Colour, Luck, Particles, Physics, Player, Scene, at_end, flock, points
from arenas.protocol import Action, TimeStep

if TYPE_CHECKING:
    from pettingzoo import AECEnv, ParallelEnv


class Adversary(Particles):
    """Physical deception.

    Args:
        batch_size: B, copies played at once.
        device: where the tensors live.
        agents: good agents, and landmarks, at least 1.
        continuous: whether actions are vectors of numbers in [-1, 1]; else they are mpe2's discrete ones.
        max_steps: T, steps per episode.
        physics: "mpe2", or "openai" for the conventions of 2017.
        luck: "fast", or "mpe2" to start as mpe2 does with the same seed.

    Raises:
        ValueError: a setting that makes no game.
    """

    def __init__(
        self,
        batch_size: int = 1,
        *,
        device: str = "cpu",
        agents: int = 2,
        continuous: bool = False,
        max_steps: int = 25,
        physics: Physics = "mpe2",
        luck: Luck = "fast",
    ) -> None:
        if agents < 1:
            raise ValueError(f"adversary-v1: agents must be at least 1, got {agents}")
        settings = {
            "agents": agents,
            "continuous": continuous,
            "max_steps": max_steps,
            "physics": physics,
            "luck": luck,
        }
        good = [Player(0.15, (0.35, 0.35, 0.85), name=f"agent_{i}", team="agent") for i in range(agents)]
        scene = Scene(
            name="adversary",
            kind="competitive",
            players=(Player(0.15, (0.85, 0.35, 0.35), name="adversary_0", team="adversary"), *good),
            landmarks=(Body(0.08, (0.15, 0.15, 0.15)),) * agents,
            goals=(agents,),
            draw_band=1.15,
            forfeit=-20.0 if physics == "openai" else -8.0,
        )
        super().__init__(batch_size, device, scene, settings)

    def _columns(self) -> list[list[int]]:
        n, goal = self._n, self._n + self._l
        return [
            (self._relative(i, goal) if i else [])
            + self._all_relative(i, range(n, goal))
            + self._all_relative(i, range(n))
            for i in range(n)
        ]

    def _pay(self) -> Tensor:
        far = self._dist[-1]  # to the goal, [N, B]
        adversary = -far[:1].square() if self.physics == "openai" else -far[:1]
        return torch.cat((adversary, (far[0] - far[1:].amin(0)).expand(self._n - 1, -1)))

    def _colours(self, goals: list[int]) -> list[Colour]:
        colours = super()._colours(goals)
        colours[self._n + goals[0]] = (0.15, 0.65, 0.15)
        return colours

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """At the end of the episode: `at_goal`, `distance` and `all_covered`.

        `at_goal`: whether the adversary, for good seats whether a good agent is within 0.1 of the goal; `distance`: of
        the adversary to the goal, for good seats the least of a good agent; `all_covered`, the same for all: whether
        every landmark is within 0.1 of a good agent.
        """
        n, step = self._n, steps["agent_0"]
        goal, landmarks = points(step.observation, 0, 1), points(step.observation, 2, n - 1)
        others = flock(step.observation, 2 * n, n)  # the first good agent itself, the adversary, the other good agents
        adversary, good = others[..., 1:2, :], others[..., [0, *range(2, n)], :]
        covered = (good.unsqueeze(-2) - landmarks.unsqueeze(-3)).norm(dim=-1).amin(-2) < REACHED
        found = {}
        for seat in self.spec.seats:
            far = ((adversary if seat == "adversary_0" else good) - goal).norm(dim=-1).amin(-1)
            found[seat] = {
                "at_goal": at_end(step, far < REACHED),
                "distance": at_end(step, far),
                "all_covered": at_end(step, covered.all(-1)),
            }
        return found


def parallel_env(render_mode: str | None = None, **settings: Any) -> ParallelEnv[str, Any, Any]:
    """The game as PettingZoo's parallel environment `adversary_v1`."""
    from arenas.pettingzoo import parallel_env as face

    return face(Adversary, render_mode, **settings)


def env(render_mode: str | None = None, **settings: Any) -> AECEnv[str, Any, Any]:
    """The game as PettingZoo's AEC environment `adversary_v1`."""
    from arenas.pettingzoo import env as face

    return face(Adversary, render_mode, **settings)

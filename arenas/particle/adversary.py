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
from dataclasses import dataclass

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.particle.measures import REACHED, arrival, at_end, flock, points
from arenas.particle.scene import Body, Colour, Player, Scene
from arenas.particle.world import Particles, ParticleSettings
from arenas.protocol import Action, TimeStep
from arenas.settings import Count


@dataclass(frozen=True)
class AdversarySettings(ParticleSettings):
    """Settings of `adversary`."""

    agents: Count = 2  # good agents, and landmarks, at least 1


class Adversary(Particles):
    """Physical deception: a team reaches its goal without showing an adversary which it is."""

    name = "adversary-v1"
    Settings = AdversarySettings
    settings: AdversarySettings

    def _scene(self) -> Scene:
        agents = self.settings.agents
        good = [Player(0.15, (0.35, 0.35, 0.85), name=f"agent_{i}", team="agent") for i in range(agents)]
        return Scene(
            kind="competitive",
            players=(Player(0.15, (0.85, 0.35, 0.35), name="adversary_0", team="adversary"), *good),
            landmarks=(Body(0.08, (0.15, 0.15, 0.15)),) * agents,
            goals=(agents,),
            draw_band=1.15,
            forfeit=-20.0 if self.settings.physics == "openai" else -8.0,
        )

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
        adversary = -far[:1].square() if self.settings.physics == "openai" else -far[:1]
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
        measured = {}
        for seat in self.spec.seats:
            far = ((adversary if seat == "adversary_0" else good) - goal).norm(dim=-1).amin(-1)
            measured[seat] = {**arrival(step, far), "all_covered": at_end(step, covered.all(-1))}
        return measured


env, parallel_env = faces(Adversary)

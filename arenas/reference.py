"""The reference game, `simple_reference_v3` of mpe2: two agents of whom each knows only the other's goal.

Both move and speak. Each sees its velocity, the ways to the three landmarks, the colour of the landmark that is the
other's goal, and the symbol of ten that the other said last, one-hot: 21 numbers. With d_i the distance of agent i's
partner to the goal that i knows of, each step pays agent i

    -local_ratio * d_i - (1 - local_ratio) * (d_0 + d_1) / 2

With physics=openai both are paid -(d_0^2 + d_1^2), as in 2017.

Per seat and episode of 25 steps random play earns about -28.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from arenas.particle import REACHED, Body, Colour, Luck, Particles, Physics, Player, Scene, at_end, points
from arenas.protocol import Action, TimeStep

if TYPE_CHECKING:
    from pettingzoo import AECEnv, ParallelEnv

_COLOURS = ((0.75, 0.25, 0.25), (0.25, 0.75, 0.25), (0.25, 0.25, 0.75))
_SYMBOLS = 10


class Reference(Particles):
    """Two agents that name each other's goals.

    Args:
        batch_size: B, copies played at once.
        device: where the tensors live.
        local_ratio: weight of the goal that the agent itself knows of, in [0, 1]; without meaning under physics=openai.
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
        local_ratio: float = 0.5,
        continuous: bool = False,
        max_steps: int = 25,
        physics: Physics = "mpe2",
        luck: Luck = "fast",
    ) -> None:
        if not 0 <= local_ratio <= 1:
            raise ValueError(f"reference-v1: local_ratio must be in [0, 1], got {local_ratio}")
        self._local = local_ratio
        settings = {
            "local_ratio": local_ratio,
            "continuous": continuous,
            "max_steps": max_steps,
            "physics": physics,
            "luck": luck,
        }
        scale = 5 if physics == "openai" else 1  # about that of squared distances, unshared
        scene = Scene(
            name="reference",
            kind="cooperative",
            players=tuple(Player(name=f"agent_{i}", talks=True) for i in range(2)),
            landmarks=tuple(Body(colour=colour) for colour in _COLOURS),
            goals=(3, 3),
            symbols=_SYMBOLS,
            draw_band=0.8 * scale,
            forfeit=-8.0 * scale,
        )
        super().__init__(batch_size, device, scene, settings)
        self._colour_of = torch.tensor(_COLOURS, dtype=torch.float64, device=device).t().contiguous()

    def _deal(self) -> None:
        self._constants = self._colour_of[:, self._goals.flatten()].view(3, 2, -1).transpose(0, 1).flatten(0, 1)

    def _columns(self) -> list[list[int]]:
        return [
            self._velocity(i)
            + self._all_relative(i, [2, 3, 4])
            + [self._extra(3 * i + k) for k in range(3)]
            + self._heard(1 - i)
            for i in range(2)
        ]

    def _pay(self) -> Tensor:
        far = torch.stack((self._dist[-2, 1], self._dist[-1, 0]))  # of agent 1 to goal 0, of agent 0 to goal 1
        if self.physics == "openai":
            return -far.square().sum(0).expand(2, -1)
        return -far.sum(0) / 2 * (1 - self._local) - far * self._local

    def _colours(self, goals: list[int]) -> list[Colour]:
        colours = super()._colours(goals)
        colours[0], colours[1] = _COLOURS[goals[1]], _COLOURS[goals[0]]
        return colours

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """At the end of the episode: whether the seat's agent is `at_goal`, and its `distance` to it.

        The goal is the landmark that the other agent knows of; `at_goal` is within 0.1 of it.
        """
        found = {}
        for seat, other in (("agent_0", "agent_1"), ("agent_1", "agent_0")):
            goal = steps[other].observation[..., 8:11].argmax(-1)[..., None, None]
            far = points(steps[seat].observation, 2, 3).take_along_dim(goal, -2).squeeze(-2).norm(dim=-1)
            found[seat] = {"at_goal": at_end(steps[seat], far < REACHED), "distance": at_end(steps[seat], far)}
        return found


def parallel_env(render_mode: str | None = None, **settings: Any) -> ParallelEnv[str, Any, Any]:
    """The game as PettingZoo's parallel environment `reference_v1`."""
    from arenas.pettingzoo import parallel_env as face

    return face(Reference, render_mode, **settings)


def env(render_mode: str | None = None, **settings: Any) -> AECEnv[str, Any, Any]:
    """The game as PettingZoo's AEC environment `reference_v1`."""
    from arenas.pettingzoo import env as face

    return face(Reference, render_mode, **settings)

"""The reference game, `simple_reference_v3` of mpe2: two agents, and each knows only the goal of the other.

Both move and speak. Each sees its velocity, the ways to the three landmarks, the colour of the landmark that is the
other's goal, and the symbol of ten that the other said last, one-hot: 21 numbers. With d_i the distance of agent i's
partner to the goal that i knows of, each step pays agent i

    -local_ratio * d_i - (1 - local_ratio) * (d_0 + d_1) / 2

With physics=openai both are paid -(d_0^2 + d_1^2), as in 2017.

Per seat and episode of 25 steps random play earns about -28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.particle.measures import arrival, distance_to, points
from arenas.particle.scene import Body, Player, Scene
from arenas.particle.world import Particles, ParticleSettings
from arenas.protocol import Action, TimeStep
from arenas.settings import Share

_COLOURS = ((0.75, 0.25, 0.25), (0.25, 0.75, 0.25), (0.25, 0.25, 0.75))
_SYMBOLS = 10


@dataclass(frozen=True)
class ReferenceSettings(ParticleSettings):
    """Settings of `reference`."""

    local_ratio: Share = 0.5  # weight of the goal that the agent itself knows of; without meaning under physics=openai


class Reference(Particles):
    """Two agents that name each other's goals."""

    name = "reference-v1"
    Settings = ReferenceSettings
    settings: ReferenceSettings

    def _scene(self) -> Scene:
        scale = 5 if self.settings.physics == "openai" else 1  # about the scale of unshared squared distances
        return Scene(
            kind="cooperative",
            players=tuple(Player(name=f"agent_{i}", talks=True) for i in range(2)),
            landmarks=tuple(Body(colour=colour) for colour in _COLOURS),
            goals=(3, 3),
            goal_colours={0: (1, _COLOURS), 1: (0, _COLOURS)},
            symbols=_SYMBOLS,
            draw_band=0.8 * scale,
            forfeit=-8.0 * scale,
        )

    def _deal(self) -> None:
        self._constants = self._landmark_colours[:, self._goals.flatten()].view(3, 2, -1).transpose(0, 1).flatten(0, 1)

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
        if self.settings.physics == "openai":
            return -far.square().sum(0).expand(2, -1)
        return -far.sum(0) / 2 * (1 - self.settings.local_ratio) - far * self.settings.local_ratio

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """At the end of the episode: whether the seat's agent is `at_goal`, and its `distance` to it.

        The goal is the landmark that the other agent knows of; `at_goal` is within 0.1 of it.
        """
        measured = {}
        for seat, other in (("agent_0", "agent_1"), ("agent_1", "agent_0")):
            goal = steps[other].observation[..., 8:11].argmax(-1)
            measured[seat] = arrival(steps[seat], distance_to(goal, points(steps[seat].observation, 2, 3)))
        return measured


env, parallel_env = faces(Reference)

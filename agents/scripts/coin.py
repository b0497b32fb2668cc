"""Scripts for the coin games: one takes every coin, one takes only its own, and one does the one after the other.

Both walk the shortest way on the torus, along the row first. On an even torus, where both ways round are equally long,
they go right and down.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from agents.parts.policies.scripted import Scripted, ScriptedPolicy
from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, State
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Count, Range

_OWN, _OTHER, _OWN_COIN, _FOREIGN_COIN = range(4)
_RIGHT, _LEFT, _DOWN, _UP = range(4)
_OPPOSITE = (_LEFT, _RIGHT, _UP, _DOWN)


@functools.cache
def _ways(size: int) -> tuple[Tensor, Tensor]:
    """Steps and first action from every cell to every cell of an n x n torus, each long [n * n, n * n]."""
    cells = torch.arange(size * size)
    me, coin = cells[:, None], cells[None, :]
    down, right = (coin // size - me // size) % size, (coin % size - me % size) % size
    steps = torch.minimum(down, size - down) + torch.minimum(right, size - right)
    along_row = torch.where(right <= size - right, _RIGHT, _LEFT)
    along_column = torch.where(down <= size - down, _DOWN, _UP)
    return steps, torch.where(right != 0, along_row, along_column)


def way_to(observation: Tensor, coin: Tensor) -> tuple[Tensor, Tensor]:
    """Action [...] towards the nearest cell marked in `coin` [..., n, n], and its distance (n * n where none is)."""
    size = coin.shape[-1]
    steps, actions = (table.to(coin.device) for table in _ways(size))
    me = observation[..., _OWN, :, :].flatten(-2).argmax(-1)
    distance, nearest = steps[me].masked_fill(coin.flatten(-2) <= 0, size * size).min(dim=-1)
    return actions[me, nearest], distance


class Greedy(Scripted):
    """Always walks to the nearest coin, its own or the other's."""

    needs = frozenset({"discrete", "coin"})

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """One-hot [..., A]."""
        seen = timestep.observation
        action, _ = way_to(seen, seen[..., _OWN_COIN, :, :] + seen[..., _FOREIGN_COIN, :, :])
        return torch.nn.functional.one_hot(action, self.seat_spec().actions).float()


class Cooperator(Scripted):
    """Walks to its own coin; while there is none, steps away from the other's."""

    needs = frozenset({"discrete", "coin"})

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """One-hot [..., A]."""
        seen = timestep.observation
        own, distance = way_to(seen, seen[..., _OWN_COIN, :, :])
        foreign, _ = way_to(seen, seen[..., _FOREIGN_COIN, :, :])
        away = torch.tensor(_OPPOSITE, device=seen.device)[foreign]
        none = distance == seen.shape[-1] ** 2
        return torch.nn.functional.one_hot(torch.where(none, away, own), self.seat_spec().actions).float()


@dataclass(frozen=True)
class CooperateThenTakeConfig(Checked):
    """Settings of `cooperate-then-take`, in updates of the learner that it meets."""

    lesson: Count = 4  # how long it cooperates at first
    harvest: Annotated[int | None, Range(1)] = 1  # how long it then takes every coin; none: for ever
    again: Count = 1  # how long it cooperates between two harvests


class CooperateThenTake(Agent):
    """Cooperates while the other learns, then takes every coin: how far can a learner be lulled on the coin games?

    Its lesson and its harvest are scripts: it looks at nothing but the number of updates.
    """

    Config = CooperateThenTakeConfig
    config: CooperateThenTakeConfig
    learns = True
    replicated = True
    needs = frozenset({"discrete", "coin"})

    def build(self, seed: int) -> None:
        """Both scripts, and the clock."""
        self._scripts = (Cooperator.make(self.spec, self.seats), Greedy.make(self.spec, self.seats))
        self.clock = torch.zeros(1, dtype=torch.long, device=self.device)

    @property
    def _script(self) -> Scripted:
        """Who plays at this update."""
        config, after = self.config, int(self.clock) - self.config.lesson
        if after < 0 or config.harvest is None:
            return self._scripts[after >= 0]
        return self._scripts[after % (config.harvest + config.again) < config.harvest]

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Act by the script of this update."""
        return self._script.act(timestep, memory)

    def policy(self, seat: str) -> ScriptedPolicy | None:
        """The script of this update."""
        return self._script.policy(seat)

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """Count one update."""
        self.clock += 1
        return {"taking": float(self._script is self._scripts[1])}

    def acting_state(self) -> State:
        """The number of updates so far."""
        return {f"{self.seats[0]}/clock": self.clock}

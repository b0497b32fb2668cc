"""Scripts for the coin games: one takes every coin, one takes only its own, and one does the one after the other.

Both walk the shortest way on the torus, along the row first. On an even torus, where both ways round are equally long,
they go right and down.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import torch
from torch import Tensor

from agents.parts.policies.scripted import PureScript, Scripted, ScriptedPolicy
from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, State
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Count, Range

_OWN, _OTHER, _OWN_COIN, _FOREIGN_COIN = range(4)
_RIGHT, _LEFT, _DOWN, _UP = range(4)
_OPPOSITE = (_LEFT, _RIGHT, _UP, _DOWN)


class _Ways(NamedTuple):
    """From each cell of an n x n torus of P cells to a coin on each, number 0 for no coin and cell + 1 for one there.

    Attributes:
        numbers: float32 [P], 1 to P.
        action: long [P, P + 1], the first step.
        rank: long [P, P + 1]: the nearer the smaller, among equally near ones the first cell; no coin is the last.
    """

    numbers: Tensor
    action: Tensor
    rank: Tensor

    def survey(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Where in the tables both coins of observations [..., 4, n, n] stand, long [...]."""
        # a product with a vector is several times as fast as `argmax`, and exact: each channel shows one piece at most
        channels = (seen[..., channel, :, :].flatten(-2) for channel in (_OWN, _OWN_COIN, _FOREIGN_COIN))
        me, own, foreign = ((channel @ self.numbers).long() for channel in channels)
        row = (me - 1).clamp_min(0) * self.action.shape[1]
        return row + own, row + foreign


@functools.cache
def _ways(size: int, device: torch.device) -> _Ways:
    n = size * size
    cells = torch.arange(n)
    me, coin = cells[:, None], cells[None, :]
    down, right = (coin // size - me // size) % size, (coin % size - me % size) % size
    steps = torch.minimum(down, size - down) + torch.minimum(right, size - right)
    along_row = torch.where(right <= size - right, _RIGHT, _LEFT)
    along_column = torch.where(down <= size - down, _DOWN, _UP)
    action = torch.where(right != 0, along_row, along_column)
    # without a coin: the way to cell 0, as if nothing were farther
    action = torch.cat([action[:, :1], action], 1)
    rank = torch.cat([torch.full((n, 1), n * n * n), steps * n + coin], 1)
    return _Ways(1.0 + cells.to(device), action.to(device), rank.to(device))


class Greedy(PureScript):
    """Always walks to the nearest coin, its own or the other's."""

    needs = frozenset({"discrete", "coin"})

    def choose(self, seen: Tensor) -> Tensor:
        """Towards the coin that is nearer."""
        ways = _ways(seen.shape[-1], seen.device)
        own, foreign = ways.survey(seen)
        return ways.action.take(torch.where(ways.rank.take(own) <= ways.rank.take(foreign), own, foreign))


class Cooperator(PureScript):
    """Walks to its own coin; while there is none, steps away from the other's."""

    needs = frozenset({"discrete", "coin"})

    def choose(self, seen: Tensor) -> Tensor:
        """Towards the own coin, or away from the other."""
        ways = _ways(seen.shape[-1], seen.device)
        own, foreign = ways.survey(seen)
        away = torch.tensor(_OPPOSITE, device=seen.device).take(ways.action.take(foreign))
        return ways.action.take(own).where(own % ways.action.shape[1] != 0, away)


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

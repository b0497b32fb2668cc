"""Scripts for skirmish: each attacks the foe that it likes best among those it may attack, and else goes there.

They see what the seat sees, know no rule but how observations and actions are laid out, and remember nothing. Where no
foe is in sight they go forward.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from agents.parts.policies.scripted import PureScript

_NO_OP, _STOP, _NORTH, _SOUTH, _FORWARD, _BACK, _ATTACK = range(7)  # the last is to attack the first foe
_FREE = 4  # numbers that say which ways are free, before the foes, the allies and itself
_AHEAD = 2  # which of them is forward
_DISTANCE, _DX, _DY, _HEALTH = 1, 2, 3, 4  # columns of a foe or an ally; the first says whether it can be attacked
_FAR = 1e6


class Fighter(PureScript):
    """Attacks or approaches the foe with the lowest `score`."""

    needs = frozenset({"discrete", "skirmish"})

    def build(self, seed: int) -> None:
        """How the observation is laid out: every unit has the columns above, shield and type."""
        own = self.seat_spec()
        team = sum(seat.team == own.team for seat in self.spec.seats.values())
        self.foes, self.allies = own.actions - _ATTACK, team - 1
        units = self.foes + team
        # of itself it sees its health and what is further, so that four columns of one unit are missing
        self.width = (own.observation[0] - _FREE + _HEALTH) // units
        self.shields = (self.width - _HEALTH - 1) % 2  # types, where they are shown, are two

    def tables(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Foes [..., m, W], allies [..., n - 1, W] and its own health [...] of observations [..., O]."""
        units = seen[..., _FREE : _FREE + (self.foes + self.allies) * self.width]
        table = units.reshape(*units.shape[:-1], self.foes + self.allies, self.width)
        return table[..., : self.foes, :], table[..., self.foes :, :], seen[..., _FREE + table.shape[-2] * self.width]

    @abstractmethod
    def score(self, foes: Tensor, allies: Tensor) -> Tensor:
        """How little each of `foes` [..., m, 5 + q] is worth, [..., m]; `allies` [..., n - 1, 5 + q]."""

    def left(self, foes: Tensor) -> Tensor:
        """The share of its health and shield that each foe has left, [..., m]."""
        return foes[..., _HEALTH : _HEALTH + 1 + self.shields].mean(-1)

    def choose(self, seen: Tensor) -> Tensor:
        """Attack, walk, or do nothing where it is dead."""
        foes, allies, health = self.tables(seen)
        score = self.score(foes, allies)
        target = score.masked_fill(foes[..., 0] == 0, _FAR).argmin(-1)
        visible = foes[..., _HEALTH] > 0
        goal = score.masked_fill(~visible, _FAR).argmin(-1, keepdim=True).unsqueeze(-1)
        x, y = foes[..., _DX : _DY + 1].take_along_dim(goal, -2).squeeze(-2).unbind(-1)
        along = torch.where(x > 0, _FORWARD, _BACK)
        walk = torch.where(x.abs() >= y.abs(), along, torch.where(y > 0, _NORTH, _SOUTH))
        ahead = torch.where(seen[..., _AHEAD] > 0, _FORWARD, _STOP)
        action = torch.where(visible.any(-1), walk, ahead)
        action = torch.where(foes[..., 0].any(-1), _ATTACK + target, action)
        return torch.where(health > 0, action, _NO_OP)


class NearestFirst(Fighter):
    """Attacks the nearest enemy."""

    def score(self, foes: Tensor, allies: Tensor) -> Tensor:
        """The distance."""
        return foes[..., _DISTANCE]


class WeakestFirst(Fighter):
    """Attacks the one that has the smallest share of its health left, and of equals the nearest."""

    def score(self, foes: Tensor, allies: Tensor) -> Tensor:
        """What is left, and a little of the distance."""
        return self.left(foes) + 0.01 * foes[..., _DISTANCE]


class FocusFire(Fighter):
    """All fire at one until it dies: the one that has the smallest share left, of equals the nearest to the team."""

    def score(self, foes: Tensor, allies: Tensor) -> Tensor:
        """What is left, and a little of the distance from everybody of the team who is in sight."""
        gaps = foes[..., None, _DX : _DY + 1] - allies[..., None, :, _DX : _DY + 1]  # [..., m, n - 1, 2]
        there = (allies[..., 0] > 0).unsqueeze(-2)
        away = (gaps.square().sum(-1).sqrt() * there).sum(-1) + foes[..., _DISTANCE]
        return self.left(foes) + 0.01 * away / (1 + there.sum(-1))

"""The battle itself: U units of two teams in B copies, half a second a step, all at once.

Shots are fired from where units stood at the start of the step, and who is not in reach of its target walks towards it.
A weapon shoots in a step if it is ready before the step ends; what is left of its cooldown is carried over, so that the
rate of fire is right on average although a step is longer than some cooldowns. Damage takes shields first, and armour
counts against health alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from arenas.skirmish.units import UNITS

SECONDS = 0.5  # of a step: eight of sixteen game ticks a second, as in SMAC
SIZE = 16.0  # of the map, which is a square
NOBODY = -1


class Units(NamedTuple):
    """All units: those of the first team come first. A row is one copy of the battle."""

    place: Tensor  # float32 [B, U, 2], x and y in [0, SIZE]
    health: Tensor  # float32 [B, U]; 0 where dead
    shield: Tensor  # float32 [B, U]
    cooldown: Tensor  # float32 [B, U], seconds until the weapon is ready

    def where(self, rows: Tensor, other: Units) -> Units:
        """These in the rows bool [B], and `other` elsewhere."""
        flat, deep = rows.unsqueeze(1), rows.view(-1, 1, 1)
        return Units(
            torch.where(deep, self.place, other.place),
            *(torch.where(flat, mine, theirs) for mine, theirs in zip(self[1:], other[1:], strict=True)),
        )


class Orders(NamedTuple):
    """What each unit is told: whom to attack, or which way to walk."""

    target: Tensor  # long [B, U], number of a unit of the other team, or NOBODY
    way: Tensor  # float32 [B, U, 2], units of length 1 where it walks, else 0


class Blows(NamedTuple):
    """What a step did."""

    taken: Tensor  # float32 [B, U], points of health and shield lost
    died: Tensor  # bool [B, U]
    target: Tensor  # long [B, U], whom each was told to attack, or NOBODY
    shot: Tensor  # bool [B, U], whether it shot


class Army:
    """The constants of U units: `strength` multiplies the damage of each.

    Attributes:
        full: health and shield of whole units, float32 [2, U].
        reach, stride: weapon range and length of a step's walk, float32 [U].
    """

    def __init__(self, names: Sequence[str], strength: Sequence[float], device: str) -> None:
        kinds = [UNITS[name] for name in names]

        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self.full = torch.stack([column([k.health for k in kinds]), column([k.shield for k in kinds])])
        self.reach = column([k.reach for k in kinds])
        self.stride = column([k.speed * SECONDS for k in kinds])
        self.cooldown = column([k.cooldown for k in kinds])
        raw = [
            [s * a.hits * (a.damage + a.bonus * b.armoured) for b in kinds]
            for a, s in zip(kinds, strength, strict=True)
        ]
        armoured = [
            [s * a.hits * max(0.5, a.damage + a.bonus * b.armoured - b.armour) for b in kinds]
            for a, s in zip(kinds, strength, strict=True)
        ]
        self._raw, self._armoured = column(raw).flatten(), column(armoured).flatten()  # type: ignore[arg-type]
        self._first = torch.arange(len(kinds), device=device) * len(kinds)

    def whole(self, place: Tensor) -> Units:
        """Units in full health at `place` [B, U, 2]."""
        health, shield = (points.expand(len(place), -1) for points in self.full)
        return Units(place, health, shield, torch.zeros_like(health))

    def fight(self, units: Units, orders: Orders) -> tuple[Units, Blows]:
        """Play one step."""
        alive = units.health > 0
        aimed = (orders.target >= 0) & alive
        target = orders.target.clamp_min(0)
        gap = units.place.gather(1, target.unsqueeze(2).expand(-1, -1, 2)) - units.place
        distance = gap.square().sum(2).sqrt()
        near = distance <= self.reach
        shoots = aimed & near & (units.cooldown < SECONDS)
        pair = self._first + target
        shot = shoots.float()
        raw = torch.zeros_like(shot).scatter_add_(1, target, self._raw[pair] * shot)
        hard = torch.zeros_like(shot).scatter_add_(1, target, self._armoured[pair] * shot)
        absorbed = torch.minimum(units.shield, raw)
        wound = hard * ((raw - absorbed) / raw.clamp_min(1e-6))
        lost = torch.minimum(wound, units.health)
        health = units.health - lost
        cooldown = (units.cooldown + self.cooldown * shot - SECONDS).clamp_min(0)
        approach = gap * (aimed & ~near).unsqueeze(2) / distance.clamp_min(1e-6).unsqueeze(2)
        # nobody walks further than to where its weapon reaches
        length = torch.where(aimed, torch.minimum(self.stride, (distance - self.reach).clamp_min(0)), self.stride)
        step = (approach + orders.way) * (length * alive).unsqueeze(2)
        place = (units.place + step).clamp(0, SIZE)
        died = alive & (health <= 0)
        blows = Blows(lost + absorbed, died, orders.target, shoots)
        return Units(place, health, units.shield - absorbed, cooldown), blows

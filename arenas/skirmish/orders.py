"""What a scripted team is told to do, and what the actions of a played team mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from arenas.skirmish.battle import NOBODY, SIZE, Army, Orders, Units

NO_OP, STOP, FIRST_WAY, FIRST_ATTACK = 0, 1, 2, 6
#: North, south, forward, back: forward is towards where the other team begins.
WAYS = ((0.0, 1.0), (0.0, -1.0), (1.0, 0.0), (-1.0, 0.0))
_FAR = 4 * SIZE


class Sight:
    """What is known of everybody at one moment: [B, U, U], from the row's unit to the column's."""

    def __init__(self, units: Units) -> None:
        self.alive = units.health > 0
        gap = units.place.unsqueeze(1) - units.place.unsqueeze(2)
        self.gap = gap  # [B, U, U, 2]
        self.distance = gap.square().sum(3).sqrt()


def played(value: Tensor, first_foe: int, ways: Tensor) -> Orders:
    """Orders of a team from its actions long [B, n]; its foes are numbered from `first_foe` on."""
    attacks = value >= FIRST_ATTACK
    target = torch.where(attacks, value - FIRST_ATTACK + first_foe, NOBODY)
    way = ways.index_select(0, value.clamp_max(FIRST_ATTACK).flatten()).view(*value.shape, 2)
    return Orders(target, way)


def ways_of(sign: float, device: str) -> Tensor:
    """The direction of each action, float32 [7, 2]; `sign` -1 turns forward round for the team on the right."""
    table = torch.zeros(FIRST_ATTACK + 1, 2, device=device)
    table[FIRST_WAY:FIRST_ATTACK] = torch.tensor(WAYS, device=device) * torch.tensor([sign, 1.0], device=device)
    return table


def nearest(units: Units, sight: Sight, army: Army, us: slice, them: slice) -> Orders:
    """Everybody attacks the nearest."""
    distance = sight.distance[:, us, them].masked_fill(~sight.alive[:, None, them], _FAR)
    return _attack(distance.argmin(2) + them.start, units, us)


def weakest(units: Units, sight: Sight, army: Army, us: slice, them: slice) -> Orders:
    """Everybody attacks the weakest in reach, or walks to the nearest where nobody is."""
    distance = sight.distance[:, us, them].masked_fill(~sight.alive[:, None, them], _FAR)
    points = (units.health + units.shield)[:, None, them]
    score = torch.where(distance <= army.reach[us].unsqueeze(1), points - 1000, distance)
    return _attack(score.argmin(2) + them.start, units, us)


def focus(units: Units, sight: Sight, army: Army, us: slice, them: slice) -> Orders:
    """All attack one until it dies: the one that has lost the largest share, or the nearest to all of them."""
    share = (units.health + units.shield)[:, them] / army.full.sum(0)[them]
    away = (sight.distance[:, us, them] * sight.alive[:, us, None]).sum(1) / (SIZE * 2 * (us.stop - us.start))
    score = (share + 0.01 * away).masked_fill(~sight.alive[:, them], _FAR)
    return _attack((score.argmin(1, keepdim=True) + them.start).expand(-1, us.stop - us.start), units, us)


def retreat(units: Units, sight: Sight, army: Army, us: slice, them: slice) -> Orders:
    """Everybody attacks the nearest, and who is badly hurt walks away while its weapon is not ready."""
    orders = nearest(units, sight, army, us, them)
    hurt = (units.health + units.shield)[:, us] < army.full.sum(0)[us] / 2
    away = hurt & (units.cooldown[:, us] > 0.25) & (units.health[:, us] > 0)
    place = units.place.gather(1, orders.target.unsqueeze(2).expand(-1, -1, 2))
    gap = units.place[:, us] - place
    way = gap / gap.square().sum(2, keepdim=True).sqrt().clamp_min(1e-6)
    return Orders(torch.where(away, NOBODY, orders.target), way * away.unsqueeze(2))


SCRIPTS: Mapping[str, Callable[[Units, Sight, Army, slice, slice], Orders]] = {
    "nearest": nearest,
    "weakest": weakest,
    "focus": focus,
    "retreat": retreat,
}


def _attack(target: Tensor, units: Units, us: slice) -> Orders:
    return Orders(target, torch.zeros_like(units.place[:, us]))

"""Scripts for the coin games: one takes every coin, one takes only its own.

Both walk the shortest way on the torus, along the row first. On an even torus, where both ways round are equally long,
they go right and down.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from agents.parts.policies.scripted import Scripted
from arenas.protocol import TimeStep

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

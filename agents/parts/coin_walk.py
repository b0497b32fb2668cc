"""Shortest ways on the torus of the coin games, and the two simplest ways to play: take every coin, or only one's own.

A way goes along the row first. On an even torus, where both ways round are equally long, it goes right and down.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

#: Channels of an observation.
OWN, OTHER, OWN_COIN, OTHERS_COIN = range(4)
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
    me = observation[..., OWN, :, :].flatten(-2).argmax(-1)
    distance, nearest = steps[me].masked_fill(coin.flatten(-2) <= 0, size * size).min(dim=-1)
    return actions[me, nearest], distance


def take(observation: Tensor) -> Tensor:
    """The action long [...] of one who walks to the nearest coin, whosever it is; observations [..., 4, n, n]."""
    return way_to(observation, observation[..., OWN_COIN, :, :] + observation[..., OTHERS_COIN, :, :])[0]


def cooperate(observation: Tensor) -> Tensor:
    """The action long [...] of one who walks to its own coin and, where there is none, away from the other's."""
    own, distance = way_to(observation, observation[..., OWN_COIN, :, :])
    foreign, _ = way_to(observation, observation[..., OTHERS_COIN, :, :])
    away = torch.tensor(_OPPOSITE, device=observation.device)[foreign]
    return torch.where(distance == observation.shape[-1] ** 2, away, own)

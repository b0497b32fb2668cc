"""What the metrics of the particle worlds are made of: positions and averages of what a seat saw, [T + 1, B, ...]."""

from __future__ import annotations

import torch
from torch import Tensor

from arenas.protocol import TimeStep

REACHED = 0.1  # distance below which a landmark counts as reached, mpe2's own radius


def points(seen: Tensor, start: int, count: int) -> Tensor:
    """Ways to `count` entities [..., count, 2] that an observation [..., O] holds from its number `start` on."""
    return seen[..., start : start + 2 * count].reshape(*seen.shape[:-1], count, 2)


def flock(seen: Tensor, start: int, count: int) -> Tensor:
    """Places of all `count` agents [..., count, 2] as seen from the first, from the ways to the others."""
    others = points(seen, start, count - 1)
    return torch.cat((seen.new_zeros(*seen.shape[:-1], 1, 2), others), dim=-2)


def distance_to(number: Tensor, ways: Tensor) -> Tensor:
    """Length [...] of the way that has this number, long [...], among `ways` [..., count, 2]."""
    length: Tensor = ways.take_along_dim(number[..., None, None], -2).squeeze(-2).norm(dim=-1)
    return length


def at_end(step: TimeStep, value: Tensor) -> Tensor:
    """What `value` [T + 1, B] is where an episode ends, its mean where several do, NaN where none does: [B]."""
    return (value * step.last).sum(0) / step.last.sum(0)


def per_step(step: TimeStep, value: Tensor) -> Tensor:
    """Mean of `value` [T + 1, B] over the moments to which a step led, NaN without any: [B]."""
    playing = step.active[:-1]
    return (value[1:] * playing).sum(0) / playing.sum(0)


def arrival(step: TimeStep, distance: Tensor) -> dict[str, Tensor]:
    """Whether somebody is `at_goal`, and the `distance` [T + 1, B] to it, where an episode ends."""
    return {"at_goal": at_end(step, distance < REACHED), "distance": at_end(step, distance)}

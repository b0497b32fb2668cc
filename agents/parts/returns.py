"""Returns and advantages from stacked time steps; bootstraps through a cut by time, never through a termination."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.protocol import playing
from arenas.protocol import TimeStep


def discounts(first: Tensor, gamma: float) -> Tensor:
    """gamma^t, t steps after the episode's start, or the segment's where that is later: [T, ...] of bool [T, ...]."""
    now = torch.arange(len(first), device=first.device).view(-1, *[1] * (first.dim() - 1))
    if not bool(first[1:].any()):  # cummax is slow
        return torch.pow(gamma, now).expand_as(first)
    started = torch.where(first, now, 0).cummax(dim=0).values
    return torch.pow(gamma, now - started)


def advantages(timesteps: TimeStep, values: Tensor, gamma: float, lambda_: float) -> Tensor:
    """Generalised advantage estimates (Schulman et al. 2016, equation 16), float32 [T, B], no graph.

    delta_t = r_{t+1} + gamma d_{t+1} V_{t+1} - V_t and A_t = delta_t + gamma lambda d_{t+1} A_{t+1}, where the sum
    ends with the episode and d is the discount (0 after a termination).

    Args:
        timesteps: leaves [T + 1, B, ...].
        values: V of every time step, [T + 1, B].
        gamma: discount per step.
        lambda_: 0 is the one-step advantage, 1 the return less the value.
    """
    values, counted = values.detach(), playing(timesteps)
    discount = gamma * timesteps.discount[1:]
    delta = (timesteps.reward[1:] + discount * values[1:] - values[:-1]) * counted
    carry = lambda_ * discount * counted * (~timesteps.last[1:]).float()
    later = [torch.zeros_like(delta[0])]
    for now, kept in zip(delta.flip(0), carry.flip(0), strict=True):  # backwards
        later.append(now + kept * later[-1])
    return torch.stack(later[:0:-1])


def normalised(credit: Tensor, counted: Tensor, replicas: int) -> Tensor:
    """Advantages [T, B] centred and divided by their deviation over the moments that count, for each replica."""
    part, on = (x.view(len(x), replicas, -1) for x in (credit, counted))
    n = on.sum((0, 2), keepdim=True).clamp_min(1)
    centred = part - (part * on).sum((0, 2), keepdim=True) / n
    deviation = ((centred.square() * on).sum((0, 2), keepdim=True) / n).sqrt()
    return (centred / (deviation + 1e-6) * on).flatten(1)

"""Discrete actions that gradients can pass: Gumbel-softmax and its straight-through form, and their noise."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import one_hot

#: How a network's logits become an action that a critic reads.
Relaxation = Literal["soft", "hard", "argmax", "mean"]


def gumbel(shape: torch.Size, luck: torch.Generator, device: torch.device) -> Tensor:
    """Standard Gumbel noise, float32."""
    uniform = torch.rand(shape, generator=luck).to(device)
    return -(-uniform.clamp_min(1e-20).log()).clamp_min(1e-20).log()


def relaxed(logits: Tensor, how: Relaxation, temperature: float, luck: torch.Generator) -> Tensor:
    """Actions [..., A] from logits [..., A] (-inf where there is no such action).

    `soft`: softmax((logits + Gumbel) / temperature) (Jang et al. 2017, equation 2); `hard`: the one-hot arg max of
    that, with its gradient (straight-through); `argmax`: the most likely action, one-hot, no gradient; `mean`: the
    probabilities themselves.
    """
    if how == "mean":
        return logits.softmax(-1)
    if how == "argmax":
        return one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
    soft = ((logits + gumbel(logits.shape, luck, logits.device)) / temperature).softmax(-1)
    if how == "soft":
        return soft
    hard = one_hot(soft.argmax(-1), logits.shape[-1]).to(logits.dtype)
    return hard + soft - soft.detach()

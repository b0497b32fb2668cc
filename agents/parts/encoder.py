"""Two layers through which a picture goes before a network reads it, as pure functions of a parameter dict.

    relu(relu(o e0 + eb0) e1 + eb1)

`e0` [P, O, W] and `e1` [P, W, W], their biases `eb0` and `eb1` [P, 1, W], where P is how many
networks there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from agents.parts.networks import linear, mlp_parameters
from agents.protocol import Parameters
from agents.randomness import derive

ENCODER = ("e0", "eb0", "e1", "eb1")


def encoder_parameters(seen: int, width: int, seeds: Sequence[int], device: str = "cpu") -> Parameters:
    """Fresh layers of `width` units that read `seen` numbers, for each of the seeds: orthogonal, gain sqrt(2)."""
    sizes, gain = [seen, width, width], 2**0.5
    each = [mlp_parameters(sizes, seed=derive(seed, "encoder"), last_scale=gain, device=device) for seed in seeds]
    return {name: torch.cat([own[name[1:] if "b" in name else "w" + name[1:]] for own in each]) for name in ENCODER}


def encoded(parameters: Parameters, x: Tensor) -> Tensor:
    """Pictures [..., rows, O] as [..., rows, W]; the rows of each network follow one another."""
    for layer in (0, 1):
        x = linear(x, parameters[f"e{layer}"], parameters[f"eb{layer}"]).relu()
    return x

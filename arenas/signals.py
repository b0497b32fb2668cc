"""What is fixed in the contribution game: which action is right, and what signals add."""

from __future__ import annotations

import torch
from torch import Tensor

from arenas.luck import uniform

SIGNALS = 4
RIGHT = (2, 0, 3, 1)  # the right action for each signal
_OFFSETS = 20190727  # the luck of the offsets, which are the same in every game


def offsets(agents: int) -> Tensor:
    """b_a(o), float32 [n, 4]: uniform in [-1.5, 1.5], the same for a seat in games of any size."""
    seats = torch.arange(agents).unsqueeze(1)
    return 3 * uniform(torch.full((agents, 1), _OFFSETS), seats * SIGNALS + torch.arange(SIGNALS)) - 1.5

"""What can be computed of the contribution game: what is right, what signals add, and the variance of advantages."""

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


def variances(agents: int, sigma: float, gamma: float) -> dict[str, float]:
    """Variance of each method's advantage of the first seat, with exact critics, the uniform policy and endless play.

    COMA and IAC-Q subtract what does not depend on their own action and know Q, so one contribution is left. central-QV
    has Q(s, u) - V(s), every seat's. central-V has r + gamma V(s') - V(s), and IAC-V the same with V of its own signal.

    Returns:
        Method -> variance, in squares of the reward's unit.
    """
    own = (SIGNALS - 1) / SIGNALS**2
    table = offsets(agents).double()
    spread = table.var(dim=1, unbiased=False)
    all_of_it, mine = float(spread.sum()), float(spread[0])
    played = agents * own + agents * sigma**2
    return {
        "coma": own,
        "iac-q": own,
        "central-qv": agents * own,
        "central-v": played + gamma**2 * all_of_it,
        "iac-v": played + (all_of_it - mine) + gamma**2 * mine,
    }

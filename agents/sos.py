"""SOS, stable opponent shaping: as much of LOLA's shaping as keeps LookAhead's guarantees.

Letcher, Foerster, Balduzzi, Rocktaeschel and Whiteson 2019, "Stable Opponent Shaping in Differentiable Games",
algorithm 1. In losses, with xi the players' own gradients, H_o the off-diagonal part of the game's Hessian and chi =
diag(H_o^T grad L) the shaping:

    xi_0 = (I - alpha H_o) xi                    LookAhead
    theta <- theta - delta (xi_0 - p alpha chi)  p = 1: LOLA, form `taylor`
    p_1 = 1 if <-alpha chi, xi_0> >= 0
          else min(1, -a ||xi_0||^2 / <-alpha chi, xi_0>)
    p_2 = ||xi||^2 if ||xi|| < b else 1,   p = min(p_1, p_2)

p_1 keeps the step within LookAhead's half space, p_2 switches shaping off near fixed points, so that only those of the
game itself attract. alpha is called `eta` here, as in LOLA.

Departures: each player works p out for itself from both players' parameters, as nobody computes for two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from agents.parts.exact import ExactAgent, ExactConfig, Pair, Values, inner, plus, simultaneous, swapped, together
from agents.parts.gradients import constant, gradient
from agents.protocol import Parameters
from arenas.settings import Amount, Range


@dataclass(frozen=True)
class SosConfig(ExactConfig):
    """Settings of `sos`."""

    eta: Amount = 1.0  # alpha: the step that the other is expected to take; 0 is the naive learner
    a: Annotated[float, Range(0, 1, "()")] = 0.5  # how far shaping may turn the step away from LookAhead's
    b: Amount = 0.1  # norm of the game's gradient below which shaping fades


def parts(values: Values, theta: Pair, eta: float) -> tuple[Parameters, Parameters]:
    """The first player's ascent by LookAhead, -xi_0, and its shaping, alpha chi."""
    v_1, v_2 = values(*theta)
    influence = gradient(v_1.sum(), theta[1], higher=True)
    step = gradient(v_2.sum(), theta[1], higher=True)
    ahead = gradient(v_1.sum() + eta * inner(influence, constant(step)).sum(), theta[0], keep=True)
    shaping = gradient(eta * inner(constant(influence), step).sum(), theta[0])
    return ahead, shaping


def trust(ahead: Pair, shaping: Pair, own: Pair, a: float, b: float) -> Tensor:
    """The trust p of every replica, [R], from both players' ascents."""
    agreement, length, square = together(shaping, ahead), together(ahead, ahead), together(own, own)
    safe = torch.where(agreement < 0, agreement, -1.0)
    p_1 = torch.where(agreement >= 0, 1.0, (-a * length / safe).clamp_max(1.0))
    p_2 = torch.where(square.sqrt() < b, square, 1.0)
    return torch.minimum(p_1, p_2)


class Sos(ExactAgent):
    """Stable opponent shaping: LookAhead, and as much of LOLA's shaping as is safe."""

    Config = SosConfig
    config: SosConfig

    def ascent(self, values: Values, theta: Pair) -> Parameters:
        """LookAhead's ascent plus p times the shaping."""
        eta = self.config.eta
        v = values(*theta)
        if not eta:
            return gradient(v[0].sum(), theta[0])
        own = simultaneous(v, theta)
        mine, theirs = parts(values, theta, eta), parts(*swapped(values, theta), eta)
        p = trust((mine[0], theirs[0]), (mine[1], theirs[1]), own, self.config.a, self.config.b)
        return plus(mine[0], mine[1], p.detach())

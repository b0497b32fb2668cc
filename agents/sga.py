"""SGA, symplectic gradient adjustment: follows the potential part of the game and damps its rotation.

Balduzzi, Racaniere, Martens, Foerster, Tuyls and Graepel 2018, "The Mechanics of n-Player Differentiable Games",
section 4. In losses, with xi the players' own gradients, H the Jacobian of xi and A = (H - H^T) / 2:

    theta <- theta - delta (xi + lambda A^T xi)
    lambda = sign( <xi, H^T xi> <A^T xi, H^T xi> / d + epsilon )

with d the number of parameters of both players; the sign leads towards stable points and away from unstable ones.

Departures: each player works lambda's sign out for itself from both players' parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.parts.exact import ExactAgent, ExactConfig, Pair, Values, inner, plus, simultaneous, together
from agents.parts.gradients import constant, gradient
from agents.protocol import Parameters
from arenas.settings import Amount


@dataclass(frozen=True)
class SgaConfig(ExactConfig):
    """Settings of `sga`."""

    weight: Amount = 1.0  # |lambda|; 0 is the naive learner
    epsilon: float = 0.1  # of the sign: which way it goes where the game does not tell


def hessian_products(values: Values, theta: Pair) -> tuple[Pair, Pair, Pair]:
    """xi, H xi and H^T xi of the losses -V, each a pair of parameter dicts without graph."""
    v = values(*theta)
    own = simultaneous(v, theta)
    constants = (constant(own[0]), constant(own[1]))
    forward = []
    for i in (0, 1):  # (H xi)_i = grad_i sum_j <grad_j L_i, stop xi_j>; with xi = -own and L = -V the signs cancel
        slopes = [gradient(v[i].sum(), theta[j], higher=True) for j in (0, 1)]
        along = sum((inner(slopes[j], constants[j]).sum() for j in (0, 1)), start=v[i].new_zeros(()))
        forward.append(gradient(along, theta[i], keep=True))
    half = 0.5 * together(own, own).sum()
    backward = [gradient(half, theta[j], keep=True) for j in (0, 1)]
    xi = ({n: -g for n, g in constants[0].items()}, {n: -g for n, g in constants[1].items()})
    return xi, (forward[0], forward[1]), (backward[0], backward[1])


class Sga(ExactAgent):
    """Symplectic gradient adjustment: damps the rotation of the game's dynamics."""

    Config = SgaConfig
    config: SgaConfig

    def ascent(self, values: Values, theta: Pair) -> Parameters:
        """-(xi + lambda A^T xi) of the first player."""
        if not self.config.weight:
            return gradient(values(*theta)[0].sum(), theta[0])
        xi, forward, backward = hessian_products(values, theta)
        mine, theirs = ({n: (backward[i][n] - forward[i][n]) / 2 for n in xi[i]} for i in (0, 1))
        turn = (mine, theirs)  # A^T xi
        size = sum(p[0].numel() for player in theta for p in player.values())
        sign = (together(xi, backward) * together(turn, backward) / size + self.config.epsilon).sign()
        ascent = {n: -g for n, g in xi[0].items()}
        return plus(ascent, turn[0], -self.config.weight * sign)

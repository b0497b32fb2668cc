"""LOLA with exact derivatives, of any order, in three forms that the literature calls by one name.

Foerster, Chen, Al-Shedivat, Whiteson, Abbeel and Mordatch 2018, "Learning with Opponent-Learning Awareness". A player
expects the other to step along d_2 and looks how its own value changes with that step:

    theta_1 <- theta_1 + delta grad_1 F

    first-order  F = V_1 + (stop grad_2 V_1)^T d_2    equation 4.4
    taylor       F = V_1 + (grad_2 V_1)^T d_2         nothing held constant
    unrolled     F = V_1(theta_1, theta_2 + d_2)      no expansion at all

with d_2 = eta grad_2 V_2 for LOLA (order 1). A learner of order k expects the other to learn as one of order k - 1
does: d_2 = eta times that learner's own direction, which makes order 2 the second-order LOLA of the paper's table 4;
order 0 is the naive learner. `taylor` is the form of Letcher et al. 2019 (SOS), whose first-order LOLA contains the
look-ahead term; `unrolled` is "exact LOLA" in Willi et al. 2022 (COLA), and of order k their HOLA.

Departures: none in the first-order form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agents.parts.exact import ExactAgent, ExactConfig, Pair, Values, inner, plus, swapped
from agents.parts.gradients import constant, gradient
from agents.protocol import Parameters
from arenas.settings import Amount, Whole

Form = Literal["first-order", "taylor", "unrolled"]


@dataclass(frozen=True)
class LolaExactConfig(ExactConfig):
    """Settings of `lola-exact`."""

    eta: Amount = 1.0  # the step that the other is expected to take, per unit of its gradient; 0 is the naive learner
    order: Whole = 1  # 0: the naive learner, 1: LOLA, k: expects the other to be of order k - 1
    form: Form = "first-order"  # what is expanded and what is held constant, see above


def direction(values: Values, theta: Pair, eta: float, order: int, form: Form, *, higher: bool = False) -> Parameters:
    """The direction of the first player as a learner of this order and form; with graph where `higher`."""
    if not order or not eta:
        return gradient(values(*theta)[0].sum(), theta[0], higher=higher)
    step = direction(*swapped(values, theta), eta, order - 1, form, higher=True)
    if form == "unrolled":
        return gradient(values(theta[0], plus(theta[1], step, eta))[0].sum(), theta[0], higher=higher)
    own = values(*theta)[0].sum()
    influence = gradient(own, theta[1], higher=True)
    if form == "first-order":
        influence = constant(influence)
    return gradient(own + eta * inner(influence, step).sum(), theta[0], higher=higher)


class LolaExact(ExactAgent):
    """LOLA with exact derivatives: shapes the other's next step."""

    Config = LolaExactConfig
    config: LolaExactConfig

    def ascent(self, values: Values, theta: Pair) -> Parameters:
        """The step of LOLA at the order and in the form that the settings name."""
        return direction(values, theta, self.config.eta, self.config.order, self.config.form)

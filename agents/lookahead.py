"""LookAhead: answers the step that the other is about to take, without shaping it.

Zhang and Lesser 2010, "Multi-Agent Learning with Policy Prediction"; written here as in Letcher, Foerster, Balduzzi,
Rocktaeschel and Whiteson 2019, "Stable Opponent Shaping in Differentiable Games", section 3.1, to first order:

    theta_1 <- theta_1 + delta grad_1 [ V_1
                                      + (grad_2 V_1)^T stop(eta grad_2 V_2) ]

The other's step is a constant, so that my influence on it does not count: the only difference from LOLA in its
`taylor` form. In losses this is (I - eta H_o) xi, with H_o the off-diagonal blocks of the game's Hessian.

Departures: none.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.parts.exact import ExactAgent, ExactConfig, Pair, Values, inner
from agents.parts.gradients import constant, gradient
from agents.protocol import Parameters
from arenas.settings import Amount


@dataclass(frozen=True)
class LookAheadConfig(ExactConfig):
    """Settings of `lookahead`."""

    eta: Amount = 1.0  # the step that the other is expected to take, per unit of its gradient; 0 is the naive learner


class LookAhead(ExactAgent):
    """LookAhead: answers the other's next step, exactly, without shaping it."""

    Config = LookAheadConfig
    config: LookAheadConfig

    def ascent(self, values: Values, theta: Pair) -> Parameters:
        """The gradient of my value where the other will be, to first order in its step."""
        v_1, v_2 = values(*theta)
        if not self.config.eta:
            return gradient(v_1.sum(), theta[0])
        influence = gradient(v_1.sum(), theta[1], higher=True)
        step = constant(gradient(v_2.sum(), theta[1], keep=True))
        return gradient(v_1.sum() + self.config.eta * inner(influence, step).sum(), theta[0])

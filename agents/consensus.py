"""Consensus optimisation: ascends the own value and descends the norm of the game's gradient.

Mescheder, Nowozin and Geiger 2017, "The Numerics of GANs", equation 11. In losses, with xi the players' own gradients
and H the Jacobian of xi:

    theta <- theta - delta (xi + gamma H^T xi),   H^T xi = grad 1/2 ||xi||^2

Departures: gamma is called `weight` here, as gamma is the discount everywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.parts.exact import ExactAgent, ExactConfig, Pair, Values, plus, simultaneous, together
from agents.parts.gradients import constant, gradient
from agents.protocol import Parameters
from arenas.settings import Amount


@dataclass(frozen=True)
class ConsensusConfig(ExactConfig):
    """Settings of `consensus`."""

    weight: Amount = 1.0  # gamma of the paper: weight of the norm's gradient; 0 is the naive learner


class Consensus(ExactAgent):
    """Consensus optimisation: seeks points where nobody's exact gradient is left."""

    Config = ConsensusConfig
    config: ConsensusConfig

    def ascent(self, values: Values, theta: Pair) -> Parameters:
        """-(xi + gamma H^T xi) of the first player."""
        v = values(*theta)
        if not self.config.weight:
            return gradient(v[0].sum(), theta[0])
        own = simultaneous(v, theta)
        norm = 0.5 * together(own, own).sum()
        return plus(constant(own[0]), gradient(norm, theta[0]), -self.config.weight)

"""Naive learning with exact derivatives: NL-Ex, against which the exact LOLA is measured.

Foerster, Chen, Al-Shedivat, Whiteson, Abbeel and Mordatch 2018, "Learning with Opponent-Learning Awareness", equations
4.1 and 4.2: each player ascends its own value and takes the other for part of the world.

    theta_1 <- theta_1 + delta grad_1 V_1(theta_1, theta_2)

V is the exact discounted return of the two policies; nothing is sampled. What is learned is a table of logits, one for
each observation where there are two actions, or the action itself in a game of continuous actions.

Departures: none.
"""

from __future__ import annotations

from agents.parts.exact import ExactAgent, ExactConfig, Pair, Values
from agents.parts.gradients import gradient
from agents.protocol import Parameters


class NaiveExact(ExactAgent):
    """Gradient ascent on its own exact value."""

    Config = ExactConfig

    def ascent(self, values: Values, theta: Pair) -> Parameters:
        """grad_1 V_1."""
        return gradient(values(*theta)[0].sum(), theta[0])

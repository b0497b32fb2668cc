"""Independent Q-learning: every seat learns the values of its own actions and takes the others for part of the world.

Watkins and Dayan 1992, "Q-learning", equation 1; used by several agents at once by Tan 1993, "Multi-Agent
Reinforcement Learning: Independent vs. Cooperative Agents". One of the learners of LOLA's tournament (Foerster et al.
2018, figure 4), where it is called NL-Q.

    Q(s, a) <- Q(s, a) + alpha_t [r + gamma max_b Q(s', b) - Q(s, a)]

While it trains it plays the best action with probability 1 - epsilon and else a uniform one; frozen it is greedy.

Departures: the step size falls with the time and not with the visits of a cell, as in the tournament's code. That code
takes the other of two actions with probability epsilon, here a uniform one is drawn. Several copies in one cell at one
step move it by the mean of their errors, and the values learned from a segment play from the next segment on; with one
copy and segments of one step it is the algorithm as published. That matters: two of them in the iterated prisoner's
dilemma cooperate far more when they learn from whole episodes than when they learn from every step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.parts.tabular import TabularAgent, TabularConfig, greedy, q_step
from agents.protocol import JointTrajectory, LearningContext


class IndependentQ(TabularAgent):
    """A tabular Q-learner that looks at its own seat alone."""

    Config = TabularConfig
    config: TabularConfig

    def mixture(self) -> Tensor:
        """The action of the highest value."""
        return greedy(self.q)

    @torch.no_grad()
    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of Q-learning for every transition of the segment, in the order of time."""
        seen, q = self.experience(joint), self.q.flatten(0, 1)
        return self.learned(seen, [q_step(q, *move) for move in self.moves(seen)])

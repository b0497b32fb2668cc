"""Naive learning: every seat improves its own return and takes the others for part of the world.

The policy-gradient learner with a value baseline (NL-PG) that LOLA is measured against: Foerster, Chen, Al-Shedivat,
Whiteson, Abbeel and Mordatch 2018, "Learning with Opponent-Learning Awareness", equations 4.1 and 4.5.

    theta_1 <- theta_1 + delta grad_1 V_1
    grad_1 V_1 = E sum_t grad_1 log pi_1(a_t | s_t) A_t

Departures: Adam instead of plain ascent; generalised advantage estimates instead of returns less a baseline; segments
of an episode with a bootstrapped value, each step of which counts alike; an entropy bonus; a perceptron with one bit
of recollection (the sign of the last reward) where the paper's coin agents are recurrent.
"""

from __future__ import annotations

from torch import Tensor

from agents.parts.actor_critic import ActorCriticAgent, ActorCriticConfig
from agents.parts.gradients import gradient, leaves
from agents.protocol import JointTrajectory, LearningContext


def objective(log_prob: Tensor, advantage: Tensor) -> Tensor:
    """Its gradient is equation 4.5's: the sum over steps [T, B] and the mean over games; a scalar."""
    return (log_prob * advantage).sum(0).mean()


class Naive(ActorCriticAgent):
    """A policy-gradient learner with a value baseline."""

    Config = ActorCriticConfig
    config: ActorCriticConfig

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of the value and one of the policy on the segment just played."""
        mine = joint.seats[self.seat]
        advantage, error = self.criticise(joint)
        theta = leaves(self.actor.parameters)
        policy = self.actor.with_parameters(theta)
        entropy = policy.entropy(mine)
        value = objective(policy.log_prob(mine), advantage[self.seat]) + self.config.entropy * entropy.sum(0).mean()
        # the mean is over the games of all replicas, each of which only moves its own parameters
        ascent = gradient(self.replicas * value, theta)
        self.ascend(ascent, context.update)
        return {"entropy": float(entropy.detach().mean()), "value_error": error}

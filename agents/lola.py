"""LOLA: learning with opponent-learning awareness, by policy gradients.

Foerster, Chen, Al-Shedivat, Whiteson, Abbeel and Mordatch 2018. A learner that expects the other to take a naive
step, eta grad_2 V_2, ascends V_1(theta_1, theta_2 + eta grad_2 V_2) to first order in that step (equation 4.4):

    theta_1 <- theta_1 + delta [ grad_1 V_1
                                 + eta (grad_2 V_1)^T grad_1 grad_2 V_2 ]

The second term shapes what the other learns; with eta = 0 this is the naive learner. All derivatives are estimated
from the segment played (equations 4.5 to 4.7). The other's policy is shown, or fitted to what it did (section 4.4,
opponent modelling); from there on the two cases are one.

Departures: derivatives of every order come from one expression, loaded DiCE (Farquhar et al. 2019), which estimates
equation 4.7 with less variance. Unless `weigh=start`, V is taken over the steps of a segment alike instead of from
the start of the game, in the paper's unit (1 / (1 - gamma) times the mean per step), so that `eta` means the same for
segments of any length; with every step a start, an action's part in a state k steps later counts gamma^k, which is
`decay`; values bootstrapped at a segment's end bias a little. A hidden memory is not known at a segment's start, so
the other's mood begins neutral there. grad_2 V_1 and the mixed derivative come from the same games, a bias of order 1
/ B. Adam, with a step size that may fall, instead of plain ascent; an entropy bonus; a perceptron with one bit of
recollection (the sign of the last reward) where the paper's coin agents are recurrent. Any number of peers: their
shaping terms are added.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agents.naive import objective
from agents.parts.actor_critic import ActorCriticAgent, ActorCriticConfig
from agents.parts.dice import loaded_dice
from agents.parts.gradients import constant, dot, gradient, leaves
from agents.parts.opponents import Opponents
from agents.protocol import JointTrajectory, LearningContext, Parameters, State
from agents.randomness import derive
from arenas.settings import Amount, Whole


@dataclass(frozen=True)
class LolaConfig(ActorCriticConfig):
    """Settings of `lola`."""

    eta: Amount = 1.0  # the step that the other is expected to take, per unit of its gradient; 0 is the naive learner
    decay: Amount = 0.96  # how an action's part in later states fades, per step (see loaded_dice); keep it at gamma
    model_lr: Amount = 0.01  # Adam's step size for the policies fitted to hidden peers
    model_steps: Whole = 4  # steps of that fit a round


def value(log_prob: Tensor, advantage: Tensor, first: Tensor, decay: float) -> Tensor:
    """V, a scalar of which only the derivatives mean something, summed over the steps; inputs [T, B].

    `log_prob` is the sum over all agents in whose parameters V is differentiated.
    """
    return loaded_dice(log_prob, advantage, first, decay).mean()


def shaping(v_1: Tensor, v_2: Tensor, theta_1: Parameters, theta_2: Parameters) -> Parameters:
    """(grad_2 V_1)^T grad_1 grad_2 V_2, where grad_2 V_1 is taken for a constant, as the paper does."""
    influence = gradient(v_1, theta_2, keep=True)
    step = gradient(v_2, theta_2, higher=True)
    return gradient(dot(constant(influence), step), theta_1, keep=True)


class Lola(ActorCriticAgent):
    """LOLA: a policy-gradient learner that shapes the next step of the others."""

    Config = LolaConfig
    needs_to_learn = frozenset({"joint"})
    config: LolaConfig

    def build(self, seed: int) -> None:
        """Actor and critic, and models of the others."""
        super().build(seed)
        self.others = tuple(seat for seat in self.spec.seats if seat != self.seat)
        models = {seat: self.new_policy(seat, derive(seed, "model", seat)) for seat in self.others}
        self.opponents = Opponents(models, self.config.model_lr, self.config.model_steps)

    def seats_to_value(self) -> tuple[str, ...]:
        """All seats: the shaping term needs the others' advantages too."""
        return tuple(self.spec.seats) if self.config.eta else (self.seat,)

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One step of the values and one LOLA step of the policy on the segment just played."""
        mine, config = joint.seats[self.seat], self.config
        advantage, error = self.criticise(joint)
        theta = leaves(self.actor.parameters)
        policy = self.actor.with_parameters(theta)
        log_prob, entropy = policy.log_prob(mine), policy.entropy(mine)
        first = mine.timesteps.first[:-1]
        # V is wanted per game from its start, or 1 / (1 - gamma) times the mean per step; `value` sums over the steps
        unit, decay = (1.0, 1.0) if config.weigh == "start" else (1 / (1 - config.gamma) / len(log_prob), config.decay)

        def v(who: str, of: Tensor) -> Tensor:
            # the mean is over the games of all replicas, each of which only moves its own parameters
            return self.replicas * unit * value(of, advantage[who], first, decay)

        own = objective(log_prob, advantage[self.seat]) + config.entropy * entropy.sum(0).mean()
        ascent = gradient(self.replicas * own, theta, keep=True)
        for seat in self.others if config.eta else ():
            peer = self.opponents.policy(seat, joint.seats[seat], context)
            theta_2 = leaves(peer.parameters)
            other_log_prob = peer.with_parameters(theta_2).log_prob(joint.seats[seat])
            both = log_prob + other_log_prob
            term = shaping(v(self.seat, both), v(seat, both), theta, theta_2)
            ascent = {name: g + config.eta / unit * term[name] for name, g in ascent.items()}
        self.ascend(ascent, context.update)
        return {"entropy": float(entropy.detach().mean()), "value_error": error}

    def learning_state(self) -> State:
        """The naive learner's, and the models of hidden peers."""
        return super().learning_state() | self.opponents.state()

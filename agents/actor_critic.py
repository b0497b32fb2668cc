"""Independent advantage actor-critic: REINFORCE with returns judged by a critic of what the seat itself observes.

Sutton, McAllester, Singh and Mansour 2000, "Policy gradient methods for reinforcement learning with function
approximation"; advantages as in Schulman et al. 2016, equation 16; a baseline of Lowe et al. 2017.

    delta_t = r_{t+1} + gamma d V_i(o_{t+1}) - V_i(o_t)
    A_t     = sum_k (gamma lambda)^k delta_{t+k}
    actor:   theta_i <- theta_i + alpha sum_t grad log pi_i(a_t | o_t) A_t
    critic:  minimise (V_i(o_t) - (A_t + V_i(o_t)))^2,
             the second V_i held fixed: the lambda-return

At the end of a segment and at a cut by time the return goes on with V_i; after a termination nothing follows.

`naive` is the same update with one object per seat, one hidden layer and recollection of rewards; see `reinforce`,
from which this file differs in `credit` and in nothing else.

Departures: those of `reinforce`; here the bonus is on and a round makes eight steps. Every game is learned from once,
with no ratio to clip as in PPO.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agents.parts.gradients import gradient, leaves
from agents.parts.optimizers import Adam
from agents.parts.returns import advantages
from agents.parts.segments import Segment, across
from agents.parts.team import Team
from agents.protocol import State
from agents.randomness import derive
from agents.reinforce import PolicyGradient, PolicyGradientConfig
from arenas.settings import Amount, Count, Share


@dataclass(frozen=True)
class CriticConfig(PolicyGradientConfig):
    """Settings of `actor-critic`."""

    lr: Amount = 0.001  # Adam's step size of the policies; ours
    entropy: Amount = 0.01  # weight of the policy's entropy (nats), beside advantages in units of reward; as in `naive`
    parts: Count = 8  # groups of games in a round, each of which makes one step; ours
    critic_lr: Amount = 0.003  # Adam's step size of the values; ours
    lambda_: Share = 0.95  # of the generalised advantage estimate; 0: one step, 1: the return less the value


class ActorCritic(PolicyGradient):
    """Independent actor-critic: every seat judges its acts by what it sees itself."""

    Config = CriticConfig
    config: CriticConfig

    def build(self, seed: int) -> None:
        """Policies, and a critic for each own seat."""
        super().build(seed)
        layers = [[*widths[:-1], 1] for widths in self.actors.sizes]
        seeds = [derive(seed, "critic", s) for s in self.seats]
        self.critics = Team(layers, seeds, last_scale=0.01, device=self.device)
        self.critic_step = Adam(self.critics.parameters, self.config.critic_lr, clip=self.config.clip)

    def credit(self, segment: Segment) -> tuple[Tensor, dict[str, float]]:
        """Advantages [T, N, B], 0 where an action did not count, and one step of the critics towards lambda-returns."""
        phi = leaves(self.critics.parameters)
        value = across(phi, segment.timesteps.observation).squeeze(-1)  # [T + 1, N, B]
        advantage = advantages(segment.timesteps, value, self.gamma, self.config.lambda_)
        error = (value[:-1] - (advantage + value[:-1].detach())) * segment.counted
        loss = error.square().sum((0, 2)) / segment.counted.sum((0, 2)).clamp_min(1)
        self.critic_step.descend(gradient(loss.sum(), phi))
        return advantage, {"value_error": float(loss.detach().mean())}

    def learning_state(self) -> State:
        """Policies, critics, and the optimisers of both."""
        return super().learning_state() | self.critics.state("critic") | self.critic_step.state("critic_step")

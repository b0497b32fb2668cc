"""IAC: independent actor-critics that share their parameters; a critic knows what its own seat knows.

Foerster, Farquhar, Afouras, Nardelli and Whiteson 2018, "Counterfactual Multi-Agent Policy Gradients", section 4.1;
chapter 3 of Foerster's thesis. tau^a is what seat a has seen, u^a what it does.

    critic=v:  A^a = r + gamma V(tau'^a) - V(tau^a)
    critic=q:  A^a = Q(tau^a, u^a) - sum_u pi^a(u | tau^a) Q(tau^a, u)
    actor:     theta <- theta + alpha sum_a grad log pi^a(u^a | tau^a) A^a
    critic:    minimise (y - V)^2, y by TD(lambda) with the slow copy

Departures: a critic is a network of its own and no further head of the actor's; with `recurrent` it reads the actor's
state, without gradient, and else what the seat sees now. Critics step on minibatches of all moments, not backwards in
time, and their slow copies follow at every step instead of being copied. Adam instead of RMSProp. The last action is no
input. `advantage_lambda` above 0 looks further ahead than the thesis's one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from agents.parts.central import Practice, TeamConfig, TeamLearner
from agents.parts.critics import Critic, counterfactual, following_values, imagined, td_lambda
from agents.parts.returns import advantages
from arenas.settings import Share


@dataclass(frozen=True)
class IacConfig(TeamConfig):
    """Settings of `iac`; gamma .99, lambda .8 and one step of the advantage are the thesis's, the rest is ours."""

    critic: Literal["v", "q"] = "v"  # a value of what the seat knows, or of each of its actions there
    advantage_lambda: Share = 0.0  # with critic=v: 0 one step, 1 the return less the value


class Iac(TeamLearner):
    """IAC: independent actor-critics that share one network, with a critic V or Q."""

    Config = IacConfig
    config: IacConfig

    def make_critics(self, seed: int) -> dict[str, Critic]:
        """A critic for every seat."""
        outputs = 1 if self.config.critic == "v" else max(self.widths)
        return {"critic": self.critic(seed, "critic", [self.own_width] * len(self.seats), outputs)}

    def credit(self, practice: Practice) -> tuple[Tensor, dict[str, float]]:
        """Steps towards TD(lambda) targets; the advantage of each seat by its own critic."""
        critic, segment, config = self.critics["critic"], practice.segment, self.config
        slow = critic.slow(practice.own)
        if config.critic == "v":
            following, action = slow.squeeze(-1), None
        else:
            actions, drawn = imagined(segment, practice.pi, practice.luck)
            following, action = following_values(slow, practice.pi, actions, drawn), segment.actions
        target = td_lambda(segment.timesteps, following, self.gamma, config.lambda_)
        error = critic.fit(practice.own[:-1], target, segment.counted, practice.luck, action)
        now = critic.now(practice.own)
        if action is None:
            praise = advantages(segment.timesteps, now.squeeze(-1), self.gamma, config.advantage_lambda)
        else:
            praise = counterfactual(now[:-1], practice.pi[:-1], action) * segment.counted
        return praise, {"value_error": error}

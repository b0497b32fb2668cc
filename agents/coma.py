"""COMA: counterfactual multi-agent policy gradients.

Foerster, Farquhar, Afouras, Nardelli and Whiteson 2018, "Counterfactual Multi-Agent Policy Gradients"; chapter 3 of
Foerster's thesis. s is the global state, u = (u^-a, u^a) what the team does, tau^a what seat a has seen.

    A^a    = Q(s, u) - sum_u' pi^a(u' | tau^a) Q(s, (u^-a, u'))
    actor:  theta <- theta + alpha sum_a grad log pi^a(u^a | tau^a) A^a
    critic: minimise (y - Q(s, u))^2, y by TD(lambda) with the slow copy

The sum is the counterfactual baseline: what would have been had a done as it usually does, all others the same. It does
not depend on u^a, so that in expectation it adds nothing to the gradient, whatever Q is. The critic reads (u^-a, s,
o^a, a) and gives |U| values, one for each u^a, so that the baseline is one forward pass; it never reads u^a.

At the end of a segment, and where time cuts an episode, nobody has acted: there y goes on with the expectation of Q
under pi, the team mates' actions being drawn from theirs.

`advantage=return` puts the lambda-return in the place of Q(s, u), which the baseline does as little to bias:

    A^a    = y_lambda - sum_u' pi^a(u' | tau^a) Q(s, (u^-a, u'))

That is no longer the paper's advantage. It needs less of the critic.

Departures: those of `iac`. The critic does not read the last joint action. `dueling` is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from agents.parts.central import Practice, TeamConfig, TeamLearner
from agents.parts.critics import Critic, Mates, counterfactual, expected, following_values, imagined, td_lambda
from arenas.settings import Share


@dataclass(frozen=True)
class ComaConfig(TeamConfig):
    """Settings of `coma`; gamma .99, lambda .8 and advantage=q are the thesis's, the rest is ours."""

    advantage: Literal["q", "return"] = "q"  # what the baseline is taken from: the critic's Q(s, u), or the return
    advantage_lambda: Share = 0.95  # with advantage=return: of that lambda-return
    dueling: bool = False  # Q as a value and what each action adds to it (Wang et al. 2016)


class Coma(TeamLearner):
    """Actor-critic with a central Q and a counterfactual baseline for every seat."""

    Config = ComaConfig
    needs_to_learn = frozenset({"state", "joint"})
    config: ComaConfig

    def make_critics(self, seed: int) -> dict[str, Critic]:
        """Q(s, (u^-a, .)) for every seat."""
        self.mates = Mates(self.spec, self.seats, self.device)
        wide = self.spec.state_dim + self.mates.others_width + self.own_width
        widths, actions = [wide] * len(self.seats), max(self.widths)
        return {"critic": self.critic(seed, "critic", widths, actions, dueling=self.config.dueling)}

    def credit(self, practice: Practice) -> tuple[Tensor, dict[str, float]]:
        """Steps towards TD(lambda) targets of Q; what each seat's action adds to what it usually does."""
        critic, segment, config = self.critics["critic"], practice.segment, self.config
        actions, drawn = imagined(segment, practice.pi, practice.luck)
        others = self.mates.others(self.mates.actions(practice.joint, actions))
        x, state = torch.cat((others, practice.own), dim=-1), practice.state_for(1)
        following = following_values(critic.slow(x, state), practice.pi, actions, drawn)
        target = td_lambda(segment.timesteps, following, self.gamma, config.lambda_)
        error = critic.fit(x[:-1], target, segment.counted, practice.luck, segment.actions, state[:-1])
        q = critic.now(x, state)
        if config.advantage == "q":
            praise = counterfactual(q[:-1], practice.pi[:-1], segment.actions)
        else:
            following = following_values(q, practice.pi, actions, drawn)
            reached = td_lambda(segment.timesteps, following, self.gamma, config.advantage_lambda)
            praise = reached - expected(practice.pi[:-1], q[:-1])
        return praise * segment.counted, {"value_error": error}

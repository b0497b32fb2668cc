"""Central-QV: actors of what each seat sees, judged by the difference of a central Q and a central V.

Foerster et al. 2018, "Counterfactual Multi-Agent Policy Gradients", section 4.1; chapter 3 of Foerster's thesis. s is
the global state, u what the whole team does, tau^a what seat a has seen.

    A       = Q(s, u) - V(s), the same for all seats
    actor:   theta <- theta + alpha sum_a grad log pi^a(u^a | tau^a) A
    critics: minimise (y_Q - Q(s, u))^2 and (y_V - V(s))^2,
             y by TD(lambda) with the slow copies

At the end of a segment, and where time cuts an episode, nobody has acted: there y_Q goes on with the slow V.

Departures: those of `central-v`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.parts.central import Practice, TeamConfig, TeamLearner
from agents.parts.critics import Critic, Mates, imagined, td_lambda


@dataclass(frozen=True)
class CentralQvConfig(TeamConfig):
    """Settings of `central-qv`; gamma .99 and lambda .8 are the thesis's, the rest is ours."""


class CentralQv(TeamLearner):
    """Actor-critic with a central Q and a central V for each team."""

    Config = CentralQvConfig
    needs_to_learn = frozenset({"state", "joint"})
    config: CentralQvConfig

    def make_critics(self, seed: int) -> dict[str, Critic]:
        """Q(s, u) and V(s) for every team."""
        self.mates = Mates(self.spec, self.seats, self.device)
        teams, state = len(self.mates.teams), self.spec.state_dim
        widths = {"q": state + self.mates.team_width, "v": state}
        return {n: self.critic(seed, n, [wide] * teams, of=self.mates.team_of) for n, wide in widths.items()}

    def credit(self, practice: Practice) -> tuple[Tensor, dict[str, float]]:
        """Steps towards TD(lambda) targets of both; Q(s, u) - V(s) of the team, for each of its seats."""
        segment = practice.segment
        actions, drawn = imagined(segment, practice.pi, practice.luck)
        state = practice.state_for(len(self.mates.teams))
        done = self.mates.joint(self.mates.actions(practice.joint, actions))
        reads = {"q": torch.cat((state, done), dim=-1), "v": state}
        slow = {name: critic.slow(reads[name]).squeeze(-1) for name, critic in self.critics.items()}
        following = {"q": torch.where(drawn, slow["v"], slow["q"]), "v": slow["v"]}
        metrics = {}
        for name, critic in self.critics.items():
            target = td_lambda(segment.timesteps, following[name], self.gamma, self.config.lambda_)
            metrics[f"{name}_error"] = critic.fit(reads[name][:-1], target, segment.counted, practice.luck)
        q, v = (self.critics[name].now(reads[name][:-1]).squeeze(-1) for name in ("q", "v"))
        return (q - v) * segment.counted, metrics

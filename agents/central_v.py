"""Central-V: actors of what each seat sees, and one value of the global state for the whole team.

Foerster et al. 2018, "Counterfactual Multi-Agent Policy Gradients", section 4.1; chapter 3 of Foerster's thesis. s is
the global state, tau^a what seat a has seen, u^a what it does.

    A      = r + gamma V(s') - V(s), the same for all seats
    actor:  theta <- theta + alpha sum_a grad log pi^a(u^a | tau^a) A
    critic: minimise (y - V(s))^2, y by TD(lambda) with the slow copy

Departures: those of `iac`. Where an arena pays the seats of a team differently, each has its own reward beside the same
V. `advantage_lambda` above 0 looks further ahead than the thesis's one step; with `ratio` as well it is `mappo` with a
value that knows the state alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agents.parts.central import Practice, TeamConfig, TeamLearner
from agents.parts.critics import Critic, Mates, td_lambda
from agents.parts.returns import advantages
from arenas.settings import Share


@dataclass(frozen=True)
class CentralVConfig(TeamConfig):
    """Settings of `central-v`; gamma .99, lambda .8, a one-step advantage are the thesis's, the rest is ours."""

    advantage_lambda: Share = 0.0  # 0 one step, 1 the return less the value


class CentralV(TeamLearner):
    """Actor-critic with a central value for each team."""

    Config = CentralVConfig
    needs_to_learn = frozenset({"state"})
    config: CentralVConfig

    def make_critics(self, seed: int) -> dict[str, Critic]:
        """V(s) for every team."""
        mates = Mates(self.spec, self.seats, self.device)
        self.teams = len(mates.teams)
        return {"critic": self.critic(seed, "critic", [self.spec.state_dim] * self.teams, of=mates.team_of)}

    def credit(self, practice: Practice) -> tuple[Tensor, dict[str, float]]:
        """Steps towards TD(lambda) targets of V; the advantage of the team, for each of its seats."""
        critic, segment, config = self.critics["critic"], practice.segment, self.config
        state = practice.state_for(self.teams)
        target = td_lambda(segment.timesteps, critic.slow(state).squeeze(-1), self.gamma, config.lambda_)
        error = critic.fit(state[:-1], target, segment.counted, practice.luck)
        value = critic.now(state).squeeze(-1)
        praise = advantages(segment.timesteps, value, self.gamma, config.advantage_lambda)
        return praise, {"value_error": error}

"""IPPO: PPO for every seat by itself, with shared parameters; a value knows what its own seat knows.

Schroeder de Witt et al. 2020, "Is Independent Learning All You Need in the StarCraft Multi-Agent Challenge?"; Schulman
et al. 2017, "Proximal Policy Optimization Algorithms", equation 7. o^a is what seat a sees, u^a what it does,
p = pi(u^a | o^a) / pi_old(u^a | o^a).

    A^a    = sum_k (gamma lambda)^k delta_{t+k},
             delta_t = r + gamma V(o'^a, a) - V(o^a, a)
    actor:  ascend min(p A^a, clip(p, 1 - ratio, 1 + ratio) A^a) + entropy
    critic: minimise (y - V)^2, y = A^a + V of before its steps

`mappo` differs in what the value reads and in nothing else. Actions may be continuous: then the policy is normal around
what the network says, and cut to [-1, 1]. With `recurrent` the value also reads the state of the actor's GRU, without
gradient.

Departures: no value normalisation and no clipping of the value's loss. Gradients are clipped tensor by tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from agents.parts.central import Practice, TeamConfig, TeamLearner
from agents.parts.critics import Critic
from agents.parts.returns import advantages
from arenas.settings import Amount, Count, Positive, Share, Whole


@dataclass(frozen=True)
class PpoConfig(TeamConfig):
    """Settings of `ippo` and `mappo`; lr, ratio, lambda, entropy and clip are those of Yu et al., the rest is ours."""

    lr: Positive = 0.0005  # Adam's step size of the actor
    critic_lr: Positive = 0.001  # Adam's step size of the value; ours (paper 0.0005)
    lambda_: Share = 0.95  # of the advantage and of the value's targets
    ratio: Amount = 0.2  # how far a probability may move from where it was before it counts no more; 0: no ratio
    epochs: Count = 4  # passes of the actor over a batch; ours (paper 5 to 15)
    passes: Count = 4  # passes of the value over a batch; ours
    batch: Whole = 512  # moments in a step; 0: the whole batch
    normalise: bool = True  # advantages of a batch centred and divided by their deviation


class Ippo(TeamLearner):
    """PPO with shared parameters and a value of what each seat knows."""

    Config = PpoConfig
    needs = frozenset()
    config: PpoConfig

    def make_critics(self, seed: int) -> dict[str, Critic]:
        """A value for every seat."""
        return {"critic": self.critic(seed, "critic", [self.reads_wide()] * len(self.seats))}

    def reads_wide(self) -> int:
        """How much the value reads."""
        return self.own_width

    def reads(self, practice: Practice) -> Tensor:
        """What the value reads, [T + 1, N, B, W]."""
        return practice.own

    def credit(self, practice: Practice) -> tuple[Tensor, dict[str, float]]:
        """Generalised advantages by the value as it is, then its steps towards what they add up to."""
        critic, segment, x = self.critics["critic"], practice.segment, self.reads(practice)
        value = critic.now(x).squeeze(-1)
        praise = advantages(segment.timesteps, value, self.gamma, self.config.lambda_)
        return praise, {"value_error": critic.fit(x[:-1], praise + value[:-1], segment.counted, practice.luck)}

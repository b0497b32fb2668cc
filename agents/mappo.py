"""MAPPO: PPO for a team, with one actor of what each seat sees and one value of what the whole team knows.

Yu, Velu, Vinitsky, Gao, Wang, Bayen and Wu 2022, "The Surprising Effectiveness of PPO in Cooperative Multi-Agent
Games"; Schulman et al. 2017, "Proximal Policy Optimization Algorithms", equation 7. s is the global state, o^a what
seat a sees, u^a what it does, p = pi(u^a | o^a) / pi_old(u^a | o^a).

    A^a    = sum_k (gamma lambda)^k delta_{t+k},
             delta_t = r + gamma V(s', o'^a, a) - V(s, o^a, a)
    actor:  ascend min(p A^a, clip(p, 1 - ratio, 1 + ratio) A^a) + entropy
    critic: minimise (y - V)^2, y = A^a + V of before its steps

The value reads the state where the arena shows one and the seat's own observation (the paper's agent-specific state),
else what all seats of the team see; and the seat's number. `ippo` differs in what the value reads and in nothing else.
Actions may be continuous: then the policy is normal around what the network says, and cut to [-1, 1].

Departures: no value normalisation and no clipping of the value's loss. Gradients are clipped tensor by tensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.ippo import Ippo, PpoConfig
from agents.parts.central import Practice
from agents.parts.critics import Mates


@dataclass(frozen=True)
class MappoConfig(PpoConfig):
    """Settings of `mappo`: see `PpoConfig`."""


class Mappo(Ippo):
    """PPO for a team with a central value."""

    Config = MappoConfig
    needs_to_learn = frozenset({"joint"})
    config: MappoConfig

    def reads_wide(self) -> int:
        """How much the value reads."""
        self.mates = Mates(self.spec, self.seats, self.device)
        if self.spec.state_dim:
            return self.spec.state_dim + self.own_width
        sizes = [math.prod(self.spec.seats[seat].observation) for seat in self.mates.everybody]
        return max(sum(sizes[n] for n in team) for team in self.mates.teams) + self.remembered

    def reads(self, practice: Practice) -> Tensor:
        """What the value reads, [T + 1, N, B, W]."""
        if not self.spec.state_dim:
            kept = practice.own[..., self.own_width - self.remembered :]
            return torch.cat((self.mates.views(practice.joint), kept), dim=-1)
        return torch.cat((practice.state_for(len(self.seats)), practice.own), dim=-1)

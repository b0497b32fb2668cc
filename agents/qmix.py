"""QMIX: the value of a team is a monotone mixture of its members' own, whose weights depend on the state.

Rashid et al. 2018, "QMIX: Monotonic Value Function Factorisation for Deep Multi-Agent Reinforcement Learning". s is the
state, Q_i(o, a) the network of seat i; W_1, b_1, W_2 and V are given by a network that reads s.

    Q = (Q_1(o_1, a_1), ..., Q_n(o_n, a_n))
    Q_tot(s, o, a) = elu(Q |W_1(s)| + b_1(s)) |W_2(s)| + V(s)
    minimise over D:  (y - Q_tot(s, o, a))^2
                      y = r + gamma d Qbar_tot(s', o', b)
                      b_i = argmax Q_i(o'_i, .) if `double`, else Qbar_i

No weight on the way from Q_i to Q_tot is negative, so Q_tot is largest where every Q_i is, and each seat plays its own
best action without knowing the state. The rest is `agents.vdn` and `agents.iql`; each team has a mixture of its own.

Departures: those of `agents.vdn`. One network with a hidden layer of `mixing_hidden` units gives all four of W_1, b_1,
W_2 and V, where the paper has one each (linear for weights; later code has a hidden layer there as well).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.iql import Rows
from agents.parts.segments import Segment
from agents.parts.team import Team, Trained, apply
from agents.protocol import Parameters, State
from agents.randomness import derive
from agents.vdn import Vdn, VdnConfig
from arenas.settings import Count


@dataclass(frozen=True)
class QmixConfig(VdnConfig):
    """Settings of `qmix`: those of `vdn`, and of the mixture."""

    mixing: Count = 32  # units of the mixing network's hidden layer
    mixing_hidden: Count = 64  # units of the network that reads the state


def mixed(weights: Tensor, q: Tensor, units: int) -> Tensor:
    """Q_tot [..., B], given what the network that reads the state says.

    Args:
        weights: b_1, W_2 and V, and then W_1 member by member: [..., B, 2 E + 1 + n E].
        q: the members' values [..., B, n].
        units: E.
    """
    bias, outer, value, inner = torch.split(weights, [units, units, 1, q.shape[-1] * units], dim=-1)
    hidden = (q.unsqueeze(-2) @ inner.view(*q.shape, units).abs()).squeeze(-2) + bias
    total: Tensor = (torch.nn.functional.elu(hidden) * outer.abs()).sum(-1) + value.squeeze(-1)
    return total


class Qmix(Vdn):
    """QMIX: Q-learning in which a team's value rises with the value of every seat.

    Shapes: n members of the largest team, Z numbers of the state; the rest as in `Vdn`.
    """

    Config = QmixConfig
    needs_to_learn = frozenset({"state"})
    config: QmixConfig

    def build(self, seed: int) -> None:
        """The networks of `vdn`, and those that read the state."""
        super().build(seed)
        config, most = self.config, max(map(len, self.teams))
        units = config.mixing
        widths = [self.spec.state_dim, config.mixing_hidden, 2 * units + 1 + most * units]
        seeds = [derive(seed, "mixture", self.seats[numbers[0]]) for numbers in self.teams]
        self.mixture = Trained(Team([widths] * len(self.teams), seeds, device=self.device), config.lr, config.clip)
        # members by team, filled up with seats whose values count nothing
        self.members = torch.tensor([numbers + [0] * (most - len(numbers)) for numbers in self.teams])
        self.present = torch.tensor([[1.0] * len(x) + [0.0] * (most - len(x)) for x in self.teams], device=self.device)

    def trained(self) -> list[Trained]:
        """The Q networks and those of the mixture."""
        return [self.networks, self.mixture]

    def total(self, q: Tensor, batch: Rows, thetas: list[Parameters], *, after: bool) -> Tensor:
        """Q_tot [S, K, B] of the members' values [S, N, B], as of before the actions or `after` them."""
        state = batch["state"][1:, 0] if after else batch["state"][:-1, 0]  # [S, B, Z]
        weights = apply(thetas[1], state.flatten(0, 1).expand(len(self.teams), -1, -1))  # [K, S B, W]
        of_teams = q[:, self.members] * self.present.unsqueeze(-1)  # [S, K, n, B]
        values = mixed(weights, of_teams.permute(1, 0, 3, 2).flatten(1, 2), self.config.mixing)
        return values.view(len(self.teams), *state.shape[:2]).movedim(0, 1)

    def further(self, segment: Segment) -> Rows:
        """What `iql` keeps of a segment, and the state."""
        assert segment.state is not None  # needs_to_learn asks for it
        return super().further(segment) | {"state": segment.state.unsqueeze(1)}

    def example(self) -> Rows:
        """One row of zeros, which shows shapes and types."""
        state = torch.zeros(1, self.steps + 1, 1, self.spec.state_dim, device=self.device)
        return super().example() | {"state": state}

    def learning_state(self) -> State:
        """What `vdn` keeps, and the mixture."""
        return super().learning_state() | self.mixture.state("mixture")

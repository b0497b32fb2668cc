"""Value decomposition: the value of a team is the sum of its members' own, and the team's reward teaches all of them.

Sunehag et al. 2018, "Value-Decomposition Networks For Cooperative Multi-Agent Learning Based On Team Reward". Q_i(o, a)
is the network of seat i, r the team's reward; the bar is the target network, d the discount.

    Q_tot(o, a) = sum over i of Q_i(o_i, a_i)
    minimise over D:  (y - Q_tot(o, a))^2
                      y = r + gamma d sum over i of Qbar_i(o'_i, b_i)
                      b_i = argmax Q_i(o'_i, .) if `double`, else Qbar_i

As the sum is largest where every Q_i is, each seat plays its own best action. The rest is `agents.iql`: play, replay,
networks and their steps.

A team is all own seats where the arena is cooperative, and in a competitive arena those of one `team` there, each with
a sum of its own. Members must be paid alike, so a game that does not say so ("team-reward") is refused, and so is one
in which every seat is a team of its own: what is left there is `agents.iql`.

Departures: those of `agents.iql`. The paper's networks remember and are shared in part: `recurrent` and `share` are
settings, and sharing is the default. Double Q-learning is the field's default (Rashid et al. 2018's code).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from agents.iql import Iql, IqlConfig, Rows, td_target
from agents.parts.team import numbered
from agents.protocol import Parameters
from arenas.protocol import ArenaSpec


@dataclass(frozen=True)
class VdnConfig(IqlConfig):
    """Settings of `vdn`: those of `iql`, with one network for all seats."""

    share: bool = True
    double: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.replay in ("importance", "both"):
            raise ValueError(
                f"replay must be plain, none or fingerprint, got {self.replay!r}: the team's value depends on what all"
                " members do, so that there are no others to weigh by"
            )


def teams_of(spec: ArenaSpec, seats: tuple[str, ...]) -> list[list[int]]:
    """The numbers of the seats of each team that is paid alike.

    Raises:
        ValueError: the members of a team may be paid differently, or every team is one seat.
    """
    if spec.kind == "cooperative":
        return [list(range(len(seats)))]
    if len({seat.team for seat in spec.seats.values()}) == len(spec.seats):
        raise ValueError(
            f"every seat of {spec.name} is a team of its own, so that there is nothing to add up: choose a cooperative"
            " arena, or iql, which is the same without a sum"
        )
    if "team-reward" not in spec.offers:
        raise ValueError(
            f"the members of a team may be paid differently in {spec.name} ({spec.kind}), so that it has no value to"
            " share: choose a cooperative arena, or iql"
        )
    return list(numbered(spec, seats).values())


class Vdn(Iql):
    """VDN: Q-learning in which a team's value is the sum of its seats' values.

    Shapes: K teams; the rest as in `Iql`.
    """

    Config = VdnConfig
    arrived = frozenset()
    config: VdnConfig

    def build(self, seed: int) -> None:
        """The networks of `iql`, and who belongs to which team."""
        super().build(seed)
        self.teams = teams_of(self.spec, self.seats)
        self.member = torch.zeros(len(self.teams), len(self.seats), device=self.device)  # [K, N]
        for row, numbers in zip(self.member, self.teams, strict=True):
            row[numbers] = 1

    def errors(self, chosen: Tensor, following: Tensor, batch: Rows, thetas: list[Parameters]) -> tuple[Tensor, Tensor]:
        """Errors y - Q_tot [S, K, B] of each team, and 1 where a member's action counted."""
        first = [numbers[0] for numbers in self.teams]  # all members are paid alike
        with torch.no_grad():
            total = self.total(following, batch, self.slow(), after=True)
            y = td_target(batch["reward"][:, first], batch["discount"][:, first], total, self.gamma)
        return y - self.total(chosen, batch, thetas, after=False), self.summed(batch["counted"]).clamp_max(1)

    def slow(self) -> list[Parameters]:
        """The targets of all that is trained."""
        return [part.slow.parameters for part in self.trained()]

    def total(self, q: Tensor, batch: Rows, thetas: list[Parameters], *, after: bool) -> Tensor:
        """Q_tot [S, K, B] of the members' values [S, N, B], as of before the actions or `after` them."""
        return self.summed(q)

    def summed(self, leaf: Tensor) -> Tensor:
        """Sum over the members of each team: [S, N, B] -> [S, K, B]."""
        return torch.einsum("kn,snb->skb", self.member, leaf)

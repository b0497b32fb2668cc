"""Teams in pairs: who may be paired with whom, and the joint policy of a pair that can act as one or delegate.

Schroeder de Witt, Foerster et al. 2019, "Multi-Agent Common Knowledge Reinforcement Learning", section 4. The partition
into pairs is drawn, then for each pair a joint action or, as its action number `DELEGATE`, that its members choose by
themselves. What counts is the marginal probability of the joint action, over everything that was drawn on the way:

    P(u) = sum_partition P(partition) prod_blocks P_block(u)
    P_pair(u_a, u_b) = P_pc(u_a, u_b) + P_pc(delegate) pi_a(u_a) pi_b(u_b)

Shapes: T steps, B copies, K what a group is told, A actions of a seat; a pair's controller has 1 + A A outputs, of
which the joint action (u_a, u_b) is number 1 + A u_a + u_b.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor

from arenas.protocol import ArenaSpec

DELEGATE = 0  # the number of this choice among a pair controller's

#: A partition of seats into blocks of two, the smaller number first, and at most one of one.
Partition = tuple[tuple[int, ...], ...]


@cache
def partitions(seats: int) -> tuple[Partition, ...]:
    """All partitions of seats 0 .. n - 1 into pairs, where n is odd with one seat alone: 3 for 3 or 4, 105 for 8."""

    def split(left: tuple[int, ...], odd: bool) -> list[Partition]:
        if not left:
            return [()]
        first, rest = left[0], left[1:]
        found: list[Partition] = [((first,), *more) for more in split(rest, False)] if odd else []
        for n, mate in enumerate(rest):
            found += [((first, mate), *more) for more in split(rest[:n] + rest[n + 1 :], odd)]
        return found

    return tuple(split(tuple(range(seats)), seats % 2 == 1))


def pair_probabilities(controller: Tensor, one: Tensor, two: Tensor) -> Tensor:
    """The marginal joint policy of a pair [..., A, A].

    Args:
        controller: probabilities of its choices [..., 1 + A A].
        one: the first member's own policy [..., A].
        two: the second's.
    """
    apart = one.unsqueeze(-1) * two.unsqueeze(-2)
    together = controller[..., 1:].reshape(apart.shape)
    return torch.addcmul(together, controller[..., DELEGATE, None, None], apart)


def may(known: Tensor, actions: tuple[int, int], forced: bool) -> Tensor:
    """What a pair's controller may choose, bool [..., 1 + A A].

    It may always delegate, and else choose what it is common knowledge that both may do.

    Args:
        known: what the pair is told [..., K], as `TimeStep.common` has it.
        actions: how many actions both members have.
        forced: nothing but delegation is left where nothing is common knowledge.
    """
    first, second = actions
    legal = known[..., 1 : 1 + first + second] > 0
    both = (legal[..., :first, None] & legal[..., None, first:]).flatten(-2)
    if forced:
        both = both & (known[..., :1] > 0)
    return torch.cat((torch.ones_like(both[..., :1]), both), dim=-1)


class SeatPair(NamedTuple):
    """Two seats of a team and what they know in common: `one` and `two` number them among all seats of the spec."""

    group: str
    one: int
    two: int
    actions: tuple[int, int]

    def log_probability(self, controller: Tensor, acts: tuple[Tensor, Tensor], alone: tuple[Tensor, Tensor]) -> Tensor:
        """Log P_pair(u_a, u_b) [...].

        Args:
            controller: log-probabilities of its choices [..., 1 + A A].
            acts: what both members did, long [...].
            alone: the log-probability of that under the members' own policies [...].
        """
        joint = 1 + acts[0] * self.actions[1] + acts[1]
        together = controller.gather(-1, joint.unsqueeze(-1)).squeeze(-1)
        return torch.logaddexp(together, controller[..., DELEGATE] + alone[0] + alone[1])

    def half(self, controller: Tensor, member: int, act: Tensor, alone: Tensor) -> Tensor:
        """The log-probability [...] of what one of the two does where the other is a stranger who draws for itself."""
        possible = controller[..., 1:].clamp_min(-1e9)  # where nothing is, a sum of nothing has no gradient
        table = possible.reshape(*controller.shape[:-1], *self.actions)
        of_member = table.logsumexp(-2 if member else -1)
        together = of_member.gather(-1, act.unsqueeze(-1)).squeeze(-1)
        return torch.logaddexp(together, controller[..., DELEGATE] + alone)


class Blocks(NamedTuple):
    """One team: its seats, its pairs, and in which partitions they are together.

    Attributes:
        seats: numbers of its seats among all of the spec.
        pairs: numbers of its pairs among all pairs.
        group: the group of the whole team, "" where there is none or no choice.
        pair_of: long [partitions, n], the pair of each seat among all pairs, -1 where it is alone.
        holds: float32 [partitions, pairs + n], 1 where a partition holds a pair of the team, or a seat alone.
    """

    seats: tuple[int, ...]
    pairs: range
    group: str
    pair_of: Tensor
    holds: Tensor


def pairs_of(spec: ArenaSpec, device: str = "cpu") -> tuple[list[SeatPair], list[Blocks]]:
    """All pairs of team mates, and the teams.

    Raises:
        ValueError: there are team mates of whom the arena does not say what they know in common.
    """
    names, widths = list(spec.seats), [seat.actions for seat in spec.seats.values()]
    groups = {frozenset(members): group for group, members in spec.groups.items()}
    pairs: list[SeatPair] = []
    teams: list[Blocks] = []
    for team in dict.fromkeys(seat.team for seat in spec.seats.values()):
        seats = tuple(n for n, seat in enumerate(names) if spec.seats[seat].team == team)
        first = len(pairs)
        number: dict[tuple[int, ...], int] = {}
        for a, b in combinations(range(len(seats)), 2):
            mates = names[seats[a]], names[seats[b]]
            if frozenset(mates) not in groups:
                raise ValueError(f"{spec.name} does not say what {mates[0]} and {mates[1]} know in common")
            group = groups[frozenset(mates)]
            one, two = (names.index(member) for member in spec.groups[group])
            number[a, b] = len(pairs)
            pairs.append(SeatPair(group, one, two, (widths[one], widths[two])))
        split = partitions(len(seats))
        pair_of = torch.full((len(split), len(seats)), -1, device=device)
        holds = torch.zeros(len(split), len(number) + len(seats), device=device)
        for row, partition in enumerate(split):
            for block in partition:
                if len(block) == 2:
                    pair_of[row, list(block)] = number[block]
                    holds[row, number[block] - first] = 1
                else:
                    holds[row, len(number) + block[0]] = 1
        whole = groups.get(frozenset(names[n] for n in seats), "") if len(split) > 1 else ""
        teams.append(Blocks(seats, range(first, len(pairs)), whole, pair_of, holds))
    return pairs, teams

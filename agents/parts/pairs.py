"""Teams in pairs: who may be paired with whom, and the joint policy of a pair that can act as one or delegate.

Schroeder de Witt, Foerster et al. 2019, "Multi-Agent Common Knowledge Reinforcement Learning", section 4. The partition
into pairs is drawn, then for each pair a joint action or, as its action number `DELEGATE`, that its members choose by
themselves. What counts is the marginal probability of the joint action, over everything that was drawn on the way:

    P(u) = sum_partition P(partition) prod_blocks P_block(u)
    P_pair(u_a, u_b) = P_pc(u_a, u_b) + P_pc(delegate) pi_a(u_a) pi_b(u_b)

Shapes: A actions of a seat; a pair's controller has 1 + A A outputs, the joint action (u_a, u_b) at 1 + A u_a + u_b.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

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

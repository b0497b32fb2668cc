"""Renamings that leave a game what it was: of colours, of cards, of what the two values of a bit mean.

Who trains with itself alone agrees with itself on names that nothing in the game sets apart, and a stranger agreed on
others. A learner that sees the game under another renaming in every episode, and in every seat, can rely on no such
name (Hu et al. 2020, "Other-Play"). An arena says in its spec from which renamings all others are composed.

Shapes: O observation, A actions, K common knowledge, S state, M bits of a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Symmetry:
    """One renaming. Each part says of every place of the renamed game which place of the game it is.

    What a mapping leaves out keeps its names, and so does an empty state. The bits in `says` are turned round: 0 is
    said as 1. What is heard at the first step of an episode was said by nobody, and is not renamed.
    """

    sees: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # seat -> [O], of the flat observation
    does: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # seat -> [A]
    known: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # group -> [K]
    state: tuple[int, ...] = ()  # [S]
    says: Mapping[str, tuple[int, ...]] = field(default_factory=dict)  # seat -> [M], 1 where the bit is turned round


def bits_by_bit(count: int) -> list[tuple[int, ...]]:
    """`says` of each renaming of one bit among `count`."""
    return [tuple(int(n == bit) for n in range(count)) for bit in range(count)]


class Reordering:
    """Writes down a part of a renaming place by place, in the order in which an arena writes its numbers."""

    def __init__(self) -> None:
        self._written: list[int] = []

    def kept(self, count: int) -> Reordering:
        """`count` numbers that keep their places."""
        return self.renamed(range(count))

    def renamed(self, order: Sequence[int], widths: Sequence[int] | None = None) -> Reordering:
        """Numbers, or blocks of these widths, of which `order` says where each stood."""
        begin = len(self._written)
        widths = [1] * len(order) if widths is None else widths
        starts = [begin + sum(widths[:n]) for n in range(len(order))]
        self._written += [starts[n] + within for n in order for within in range(widths[n])]
        return self

    def each(self, orders: Iterable[Sequence[int]]) -> Reordering:
        """One `renamed` after another."""
        for order in orders:
            self.renamed(order)
        return self

    @property
    def order(self) -> tuple[int, ...]:
        """What was written."""
        return tuple(self._written)

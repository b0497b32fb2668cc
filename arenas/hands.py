"""Cards that some seats see and others do not, and the layout in which an arena tells what is public of them.

Whoever keeps a public belief over hidden cards (Foerster et al. 2019, "Bayesian Action Decoder") has to know where the
cards lie, who sees which, and what everybody has seen happen. An arena that offers "hands" says the first two in its
spec (`Hands`) and the third at every moment, as the last part of what its group knows in common (`Public`).

Shapes: B copies, N seats, S slots (places of cards), V values of a card, A actions. The last value means that there is
no card where the arena has empty places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from arenas.symmetries import Reordering


class Public(NamedTuple):
    """What everybody has seen, by parts."""

    turn: Tensor  # float32 [B, N], one-hot: who is to act; 0 throughout when the episode is over
    last: Tensor  # float32 [B, A], one-hot: what was done last; 0 throughout at the start
    possible: Tensor  # float32 [B, A]: 1 where nothing public forbids the seat on turn to do so
    left: Tensor  # float32 [B, V]: how many cards of each value nobody has seen on the table
    hinted: Tensor  # float32 [B, S, V]: 1 where hints allow the value
    came: Tensor  # float32 [B, S, S]: 1 where the card of the first slot lay in the second before the last action
    gone: Tensor  # float32 [B, V]: one-hot, the card that the last action put on the table; 0 throughout without one
    rest: Tensor  # float32 [B, K']: what else there is to know


@dataclass(frozen=True)
class Hands:
    """Where hidden cards lie and who sees which.

    `sees` are the slots that each seat sees, as many for every seat, and `at` says where in its flat observation they
    begin, one-hot slot after slot (zeros where there is no card). An action in `asks` may only be taken by who sees a
    card of one of these values. `own` says that cards of different slots say nothing about each other; otherwise they
    are dealt from one deck.
    """

    group: str
    values: int
    sees: Mapping[str, tuple[int, ...]]
    at: Mapping[str, int]
    asks: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    own: bool = False
    hints: bool = True  # whether anybody may be told of a card otherwise than by what is done
    empty: bool = False  # the last value means that there is no card
    rest: int = 0  # K', what else is public

    @property
    def slots(self) -> int:
        """S."""
        return len({slot for slots in self.sees.values() for slot in slots})

    def widths(self, actions: int) -> tuple[int, ...]:
        """How many numbers each part of `Public` has."""
        n, s, v = len(self.sees), self.slots, self.values
        return n, actions, actions, v, s * v, s * s, v, self.rest

    def known(self, actions: int) -> int:
        """K: how many numbers the group is told in all; see `TimeStep.common` for the first of them."""
        return 1 + len(self.sees) * actions + sum(self.widths(actions))

    def write(self, certain: Tensor, public: Public) -> Tensor:
        """What the group is told, float32 [B, K].

        Args:
            certain: what all know that each member may do, float32 [B, N, A].
            public: the rest.
        """
        head = torch.ones_like(public.turn[:, :1])
        return torch.cat((head, certain.flatten(1), *(part.flatten(1) for part in public)), dim=1)

    def renamed(
        self,
        does: Sequence[Sequence[int]],
        done: Sequence[int],
        cards: Sequence[Sequence[int]],
        left: Sequence[int],
        rest: Sequence[int],
    ) -> tuple[int, ...]:
        """What the group is told when names are others, [K], as a part of a `Symmetry`.

        Args:
            does: for each seat in turn, where its actions stood, [A].
            done: where the actions stood in what was done last, and in what is possible, [A].
            cards: for each slot, where the values of its card stood, [V].
            left: where they stood in what is left and what is gone, [V].
            rest: where the rest stood, [K'].
        """
        layout = Reordering().kept(1).each(does).kept(len(self.sees)).renamed(done).renamed(done).renamed(left)
        return layout.each(cards).kept(self.slots**2).renamed(left).renamed(rest).order

    def read(self, known: Tensor, actions: int) -> Public:
        """The parts of what the group is told [..., K]."""
        lead, s, v = known.shape[:-1], self.slots, self.values
        parts: Any = torch.split(known[..., 1 + len(self.sees) * actions :], list(self.widths(actions)), dim=-1)
        turn, last, possible, left, hinted, came, gone, rest = parts
        return Public(turn, last, possible, left, hinted.reshape(*lead, s, v), came.reshape(*lead, s, s), gone, rest)


def belief_text(seats: Sequence[str], belief: Tensor) -> str:
    """The chances of each seat's one hidden card, float [N, V], a line a seat."""
    hands = (" ".join(f"{n}: {p:.2f}" for n, p in enumerate(chances)) for chances in belief.tolist())
    return "\n".join(f"  {seat}  {hand}" for seat, hand in zip(seats, hands, strict=True))

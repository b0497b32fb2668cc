"""The two-card game: the first seat's action is a cheap or a dear way to tell the second what card it holds.

Foerster et al. 2019, "Bayesian Action Decoder", section 7.4.1 of Foerster's thesis; the six games A to F are those of
the tiny Hanabi suite (Sokota et al. 2021, "Solving Common-Payoff Games with Approximate Policy Iteration"), of which E
is the thesis's own. `symmetric` is E without its one exception: the first seat's two cheap actions are alike, so that
who agreed on one code does not understand who agreed on the other. Each seat is dealt a card of its own, all equally
likely. The first seat sees its card and acts; the second sees its own card and what the first did, and acts; both are
paid

    payoffs[first card][second card][first action][second action]

An observation holds one's own card, then whether the first seat has acted, then what it did, all one-hot. What is known
in common is everything but the cards (`arenas.hands`). The state adds both cards.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.faces import faces
from arenas.hands import Hands, Public, belief_text
from arenas.lockstep import Drawing
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeSteps
from arenas.settings import Checked
from arenas.symmetries import Reordering, Symmetry

SEATS = ("first", "second")
PAIR = "pair"  # the group that has common knowledge
_A = [[[[0, 1], [0, 0]], [[0, 1], [3, 2]]], [[[3, 3], [3, 2]], [[2, 0], [3, 3]]]]
_B = [[[[1, 0], [1, 0]], [[0, 1], [0, 1]]], [[[0, 1], [0, 0]], [[1, 0], [1, 0]]]]
_C = [[[[3, 0], [0, 3]], [[2, 0], [3, 3]]], [[[2, 2], [3, 0]], [[0, 1], [0, 2]]]]
_D = [[[[3, 0], [1, 3]], [[3, 0], [3, 0]]], [[[3, 2], [0, 2]], [[0, 1], [0, 0]]]]
_E = [
    [[[10, 0, 0], [4, 8, 4], [10, 0, 0]], [[0, 0, 10], [4, 8, 4], [0, 0, 10]]],
    [[[0, 0, 10], [4, 8, 4], [0, 0, 0]], [[10, 0, 0], [4, 8, 4], [10, 0, 0]]],
]
_F = [
    [[[0, 3], [3, 2]], [[0, 0], [0, 1]], [[3, 1], [2, 1]]],
    [[[0, 2], [0, 1]], [[1, 2], [1, 2]], [[0, 1], [0, 3]]],
    [[[1, 3], [1, 2]], [[0, 3], [2, 2]], [[3, 1], [3, 0]]],
]
_SYMMETRIC = [
    [[[10, 0, 0], [4, 8, 4], [10, 0, 0]], [[0, 0, 10], [4, 8, 4], [0, 0, 10]]],
    [[[0, 0, 10], [4, 8, 4], [0, 0, 10]], [[10, 0, 0], [4, 8, 4], [10, 0, 0]]],
]
#: The suite, payoffs by [first card][second card][first action][second action].
SUITE: Mapping[str, Any] = {"A": _A, "B": _B, "C": _C, "D": _D, "E": _E, "F": _F}
#: The games by their names: those of the suite, and E without its one exception, where either code is as good.
GAMES: Mapping[str, Any] = {**SUITE, "symmetric": _SYMMETRIC}
_MOST_RENAMINGS = 20_000  # that are tried
_PAPER, _INK, _RED, _BLUE = (238, 238, 232), (60, 60, 60), (190, 60, 50), (60, 90, 180)


@dataclass(frozen=True)
class TwoCardSettings(Checked):
    """Settings of `two-card`."""

    game: Literal["A", "B", "C", "D", "E", "F", "symmetric"] = "E"  # which of the suite; E is the thesis's
    payoffs: Any = field(default=None)  # a game of one's own: [first card][second card][first action][second action]


class TwoCard(Drawing):
    """The two-card game: the first seat's act can tell the second which card it holds."""

    name = "two-card-v1"
    Settings = TwoCardSettings
    settings: TwoCardSettings
    last_discount = 0.0
    kept = ("cards", "told", "seed", "clock", "t", "autoreset")

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        given = self.settings.payoffs
        self.pay = pay = _tensor(self.name, GAMES[self.settings.game] if given is None else given, self.device)
        cards, _, actions, _ = pay.shape
        width = cards + 1 + actions
        each = {seat: (n,) for n, seat in enumerate(SEATS)}
        self.hands = Hands(PAIR, cards, each, dict.fromkeys(SEATS, 0), own=True, hints=False)
        alike = self._symmetries()
        words = {"discrete", "common", "hands", "state", "simulator", "two-card", *["symmetries"] * bool(alike)}
        self.spec = ArenaSpec(
            name=self.name,
            # the seats do different things, so each is a side of its own
            seats={seat: SeatSpec((width,), actions, team="team", side=seat, bounds=(0, 1)) for seat in SEATS},
            kind="cooperative",
            max_steps=2,
            gamma=1.0,
            offers=frozenset(words),
            forfeit=min(float(pay.min()), 0.0),
            groups={PAIR: SEATS},
            known={PAIR: self.hands.known(actions)},
            state_dim=2 * cards + 1 + actions,
            hands=self.hands,
            symmetries=alike,
        )
        self._cards = torch.zeros(self.batch_size, 2, dtype=torch.long, device=self.device)
        self._lay_out()

    def _symmetries(self) -> tuple[Symmetry, ...]:
        """Every renaming of cards and actions that leaves the payoffs as they are, but for that which changes nothing.

        None is told of games so large that there are more than `_MOST_RENAMINGS` to try.
        """
        told = []
        for one, two, first, second in automorphisms(tuple(self.pay.flatten().tolist()), tuple(self.pay.shape)):
            sees = {
                seat: Reordering().renamed(own).kept(1).renamed(first).order
                for seat, own in zip(SEATS, (one, two), strict=True)
            }
            known = self.hands.renamed([first, second], first, [one, two], range(len(one)), ())
            state = Reordering().renamed(one).renamed(two).kept(1).renamed(first).order
            told.append(Symmetry(sees, dict(zip(SEATS, (first, second), strict=True)), {PAIR: known}, state))
        return tuple(told)

    def _open(self) -> None:
        cards = self.pay.shape[0]
        self._cards = torch.stack([self._draw(cards), self._draw(cards)], dim=1)
        self._told = torch.full((self.batch_size,), -1, device=self.device)

    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        first, second = (actions[seat].value for seat in SEATS)
        if self._t == 0:
            self._told = first
            return self._nothing
        paid = self.pay[self._cards[:, 0], self._cards[:, 1], self._told, second]
        return paid.unsqueeze(1).expand(-1, 2)

    def _heard(self) -> Tensor:
        """What the first seat did, one-hot float32 [B, A]; 0 throughout before."""
        return one_hot(self._told + 1, self.pay.shape[2] + 1)[:, 1:].float()

    def _look(self) -> tuple[Sequence[Tensor], Tensor]:
        hot, heard = one_hot(self._cards, self.pay.shape[0]).float(), self._heard()
        acted = (self._told >= 0).float().unsqueeze(1)
        views = [torch.cat((hot[:, n], acted, heard), dim=1) for n in range(2)]
        return views, torch.cat((hot.flatten(1), acted, heard), dim=1)

    def _known(self) -> Mapping[str, Tensor]:
        cards, _, actions, _ = self.pay.shape
        heard = self._heard()
        all_may, each = torch.ones_like(heard), torch.ones(self.batch_size, 2, cards, device=self.device)
        turn = torch.zeros_like(each[:, :, 0])
        if self._t < 2:
            turn[:, self._t] = 1
        came = torch.eye(2, device=self.device).expand(self.batch_size, 2, 2)
        last = heard if self._t == 1 else torch.zeros_like(heard)
        public = Public(turn, last, all_may, each[:, 0], each, came, 0 * each[:, 0], heard[:, :0])
        return {PAIR: self.hands.write(torch.ones(self.batch_size, 2, actions, device=self.device), public)}

    def _timesteps(self, paid: Tensor) -> tuple[TimeSteps, Tensor | None]:
        steps, state = super()._timesteps(paid)
        waiting = SEATS[1 - self._t] if self._t < 2 else ""
        if waiting:
            steps[waiting] = steps[waiting]._replace(active=self._no)
        return steps, state

    def optimum(self) -> float:
        """The best expected payment, by trying every map from the first card to an action."""
        pay = self.pay.double()
        cards, _, actions, _ = pay.shape
        best = -float("inf")
        for number in range(actions**cards):
            plan = [number // actions**card % actions for card in range(cards)]
            total = 0.0
            for told in set(plan):
                mine = [card for card in range(cards) if plan[card] == told]
                total += float(pay[mine, :, told].sum(0).max(-1).values.sum())
            best = max(best, total / cards**2)
        return best

    def _text(self, row: int) -> str:
        """Both cards, and what was done."""
        one, two = self._cards[row].tolist()
        told = int(self._told[row])
        said = "" if told < 0 else f"; first does {told}"
        return f"step {self._t} of 2: first holds {one}, second holds {two}{said}"

    def render_belief(self, belief: Tensor, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """The chances of both cards, or both with a strip above each; see `Arena.render_belief`."""
        if mode == "ansi":
            return belief_text(SEATS, belief)
        picture = self._picture(row)
        for n, chances in enumerate(belief.tolist()):
            left, wide = 16 + 72 * n, 56 // len(chances)
            for card, chance in enumerate(chances):
                picture[1:7, left + wide * card : left + wide * card + round(chance * wide)] = (_RED, _BLUE)[card % 2]
        return picture

    def _picture(self, row: int) -> np.ndarray:
        """Two cards as dots on paper, and below the first what it did as a bar, uint8 [96, 160, 3]."""
        picture = np.full((96, 160, 3), _PAPER, dtype=np.uint8)
        for n, card in enumerate(self._cards[row].tolist()):
            left = 16 + 72 * n
            picture[8:72, left : left + 56] = 255
            picture[8:72, [left, left + 55]] = picture[[8, 71], left : left + 56] = _INK
            for dot in range(card + 1):
                top, side = 16 + 18 * (dot // 3), left + 6 + 16 * (dot % 3)
                picture[top : top + 12, side : side + 12] = (_RED, _BLUE)[card % 2]
        told = int(self._told[row])
        if told >= 0:
            picture[80:90, 16 : 16 + 56 * (told + 1) // self.pay.shape[2]] = _INK
        return picture


@cache
def automorphisms(payoffs: tuple[float, ...], shape: tuple[int, ...]) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Orders of both seats' cards and of both seats' actions, not all as they are, that leave the payoffs the same.

    Args:
        payoffs: the numbers, flat.
        shape: [C, C, A, A].
    """
    pay = np.array(payoffs).reshape(shape)
    cards, actions = (tuple(itertools.permutations(range(n))) for n in (shape[0], shape[2]))
    if len(cards) ** 2 * len(actions) ** 2 > _MOST_RENAMINGS:
        return ()
    ways = itertools.product(cards, cards, actions, actions)
    return tuple(way for way in ways if (pay[np.ix_(*way)] == pay).all())[1:]


def _tensor(name: str, payoffs: Any, device: str) -> Tensor:
    """The payoffs as float32 [C, C, A, A].

    Raises:
        ValueError: they have another shape, or are not finite.
    """
    try:
        pay = torch.tensor(json.loads(payoffs) if isinstance(payoffs, str) else payoffs, dtype=torch.float32)
    except (ValueError, TypeError):
        pay = torch.zeros(0)
    shape = tuple(pay.shape)
    if len(shape) != 4 or shape[0] != shape[1] or shape[2] != shape[3] or not pay.numel() > 0 or shape[0] > 8:
        raise ValueError(
            f"{name}: payoffs must be numbers [first card][second card][first action][second action], at most 8 cards"
            f" and as many actions for both, got {'shape ' + str(list(shape)) if pay.numel() else 'none of that shape'}"
        )
    if not pay.isfinite().all():
        raise ValueError(f"{name}: payoffs must be finite")
    return pay.to(device)


env, parallel_env = faces(TwoCard)

"""Trading after talk: each of two traders says something about its item, and each then asks for the other's.

Lanctot et al. 2019, "OpenSpiel", `trade_comm`; Sokota et al. 2021, "Solving Common-Payoff Games with Approximate Policy
Iteration", use it to tell learners of conventions apart. Each trader is dealt one of n items, all equally likely, which
it alone sees. The first says something, then the second, who has heard it; then the first asks for an item in exchange
for its own, and the second does so without knowing for which. Both are paid 1 where each asks for what the other holds,
else 0. OpenSpiel also lets a trader offer an item that it does not hold, which never pays.

With as many different things to say as there are items, 1 can be had; without a word it is 1 / n (`optimum`).

What is said is a message (`speech=message`, of as many bits as tell the items apart; the actions of the first two steps
mean nothing), or an action (`speech=action`, as in OpenSpiel): then both know it in common. Of the actions the first W
are words and the last n items; an item in place of a word says nothing, and a word in place of an item asks for none.
A message is heard in the next step, by the other. An observation holds one's item and the step, both one-hot, and where
words are actions one's own and the other's. The state holds both items, the step, and with actions both words, with
messages what is heard and who hears whom (see `arenas.channel`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.channel import sent
from arenas.faces import faces
from arenas.hands import Hands, Public, belief_text
from arenas.lockstep import Drawing
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeSteps
from arenas.settings import Checked, Range
from arenas.sketch import Glyph, Sketch
from arenas.symmetries import Reordering, Symmetry, bits_by_bit

SEATS = ("first", "second")
PAIR = "pair"  # the group that has common knowledge, where words are actions
_STEPS = 4
_PAPER, _INK, _GREY = (238, 238, 232), (60, 60, 60), (170, 170, 165)
_COLOURS = ((190, 60, 50), (60, 90, 180), (220, 160, 40), (70, 150, 80), (130, 80, 160), (90, 170, 180))


@dataclass(frozen=True)
class TradeCommSettings(Checked):
    """Settings of `trade-comm`."""

    items: Annotated[int, Range(2, 10)] = 4  # n
    speech: Literal["message", "action"] = "message"  # what is said is a message of bits, or an action
    bits: Annotated[int, Range(0, 4)] = 0  # 2^bits things can be said; 0: as few bits, or words, as tell items apart


class TradeComm(Drawing):
    """The trading game: two talk, then each asks for an item."""

    name = "trade-comm-v1"
    Settings = TradeCommSettings
    settings: TradeCommSettings
    last_discount = 0.0
    kept = ("items", "words", "asked", "said", "seed", "clock", "t", "autoreset")

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        n, bits = self.settings.items, self.settings.bits
        self.talks = self.settings.speech == "message"
        self.bits = (bits or (n - 1).bit_length()) * self.talks  # M
        #: W, how many different things can be said, and how many of them are actions.
        self.words = 2**bits if bits else 2**self.bits if self.talks else n
        self.spoken = 0 if self.talks else self.words
        each, begin = {s: (at,) for at, s in enumerate(SEATS)}, dict.fromkeys(SEATS, 0)
        self.hands = Hands(PAIR, n, each, begin, own=True, hints=False, rest=2 * self.spoken)
        actions = self.spoken + n
        seat = (n + _STEPS + 2 * self.spoken,), actions
        tell = {"channel"} if self.talks else {"common", "hands"}
        self.spec = ArenaSpec(
            name=self.name,
            # the first speaks and trades before the second, so each is a side of its own
            seats={
                name: SeatSpec(*seat, message_dim=self.bits, team="team", side=name, bounds=(0, 1)) for name in SEATS
            },
            kind="cooperative",
            max_steps=_STEPS,
            gamma=1.0,
            offers=frozenset({"discrete", "state", "simulator", "trade-comm", "symmetries", *tell}),
            forfeit=0.0,
            groups={} if self.talks else {PAIR: SEATS},
            known={} if self.talks else {PAIR: self.hands.known(actions)},
            state_dim=2 * n + _STEPS + (2 * self.bits + 4 if self.talks else 2 * self.spoken),
            hands=None if self.talks else self.hands,
            symmetries=self._symmetries(),
            block=1000,
        )
        self._lay_out()
        device, batch = self.device, self.batch_size
        self._nobody = torch.full((batch, 2), -1, device=device)
        self._silence = torch.zeros(batch, 2, self.bits, device=device)
        says, asks = torch.ones(actions, device=device), torch.ones(actions, device=device)
        if self.spoken:
            says[self.spoken :], asks[: self.spoken] = 0, 0
        self._may = torch.stack((says, says, asks, asks))  # float32 [4, A], who is on turn

    def _symmetries(self) -> tuple[Symmetry, ...]:
        """Two items that change names for both traders, two words that do, or a bit whose values do."""
        n = self.settings.items
        told = [Symmetry(says=dict.fromkeys(SEATS, one)) for one in bits_by_bit(self.bits)]
        same = range(self.spoken)
        told += [self._renamed(same, order) for order in _swaps(n)]
        told += [self._renamed(order, range(n)) for order in _swaps(self.spoken)]
        return tuple(told)

    def _renamed(self, words: Sequence[int], items: Sequence[int]) -> Symmetry:
        does = Reordering().renamed(words).renamed(items).order
        sees = Reordering().renamed(items).kept(_STEPS).renamed(words).renamed(words).order
        heard = range(2 * self.bits + 4 if self.talks else 0)
        said = Reordering().renamed(words).renamed(words).order
        state = Reordering().renamed(items).renamed(items).kept(_STEPS).renamed(words).renamed(words).renamed(heard)
        known = self.hands.renamed([does, does], does, [items, items], items, said)
        return Symmetry(
            dict.fromkeys(SEATS, sees), dict.fromkeys(SEATS, does), {} if self.talks else {PAIR: known}, state.order
        )

    # -- the game -----------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._items = torch.stack([self._draw(self.settings.items) for _ in SEATS], dim=1)  # long [B, 2]
        self._words = self._asked = self._nobody  # -1: nothing yet
        self._said = self._silence

    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        seat = self._t % 2
        chosen, mine = actions[SEATS[seat]], torch.arange(2, device=self.device) == seat
        value = chosen.value.unsqueeze(1)
        if self._t < 2:
            if self.talks:
                self._said = mine.unsqueeze(1) * sent(chosen, self.bits, self._yes).unsqueeze(1)
            else:
                self._words = torch.where(mine, value.where(value < self.spoken, -1), self._words)
            return self._nothing
        self._said = self._silence
        self._asked = torch.where(mine, (value - self.spoken).clamp_min(-1), self._asked)
        if self._t + 1 < _STEPS:
            return self._nothing
        paid = (self._asked == self._items.flip(1)).all(1).float()
        return paid.unsqueeze(1).expand(-1, 2)

    def _heard_words(self) -> Tensor:
        """What both said, one-hot float32 [B, 2, W]; 0 throughout before."""
        return one_hot(self._words + 1, self.spoken + 1)[..., 1:].float()

    def _look(self) -> tuple[Sequence[Tensor], Tensor]:
        items = one_hot(self._items, self.settings.items).float()
        step = one_hot(torch.full_like(self._items[:, 0], self._t), _STEPS + 1)[:, :_STEPS].float()
        words = self._heard_words()
        views = [torch.cat((items[:, n], step, words[:, n], words[:, 1 - n]), dim=1) for n in range(2)]
        if self.talks:
            heard = torch.cat((self._said.flatten(1), self._hears.float().flatten().expand(len(step), -1)), dim=1)
        else:
            heard = words.flatten(1)
        return views, torch.cat((items.flatten(1), step, heard), dim=1)

    @property
    def _hears(self) -> Tensor:
        """Who hears whom now, bool [2, 2]."""
        hears = torch.zeros(2, 2, dtype=torch.bool, device=self.device)
        if self._t in (1, 2) and self.talks:
            hears[self._t % 2, 1 - self._t % 2] = True
        return hears

    def _known(self) -> Mapping[str, Tensor]:
        if self.talks:
            return {}
        batch, n, actions = self.batch_size, self.settings.items, len(self._may[0])
        certain = torch.ones(batch, 2, actions, device=self.device)
        turn, words = torch.zeros(batch, 2, device=self.device), self._heard_words()
        last, possible = torch.zeros(batch, actions, device=self.device), certain[:, 0]
        if self._t < _STEPS:
            certain[:, self._t % 2] = possible = self._may[self._t].expand(batch, -1)
            turn[:, self._t % 2] = 1
        if self._t in (1, 2):  # what is asked for is not told
            last[:, : self.spoken] = words[:, self._t - 1]
        each = torch.ones(batch, 2, n, device=self.device)
        came = torch.eye(2, device=self.device).expand(batch, 2, 2)
        public = Public(turn, last, possible, each[:, 0], each, came, 0 * each[:, 0], words.flatten(1))
        return {PAIR: self.hands.write(certain, public)}

    def _timesteps(self, paid: Tensor) -> tuple[TimeSteps, Tensor | None]:
        steps, state = super()._timesteps(paid)
        if self._t < _STEPS:
            on, waits = SEATS[self._t % 2], SEATS[1 - self._t % 2]
            legal = (self._may[self._t] > 0).expand(self.batch_size, -1)
            steps[on] = steps[on]._replace(action_mask=legal)
            steps[waits] = steps[waits]._replace(active=self._no)
        if self.talks:
            hears = self._hears
            for number, seat in enumerate(SEATS):
                audible = hears[number].expand(self.batch_size, -1)
                messages = self._said * hears[number].unsqueeze(1)
                steps[seat] = steps[seat]._replace(messages=messages, audible=audible)
        return steps, state

    def optimum(self) -> float:
        """The best expected payment of any two traders who agreed on everything beforehand."""
        return optimum(self.settings.items, self.words)

    # -- how it is drawn ----------------------------------------------------------------------------------------------

    def _told(self, row: int) -> list[str]:
        """What each trader has said so far and asked for."""
        held, asked = self._items[row].tolist(), self._asked[row].tolist()
        told = []
        for n, seat in enumerate(SEATS):
            text = f"{seat} holds {held[n]}"
            word, bits = int(self._words[row, n]), self._said[row, n].tolist()
            if word >= 0:
                text += f", has said {word}"
            elif self.talks and self._t == n + 1:
                text += f", says {''.join('1' if bit > 0.5 else '0' for bit in bits)}"
            told.append(text + (f", asks for {asked[n]}" if asked[n] >= 0 else ""))
        return told

    def _text(self, row: int) -> str:
        """Both traders' items, words and wishes."""
        return "; ".join([f"step {self._t} of {_STEPS}: {self._told(row)[0]}", self._told(row)[1]])

    def render_belief(self, belief: Tensor, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """The chances of both items, or the picture with a strip above each; see `Arena.render_belief`."""
        if mode == "ansi":
            return belief_text(SEATS, belief)
        picture = self._picture(row)
        for n, chances in enumerate(belief.tolist()):
            at, left = 0.0, 16 + 72 * n
            for item, chance in enumerate(chances):
                begin, at = round(at), at + 56 * chance
                picture[1:7, left + begin : left + round(at)] = _COLOURS[item % len(_COLOURS)]
        return picture

    def sketch(self, row: int = 0) -> Sketch:
        """Both traders' items as large squares, and below each a small one for the item that it asks for."""
        marks: list[Glyph] = []
        for n, (item, asked) in enumerate(zip(self._items[row].tolist(), self._asked[row].tolist(), strict=True)):
            x = 1.0 + 2.5 * n
            marks.append(Glyph("square", x, 1.0, 1.8, _hex(item), str(item)))
            marks.append(Glyph("ring", x, 2.6, 0.9, "faint"))
            if asked >= 0:
                marks.append(Glyph("square", x, 2.6, 0.8, _hex(asked), str(asked)))
        return Sketch(4.5, 3.2, tuple(marks), self._text(row))

    def _picture(self, row: int) -> np.ndarray:
        """What each trader holds as a large tile, and below it what it asks for, uint8 [96, 160, 3]."""
        picture = np.full((96, 160, 3), _PAPER, dtype=np.uint8)
        for n, (item, asked) in enumerate(zip(self._items[row].tolist(), self._asked[row].tolist(), strict=True)):
            left = 16 + 72 * n
            _tile(picture, 8, left, 56, item)
            picture[70:90, left : left + 56] = _GREY
            if asked >= 0:
                _tile(picture, 70, left, 20, asked)
        return picture


def _tile(picture: np.ndarray, top: int, left: int, side: int, item: int) -> None:
    """A framed tile in the item's colour; those after the sixth have a corner cut out."""
    picture[top : top + side, left : left + side] = _INK
    picture[top + 2 : top + side - 2, left + 2 : left + side - 2] = _COLOURS[item % len(_COLOURS)]
    if item >= len(_COLOURS):
        picture[top + 2 : top + side // 3, left + 2 : left + side // 3] = _PAPER


def _hex(item: int) -> str:
    """An item's colour."""
    return "#{:02x}{:02x}{:02x}".format(*_COLOURS[item % len(_COLOURS)])


def _swaps(count: int) -> list[tuple[int, ...]]:
    """Orders of `count` things in which two neighbours have changed places, of which all orders are made."""
    return [
        tuple(at + 1 if n == at else at if n == at + 1 else n for n in range(count)) for at in range(max(0, count - 1))
    ]


def optimum(items: int, words: int) -> float:
    """The best chance of a trade with n items and W things to say.

    The first trader's words divide its items into at most W classes. Within a class S the second, who holds j, asks for
    one item i of S, and says which of at most W items it holds of those for which it would ask for this i. So a class
    makes min(n, |S| W) of the n^2 deals good; the best division is found by trying how large each class is.
    """
    best = {0: 0}  # good deals, by how many items are in a class already
    for _ in range(min(words, items)):
        grown = dict(best)
        for used, good in best.items():
            for size in range(1, items - used + 1):
                grown[used + size] = max(grown.get(used + size, 0), good + min(items, size * words))
        best = grown
    return best[items] / items**2


env, parallel_env = faces(TradeComm)

"""A table of Hanabi as one can read it: in the terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from arenas.hanabi.play import Tabletop, points
from arenas.hanabi.rules import COLOURS, HanabiRules
from arenas.sketch import Glyph, Sketch

_PAPER, _INK, _BLANK = (32, 34, 40), (235, 235, 235), (70, 72, 80)
_SHADES = ((205, 70, 60), (215, 190, 60), (80, 165, 90), (225, 225, 225), (80, 120, 210))
_CARD, _TALL, _GAP, _TILE, _STRIP = 30, 42, 8, 9, 14  # pixels: of cards, between them, of discarded ones, of beliefs
_SHADED, _SELDOM = " \u2591\u2592\u2593\u2588", 0.02  # shades of quarters; chances below are not written
#: Digits 1 to 5 as three by five pixels, row after row.
_DIGITS = ("010110010010111", "110001010100111", "110001010001110", "101101111001001", "111100110001110")


@dataclass(frozen=True)
class HanabiRow:
    """A row of the game, to be drawn; `bomb` is the rule for a lost game."""

    rules: HanabiRules
    table: Tabletop
    bomb: str
    over: bool
    row: int


def _known(shown: HanabiRow, player: int, place: int) -> str:
    """What its holder knows of a card: the colour and the rank, a dot for each that hints leave open."""
    rules = shown.rules
    could = shown.table.could[shown.row, player, place]
    colours = could[: rules.colours].nonzero().flatten().tolist()
    ranks = could[rules.colours :].nonzero().flatten().tolist()
    colour = rules.colour(colours[0]) if len(colours) == 1 else "."
    return colour + (str(ranks[0] + 1) if len(ranks) == 1 else ".")


def text(shown: HanabiRow) -> str:
    """Fireworks, hints and lives, then a line for each hand with what its holder knows in brackets."""
    rules, table, row = shown.rules, shown.table, shown.row
    heights = " ".join(f"{rules.colour(c)}{n}" for c, n in enumerate(table.height[row].tolist()))
    lost = int(table.lives[row]) < 1
    score = 0 if lost and shown.bomb == "zero" else int(points(table)[row])
    rule = "lost games count 0" if shown.bomb == "zero" else "lost games keep their points"
    lines = [
        f"fireworks {heights}   {score} of {rules.best} points ({rule})",
        f"hints {int(table.hints[row])} of {rules.hints}   lives {int(table.lives[row])} of {rules.lives}"
        f"   deck {rules.deck - int(table.drawn[row])}",
    ]
    for player in range(rules.players):
        cards = table.hand[row, player].tolist()
        hand = "  ".join(
            f"{rules.card(card)} ({_known(shown, player, n)})" if card < rules.cards else ".."
            for n, card in enumerate(cards)
        )
        turn = "> " if player == int(table.turn[row]) and not shown.over else "  "
        lines.append(f"{turn}player_{player}  {hand}")
    gone = [f"{rules.card(n)}" for n, count in enumerate(table.gone[row].tolist()) for _ in range(count)]
    lines.append(f"discarded {' '.join(gone) if gone else 'nothing'}")
    action = int(table.last.action[row])
    if action >= 0:
        card = int(table.last.card[row])
        what = (
            f" ({rules.card(card)}{', which fits' if bool(table.last.scored[row]) else ''})"
            if card < rules.cards
            else ""
        )
        lines.append(f"player_{int(table.last.player[row])} did: {rules.word(action)}{what}")
    return "\n".join(lines)


def believed(shown: HanabiRow, belief: Tensor) -> str:
    """A line for each hand: which cards may lie there, likely ones with darker shades; `belief` [S, F + 1]."""
    rules, places = shown.rules, belief.view(shown.rules.players, shown.rules.hand, -1)
    lines = []
    for player in range(rules.players):
        cards = []
        for place, card in enumerate(shown.table.hand[shown.row, player].tolist()):
            chances = places[player, place].tolist()[: rules.cards]
            words = [f"{rules.card(n)}{_SHADED[round(4 * p)]}" for n, p in enumerate(chances) if p >= _SELDOM]
            cards.append(" ".join(words) if card < rules.cards else "..")
        lines.append(f"  player_{player}  {'  |  '.join(cards)}")
    return "\n".join(lines)


def draw(shown: HanabiRow, belief: Tensor | None = None) -> np.ndarray:
    """Fireworks on top, then the hands, hints and lives as dots; discarded cards on the right: uint8 [Y, X, 3].

    A line above a hand marks whose turn it is; the marks below a card are what its holder knows: its colour (left) and
    its rank (right). With a belief [S, F + 1], a strip below each card has a bar for each card that it may be.
    """
    rules, table, row = shown.rules, shown.table, shown.row
    below = 0 if belief is None else 4
    tall = 4 * _GAP + (1 + rules.players) * (_TALL + 3 * _GAP) + rules.players * below
    high = (tall - 2 * _GAP) // (_TILE + 3)  # discarded cards in a column
    table_wide = 2 * _GAP + max(rules.colours, rules.hand) * (_CARD + _GAP)
    wide = table_wide + -(-rules.deck // high) * (_TILE + 3) + _GAP
    picture = np.full((tall, wide, 3), _PAPER, dtype=np.uint8)
    for colour, height in enumerate(table.height[row].tolist()):
        _card(picture, _GAP, _GAP + colour * (_CARD + _GAP), colour, height - 1)
    top = _GAP + _TALL + 3 * _GAP
    for player in range(rules.players):
        if player == int(table.turn[row]) and not shown.over:
            picture[top - 5 : top - 3, _GAP : table_wide - 2 * _GAP] = _INK
        for place, card in enumerate(table.hand[row, player].tolist()):
            left = _GAP + place * (_CARD + _GAP)
            if card < rules.cards:
                _card(picture, top, left, card // rules.ranks, card % rules.ranks)
                known = _known(shown, player, place)  # what its holder knows, as two marks below
                if known[0] != ".":
                    picture[top + _TALL + 2 : top + _TALL + 7, left : left + 12] = _SHADES[card // rules.ranks]
                if known[1] != ".":
                    picture[top + _TALL + 2 : top + _TALL + 7, left + 15 : left + 27] = _INK
                    _digit(picture, top + _TALL + 2, left + 19, card % rules.ranks, 1)
                if belief is not None:
                    chances = belief[player * rules.hand + place, : rules.cards].tolist()
                    _strip(picture, top + _TALL + 8, left, chances, rules.ranks)
        top += _TALL + 3 * _GAP + below
    gone = [n for n, count in enumerate(table.gone[row].tolist()) for _ in range(count)]
    for number, card in enumerate(gone):
        y, x = _GAP + number % high * (_TILE + 3), table_wide + number // high * (_TILE + 3)
        picture[y : y + _TILE, x : x + _TILE] = _SHADES[card // rules.ranks % len(COLOURS)]
        _digit(picture, y + 2, x + 3, card % rules.ranks, 1)
    for number in range(rules.hints):
        _dot(picture, tall - 2 * _GAP, _GAP + 10 * number, (90, 150, 230) if number < int(table.hints[row]) else _BLANK)
    for number in range(rules.lives):
        _dot(picture, tall - _GAP, _GAP + 10 * number, (220, 80, 70) if number < int(table.lives[row]) else _BLANK)
    return picture


def sketch(shown: HanabiRow) -> Sketch:
    """Fireworks on top, then the hands with what each holder knows below its cards; whose turn it is stands framed."""
    rules, table, row = shown.rules, shown.table, shown.row
    columns = max(rules.colours, rules.hand)
    marks = []
    for colour, height in enumerate(table.height[row].tolist()):
        marks.append(_tile(colour + 0.5, 0.5, colour if height else None, str(height)))
    for player in range(rules.players):
        top = 1.9 + 1.4 * player
        if player == int(table.turn[row]) and not shown.over:
            marks.append(Glyph("line", 0.1, top - 0.55, 0.06, "ink", "", columns - 0.2))
        for place, card in enumerate(table.hand[row, player].tolist()):
            if card < rules.cards:
                marks.append(_tile(place + 0.5, top, card // rules.ranks, str(card % rules.ranks + 1)))
                marks.append(Glyph("word", place + 0.5, top + 0.58, 0.2, "ink", _known(shown, player, place)))
    lines = text(shown).splitlines()
    last = [lines[-1]] if " did: " in lines[-1] else []
    return Sketch(columns, 1.4 + 1.4 * rules.players, tuple(marks), "\n".join([lines[0], lines[1], *last]))


def _tile(x: float, y: float, colour: int | None, word: str) -> Glyph:
    shade = _BLANK if colour is None else _SHADES[colour % len(COLOURS)]
    dark = tuple(round(part * 0.7) for part in shade)  # white words stand on it
    return Glyph("square", x, y, 0.85, "#{:02x}{:02x}{:02x}".format(*dark), word)


def _strip(picture: np.ndarray, top: int, left: int, chances: Sequence[float], ranks: int) -> None:
    """A bar for each card, side by side in the order of their numbers, in its colour and as high as it is likely."""
    picture[top : top + _STRIP, left : left + _CARD] = _BLANK
    for number, chance in enumerate(chances):
        begin, end = (left + _CARD * n // len(chances) for n in (number, number + 1))
        high = round(chance * _STRIP)
        picture[top + _STRIP - high : top + _STRIP, begin : max(begin + 1, end - 1)] = _SHADES[number // ranks]


def _card(picture: np.ndarray, top: int, left: int, colour: int, rank: int) -> None:
    """A card with its rank in the middle; a blank one where the rank is below 0."""
    shade = _BLANK if rank < 0 else _SHADES[colour % len(COLOURS)]
    picture[top : top + _TALL, left : left + _CARD] = shade
    if rank >= 0:
        _digit(picture, top + 11, left + 9, rank, 4)


def _digit(picture: np.ndarray, top: int, left: int, rank: int, size: int) -> None:
    """A rank as a digit whose pixels are squares."""
    for n, pixel in enumerate(_DIGITS[rank]):
        if pixel == "1":
            y, x = top + size * (n // 3), left + size * (n % 3)
            picture[y : y + size, x : x + size] = (20, 20, 20)


def _dot(picture: np.ndarray, top: int, left: int, colour: tuple[int, int, int]) -> None:
    picture[top : top + 5, left : left + 7] = colour

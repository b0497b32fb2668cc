"""A table of Hanabi as one can read it: in the terminal, and as a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from arenas.hanabi.play import Tabletop, points
from arenas.hanabi.rules import COLOURS, HanabiRules
from arenas.sketch import Glyph, Sketch

_PAPER, _INK, _BLANK = (32, 34, 40), (235, 235, 235), (70, 72, 80)
_SHADES = ((205, 70, 60), (215, 190, 60), (80, 165, 90), (225, 225, 225), (80, 120, 210))
_CARD, _TALL, _GAP = 30, 42, 8  # pixels
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


def draw(shown: HanabiRow) -> np.ndarray:
    """Fireworks on top, then the hands (a frame marks whose turn it is), hints and lives as dots: uint8 [Y, X, 3]."""
    rules, table, row = shown.rules, shown.table, shown.row
    columns = max(rules.colours, rules.hand)
    wide = 2 * _GAP + columns * (_CARD + _GAP)
    tall = 2 * _GAP + (1 + rules.players) * (_TALL + 3 * _GAP) + 2 * _GAP
    picture = np.full((tall, wide, 3), _PAPER, dtype=np.uint8)
    for colour, height in enumerate(table.height[row].tolist()):
        _card(picture, _GAP, _GAP + colour * (_CARD + _GAP), colour, height - 1)
    for player in range(rules.players):
        top = _GAP + (1 + player) * (_TALL + 3 * _GAP)
        if player == int(table.turn[row]) and not shown.over:
            picture[top - 5 : top - 3, _GAP : wide - _GAP] = _INK
        for place, card in enumerate(table.hand[row, player].tolist()):
            left = _GAP + place * (_CARD + _GAP)
            if card < rules.cards:
                _card(picture, top, left, card // rules.ranks, card % rules.ranks)
                for n, part in enumerate(_known(shown, player, place)):  # what its holder knows, as two marks below
                    if part != ".":
                        picture[top + _TALL + 2 : top + _TALL + 6, left + 15 * n : left + 15 * n + 12] = _INK
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


def _card(picture: np.ndarray, top: int, left: int, colour: int, rank: int) -> None:
    """A card with its rank in the middle; a blank one where the rank is below 0."""
    shade = _BLANK if rank < 0 else _SHADES[colour % len(COLOURS)]
    picture[top : top + _TALL, left : left + _CARD] = shade
    if rank >= 0:
        for n, pixel in enumerate(_DIGITS[rank]):
            if pixel == "1":
                y, x = top + 11 + 4 * (n // 3), left + 9 + 4 * (n % 3)
                picture[y : y + 4, x : x + 4] = (20, 20, 20)


def _dot(picture: np.ndarray, top: int, left: int, colour: tuple[int, int, int]) -> None:
    picture[top : top + 5, left : left + 7] = colour

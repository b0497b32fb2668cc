"""Colours of Hanabi under other names: the renaming of all that is seen, done and known."""

from __future__ import annotations

from collections.abc import Sequence

from arenas.hanabi.rules import HanabiRules
from arenas.hands import Hands
from arenas.symmetries import Reordering, Symmetry


def colour_symmetries(rules: HanabiRules, seats: Sequence[str], hands: Hands) -> tuple[Symmetry, ...]:
    """An exchange of two colours and a turn of all, of which every order of the colours is made; none of one colour."""
    c = rules.colours
    if c < 2:
        return ()
    exchange, turn = [1, 0, *range(2, c)], [*range(1, c), 0]
    return tuple(renamed(rules, seats, hands, order) for order in ([exchange] if c == 2 else [exchange, turn]))


def renamed(rules: HanabiRules, seats: Sequence[str], hands: Hands, colours: Sequence[int]) -> Symmetry:
    """The game in which colour n is the game's `colours[n]`; see `arenas.hanabi.views` for what is written where."""
    p, h, r = rules.players, rules.hand, rules.ranks
    cards = [colour * r + rank for colour in colours for rank in range(r)]
    values = [*cards, rules.cards]
    does = Reordering().kept(2 * h).each([colours] * (p - 1)).kept((p - 1) * r).order

    def board(layout: Reordering) -> Reordering:
        layout.kept(rules.deck - rules.dealt).renamed(cards).kept(rules.hints + rules.lives)
        return layout.renamed(cards, rules.copies)

    seen = board(Reordering().each([cards] * ((p - 1) * h)).kept(p)).kept(p + 4 + p)
    seen.renamed(colours).kept(r + 2 * h).renamed(cards).kept(2)
    for _ in range(p * h):
        seen.renamed(cards).renamed(colours).kept(r)
    rest = board(Reordering()).kept(2 * h + 2).order
    state = board(Reordering().each([values] * (p * h))).kept(p).each([cards] * (p * h)).order
    known = hands.renamed([does] * p, does, [values] * (p * h), values, rest)
    return Symmetry(dict.fromkeys(seats, seen.order), dict.fromkeys(seats, does), {hands.group: known}, state)

"""Hanabi's cards and moves: how many there are of each, and how they are numbered.

Bard et al. 2020, "The Hanabi Challenge"; numbers as in the Hanabi Learning Environment, which OpenSpiel plays.

A card of colour c and rank r (both from 0) has number c R + r. Of the lowest rank there are three in each colour, of
the highest one, of the others two. Actions: discard slot 0 .. H - 1, play slot 0 .. H - 1, then for each other player,
the next one first, tell a colour, and then likewise tell a rank.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Variant -> players, colours, ranks, hand, hints, lives.
VARIANTS = {
    "full": (2, 5, 5, 5, 8, 3),
    "small": (2, 2, 5, 2, 3, 1),
    "very-small": (2, 1, 5, 2, 3, 1),
    "mini": (2, 2, 2, 2, 3, 1),
}
COLOURS = "RYGWB"


@dataclass(frozen=True)
class HanabiRules:
    """The numbers of a game, and what follows from them."""

    players: int
    colours: int
    ranks: int
    hand: int
    hints: int
    lives: int

    @property
    def cards(self) -> int:
        """F: how many different cards there are."""
        return self.colours * self.ranks

    @property
    def copies(self) -> list[int]:
        """How many there are of each card."""
        of_rank = [3, *[2] * (self.ranks - 2), 1][: self.ranks] if self.ranks > 1 else [3]
        return of_rank * self.colours

    @property
    def deck(self) -> int:
        """D: how many cards there are in all."""
        return sum(self.copies)

    @property
    def dealt(self) -> int:
        """How many cards lie in hands at the start."""
        return self.players * self.hand

    @property
    def best(self) -> int:
        """The most points."""
        return self.cards

    @property
    def asks(self) -> int:
        """How many hints there are for one player."""
        return self.colours + self.ranks

    @property
    def actions(self) -> int:
        """A."""
        return 2 * self.hand + (self.players - 1) * self.asks

    @property
    def longest(self) -> int:
        """A bound on the moves of a game: cards that leave hands, and hints, of which each such card gives back one."""
        cards = self.deck - self.dealt + self.players
        return 2 * cards + self.hints

    def word(self, action: int) -> str:
        """An action in words."""
        if action < 2 * self.hand:
            verb, slot = ("discard", "play")[action // self.hand], action % self.hand
            return f"{verb} card {slot + 1}"
        hint = action - 2 * self.hand
        colours = (self.players - 1) * self.colours
        if hint < colours:
            player, colour = divmod(hint, self.colours)
            what = f"colour {self.colour(colour)}"
        else:
            player, rank = divmod(hint - colours, self.ranks)
            what = f"rank {rank + 1}"
        return f"tell {what}" + (f" to the player {player + 1} further on" if self.players > 2 else "")

    def colour(self, number: int) -> str:
        """The letter of a colour."""
        return COLOURS[number] if number < len(COLOURS) else f"({number + 1})"

    def card(self, number: int) -> str:
        """A card in two letters, "R1"; a place without one is two dots."""
        if number >= self.cards:
            return ".."
        return f"{self.colour(number // self.ranks)}{number % self.ranks + 1}"

"""What is seen of a table of Hanabi: the canonical observation of the Hanabi Learning Environment, and what is public.

An observation holds, one after another, all of it 0 or 1 and players in order from the observer on (Bard et al. 2020,
and `canonical_encoders.cc` of the environment, whose order this is):

    hands      for each other player and place, the card, one-hot; then for each player whether a card is missing
    board      cards left in the deck, as so many ones; the height of each colour, one-hot, nothing at 0; hints and
               lives, as so many ones
    discards   for each card, as many ones as were discarded
    last move  player; play, discard, tell colour, tell rank; to whom; colour; rank; which cards it touched; which place
               the card had; which card; whether it scored; whether that gave a hint back
    knowledge  for each player and place, which cards hints allow; the colour that was told; the rank

Shapes: B copies, P players, H places, F cards, S = P H slots.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.hanabi.play import Moves, Tabletop
from arenas.hands import Hands, Public


class Seen(NamedTuple):
    """What the views are made of, by parts, float32 [B, ...]."""

    cards: Tensor  # [B, P, H, F + 1], one-hot, the last where there is no card
    board: Tensor  # deck, heights, hints, lives, discards
    moved: Tensor  # what the last move was, without players
    could: Tensor  # [B, P, H, F], which cards hints allow; 0 where there is no card


def ladder(count: Tensor, most: int) -> Tensor:
    """`count` [...] as so many ones of `most`, float32 [..., most]."""
    return (torch.arange(most, device=count.device) < count.unsqueeze(-1)).float()


class Views:
    """The layout of a game's views.

    Args:
        moves: the rules as tables.
        seats: names of the seats.
        group: name of the group that knows what is public.
        device: where the tables live.
    """

    def __init__(self, moves: Moves, seats: tuple[str, ...], group: str, device: str = "cpu") -> None:
        self.moves, self.rules = moves, moves.rules
        rules = self.rules
        p, h, f, c, r = rules.players, rules.hand, rules.cards, rules.colours, rules.ranks
        number = torch.arange(p, device=device)
        self._from = (number.unsqueeze(1) + number) % p  # [P, P], players in order from each on
        self._copies = rules.copies
        self.others = (p - 1) * h * f + p
        deck = rules.deck - rules.dealt
        self.heights = self.others + deck  # where the board's parts begin in an observation
        self.lives = self.heights + c * r + rules.hints
        self.board = deck + c * r + rules.hints + rules.lives + rules.deck
        move = 4 + c + r + 2 * h + f + 2
        self.width = self.others + self.board + 2 * p + move + p * h * (f + c + r)
        slots = range(p * h)
        self.hands = Hands(
            group,
            f + 1,
            {seat: tuple(s for s in slots if s // h != n) for n, seat in enumerate(seats)},
            dict.fromkeys(seats, 0),
            asks=self._asks(),
            empty=True,
            rest=self.board + 2 * h + 2,
        )

    def _asks(self) -> dict[int, tuple[int, ...]]:
        """Hint -> the cards of which the other must hold one; of use with two players alone."""
        rules = self.rules
        asks = {}
        for hint in range(rules.asks if rules.players == 2 else 0):
            cards = range(rules.cards)
            fits = [n for n in cards if (n // rules.ranks == hint or rules.colours + n % rules.ranks == hint)]
            asks[2 * rules.hand + hint] = tuple(fits)
        return asks

    def seen(self, table: Tabletop) -> Seen:
        """The parts that all views share."""
        rules, last = self.rules, table.last
        c, r, h = rules.colours, rules.ranks, rules.hand
        there = (table.hand < rules.cards).unsqueeze(-1)
        both = table.could[..., :c].unsqueeze(-1) & table.could[..., c:].unsqueeze(-2)
        gone = torch.cat([ladder(table.gone[:, n], most) for n, most in enumerate(self._copies)], dim=1)
        board = [
            ladder(rules.deck - table.drawn, rules.deck - rules.dealt),
            one_hot(table.height, r + 1)[..., 1:].flatten(1).float(),
            ladder(table.hints, rules.hints),
            ladder(table.lives, rules.lives),
            gone,
        ]
        action = last.action.unsqueeze(1)
        plays, discards = (action >= h) & (action < 2 * h), (action >= 0) & (action < h)
        what = self.moves.what[(action.squeeze(1) - 2 * h).clamp_min(0)]
        asked = one_hot(what, c + r) * (action >= 2 * h)
        colour, rank = asked[:, :c], asked[:, c:]
        place = one_hot(action.squeeze(1).clamp_min(0) % h, h) * (plays | discards)
        kinds = [plays, discards, colour.any(1, keepdim=True), rank.any(1, keepdim=True)]
        card = one_hot(last.card, rules.cards + 1)[:, :-1]
        outcome = [last.scored.unsqueeze(1), last.gained.unsqueeze(1)]
        parts = [*kinds, colour, rank, last.touched, place, card, *outcome]
        return Seen(
            one_hot(table.hand, rules.cards + 1).float(),
            torch.cat(board, dim=1),
            torch.cat([part.float() for part in parts], dim=1),
            (both.flatten(-2) & there).float(),
        )

    def observations(self, table: Tabletop, seen: Seen) -> list[Tensor]:
        """What each player sees, float32 [B, O] each."""
        rules, last = self.rules, table.last
        c, r, h = rules.colours, rules.ranks, rules.hand
        cards = seen.cards[..., :-1]
        missing = (~(table.hand < rules.cards).all(2)).float()
        ranks = one_hot(table.hand.clamp_max(rules.cards - 1) % r, r) * table.told[..., 1:]
        colours = one_hot(table.hand.clamp_max(rules.cards - 1) // r, c) * table.told[..., :1]
        known = torch.cat((seen.could, colours.float(), ranks.float()), dim=3)
        known = known * (table.hand < rules.cards).unsqueeze(-1)
        moved = (last.action >= 0).unsqueeze(1)
        hint = (last.action - 2 * h).clamp_min(0)
        to = (last.player + self.moves.goes[hint]) % rules.players
        asked = (last.action >= 2 * h).unsqueeze(1)
        views = []
        for player, order in enumerate(self._from):
            who = one_hot((last.player - player) % rules.players, rules.players) * moved
            whom = one_hot((to - player) % rules.players, rules.players) * asked
            parts = [cards[:, order[1:]].flatten(1), missing[:, order], seen.board, who.float()]
            parts += [seen.moved[:, :4], whom.float(), seen.moved[:, 4:], known[:, order].flatten(1)]
            views.append(torch.cat(parts, dim=1))
        return views

    def public(self, table: Tabletop, seen: Seen, over: Tensor, first: Tensor) -> tuple[Tensor, Public]:
        """What all know that each may do, float32 [B, P, A], and what is public."""
        rules, last = self.rules, table.last
        p, h, f = rules.players, rules.hand, rules.cards
        on = (~over).float().unsqueeze(1)
        turn = one_hot(table.turn, p).float() * on
        rows = torch.arange(len(over), device=over.device)
        there = (table.hand < f).float()
        plays = there[rows, table.turn]
        discards = plays * (table.hints < rules.hints).float().unsqueeze(1)
        asks = (table.hints > 0).float().unsqueeze(1).expand(-1, rules.actions - 2 * h)
        possible = torch.cat((discards, plays, asks), dim=1) * on
        certain = torch.cat((discards, plays, 0 * asks), dim=1).unsqueeze(1) * turn.unsqueeze(2)
        left = torch.tensor(self._copies, device=over.device) - table.gone
        played = torch.arange(rules.ranks, device=over.device) < table.height.unsqueeze(2)
        left = (left - played.flatten(1).long()).float()
        # more places without a card than there can be, so that they never run out
        left = torch.cat((left, torch.full_like(left[:, :1], float(p * h + 1))), dim=1)
        hinted = torch.cat((seen.could, 1 - there.unsqueeze(-1)), dim=3).flatten(1, 2)
        done = (last.action >= 0) & ~first
        acts = one_hot(last.action.clamp_min(0), rules.actions).float() * done.unsqueeze(1)
        card = one_hot(last.card, f + 1).float() * (last.card < f).unsqueeze(1)
        c, r = rules.colours, rules.ranks
        touched = seen.moved[:, 4 + c + r : 4 + c + r + h]
        rest = torch.cat((seen.board, touched, seen.moved[:, 4 + c + r + h : 4 + c + r + 2 * h], seen.moved[:, -2:]), 1)
        return certain, Public(turn, acts, possible, left, hinted, self._came(table), card, rest)

    def _came(self, table: Tabletop) -> Tensor:
        """Where the card of each slot lay before the last move, float32 [B, S, S]; 0 throughout where it is new."""
        rules, last = self.rules, table.last
        p, h = rules.players, rules.hand
        place = torch.arange(h, device=last.card.device)
        left = (last.card < rules.cards).unsqueeze(1)
        behind = (place >= (last.action.clamp_min(0) % h).unsqueeze(1)) & left  # [B, H]
        own = one_hot(place + behind.long(), h + 1)[..., :-1].float()  # [B, H, H]
        still = torch.eye(h, device=own.device).expand_as(own)
        came = own.new_zeros(len(own), p, h, p, h)
        for player in range(p):
            moved = (last.player == player).view(-1, 1, 1)
            came[:, player, :, player] = torch.where(moved, own, still)
        return came.flatten(3, 4).flatten(1, 2)

    def state(self, table: Tabletop, seen: Seen, over: Tensor) -> Tensor:
        """All cards, one-hot slot after slot; the board; whose turn it is; what hints allow: float32 [B, ...]."""
        turn = one_hot(table.turn, self.rules.players).float() * (~over).float().unsqueeze(1)
        return torch.cat((seen.cards.flatten(1), seen.board, turn, seen.could.flatten(1)), dim=1)

    @property
    def state_dim(self) -> int:
        """S, the width of `state`."""
        rules = self.rules
        slots = rules.players * rules.hand
        return slots * (2 * rules.cards + 1) + self.board + rules.players

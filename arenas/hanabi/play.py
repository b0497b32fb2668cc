"""How a move changes a table of Hanabi, all copies of the game in step.

Shapes: B copies, P players, H places in a hand, C colours, R ranks, F = C R cards, D cards in the deck.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from arenas.hanabi.rules import HanabiRules


class LastMove(NamedTuple):
    """What was done last; `action` is -1 at the start."""

    player: Tensor  # long [B]
    action: Tensor  # long [B]
    touched: Tensor  # bool [B, H], the cards of the hand that a hint was for
    card: Tensor  # long [B], the card that left a hand, F without one
    scored: Tensor  # bool [B]
    gained: Tensor  # bool [B], a played card gave a hint back


class Tabletop(NamedTuple):
    """Everything that the rest of a game depends on."""

    deck: Tensor  # long [B, D], the cards in the order in which they are drawn
    drawn: Tensor  # long [B]
    hand: Tensor  # long [B, P, H], F where there is no card
    could: Tensor  # bool [B, P, H, C + R], colours and ranks that hints allow
    told: Tensor  # bool [B, P, H, 2], whether the colour was told, and the rank
    height: Tensor  # long [B, C], cards played in each colour
    gone: Tensor  # long [B, F], cards discarded
    hints: Tensor  # long [B]
    lives: Tensor  # long [B]
    turn: Tensor  # long [B]
    rest: Tensor  # long [B], moves that are left once the deck is empty
    last: LastMove


def dealt(rules: HanabiRules, deck: Tensor, start: Tensor) -> Tabletop:
    """The table at the start: hands are dealt player by player from the front of the deck.

    Args:
        rules: the numbers of the game.
        deck: long [B, D].
        start: who begins, long [B].
    """
    copies, device = len(deck), deck.device
    shape = (copies, rules.players, rules.hand)
    zero = torch.zeros(copies, dtype=torch.long, device=device)
    no = zero > 0
    last = LastMove(zero, zero - 1, no.unsqueeze(1).expand(-1, rules.hand), zero + rules.cards, no, no)
    return Tabletop(
        deck,
        zero + rules.dealt,
        deck[:, : rules.dealt].reshape(shape),
        torch.ones(*shape, rules.asks, dtype=torch.bool, device=device),
        torch.zeros(*shape, 2, dtype=torch.bool, device=device),
        torch.zeros(copies, rules.colours, dtype=torch.long, device=device),
        torch.zeros(copies, rules.cards, dtype=torch.long, device=device),
        zero + rules.hints,
        zero + rules.lives,
        start,
        zero + rules.players,
        last,
    )


class Moves:
    """The rules of a game as tables on a device.

    Args:
        rules: the numbers of the game.
        device: where they live.
    """

    def __init__(self, rules: HanabiRules, device: str = "cpu") -> None:
        self.rules, self.places = rules, torch.arange(rules.hand, device=device)
        card = torch.arange(rules.cards + 1, device=device)
        eye = torch.eye(rules.asks, dtype=torch.bool, device=device)
        #: the colour and the rank of each card, bool [F + 1, C + R], nothing where there is no card
        self.is_of = eye[card // rules.ranks % rules.colours] | eye[rules.colours + card % rules.ranks]
        self.is_of[-1] = False
        asked = torch.arange((rules.players - 1) * rules.asks, device=device)
        colours = (rules.players - 1) * rules.colours
        rank = asked - colours
        #: of each hint how many players further on it goes, and what is asked
        self.goes = torch.where(rank < 0, asked // rules.colours, rank.clamp_min(0) // rules.ranks) + 1
        self.what = torch.where(rank < 0, asked % rules.colours, rules.colours + rank.clamp_min(0) % rules.ranks)

    def legal(self, table: Tabletop) -> Tensor:
        """What the player on turn may do, bool [B, A]."""
        rules, turn = self.rules, table.turn
        rows = torch.arange(len(turn), device=turn.device)
        there = table.hand[rows, turn] < rules.cards
        discard = there & (table.hints < rules.hints).unsqueeze(1)
        features = self.is_of[table.hand].any(2)  # [B, P, C + R], what each hand holds
        whose = (turn.unsqueeze(1) + self.goes) % rules.players
        asked = features[rows.unsqueeze(1), whose, self.what] & (table.hints > 0).unsqueeze(1)
        return torch.cat((discard, there, asked), dim=1)

    def move(self, table: Tabletop, action: Tensor, on: Tensor) -> Tabletop:
        """The table after the player on turn has taken a legal action, long [B], in rows where `on`, bool [B]."""
        rules, turn = self.rules, table.turn
        rows = torch.arange(len(turn), device=turn.device)
        leaves, plays = on & (action < 2 * rules.hand), on & (action < 2 * rules.hand) & (action >= rules.hand)
        asks = on & ~leaves
        slot = action % rules.hand
        mine = table.hand[rows, turn]
        card = mine.gather(1, slot.unsqueeze(1)).squeeze(1).where(leaves, rules.cards)
        number = card.clamp_max(rules.cards - 1)
        colour, rank = number // rules.ranks, number % rules.ranks
        scored = plays & (table.height.gather(1, colour.unsqueeze(1)).squeeze(1) == rank)
        gained = scored & (rank == rules.ranks - 1) & (table.hints < rules.hints)
        discards = leaves & ~plays
        hand, could, told, drawn = self._draw(table, rows, slot, leaves)
        hint = (action - 2 * rules.hand).clamp_min(0).where(asks, 0)
        to = (turn + self.goes[hint]) % rules.players
        could, told, touched = self._tell(hand, could, told, rows, to, self.what[hint], asks)
        return Tabletop(
            table.deck,
            drawn,
            hand,
            could,
            told,
            table.height + one_hot(colour, rules.colours) * scored.unsqueeze(1),
            table.gone + one_hot(number, rules.cards) * (leaves & ~scored).unsqueeze(1),
            table.hints + (discards | gained).long() - asks.long(),
            table.lives - (plays & ~scored).long(),
            ((turn + 1) % rules.players).where(on, turn),
            table.rest - (on & (table.drawn >= rules.deck)).long(),
            LastMove(turn, action.where(on, -1), touched, card, scored, gained),
        )

    def _draw(
        self, table: Tabletop, rows: Tensor, slot: Tensor, leaves: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Hands, what is known of them, and cards drawn, after the card in a slot has left and a new one come last."""
        rules, turn = self.rules, table.turn
        empty = table.drawn >= rules.deck
        new = table.deck.gather(1, table.drawn.clamp_max(rules.deck - 1).unsqueeze(1)).squeeze(1)
        new = new.where(~empty, rules.cards)
        behind = (self.places >= slot.unsqueeze(1)) & leaves.unsqueeze(1)
        index = self.places + behind.long()  # where each card lay before, H for the new one

        def shifted(part: Tensor, fresh: Tensor) -> Tensor:
            own = torch.cat((part[rows, turn], fresh.unsqueeze(1)), dim=1)
            at = index.view(*index.shape, *[1] * (own.dim() - 2)).expand(-1, -1, *own.shape[2:])
            mine = (torch.arange(rules.players, device=turn.device) == turn.unsqueeze(1)).view(
                len(rows), -1, *[1] * (part.dim() - 2)
            )
            return torch.where(mine, own.gather(1, at).unsqueeze(1), part)

        anything = torch.ones_like(table.could[:, 0, 0])
        nothing = torch.zeros_like(table.told[:, 0, 0])
        drawn = table.drawn + (leaves & ~empty).long()
        return shifted(table.hand, new), shifted(table.could, anything), shifted(table.told, nothing), drawn

    def _tell(
        self, hand: Tensor, could: Tensor, told: Tensor, rows: Tensor, to: Tensor, what: Tensor, asks: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What is known of hands after a player `to` was told `what`, and the cards that it touched, bool [B, H]."""
        rules = self.rules
        features = torch.arange(rules.asks, device=hand.device)
        theirs = hand[rows, to]
        touched = self.is_of[theirs].gather(2, what.view(-1, 1, 1).expand(-1, rules.hand, 1)).squeeze(2)
        touched = touched & asks.unsqueeze(1)
        is_colour = (what < rules.colours).unsqueeze(1)
        kind = (features < rules.colours) == is_colour  # [B, C + R], the features that were asked about
        asked = features == what.unsqueeze(1)
        allowed = torch.where(touched.unsqueeze(2), asked.unsqueeze(1), ~asked.unsqueeze(1)) | ~kind.unsqueeze(1)
        allowed = allowed | ~asks.view(-1, 1, 1)
        mine = (torch.arange(rules.players, device=hand.device) == to.unsqueeze(1)).view(len(rows), -1, 1, 1)
        which = torch.cat((is_colour, ~is_colour), dim=1).unsqueeze(1) & touched.unsqueeze(2)  # [B, H, 2]
        return could & (allowed.unsqueeze(1) | ~mine), told | (which.unsqueeze(1) & mine), touched


def points(table: Tabletop) -> Tensor:
    """Cards played, long [B]."""
    return table.height.sum(1)

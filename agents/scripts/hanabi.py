"""Rules of thumb for Hanabi with two players, as anchors: one plays what is sure, the other believes in hints.

`hanabi-cautious` plays a card that must fit, tells the other about cards that fit, and else discards what is of no use
any more, or its oldest card. `hanabi-hinted` takes a hint for a promise that the newest card it touches fits, gives no
other hints, and otherwise does as the first does.

They count cards: a card of one's own may be any that hints allow and that neither lies on the table nor in the other's
hand.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.beliefs import normalised
from agents.protocol import Agent, Memory
from arenas.hands import Hands
from arenas.protocol import Action, TimeStep

_SURE = 0.999  # a chance from here on is certainty


class Situation(NamedTuple):
    """What there is to decide by; H cards in a hand, F different cards, A actions."""

    legal: Tensor  # bool [B, A]
    mine: Tensor  # float32 [B, H, F], how likely my cards are
    theirs: Tensor  # float32 [B, H, F], what the other holds
    fits: Tensor  # float32 [B, F], 1 where a card can be played now
    dead: Tensor  # float32 [B, F], 1 where it never can be any more
    hinted: Tensor  # bool [B, H], my cards that the last move touched


class Cautious(Agent):
    """Plays what must fit, and tells of what fits."""

    needs = frozenset({"discrete", "common", "hands", "hanabi"})

    def build(self, seed: int) -> None:
        """How many colours and ranks there are, from the hints."""
        assert self.spec.hands is not None  # "hands" is needed
        self.hands: Hands = self.spec.hands
        self.cards, self.hand = self.hands.values - 1, self.hands.slots // 2
        self.ranks = len(self.hands.asks[2 * self.hand])
        self.colours = self.cards // self.ranks
        copies = [3, *[2] * (self.ranks - 2), 1][: self.ranks] if self.ranks > 1 else [3]
        self.deck = sum(copies) * self.colours - self.hands.slots
        rows = torch.zeros(len(self.hands.asks), self.cards)
        for number, cards in enumerate(self.hands.asks.values()):
            rows[number, list(cards)] = 1
        self.touches = rows.to(self.device)  # which cards each hint is about

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The first rule that applies; anything where the seat is not on turn."""
        value = self.choose(self.situation(timestep, memory["seat"]))
        return Action(value.where(timestep.active, 0)), {**memory, "step": memory["step"] + 1}

    def situation(self, timestep: TimeStep, number: int) -> Situation:
        """What a seat knows; `number` is its place among this agent's seats."""
        h, f, r = self.hand, self.cards, self.ranks
        me = [*self.spec.seats].index(self.seats[number])
        assert timestep.action_mask is not None
        public = self.hands.read(timestep.common[self.hands.group], timestep.action_mask.shape[1])
        theirs = timestep.observation[:, : h * f].view(-1, h, f)
        left = public.left[:, :-1] - theirs.sum(1)
        mine = normalised(left.clamp_min(0).unsqueeze(1) * public.hinted[:, me * h : (me + 1) * h, :-1])
        mine = mine * public.hinted[:, me * h : (me + 1) * h, :-1].any(-1, keepdim=True)
        heights = public.rest[:, self.deck : self.deck + f].view(-1, self.colours, r)
        played = heights.flip(2).cumsum(2).flip(2).flatten(1)  # 1 up to the height
        rank = torch.arange(f, device=played.device) % r
        below = torch.cat((torch.ones_like(played[:, :1]), played[:, :-1]), dim=1).where(rank > 0, 1.0)
        told = public.last[:, 2 * h :].any(1, keepdim=True)
        touched = public.rest[:, -2 - 2 * h : -2 - h] > 0
        return Situation(timestep.action_mask, mine, theirs, below * (1 - played), played, touched & told)

    def choose(self, now: Situation) -> Tensor:
        """An action for each row, long [B]."""
        h, actions = self.hand, now.legal.shape[1]
        wish = torch.zeros_like(now.legal, dtype=torch.float32)
        fits = (now.mine * now.fits.unsqueeze(1)).sum(-1)
        dead = (now.mine * now.dead.unsqueeze(1)).sum(-1)
        oldest = torch.arange(h, 0, -1, device=fits.device) / (10 * h)  # breaks ties
        wish[:, h : 2 * h] = self.plays(now, fits) * (50 + oldest)
        wish[:, 2 * h :] = self.tells(now) * 5
        wish[:, :h] = torch.where(dead > _SURE, 4.0, 2.0) + oldest
        wish = wish + (one_hot(torch.tensor(actions - 1), actions) * 0.01).to(wish)
        wish[:, h : 2 * h] -= 1  # the last resort is a hint, not a play
        return wish.masked_fill(~now.legal, -torch.inf).argmax(1)

    def plays(self, now: Situation, fits: Tensor) -> Tensor:
        """Which cards to play, 1 or 0, float32 [B, H]; `fits` is the chance that they do."""
        return (fits > _SURE).float()

    def tells(self, now: Situation) -> Tensor:
        """How good each hint is, float32 [B, hints]: how many cards that fit it touches; 0 for none."""
        good = (now.theirs * now.fits.unsqueeze(1)).sum(-1)  # [B, H]
        return (now.theirs @ self.touches.T * good.unsqueeze(-1)).sum(1)


class Hinted(Cautious):
    """Takes a hint for the promise that the newest card it touches fits."""

    def plays(self, now: Situation, fits: Tensor) -> Tensor:
        """What is sure, and the newest card that the last hint touched unless it cannot fit."""
        newest = now.hinted & (now.hinted.flip(1).cumsum(1).flip(1) == 1)
        return ((fits > _SURE) | (newest & (fits > 0))).float()

    def tells(self, now: Situation) -> Tensor:
        """1 where the newest card that the hint touches fits, more where it touches others too."""
        touched = now.theirs @ self.touches.T  # [B, H, hints]
        newest = touched * (touched.flip(1).cumsum(1).flip(1) == 1)
        good = (now.theirs * now.fits.unsqueeze(1)).sum(-1, keepdim=True)
        return (newest * good).sum(1) * (1 + 0.1 * touched.sum(1))

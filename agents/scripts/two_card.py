"""A script of the two-card game (`two-card`, games E and symmetric): what its two seats can agree on beforehand.

`code`: the first seat says by one of the two cheap actions which card it holds, and the second answers whether its own
is the same. With the code that game E allows both are paid 10, all that can be had. `silent`: the first does what tells
nothing and is dear to nobody, the second what goes with it: 8 with its like, whatever the cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from agents.protocol import Agent, Memory
from arenas.protocol import Action, TimeStep

_CARDS, _ACTIONS = 2, 3
_QUIET = 1  # the action that tells nothing, and its answer
_SAYS = (2, 0)  # the first seat's action for each card: E pays nothing for 2 where it holds the second card
_SAME, _OTHER = 0, 2  # the second seat's answers to a cheap action


@dataclass(frozen=True)
class TwoCardPlanConfig:
    """Settings of `two-card-plan`."""

    plan: Literal["code", "silent"] = "code"  # what the two agreed on; see the head of this file


class TwoCardPlan(Agent):
    """Tells its card in the two-card game by which cheap action it takes.

    Raises:
        ValueError: another game of the suite, with other actions.
    """

    Config = TwoCardPlanConfig
    needs = frozenset({"discrete", "two-card"})

    def build(self, seed: int) -> None:
        """The first seat's actions by its card, long [2], and the second's by its card and what it saw, long [2, 3]."""
        width = _CARDS + 1 + _ACTIONS
        if self.seat_spec().actions != _ACTIONS or self.seat_spec().observation != (width,):
            raise ValueError("it knows the games with two cards and three actions: set arena.game to E or symmetric")
        quiet = self.config.plan == "silent"
        says = [_QUIET] * _CARDS if quiet else _SAYS
        answers = [
            [_QUIET if told == _QUIET else _SAME if _SAYS[card] == told else _OTHER for told in range(_ACTIONS)]
            for card in range(_CARDS)
        ]
        self.says = torch.tensor(says, device=self.device)
        self.answers = torch.tensor(answers, device=self.device)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What was agreed on for one's card, and for what one saw."""
        seen = timestep.observation
        card, acted = seen[:, :_CARDS].argmax(1), seen[:, _CARDS] > 0.5
        value = torch.where(acted, self.answers[card, seen[:, _CARDS + 1 :].argmax(1)], self.says[card])
        return Action(value), memory

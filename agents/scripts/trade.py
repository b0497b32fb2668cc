"""A script of the trading game (`trade-comm`): what two traders can agree on beforehand.

Whoever speaks says the number of its item, shifted by `code` among the things that can be said, and asks in the end for
the item that it has heard. With its like it is paid all that can be had where there are as many things to say as items;
two that shift differently always misunderstand each other. `code=-1` says the same whatever it holds, asks for an item
like its own, and is paid 1 / n with its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from agents.protocol import Agent, Memory, Seating
from arenas.protocol import Action, TimeStep
from arenas.settings import Checked, Range

_STEPS = 4


@dataclass(frozen=True)
class TradePlanConfig(Checked):
    """Settings of `trade-plan`."""

    code: Annotated[int, Range(-1, 15)] = 0  # by how much what is said is shifted; -1: nothing is said


class TradePlan(Agent):
    """Names its item by a fixed code, and asks for the item that it heard."""

    Config = TradePlanConfig
    needs = frozenset({"discrete", "trade-comm"})
    config: TradePlanConfig

    def build(self, seed: int) -> None:
        """How many bits a message has, how many words are actions, and how many items there are."""
        seat = self.seat_spec()
        self.bits, seen = seat.message_dim, seat.observation[0] - _STEPS
        # an observation holds one's item and, where W words are actions, two words; there are W + n actions
        self.words = 0 if self.bits else seen - seat.actions
        self.items = seat.actions - self.words
        self.sayable = self.words or 2**self.bits

    def begin(self, seating: Seating) -> Memory:
        """What it has heard: nothing, which stands for the first item."""
        return {"heard": torch.zeros_like(seating.seed)}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Its word, or what it has heard."""
        seen, silent = timestep.observation, self.config.code < 0
        code = max(self.config.code, 0)
        item = seen[:, : self.items].argmax(1)
        trades = seen[:, self.items + 2 : self.items + _STEPS].any(1)
        word = (item * (not silent) + code) % self.sayable
        heard = self._heard(timestep, memory["heard"])
        asked = ((heard - code) % self.sayable).clamp_max(self.items - 1)
        asked = item if silent else asked
        value = torch.where(trades, asked + self.words, word if self.words else torch.zeros_like(word))
        message = None
        if self.bits:
            message = ((word.unsqueeze(1) >> torch.arange(self.bits, device=word.device)) & 1).float()
        legal = timestep.action_mask
        if legal is not None:  # who waits may do anything, and what it does is ignored
            value = value.where(legal.gather(1, value.unsqueeze(1)).squeeze(1), 0)
        return Action(value, message), {"heard": heard}

    def _heard(self, timestep: TimeStep, before: Tensor) -> Tensor:
        """The number of what the other said, long [B], once it is heard."""
        if not self.bits:
            words = timestep.observation[:, self.items + _STEPS + self.words :]
            return words.argmax(1)
        assert timestep.messages is not None and timestep.audible is not None
        bits = (timestep.messages * timestep.audible.unsqueeze(-1)).sum(1) > 0.5
        number = (bits.long() << torch.arange(self.bits, device=before.device)).sum(1)
        return torch.where(timestep.audible.any(1), number, before.masked_fill(timestep.first, 0))

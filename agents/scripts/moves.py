"""Players that look at moves alone: objects that change as they play, made pure functions for matrix games.

A library's player takes in a round after the other. Here the action is what a fresh player, dealt the row's luck and
led through the moves of the episode so far, does next. The memory holds the luck and these moves; the moves are read
from the observation (one-hot of start and the joint moves, in the own view), so that a player learns of its own move as
it was played. Leading a player through all moves at every step would take time of order T^2 an episode, so players are
kept where they stand and taken up again where the same moves go on. What is kept changes no action, only the time that
it takes. Players that draw no luck are shared by all rows with equal moves.

Where two of them meet, `agents.rollout.by_moves` lets the players themselves play the episode, with the same moves.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from collections.abc import Hashable
from typing import ClassVar, TypeVar

import torch
from torch import Tensor

from agents.protocol import Agent, Encounter, Encounters, Memory, Seating
from agents.randomness import bits
from arenas.protocol import Action, TimeStep

KEPT_ACTIONS = 1 << 16
KEPT_PLAYERS = 4  # for each row of the batch
LUCK = (1 << 32) - 1  # libraries' generators take seeds of 32 bits

Value = TypeVar("Value")


class PlaysByMoves(Agent):
    """A player that a library's object plays; subclasses say how it is made."""

    needs = frozenset({"discrete", "matrix"})
    lucky: bool = True  # whether it draws luck
    kept_actions: ClassVar[int | None] = None  # None takes `KEPT_ACTIONS`

    @abstractmethod
    def encounter(self, luck: int | None) -> Encounter:
        """The player before the first move of an episode, with its seed in 32 bits; None where it draws no luck."""

    def build(self, seed: int) -> None:
        """Empty caches, which save time alone: everything in them is a function of its key."""
        self._actions: OrderedDict[Hashable, int] = OrderedDict()
        self._players: OrderedDict[Hashable, Encounter] = OrderedDict()
        self._choices = self.seat_spec().actions

    def begin(self, seating: Seating) -> Memory:
        """Luck and an empty history; `length` counts the moves of a row's episode, `episode` its episodes."""
        none = torch.zeros_like(seating.seed)
        history = none.to(torch.uint8).unsqueeze(1)[:, :0]
        return {**super().begin(seating), "episode": none, "length": none, "history": history}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Lead every row's player to where the row is and ask it; rows that are inactive do action 0."""
        episode = memory["episode"] + timestep.first
        history, length = moves(timestep, memory["history"], memory["length"])
        action = torch.zeros(len(length), dtype=torch.long)
        luck = self._luck(memory, episode)
        rows, ends = history.cpu().numpy(), length.tolist()
        keep = KEPT_PLAYERS * len(ends)
        for row in timestep.active.nonzero().flatten().tolist():
            action[row] = self._answer(luck[row], rows[row, : ends[row]].tobytes(), keep)
        following = {"step": memory["step"] + 1, "episode": episode, "length": length, "history": history}
        return Action(action.to(length.device)), {**memory, **following}

    def encounters(self, memory: Memory) -> Encounters | None:
        """The players of an episode that begins."""
        return Encounters(self._luck(memory, memory["episode"] + 1), self.encounter)

    def _luck(self, memory: Memory, episode: Tensor) -> list[int | None]:
        """Each row's luck in an episode, in 32 bits."""
        dealt: list[int | None] = (bits(memory["seed"], episode) & LUCK).tolist()
        return dealt if self.lucky else [None] * len(dealt)

    def _answer(self, luck: int | None, played: bytes, keep: int) -> int:
        """The move after the joint moves `played`, one a byte."""
        known = self._actions.get((luck, played))
        if known is not None:
            return known
        player = self._players.pop((luck, played[:-1]), None) if played else None
        news, answer = played[-1:], 0
        if player is None:
            player, news = self.encounter(luck), played
            answer = player.act()
        for joint in news:
            player.note(*divmod(joint, self._choices))
            answer = player.act()
        _put(self._players, (luck, played), player, keep)
        _put(self._actions, (luck, played), answer, KEPT_ACTIONS if self.kept_actions is None else self.kept_actions)
        return answer


def moves(timestep: TimeStep, history: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """The joint moves of the episodes so far, with the one that is seen now.

    Args:
        timestep: observation one-hot [B, 1 + joint moves]: nothing, or 1 + joint move.
        history: uint8 [B, W], joint moves from the left.
        length: long [B], how many of a row's count.

    Returns:
        Both for the next step; W is the longest episode's length.
    """
    seen = timestep.observation.argmax(-1)
    length = torch.where(timestep.first, 0, length)
    rows = (timestep.active & ~timestep.first & (seen > 0)).nonzero().flatten()
    place = length[rows]
    length = length.index_put((rows,), place + 1)
    width = int(length.max())
    history = torch.nn.functional.pad(history[:, :width], (0, max(0, width - history.shape[1])))
    return history.index_put((rows, place), (seen[rows] - 1).to(torch.uint8)), length


def _put(kept: OrderedDict[Hashable, Value], key: Hashable, value: Value, limit: int) -> None:
    """Keep a value, and no more than `limit` of them: the oldest go."""
    kept[key] = value
    while len(kept) > limit:
        kept.popitem(last=False)

"""Strategies of the Axelrod library (Knight et al., PyPI `axelrod`) as agents of two-player matrix games.

The library's players are objects that change as they play. Here a player is a pure function instead: the action is what
a fresh player, seeded with the row's luck and led through the moves of the episode so far, does next. The memory holds
the luck and these moves; the moves are read from the observation (one-hot of start, CC, CD, DC, DD in the own view), so
that a player learns of its own move as it was played. Leading a player through all moves at every step would take time
of order T^2 an episode, so players are kept where they stand and taken up again where the same moves go on. What is
kept changes no action, only the time that it takes. Players that draw no luck are shared by all rows with equal moves.

Departures: the library hands a player its opponent; here the opponent is an object that holds its moves and cannot be
asked what it would do. Players see the library's own game (R, S, T, P = 3, 0, 5, 1), as the arena's payoffs are
not part of what a seat knows, and a match of unknown length without noise. Strategies that make use of the length, read
their opponent's source or change its state are refused. Parameters of a strategy are the library's defaults.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import math
import re
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from agents.protocol import Agent, Memory, Seating
from agents.randomness import bits
from arenas.protocol import Action, TimeStep

#: Strategies that no classifier of the library gives away, with the law that they break.
BREAKS_A_LAW = {"EvolvedAttention": "it draws from torch's global generator (law 5: luck is dealt)"}
#: Strategies that ask so many others at every move that no law could be held against them in reasonable time.
TOO_SLOW = dict.fromkeys(
    ("MetaMajorityFiniteMemory", "MetaMixer", "MetaWinnerFiniteMemory", "NMWEFiniteMemory"),
    "it takes some 30 ms a move, too long to be held against the laws",
)
_CLASSIFIED = {
    "inspects_source": "it reads its opponent's source",
    "manipulates_source": "it changes its opponent's source",
    "manipulates_state": "it changes its opponent's state",
}
_KEPT_ACTIONS = 1 << 16
_KEPT_PLAYERS = 4  # for each row of the batch
_LUCK = (1 << 32) - 1  # the library's generators take seeds of 32 bits

Value = TypeVar("Value")


@cache
def library() -> Any:
    """The package `axelrod`; importing it takes seconds, so it is imported when first needed.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        with _sources_read_once():
            return importlib.import_module("axelrod")
    except ModuleNotFoundError as error:
        if error.name != "axelrod":
            raise
        raise ModuleNotFoundError("the Axelrod library is missing: pip install 'marl-zoo[axelrod]'") from None


_source = cache(inspect.getsource)


@contextmanager
def _sources_read_once() -> Iterator[None]:
    """The library finds out what players make use of by reading a few hundred methods, thousands of times."""
    module: Any = inspect
    plain = module.getsource
    module.getsource = lambda thing: _source(getattr(thing, "__func__", thing))
    try:
        yield
    finally:
        module.getsource = plain


def names() -> list[str]:
    """All strategies of the library, sorted."""
    return sorted(_strategies())


@cache
def _strategies() -> dict[str, Any]:
    return {strategy.__name__: strategy for strategy in library().all_strategies}


def version() -> str:
    """The library's version, on which what its strategies play depends: "axelrod==4.14.0"."""
    return f"axelrod=={importlib.metadata.version('axelrod')}"


@cache
def refusal(name: str) -> str | None:
    """Why a strategy of the library cannot be an agent, or None."""
    if name in BREAKS_A_LAW or name in TOO_SLOW:
        return BREAKS_A_LAW.get(name) or TOO_SLOW[name]
    classifiers = library().Classifiers
    with _sources_read_once():
        player = _strategies()[name]()
        for word, reason in _CLASSIFIED.items():
            if classifiers[word](player):
                return reason
        if "length" in classifiers["makes_use_of"](player):
            return "it makes use of the length of a match, which nobody is told"
    return None


@cache
def agent(name: str) -> type[AxelrodStrategy]:
    """The agent class of a strategy.

    Raises:
        KeyError: the library has no such strategy.
        ValueError: it cannot be an agent.
    """
    strategy = _strategies()[name]
    if reason := refusal(name):
        raise ValueError(f"{name} of the Axelrod library is no agent: {reason}")
    body = {"strategy": strategy, "__doc__": description(name), "__module__": __name__}
    return type(name, (AxelrodStrategy,), body)


def description(name: str) -> str:
    """What the library says of a strategy, its first paragraph in one line; marks of references are left out."""
    text = re.sub(r"\[(\w+)\]_", r"\1", inspect.cleandoc(_strategies()[name].__doc__ or name))
    first, _, rest = text.partition("\n\n")
    return f"{' '.join(first.split())}\n\n{rest}".strip()


class Encounter:
    """A player of the library and what it knows of its opponent, somewhere in an episode.

    Args:
        strategy: the player's class.
        luck: its seed, in 32 bits; None where it draws none.
    """

    def __init__(self, strategy: Any, luck: int | None) -> None:
        axelrod = library()
        self._moves = (axelrod.Action.C, axelrod.Action.D)
        with _sources_read_once():
            self._player, self._opponent = strategy(), axelrod.Player()
        for one in (self._player, self._opponent):
            one.set_match_attributes(length=math.inf, game=axelrod.DefaultGame, noise=0)
        if luck is not None:
            self._player.set_seed(luck)

    def act(self) -> int:
        """The player's next move, 0 to cooperate and 1 to defect; it may draw luck, so it is asked once a round."""
        return int(self._player.strategy(self._opponent) is self._moves[1])

    def note(self, joint: int) -> None:
        """Go on after a round in which `joint` = 2 * own move + the other's was played."""
        own, other = self._moves[joint >> 1], self._moves[joint & 1]
        self._player.update_history(own, other)
        self._opponent.update_history(other, own)


class AxelrodStrategy(Agent):
    """A strategy of the Axelrod library; cooperation is action 0."""

    needs = frozenset({"discrete", "matrix"})
    strategy: ClassVar[Any]

    def build(self, seed: int) -> None:
        """What the library says of the strategy, and empty caches."""
        if any(seat.actions != 2 for seat in self.spec.seats.values()):
            raise ValueError(f"{type(self).__name__} knows games with two actions a seat, {self.spec.name} has more")
        self._lucky = bool(library().Classifiers["stochastic"](self.strategy()))
        # what follows is kept to save time alone: everything in it is a function of its key
        self._actions: OrderedDict[Hashable, int] = OrderedDict()
        self._encounters: OrderedDict[Hashable, Encounter] = OrderedDict()

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
        luck = (bits(memory["seed"], episode) & _LUCK).tolist()
        rows, ends = history.cpu().numpy(), length.tolist()
        keep = _KEPT_PLAYERS * len(ends)
        for row in timestep.active.nonzero().flatten().tolist():
            action[row] = self._answer(luck[row] if self._lucky else None, rows[row, : ends[row]].tobytes(), keep)
        following = {"step": memory["step"] + 1, "episode": episode, "length": length, "history": history}
        return Action(action.to(length.device)), {**memory, **following}

    def _answer(self, luck: int | None, played: bytes, keep: int) -> int:
        """The move after the joint moves `played`, one a byte."""
        known = self._actions.get((luck, played))
        if known is not None:
            return known
        encounter = self._encounters.pop((luck, played[:-1]), None) if played else None
        news, answer = played[-1:], 0
        if encounter is None:
            encounter, news = Encounter(self.strategy, luck), played
            answer = encounter.act()
        for joint in news:
            encounter.note(joint)
            answer = encounter.act()
        _put(self._encounters, (luck, played), encounter, keep)
        _put(self._actions, (luck, played), answer, _KEPT_ACTIONS)
        return answer


def moves(timestep: TimeStep, history: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """The joint moves of the episodes so far, with the one that is seen now.

    Args:
        timestep: observation one-hot [B, 5]: nothing, or 1 + joint move.
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

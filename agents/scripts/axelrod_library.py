"""Strategies of the Axelrod library (Knight et al., PyPI `axelrod`) as agents of two-player matrix games.

The library's players are objects that change as they play; `agents.scripts.moves` makes pure functions of them.

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
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

from agents.scripts.moves import PlaysByMoves

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


class AxelrodPlayer:
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

    def note(self, own: int, other: int) -> None:
        """Go on after a round in which these two moves were played."""
        mine, theirs = self._moves[own], self._moves[other]
        self._player.update_history(mine, theirs)
        self._opponent.update_history(theirs, mine)


class AxelrodStrategy(PlaysByMoves):
    """A strategy of the Axelrod library; cooperation is action 0."""

    strategy: ClassVar[Any]

    def build(self, seed: int) -> None:
        """What the library says of the strategy."""
        if any(seat.actions != 2 for seat in self.spec.seats.values()):
            raise ValueError(f"{type(self).__name__} knows games with two actions a seat, {self.spec.name} has more")
        self.lucky = bool(library().Classifiers["stochastic"](self.strategy()))
        super().build(seed)

    def encounter(self, luck: int | None) -> AxelrodPlayer:
        """A fresh player of the library."""
        return AxelrodPlayer(self.strategy, luck)

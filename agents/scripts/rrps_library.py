"""Players of the RoShamBo programming competitions of 1999 and 2000, as OpenSpiel's wheel carries them: `rrps:NAME`.

43 of them (Billings 2000; Lanctot et al. 2023, arXiv 2303.03196): the ten simple ones that the organiser added, others
like them, most of those of 1999 whose authors published them, and Greenberg, which won in 2000. They are objects that
change as they play; `agents.scripts.moves` makes pure functions of them.

They draw from the C library's `random`. Each player has a state of that generator of its own here, seeded with the
row's luck, which is in place while it thinks and at no other time. They take a match to have 1,000 throws, as in the
competitions, so a longer one is refused; in a shorter one they do what they would do at its start.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any, ClassVar

from agents.scripts.moves import PlaysByMoves
from arenas.spiel import library
from arenas.spiel import version as version

_OWN = ((0, -1, 1), (1, 0, -1), (-1, 1, 0))  # what the first earns: rock, paper and scissors against the same
_PAYOFFS = tuple(tuple((float(paid), float(-paid)) for paid in line) for line in _OWN)
_THROWS = 1000  # some players write beyond their memory in matches of another length
_GENERATOR = 128  # bytes of a state of C's `random`

#: Entrants of 1999: name, author, and place among 55 where all met all.
ENTRANTS = {
    "actr_lag2_decay": ("ACT-R Lag2", "Dan Bothell, Christian Lebiere and Robert West", 13),
    "biopic": ("Biopic", "Jonathan Schaeffer", 5),
    "boom": ("Boom", "Jack van Rijswijk", 10),
    "granite": ("Granite", "Aaron Davidson", 17),
    "halbot": ("MegaHAL", "Jason Hutchens", 3),
    "inocencio": ("Inocencio", "Rafael Morales", 44),
    "iocainebot": ("Iocaine Powder", "Dan Egnor", 1),
    "marble": ("Marble", "Aaron Davidson", 19),
    "markov5": ("Majikthise", "Markian Hlynka", 15),
    "markovbails": ("Vroomfondel", "Markian Hlynka", 18),
    "mixed_strategy": ("Mixed Strategy", "Thad Frogley", 28),
    "mod1bot": ("Simple Modeller", "Don Beal", 7),
    "multibot": ("Multi-strategy", "Mark James", 38),
    "peterbot": ("Peterbot", "Peter Baylie", 50),
    "phasenbott": ("Phasenbott", "Jakob Mandelson", 2),
    "piedra": ("Piedra", "Lourdes Pena", 25),
    "predbot": ("Simple Predictor", "Don Beal", 14),
    "robertot": ("Robertot", "Andreas Junghanns", 8),
    "russrocker4": ("RussRocker4", "Russ Williams", 4),
    "shofar": ("Shofar", "Rudi Cilibrasi", 11),
    "sweetrock": ("Sweet Rocky", "Lourdes Pena", 24),
    "zq_move": ("ZQ Bot", "Neil Burch", 22),
}
_SIMPLE = {
    "adddriftbot2": "The sum of the last two moves decides half of the throws, with a slow drift",
    "addshiftbot3": "The sum of the last two moves decides four throws of five, and shifts when it loses",
    "antiflatbot": "It beats those that keep their moves equally frequent",
    "antirotnbot": "It beats rotations in the other's moves",
    "copybot": "What would have beaten the other's last move",
    "debruijn81": "De Bruijn sequences one after the other",
    "driftbot": "The other's last move biases it, with a slow drift",
    "flatbot3": "It keeps its own moves about equally frequent",
    "foxtrotbot": "A set pattern in which every other move is random",
    "freqbot2": "It beats the other's most frequent move",
    "pibot": "The digits of pi",
    "r226bot": "A fifth rock, a fifth paper, the rest scissors, at random",
    "randbot": "Every move is equally likely",
    "rockbot": "Always rock",
    "rotatebot": "Rock, paper, scissors, in turn",
    "switchalot": "It seldom makes the same move twice in a row",
    "switchbot": "It never makes the same move twice in a row",
    "textbot": "The letters of a text as moves",
    "greenberg": "Greenberg, by Andrzej Nagorko, which won in 2000",
}


@cache
def _generator() -> Any:
    """C's `random` of this process, whose states can be exchanged."""
    found = ctypes.CDLL(None)
    for function in (found.initstate, found.setstate):
        function.restype = ctypes.c_void_p
    found.initstate.argtypes = (ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t)
    found.setstate.argtypes = (ctypes.c_void_p,)
    return found


def names() -> list[str]:
    """All players, sorted."""
    return sorted(getattr(library(), "roshambo_bot_names", list)())


def refusal(name: str) -> str | None:
    """Why a player cannot be an agent: none is refused."""
    return None


@cache
def agent(name: str) -> type[RrpsPlayer]:
    """The agent class of a player."""
    return type(name, (RrpsPlayer,), {"player": name, "__doc__": description(name), "__module__": __name__})


def description(name: str) -> str:
    """What a player is, in a line."""
    if name not in ENTRANTS:
        return f"{_SIMPLE.get(name, f'{name}, a player of the collection')}."
    called, author, place = ENTRANTS[name]
    return f"{called}, by {author}, number {place} of 1999."


class Thrower:
    """A player of the library somewhere in a match.

    Args:
        name: which.
        luck: its seed, in 32 bits.
    """

    def __init__(self, name: str, luck: int) -> None:
        spiel, generator = library(), _generator()
        self._state = _game().new_initial_state()
        self._switch = generator.setstate
        self._kept = ctypes.create_string_buffer(_GENERATOR)
        self._luck = ctypes.addressof(self._kept)
        before = generator.initstate(luck, self._luck, _GENERATOR)
        try:
            self._bot = spiel.make_roshambo_bot(0, name)
        finally:
            self._switch(before)

    def act(self) -> int:
        """The next move: 0 rock, 1 paper, 2 scissors."""
        before = self._switch(self._luck)
        try:
            return int(self._bot.step(self._state))
        finally:
            self._switch(before)

    def note(self, own: int, other: int) -> None:
        """Go on after a throw in which these two moves were played."""
        self._state.apply_actions([own, other])


@cache
def _game() -> Any:
    return library().load_game(f"repeated_game(stage_game=matrix_rps(),num_repetitions={_THROWS})")


class RrpsPlayer(PlaysByMoves):
    """A player of the RoShamBo competitions."""

    player: ClassVar[str]
    kept_actions = 1 << 12  # a match is long, and nobody but its own row plays it

    def build(self, seed: int) -> None:
        """See that the game is rock, paper, scissors."""
        if self.spec.payoffs != _PAYOFFS:
            raise ValueError(f"rrps:{self.player} knows rock, paper, scissors, and {self.spec.name} pays otherwise")
        if self.spec.max_steps > _THROWS:
            raise ValueError(f"rrps:{self.player} knows matches of {_THROWS} throws: set arena.max_steps no higher")
        super().build(seed)

    def encounter(self, luck: int | None) -> Thrower:
        """A fresh player of the library."""
        return Thrower(self.player, luck or 0)

"""A venue: an arena with its identity, its rules and those who enter there, each looked up once.

A command makes one and hands it down; a worker process makes its own from the texts of the `ArenaChoice`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from arenas.protocol import Arena
from zoo.entry.entrant import Entrant, read_entrant
from zoo.entry.identity import Identity, joined
from zoo.entry.nemesis import plain_text
from zoo.entry.registry import load_arena
from zoo.errors import UserError
from zoo.sandbox.levels import isolation

_KEPT = 4  # arenas of different sizes; a match plays blocks of three


@dataclass(frozen=True)
class ArenaChoice:
    """An arena as it was asked for, in texts, so that any process can make it again.

    It may be asked for by its identity, as boards print it; then the parts of that stand here.

    Raises:
        UserError: the identity is of another version of the game, or says something else than the settings.
    """

    name: str
    settings: tuple[str, ...] = ()
    wrap: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (asked := Identity.read(self.name)) is None:
            return
        if asked.wrap and self.wrap and asked.wrap != self.wrap:
            raise UserError(f"--wrap contradicts {self.name}: leave one of them out")
        settings = joined(self.name, asked.settings, self.settings)
        plain = ArenaChoice(asked.name, settings, asked.wrap or self.wrap)
        game = plain.make(1)
        here = plain.identity(game)
        game.close()
        found = Identity.read(here)
        if found is None or not asked.same_game(found):
            raise UserError(f"{self.name} is another version or another game: {asked.name} is {here} here")
        if not self.settings:
            plain = replace(plain, settings=settings + asked.unsaid(found))
        for field in fields(self):
            object.__setattr__(self, field.name, getattr(plain, field.name))

    @property
    def words(self) -> list[str]:
        """The arena as the options of a command."""
        sets = [word for setting in self.settings for word in ("--set", f"arena.{setting}")]
        return ["--arena", self.name, *sets, *(word for wrapper in self.wrap for word in ("--wrap", wrapper))]

    def make(self, batch_size: int, device: str = "cpu") -> Arena:
        """A fresh arena."""
        return load_arena(self.name, list(self.settings), self.wrap).make(batch_size, device)

    def identity(self, arena: Arena) -> str:
        """Name, version and settings of the game; results are kept under it."""
        return load_arena(self.name, list(self.settings), self.wrap).identity(arena)


class Venue:
    """Where players meet: an arena with its settings and identity, looked up once; `open_venue` makes one.

    Attributes:
        choice: the arena as it was asked for.
        entry: the arena as it was found.
        identity: name, version and settings of the game; results are kept under it.
        spec: its rules.

    Raises:
        UserError: the arena is unknown, or refuses its settings.
    """

    def __init__(self, choice: ArenaChoice) -> None:
        self.choice = choice
        self.entry = load_arena(choice.name, list(choice.settings), choice.wrap)
        self._arenas: dict[int, Arena] = {}
        self._entrants: dict[tuple[str, bool, str], Entrant] = {}
        self.identity = self.entry.identity(self.arena())
        self.spec = self.arena().spec

    @property
    def details(self) -> dict[str, str]:
        """What records keep of the arena and its identity does not say: the hash of its file, where it has one."""
        return {"content": self.entry.content} if self.entry.content else {}

    @property
    def kind_said(self) -> str:
        """How the kind of a foreign game is known; "" of our own, and where the user has said it."""
        return str(getattr(self.arena(), "kind_said", ""))

    def make(self, batch_size: int, device: str = "cpu") -> Arena:
        """A fresh arena with `batch_size` copies of the game."""
        return self.entry.make(batch_size, device)

    def arena(self, batch_size: int = 1) -> Arena:
        """An arena that is kept, to be reset by whoever plays in it."""
        if batch_size not in self._arenas:
            if len(self._arenas) == _KEPT:
                del self._arenas[next(size for size in self._arenas if size != 1)]
            self._arenas[batch_size] = self.make(batch_size)
        return self._arenas[batch_size]

    def entrant(self, text: str, *, learning: bool = False) -> Entrant:
        """The entrant that `text` names here, see `read_entrant`.

        Raises:
            UserError: it is unknown, cannot play here, or has no checkpoint.
        """
        key = (text, learning, isolation())
        if key not in self._entrants:
            plain = plain_text(text, self.identity, learning=learning)
            entrant = read_entrant(plain, self.arena(), self.identity, learning=learning)
            self._entrants[key] = entrant if plain == text else replace(entrant, label=text)
        return self._entrants[key]

    def id(self, text: str) -> str:
        """The identity of the frozen entrant that `text` names here."""
        return self.entrant(text).id

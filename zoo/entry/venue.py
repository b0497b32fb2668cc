"""Arenas as they are asked for, and who enters there."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from arenas.protocol import Arena
from zoo.entry.entrant import Entrant, read_entrant
from zoo.registry import load_arena


@dataclass(frozen=True)
class ArenaChoice:
    """An arena as it was asked for, in texts, so that any process can make it again."""

    name: str
    settings: tuple[str, ...] = ()
    wrap: tuple[str, ...] = ()

    def make(self, batch_size: int, device: str = "cpu") -> Arena:
        """A fresh arena."""
        return load_arena(self.name, list(self.settings), self.wrap).make(batch_size, device)

    def identity(self, arena: Arena) -> str:
        """Name, version and settings of the game; results are kept under it."""
        return load_arena(self.name, list(self.settings), self.wrap).identity(arena)


@functools.lru_cache(maxsize=64)
def entrant(choice: ArenaChoice, text: str) -> Entrant:
    """The entrant that `text` names in an arena; read once per process."""
    arena = cached_arena(choice, 1)
    return read_entrant(text, arena, choice.identity(arena))


@functools.lru_cache(maxsize=4)
def cached_arena(choice: ArenaChoice, batch_size: int) -> Arena:
    """An arena that is made once per process."""
    return choice.make(batch_size)

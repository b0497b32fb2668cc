"""PettingZoo on both sides: its environments as arenas, and arenas as its environments."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`Foreign`, imported when it is asked for: names of environments are listed without torch."""
    if name == "Foreign":
        from arenas.foreign.arena import Foreign

        return Foreign
    raise AttributeError(f"module {__name__} has no attribute {name!r}")

"""The zoo: multi-agent learning algorithms, the arenas in which they meet, and a competition harness.

`docs/library.md` shows these names at work. Each is imported when it is first used, so `import zoo` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.protocol import Agent
    from arenas.protocol import Arena
    from leaderboard.store.store import Store
    from zoo.api import (
        measure_exploitability,
        open_venue,
        play_crossplay,
        play_match,
        play_tournament,
        read_board,
        train_agent,
    )
    from zoo.check import check_agent, check_arena
    from zoo.entry.registry import load_agent, load_arena
    from zoo.entry.venue import Venue
    from zoo.errors import UserError

    __version__: str

__all__ = [
    "Agent",
    "Arena",
    "Store",
    "UserError",
    "Venue",
    "__version__",
    "check_agent",
    "check_arena",
    "load_agent",
    "load_arena",
    "measure_exploitability",
    "open_venue",
    "play_crossplay",
    "play_match",
    "play_tournament",
    "read_board",
    "train_agent",
]

#: Where a public name lives that is not in `zoo.api`.
_HOMES = {
    "Agent": "agents.protocol",
    "Arena": "arenas.protocol",
    "Store": "leaderboard.store.store",
    "UserError": "zoo.errors",
    "Venue": "zoo.entry.venue",
    "check_agent": "zoo.check",
    "check_arena": "zoo.check",
    "load_agent": "zoo.entry.registry",
    "load_arena": "zoo.entry.registry",
}


def __getattr__(name: str) -> Any:
    """A public name, imported when it is first used; the version is that of the installed package."""
    import importlib

    if name == "__version__":
        import importlib.metadata

        return importlib.metadata.version("marl-zoo")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "zoo.api")), name)

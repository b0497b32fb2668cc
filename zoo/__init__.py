"""The zoo: registry, matches, training, tournaments and the command line over arenas, agents and leaderboard."""

from __future__ import annotations

__version__: str


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version  # at use: it takes 40 ms

        return version("marl-zoo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

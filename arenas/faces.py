"""Every arena's two functions that make it a PettingZoo environment.

    env, parallel_env = faces(Coin)
    parallel_env(render_mode="ansi", size=5)

PettingZoo is imported when one of them is called, so that an arena alone does not need it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from arenas.protocol import Arena

if TYPE_CHECKING:
    from pettingzoo import AECEnv, ParallelEnv


def faces(
    arena: type[Arena],
) -> tuple[Callable[..., AECEnv[str, Any, Any]], Callable[..., ParallelEnv[str, Any, Any]]]:
    """`env` and `parallel_env` of an arena; both take `render_mode`, another `game` of the family, and settings."""

    def face(form: str, interface: str) -> Callable[..., Any]:
        def make(render_mode: str | None = None, game: type[Arena] = arena, **settings: Any) -> Any:
            from arenas.foreign import face

            return getattr(face, form)(game, render_mode, **settings)

        make.__doc__ = f"The game as PettingZoo's {interface} environment `{arena.name.replace('-', '_')}`."
        make.__module__, make.__name__, make.__qualname__ = arena.__module__, form, form
        return make

    return face("env", "AEC"), face("parallel_env", "parallel")

"""What a process has found out that those who work for it must not find out anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_given: dict[str, Callable[[], Any]] = {}


def hand_down(give: Callable[[], Any], take: Callable[[Any], None]) -> None:
    """Have every worker call `take` with what `give` returns here, before each job that it is given.

    Nothing is sent where that is empty.
    """
    _given[f"{take.__module__}:{take.__qualname__}"] = give


def handed() -> dict[str, Any]:
    """Name of a function, as in `zoo.work.pool.function_of` -> what a worker calls it with."""
    return {take: value for take, give in _given.items() if (value := give())}

"""How far a stranger's agent is kept apart."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from zoo.errors import UserError, nearest

LEVELS = ("trusted", "process", "strict", "container")
_VARIABLE = "ZOO_ISOLATION"


def isolation() -> str:
    """The level of this process and its workers.

    Raises:
        UserError: the environment names a level that there is not.
    """
    level = os.environ.get(_VARIABLE) or "strict"
    if level not in LEVELS:
        raise UserError(f"{_VARIABLE}={level} is no level of isolation; {nearest(level, LEVELS)}")
    return level


def choose(level: str) -> None:
    """Use this level from now on, here and in workers that are started."""
    os.environ[_VARIABLE] = level


def refusal(level: str) -> str | None:
    """Why this machine cannot confine so."""
    return None


@contextmanager
def at(level: str | None) -> Iterator[None]:
    """Use a level inside; None changes nothing."""
    before = os.environ.get(_VARIABLE)
    if level is not None:
        choose(level)
    try:
        yield
    finally:
        if level is not None:
            os.environ.pop(_VARIABLE, None)
            if before is not None:
                os.environ[_VARIABLE] = before

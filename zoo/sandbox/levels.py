"""How far an agent that the zoo does not ship is kept from everything else, for this process and its workers."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

from zoo import home
from zoo.errors import UserError, nearest

LEVELS = ("trusted", "process", "strict", "container")
DEFAULT = "strict"
#: Levels at which an agent can read no file but its own, so that the home can keep secrets from it.
HIDING = ("strict", "container")
_VARIABLE = "ZOO_ISOLATION"


def isolation() -> str:
    """The level of this process and its workers: the environment's `ZOO_ISOLATION`, by default "strict".

    Raises:
        UserError: the variable holds another word.
    """
    return _known(os.environ.get(_VARIABLE) or DEFAULT, _VARIABLE)


def at(level: str | None) -> AbstractContextManager[None]:
    """This level within, also of workers that are started there, and the one before afterwards; None changes nothing.

    Raises:
        UserError: there is no such level.
    """
    return nullcontext() if level is None else home.variable(_VARIABLE, _known(level, "--isolation"))


def refusal(level: str) -> str | None:
    """Why this machine cannot confine an agent so, in one line with the way out; None where it can."""
    from zoo.sandbox.confine import supported

    lacks = supported(level)
    if lacks is None:
        return None
    if level == "container" and supported(DEFAULT) is None:
        return (
            f"this machine cannot isolate agents at level container: {lacks}; `--isolation {DEFAULT}` confines them"
            " without one"
        )
    return (
        f"this machine cannot isolate agents at level {level}: {lacks}; `--isolation process` runs them in a process of"
        " their own, with limits on time and memory, but does not stop them from reading your files, writing to them"
        " or using the network"
    )


def _known(level: str, where: str) -> str:
    if level not in LEVELS:
        raise UserError(f"{where}: unknown level {level!r}; {nearest(level, LEVELS)}")
    return level

"""Options that several commands share."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from zoo.errors import UserError

F = TypeVar("F", bound=Callable[..., Any])

COUNT = click.IntRange(1, 1_000_000)
#: What records can hold.
SEED = click.IntRange(0, 2**63 - 1)


def arena_options(function: F) -> F:
    """--arena, --set and --wrap."""
    function = click.option(
        "--wrap", multiple=True, metavar="NAME[=VALUE]", help="SuperSuit wrapper of a PettingZoo environment."
    )(function)
    function = click.option(
        "--set", "assignments", multiple=True, metavar="arena.FIELD=VALUE", help="A setting of the arena."
    )(function)
    return click.option("--arena", required=True, metavar="ARENA", help="See `zoo arenas`.")(function)


def arena_settings(assignments: tuple[str, ...]) -> tuple[str, ...]:
    """Strip the prefix: "arena.size=5" -> "size=5".

    Raises:
        UserError: an assignment to something else than the arena.
    """
    for assignment in assignments:
        if not assignment.startswith("arena."):
            raise UserError(f"--set {assignment}: expected arena.FIELD=VALUE, such as arena.size=5")
    return tuple(assignment.removeprefix("arena.") for assignment in assignments)


def typed() -> str:
    """The command as it was typed."""
    return shlex.join(["zoo", *sys.argv[1:]])

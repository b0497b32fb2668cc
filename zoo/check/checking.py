"""Agents and arenas held against the laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from zoo.check.apart import findings_apart
from zoo.check.laws import AGENT_LAWS, ARENA_LAWS
from zoo.check.rules import shortened
from zoo.check.subject import files_of_arena, subject
from zoo.check.verdict import Finding, hold
from zoo.entry.catalogue import refusal
from zoo.entry.registry import is_shipped
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError

_ARENA_LENGTH = 6  # steps of an episode under the laws for arenas


def check_agent(agent: str, arena: str, settings: Sequence[str] = (), *, own_game: bool = False) -> Iterator[Finding]:
    """Hold an agent, `NAME[,field=value ...][@CHECKPOINT]`, against the ten laws in one arena.

    One that the zoo does not ship is held against them in a process of its own, which gets a copy of the arena's file
    where it lies in one. With `own_game` it need not know masks where this arena never forbids anything.

    Raises:
        UserError: unknown names or fields, values that do not fit, or an agent that cannot play there.
    """
    checked = replace(subject(agent, arena, settings), own_game=own_game)
    refused = refusal(checked.entry, checked.arena, checked.config)
    if refused:
        raise UserError(f"{checked.entry.name} cannot play {arena}, which {refused}")
    if checked.entry.isolation == "trusted":
        return hold(AGENT_LAWS, checked)
    if checked.checkpoint is not None:
        raise UserError(
            f"{agent} is checked in a process that cannot read the checkpoint: check it without @CHECKPOINT"
        )
    if not (is_shipped(arena) or files_of_arena(arena)):
        raise UserError(
            f"{checked.entry.name} is checked in a process that cannot read {arena}: check it in an arena of the zoo's"
            " or of one file, or add --trust if you trust its code"
        )
    return findings_apart(checked.entry, agent, arena, settings, own_game)


def check_arena(arena: str, settings: Sequence[str] = (), wrap: tuple[str, ...] = ()) -> Iterator[Finding]:
    """Hold an arena against the laws for arenas.

    Raises:
        UserError: an unknown name or field, or values that do not fit.
    """
    return hold(ARENA_LAWS, shortened(ArenaChoice(arena, tuple(settings), wrap), _ARENA_LENGTH))

"""The laws, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from zoo.check import acting, border, games, learning, luck
from zoo.check.rules import shortened
from zoo.check.subject import Specimen, files_of_arena, subject
from zoo.check.verdict import Finding, Law, hold
from zoo.entry.catalogue import refusal
from zoo.entry.registry import is_shipped
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError

LUCK, BY_LUCK = "5", frozenset({"1", "2", "4", "7", "8", "10"})  # an agent that breaks law 5 breaks these by it
AGENT_LAWS: tuple[Law[Specimen], ...] = (
    Law("0", "It plays legal moves", acting.plays_legally),
    Law("1", "Act sees a seat, learn sees the table", acting.act_sees_a_seat),
    Law("2", "Memory is the only state of play", acting.memory_is_the_only_state),
    Law("3", "Act changes nothing, learn recomputes", learning.act_changes_nothing),
    Law("4", "Always a batch, and rows are strangers", acting.rows_are_strangers),
    Law(LUCK, "Luck is dealt", luck.luck_is_dealt),
    Law("6", "Memory is data", acting.memory_is_data),
    Law("7", "Learning is simultaneous", learning.learning_is_simultaneous),
    Law("8", "Peers are shown or inferred", learning.peers_are_shown_or_inferred),
    Law("9", "Needs are declared, and refusals name them", border.needs_are_declared),
    Law("10", "Only tensors and numbers leave, and survive", border.only_numbers_leave),
)

ARENA_LAWS: tuple[Law[Venue], ...] = (
    Law("1", "What the spec says is true", games.spec_is_true),
    Law("2", "Seeds reproduce", games.seeds_reproduce),
    Law("3", "Rows are independent", games.rows_are_independent),
    Law("4", "Both faces play the same game", games.faces_agree),
    Law("5", "Seats of a side are exchangeable", games.seats_are_exchangeable),
    Law("6", "Snapshots restore", games.snapshots_restore),
    Law("7", "Episodes end, with autoreset and without", games.episodes_end),
    Law("8", "The device is honoured", games.device_is_honoured),
    Law("9", "A twin shares nothing", games.twins_are_strangers),
    Law("10", "An offered value is exact", games.value_is_exact),
)
_ARENA_LENGTH = 6  # steps of an episode under the laws for arenas


def check_agent(agent: str, arena: str, settings: Sequence[str] = (), *, own_game: bool = False) -> Iterator[Finding]:
    """Hold an agent, `NAME[,field=value ...][@CHECKPOINT]`, against the ten laws in one arena.

    One that the zoo does not ship is held against them in a process of its own, which gets a copy of the arena's file
    where it lies in one. With `own_game` it need not know masks where this arena never forbids anything.

    Raises:
        UserError: unknown names or fields, values that do not fit, or an agent that cannot play there.
    """
    checked = replace(subject(agent, arena, settings), own_game=own_game)
    refused = refusal(checked.entry, checked.arena)
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
    from zoo.check.apart import findings_apart  # which knows these laws

    return findings_apart(checked.entry, agent, arena, settings, own_game)


def check_arena(arena: str, settings: Sequence[str] = (), wrap: tuple[str, ...] = ()) -> Iterator[Finding]:
    """Hold an arena against the laws for arenas.

    Raises:
        UserError: an unknown name or field, or values that do not fit.
    """
    return hold(ARENA_LAWS, shortened(ArenaChoice(arena, tuple(settings), wrap), _ARENA_LENGTH))

"""Panels: the frozen partners with whom entrants are compared, as a population in which what pays has spread.

A panel is declared in a file of the house, or computed here once and recorded. Members are chosen; weights and scale
follow from what the members get from each other: in games of mixed motives and of several sides the weights are the
rest point of replicator-mutator dynamics, in cooperative games every member counts equally. So a partner counts as
often as it would be met where strategies that pay are copied, and an exploiter gains nothing from a panel of prey.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.records import ArenaRecord
from leaderboard.seeds import PUBLIC_SEED
from leaderboard.statistics.field import Field, field_of
from leaderboard.statistics.game import MUTATION, replicator_mutator, replicator_mutator_sides
from leaderboard.statistics.tally import Tally, is_head_to_head, sides_of
from leaderboard.store.store import Store
from leaderboard.store.tallies import tallies_of
from zoo.entry.declared import BEST, Panel, anchors_for, family, panel_for
from zoo.entry.nemesis import plain_text
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.matches.plan import MatchPlan, Work, ordered, record_of, run
from zoo.play import luck
from zoo.play.blocks import Task, arena_record, play_block, record_arena

Floats = NDArray[np.float64]
#: Episodes of every pairing of members from which weights are computed, unless an arena's usual number is smaller.
EPISODES = 200
_NOTHING = 1e-9  # relative; what rounding leaves of a spread
_RULES = {
    "mixed": f"rest point of replicator-mutator dynamics, mutation {MUTATION:g}, on the members' matrix scaled to 0..1",
    "competitive": f"rest point of two-population replicator-mutator dynamics, mutation {MUTATION:g}",
    "cooperative": "every member equally",
}


class AlikeError(UserError):
    """Members that all get the same make no panel."""


def panel_of(
    venue: Venue,
    store: Store,
    work: Work,
    *,
    members: Sequence[str] = (),
    players: Sequence[str] = (),
) -> Panel | None:
    """The panel of an arena, computed and recorded first where it has to be; None where the game has none.

    That is, in this order: the members asked for; the newest version that was declared or recorded; the members of
    the same game under its usual settings who can play here, with weights of their own.

    Args:
        venue: the arena, and who enters there.
        store: records to read and to add to.
        work: how it is played and recorded.
        members: entrant texts to make a panel of.
        players: entrant texts of those who are to be compared. Each plays two episodes before a new panel is played, so
            that nobody waits for a panel to learn that an agent is broken.

    Raises:
        UserError: a member cannot play here, or is no longer the one that was recorded; a player is broken.
    """
    if is_head_to_head(arena_record(venue.spec, venue.identity)):
        if members:
            raise _needs_none(venue)
        return None
    known = newest(venue, store)
    texts: Sequence[str] = members
    if not members:
        if known is not None:
            return known
        texts = [text for text in family(venue) if _plays(venue, text)]
        if len(texts) < 2:
            return None
    elif known is not None and {venue.id(text) for text in members} == {venue.id(text) for text in known.members}:
        return known
    for text in players:
        play_block(venue, Task((text, text), PUBLIC_SEED, 0, 2))
    try:
        return renew(venue, store, texts, work)
    except AlikeError:
        if members:
            raise
        return None  # what was inherited tells nothing here


def newest(venue: Venue, store: Store) -> Panel | None:
    """The newest version that is declared or recorded.

    Raises:
        UserError: a member is no longer the one that was recorded.
    """
    declared = panel_for(venue)
    record = store.panel(venue.identity) if any(arena.id == venue.identity for arena in store.arenas()) else None
    if record is None or not record.texts:
        return declared
    recorded = Panel(record.id, record.texts, record.weights, record.scale, record.anchors, record.details)
    if declared is not None and declared.number > recorded.number:
        return declared
    for text, known in zip(record.texts, record.entrants, strict=True):
        try:
            wrong = "" if venue.id(text) == known else f"{text} is no longer the entrant that was recorded"
        except UserError as error:
            wrong = str(error)
        if wrong:
            renewal = "`zoo panel ARENA --renew MEMBERS...` makes the next version"
            raise UserError(f"panel {record.id}: {wrong}; {renewal}")
    return recorded


def carry_panel(venue: Venue, kept: Store, store: Store) -> None:
    """Record in one store the arena's newest panel of another, so that what is not recorded is judged by it, too."""
    if (panel := newest(venue, kept)) is not None:
        record_arena(venue, store)
        store.add(record_of(venue, panel))


def renew(
    venue: Venue,
    store: Store,
    members: Sequence[str],
    work: Work,
    episodes: int | None = None,
) -> Panel:
    """The next version of an arena's panel: plays what is missing of the members' matrix, and records the panel.

    Raises:
        UserError: fewer than two members, one that cannot play here or spoils every episode, or a game that is rated
            by games against each other.
    """
    arena = arena_record(venue.spec, venue.identity)
    if is_head_to_head(arena):
        raise _needs_none(venue)
    # a panel holds who plays, whoever may be found to be somebody's nemesis later
    texts = list(dict.fromkeys(plain_text(text, venue.identity) for text in members))
    if len({venue.id(text) for text in texts}) < max(2, len(texts)):
        raise UserError("a panel needs two members or more, each once: name further entrants")
    n = min(EPISODES, venue.spec.episodes) if episodes is None else episodes
    pairs = ordered(venue, itertools.combinations_with_replacement(texts, 2))
    players = tuple(venue.entrant(text) for text in texts)
    plan = MatchPlan(venue, players, None, pairs, luck.rated_seed(players), 0, n)
    run(plan, store, work)
    tallies = tallies_of(store.blocks_of(plan.tasks), arena)
    fields = _fields(venue, tallies, arena, texts, {})
    _check_known(venue, fields, texts)
    weights = _weights(venue, arena, fields, texts)
    fields = _fields(venue, tallies, arena, texts, weights)
    scale = {}
    for side, field in fields.items():
        centre, spread = field.headline.value.mean(), field.headline.value.std()
        if spread <= _NOTHING * (1.0 + abs(centre)):
            raise AlikeError(f"the members of this panel all get the same in {venue.identity}: name others, too")
        scale[side] = _rounded((centre, spread))
    before = newest_number(venue, store)
    details = {
        "rule": _RULES["cooperative" if len(fields) > 2 else arena.kind],
        "episodes": n,
        "seed": plan.seed,
        "command": work.command,
        "matrix": {side: [_rounded(row) for row in _in_order(venue, field, texts)] for side, field in fields.items()},
    }
    members, anchors = tuple(map(anywhere, texts)), _anchors(venue, fields, texts)
    panel = Panel(f"{venue.identity}/panel-{before + 1}", members, weights, scale, anchors, details)
    store.add(record_of(venue, panel))
    return panel


def newest_number(venue: Venue, store: Store) -> int:
    """Number of the newest version that is declared or recorded, 0 without any."""
    declared = panel_for(venue)
    record = store.panel(venue.identity)
    numbers = [declared.number if declared else 0]
    return max([*numbers, int(record.id.rpartition("-")[2]) if record else 0])


def anywhere(text: str) -> str:
    """The entrant's text as it is read the same from any folder: with the full paths of its file and checkpoint."""
    who, at, where = text.partition("@")
    if at and Path(where).exists():
        where = os.path.abspath(where)
    name, comma, settings = who.partition(",")
    place, colon, attribute = name.rpartition(":")
    if place.endswith(".py"):
        name = os.path.abspath(Path(place).expanduser()) + colon + attribute
    return name + comma + settings + at + where


def _needs_none(venue: Venue) -> UserError:
    return UserError(f"{venue.identity} is rated by games against each other, so it needs no panel")


def _check_known(venue: Venue, fields: Mapping[str, Field], texts: Sequence[str]) -> None:
    """See that every member got something from every member.

    Raises:
        UserError: one spoils every episode.
    """
    for field in fields.values():
        for who, partner in np.argwhere(np.isnan(_in_order(venue, field, texts))):
            raise UserError(f"{texts[partner]} spoils every episode with {texts[who]}, so it can be in no panel")


def _plays(venue: Venue, text: str) -> bool:
    """Whether an entrant can play here: its agent is offered what it needs, and its weights fit."""
    try:
        venue.entrant(text).agents(venue.spec, tuple(venue.spec.seats), 0)
    except UserError:
        return False
    return True


def _fields(
    venue: Venue,
    tallies: Sequence[Tally],
    arena: ArenaRecord,
    texts: Sequence[str],
    weights: Mapping[str, Sequence[float]],
) -> dict[str, Field]:
    """The members on each side, with each other and themselves as partners."""
    ids = [venue.id(text) for text in texts]
    equal = [1.0 / len(ids)] * len(ids)
    return {side: field_of(tallies, side, ids, weights.get(side, equal), with_oneself=True) for side in sides_of(arena)}


def _in_order(venue: Venue, field: Field, texts: Sequence[str]) -> Floats:
    """Mean own return of each member with each member, [n, n] in the order of the texts."""
    rows = [field.entrants.index(venue.id(text)) for text in texts]
    return np.asarray(field.mean[np.ix_(rows, rows)])


def _weights(
    venue: Venue, arena: ArenaRecord, fields: Mapping[str, Field], texts: Sequence[str]
) -> dict[str, list[float]]:
    """Of each member as a partner of those on each side, in the order of the partners.

    Where three sides meet, or all want the same, every member counts equally.
    """
    if arena.kind == "cooperative" or len(fields) > 2:
        return {side: [round(1.0 / len(texts), 6)] * len(texts) for side in fields}
    matrices = [_in_order(venue, field, texts) for field in fields.values()]
    if len(matrices) == 1:
        return {side: [round(float(x), 4) for x in replicator_mutator(matrices[0])] for side in fields}
    # Those on one side meet the population of the other.
    first, second = replicator_mutator_sides(matrices[0], matrices[1].T)
    return {side: [round(float(x), 4) for x in share] for side, share in zip(fields, (second, first), strict=True)}


def _anchors(venue: Venue, fields: Mapping[str, Field], texts: Sequence[str]) -> dict[str, list[float]]:
    """The headlines of the arena's anchors on each side, where they are members and a headline is worth scaling."""
    if venue.spec.kind == "mixed":
        return {}
    ends = anchors_for(venue)
    if ends.low is None or ends.low not in texts or (ends.high != BEST and ends.high not in texts):
        return {}
    anchors = {}
    for side, field in fields.items():
        value = {text: float(field.headline.value[field.entrants.index(venue.id(text))]) for text in texts}
        high = max(value.values()) if ends.high == BEST else value[ends.high]
        if high > value[ends.low]:
            anchors[side] = _rounded((value[ends.low], high))
    return anchors


def _rounded(values: Sequence[float] | Floats) -> list[float]:
    """Seven digits: enough to compare by, and the same on every processor."""
    return [float(f"{float(x):.7g}") for x in values]


def content(venue: Venue, panel: Panel) -> dict[str, Any]:
    """The panel as a file declares it."""
    return {
        "members": {text: venue.id(text) for text in panel.members},
        "weights": panel.weights,
        "scale": panel.scale,
        "anchors": panel.anchors,
        "details": panel.details,
    }

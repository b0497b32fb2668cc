"""Verification: recorded blocks are played again and held against what was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leaderboard.records import (
    RULES_VERSION,
    STATUSES,
    BlockRecord,
    CheckpointRecord,
    EntrantRecord,
    MatchRecord,
    SeatResult,
    Status,
)
from leaderboard.report.layout import plural
from leaderboard.store.store import Store
from zoo.entry.declared import panel_for
from zoo.entry.registry import is_shipped
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play import luck
from zoo.play.blocks import Task, play_block, play_groups
from zoo.work.progress import Reading, Watch, unwatched

_AT_ONCE = 500  # blocks read at a time
_TOGETHER = 4_000  # episodes of scripts played as one batch, which costs a fraction of many small ones


@dataclass(frozen=True)
class Verified:
    """What came of playing blocks again.

    Attributes:
        blocks, episodes: how many were played again; an episode under several rotations counts once.
        differences: a line for each block that did not come out as recorded.
        left_out: a line for each reason for which blocks could not be played again.
    """

    blocks: int
    episodes: int
    differences: list[str]
    left_out: list[str]


def verify(
    store: Store,
    matches: Sequence[MatchRecord],
    *,
    everything: bool = False,
    workers: int = 1,
    watch: Watch = unwatched,
) -> Verified:
    """Play the blocks of matches again, each block once, and compare returns, lengths, statuses, metrics and seats.

    Args:
        store: the records.
        matches: of any arenas; runs of learning matches are left out.
        everything: also the blocks of matches that were stopped, where another match says how their arena is made.
        workers: processes that play.
        watch: given the blocks that are done and all that are played again.

    Raises:
        StoreError: a block was damaged or edited.
    """
    wanted = _by_choice([match for match in matches if match.mode == "play"])
    learning = sum(match.mode != "play" for match in matches)
    left_out = [f"{learning} learning matches: their runs are not played again"] if learning else []
    left_out += _unfinished(store, wanted) if everything else []
    total, done = sum(len(ids) for ids in wanted.values()), _Done()
    for choice, ids in wanted.items():
        try:
            venue = Venue(choice)
            texts = EntrantTexts(venue, store)
        except UserError as error:
            left_out.append(f"{plural(len(ids), 'block')} of {choice.name}: {error}")
            continue
        for some in _chunks(store.in_order(ids)):
            known = {block.id: block for block in store.blocks_of(some)}
            groups = _groups(venue, texts, [known[id] for id in some], done)
            for again in play_groups(venue, groups, workers):
                done.blocks, done.episodes = done.blocks + 1, done.episodes + again.episodes
                done.loose += sum(int(x.sum()) for x in _by_machine(known[again.id], again).values())
                watch(venue.identity, Reading(done.blocks, total))
                if difference(known[again.id], again):
                    # What was played beside other blocks is played once more, exactly as it was.
                    where = (again.seed, again.first_episode, again.episodes)
                    alone = play_block(venue, Task(_pair(texts, again), *where))
                    if says := difference(known[again.id], alone):
                        done.differences.append(says)
        left_out += done.left_out(venue, texts)
    if done.loose:
        left_out.append(f"{done.loose} games that ended by TIMEOUT or MEMORY, which depend on the machine")
    return Verified(done.blocks, done.episodes, done.differences, left_out)


@dataclass
class _Done:
    """What was done so far.

    `loose` counts the games that are not compared, `secret` the blocks whose seed is another home's; `unknown` and
    `elsewhere` are the entrants and arenas that could not be played again.
    """

    blocks: int = 0
    episodes: int = 0
    loose: int = 0
    secret: int = 0
    differences: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)

    def left_out(self, venue: Venue, texts: EntrantTexts) -> list[str]:
        """A line for each reason for which blocks of a venue were left out, which are forgotten then."""
        lines = []
        if self.elsewhere:
            lines.append(
                f"blocks of {', '.join(sorted(self.elsewhere))}, which is {venue.identity} in this installation"
            )
        if self.secret:
            lines.append(f"{self.secret} blocks of {venue.identity} on secret seeds that this home does not hold")
        if self.unknown:
            labels = ", ".join(sorted(texts.label(who) for who in self.unknown))
            lines.append(f"blocks of {venue.identity} with entrants that are no longer as they were: {labels}")
        self.unknown, self.elsewhere, self.secret = set(), set(), 0
        return lines


def _groups(venue: Venue, texts: EntrantTexts, blocks: Iterable[BlockRecord], done: _Done) -> list[list[Task]]:
    """The blocks that can be played again, those together that may be."""
    groups: list[list[Task]] = []
    held = luck.secrets()
    for block in blocks:
        if luck.is_secret(block.seed) and block.seed not in held:
            done.secret += 1
            continue
        if (block.arena, block.rules_version) != (venue.identity, RULES_VERSION):
            done.elsewhere.add(block.arena)
            continue
        pair = [texts.of(who) for who in block.entrants]
        if None in pair:
            done.unknown |= {who for who, text in zip(block.entrants, pair, strict=True) if text is None}
            continue
        task = Task((pair[0] or "", pair[1] or ""), block.seed, block.first_episode, block.episodes)
        if groups and _joins(venue, groups[-1], task):
            groups[-1].append(task)
        else:
            groups.append([task])
    return groups


def _pair(texts: EntrantTexts, block: BlockRecord) -> tuple[str, str]:
    first, second = (texts.of(who) for who in block.entrants)
    return first or "", second or ""


def _joins(venue: Venue, group: Sequence[Task], task: Task) -> bool:
    """Whether a block can be played in one batch with those before it: it follows them, and nobody has weights."""
    last = group[-1]
    follows = (last.texts, last.seed, last.first_episode + last.episodes) == (task.texts, task.seed, task.first_episode)
    small = sum(other.episodes for other in group) + task.episodes <= _TOGETHER
    return follows and small and all(venue.entrant(text).checkpoint is None for text in task.texts)


def difference(recorded: BlockRecord, again: BlockRecord) -> str:
    """What differs between a record and the same block played again, in a line; empty where nothing does.

    Games that ended in either by a fault which depends on the machine (TIMEOUT, MEMORY) are not compared.
    """
    places: list[dict[tuple[int, str], SeatResult]] = [
        {(result.rotation, result.seat): result for result in block.results} for block in (recorded, again)
    ]
    old, new = places
    name = f"block {recorded.id[:16]} of {recorded.arena}"
    if old.keys() != new.keys():
        return f"{name}: other seats or rotations were recorded than are played"
    loose = _by_machine(recorded, again)
    for key in sorted(old):
        a, b, sure = old[key], new[key], ~loose[key[0]]
        where = f"seat {key[1]}, rotation {key[0]}"
        if a.entrant != b.entrant:
            return f"{name}, {where}: the record names {a.entrant[:16]}, and {b.entrant[:16]} sits there"
        for what in ("returns", "lengths", "statuses"):
            ours, theirs = getattr(a, what), getattr(b, what)
            if (wrong := np.flatnonzero((ours != theirs) & sure)).size:
                first = int(wrong[0])
                values = [STATUSES[int(x[first])] if what == "statuses" else f"{x[first]:g}" for x in (ours, theirs)]
                return (
                    f"{name}, {where}, episode {recorded.first_episode + first}: recorded {what} {values[0]}, played "
                    f"again {values[1]} ({wrong.size} of {recorded.episodes} episodes differ)"
                )
        if sure.all() and dict(a.metrics) != dict(b.metrics):
            return f"{name}, {where}: the metrics differ"
    return ""


def _by_machine(*blocks: BlockRecord) -> dict[int, NDArray[np.bool_]]:
    """Rotation -> the episodes [k] that ended by a fault which depends on the machine, in any of the blocks."""
    codes = [status.code for status in (Status.TIMEOUT, Status.MEMORY)]
    ended: dict[int, NDArray[np.bool_]] = {}
    for result in (result for block in blocks for result in block.results):
        here = np.isin(result.statuses, codes)
        ended[result.rotation] = ended.get(result.rotation, np.zeros_like(here)) | here
    return ended


class EntrantTexts:
    """Entrant texts by identity, as far as matches, panels, labels and checkpoints tell them.

    Args:
        venue: where they play.
        store: the records.
        shipped: know only agents that the zoo ships, and load no other one.
    """

    def __init__(self, venue: Venue, store: Store, *, shipped: bool = False) -> None:
        self._venue, self._shipped = venue, shipped
        self._entrants = {record.id: record for record in store.entrants()}
        self._checkpoints = {record.id: record for record in store.checkpoints()}
        panel, record = panel_for(venue), store.panel(venue.identity)
        named = [text for match in store.matches(venue.identity) for text in match.details.get("pairing", ())]
        named += [*(panel.members if panel else ()), *(record.texts if record else ())]
        self._known: dict[str, str | None] = {}
        for text in dict.fromkeys(named):
            self._learn(text)

    def of(self, who: str) -> str | None:
        """The text that names this entrant today; None where none does."""
        if who not in self._known:
            for text in _guesses(self._entrants.get(who), self._checkpoints):
                self._learn(text)
            self._known.setdefault(who, None)
        return self._known[who]

    def label(self, who: str) -> str:
        """What people read."""
        return self._entrants[who].label if who in self._entrants else who[:16]

    def _learn(self, text: str) -> None:
        if self._shipped and not is_shipped(text.partition("@")[0].partition(",")[0]):
            return
        try:
            self._known[self._venue.id(text)] = text
        except UserError:
            return


def _guesses(record: EntrantRecord | None, checkpoints: Mapping[str, CheckpointRecord]) -> Iterator[str]:
    """How an entrant may be named: as it is called, with its checkpoint where one is recorded."""
    if record is None:
        return
    yield record.label
    if record.weights is not None and record.weights in checkpoints:
        yield f"{record.label.partition('@')[0]}@{checkpoints[record.weights].path}"


def _unfinished(store: Store, wanted: dict[ArenaChoice, set[str]]) -> list[str]:
    """Add the blocks of stopped matches to the arenas that are known; a line for each arena that is not."""
    choices: dict[str, ArenaChoice] = {}
    for choice in wanted:
        with suppress(UserError):
            choices[Venue(choice).identity] = choice
    lines = []
    for arena in store.arenas():
        ids = set(store.block_ids(arena.id, "play"))
        if arena.id in choices:
            wanted[choices[arena.id]] |= ids
        elif ids and not any(ids & known for known in wanted.values()):
            lines.append(f"{plural(len(ids), 'block')} of {arena.id}, as no match there came to its end")
    return lines


def _by_choice(matches: Iterable[MatchRecord]) -> dict[ArenaChoice, set[str]]:
    """The ids of all blocks of matches, by the arena that they were played in."""
    wanted: dict[ArenaChoice, set[str]] = {}
    for match in matches:
        about = match.details
        choice = ArenaChoice(about["arena"], tuple(about["settings"]), tuple(about["wrap"]))
        wanted.setdefault(choice, set()).update(match.blocks)
    return wanted


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))

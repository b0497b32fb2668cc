"""What a match consists of, and the way from a plan to records: register, play what is missing, keep, record."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from leaderboard.records import (
    RULES_VERSION,
    CheckpointRecord,
    MatchRecord,
    NameRecord,
    PanelRecord,
    block_id,
    canonical,
)
from leaderboard.seeds import SeedRecord
from leaderboard.store.store import Store
from zoo import __version__
from zoo.entry.declared import Panel
from zoo.entry.entrant import PLAY, Entrant
from zoo.entry.registry import AGENTS
from zoo.entry.registry import names as names_of
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.play import luck
from zoo.play.blocks import Task, play_blocks, record_arena
from zoo.work.progress import Reading, Watch, unwatched

#: The texts of two entrants, in the order of their ids.
Pairing = tuple[str, str]


@dataclass(frozen=True)
class MatchPlan:
    """What is to be played.

    Attributes:
        venue: where.
        entrants: whose match it is, as they were named.
        panel: the partners that the entrants meet in addition to each other; None where there are none.
        pairings: who meets whom; the first pairing is the match itself.
        seed: match seed; where it is secret, pairings without a stranger play the public one, see `luck.seed_of`.
        first_episode, episodes: which episodes every pairing plays in each rotation.
    """

    venue: Venue
    entrants: tuple[Entrant, ...]
    panel: Panel | None
    pairings: list[Pairing]
    seed: int
    first_episode: int
    episodes: int

    @cached_property
    def tasks(self) -> dict[str, Task]:
        """Block id -> the block to be played, in the order of playing.

        Blocks are cut at the multiples of the arena's block size wherever the match begins, so that matches of any
        two entrants consist of the same blocks, but for their first and last.
        """
        size, end = self.venue.spec.block, self.first_episode + self.episodes
        cuts = [self.first_episode, *range((self.first_episode // size + 1) * size, end, size), end]
        tasks = {}
        for pairing, ids in zip(self.pairings, self.ids, strict=True):
            seed = luck.seed_of(map(self.venue.entrant, pairing), self.seed)
            for first, after in itertools.pairwise(cuts):
                task = Task(pairing, seed, first, after - first, ids)
                tasks[block_id(self.venue.identity, ids, "play", task.seed, first, task.episodes)] = task
        return tasks

    @cached_property
    def ids(self) -> list[tuple[str, str]]:
        """The identities of every pairing."""
        return [(self.venue.id(first), self.venue.id(second)) for first, second in self.pairings]

    @cached_property
    def players(self) -> dict[str, Entrant]:
        """Text -> entrant, of everybody who plays."""
        return {text: self.venue.entrant(text) for pairing in self.pairings for text in pairing}

    @property
    def rated(self) -> bool:
        """Whether a board counts all that is played."""
        seeds = {task.texts: task.seed for task in self.tasks.values()}
        return all(luck.is_rated(map(self.venue.entrant, pairing), seed) for pairing, seed in seeds.items())

    @cached_property
    def match_id(self) -> str:
        """Identity of the match: who, where, which episodes."""
        who = [list(ids) for ids in self.ids]
        what = [self.venue.identity, who, "play", self.seed, self.first_episode, self.episodes, RULES_VERSION]
        return hashlib.sha256(canonical(what).encode()).hexdigest()[:16]


def ordered(venue: Venue, pairs: Iterable[Pairing]) -> list[Pairing]:
    """The pairings of a format, each once, with the entrants of each in the order of their ids."""
    distinct: dict[tuple[str, str], Pairing] = {}
    for pair in pairs:
        (low, first), (high, second) = sorted(((venue.id(text), text) for text in pair), key=lambda item: item[0])
        distinct.setdefault((low, high), (first, second))
    return list(distinct.values())


@dataclass(frozen=True)
class Work:
    """How something is played and recorded.

    Attributes:
        command: what was typed, for the records.
        workers: processes that play.
        watch: given the blocks that are done and all that have to be played, before the first and after each.
    """

    command: str = ""
    workers: int = 1
    watch: Watch = unwatched

    def tell(self, what: str, done: int, total: int) -> None:
        """Show where something else than blocks stands."""
        self.watch(what, Reading(done, total))

    def until(self, end: float) -> Work:
        """The same, ended by `TimeIsOver` once `time.monotonic()` is past `end`; what was played by then is kept."""

        def watch(name: str, reading: Reading) -> None:
            self.watch(name, reading)
            if time.monotonic() > end and reading.done < reading.total:
                raise TimeIsOver

        return replace(self, watch=watch)


class TimeIsOver(Exception):
    """The time for some work is over; see `Work.until`."""


def run(plan: MatchPlan, store: Store, work: Work | None = None) -> int:
    """Register who plays, play the blocks that are not recorded, keep each as it ends, and record the match.

    What was stopped goes on where it was, and blocks that were played in another match are not played again.

    Args:
        plan: what is played.
        store: records to read and to add to.
        work: how it is played and recorded; None plays in this process and shows nothing.

    Returns:
        How many blocks were played now.

    Raises:
        UserError: an entrant breaks, or could read the secret seed.
    """
    work = work or Work()
    played = len(play(plan, store, work))
    _record(plan, store, work.command)
    return played


def play(plan: MatchPlan, store: Store, work: Work) -> list[float]:
    """Register who plays, and play and keep the blocks that are not recorded, but record no match.

    Returns:
        CPU seconds of each block that was played now.

    Raises:
        UserError: an entrant breaks, or could read the secret seed.
    """
    luck.check(plan.seed, plan.players.values())
    register(plan, store)
    known = store.has_blocks(plan.tasks)
    missing = [task for key, task in plan.tasks.items() if key not in known]
    seconds: list[float] = []
    if missing:
        work.watch(plan.venue.identity, Reading(0, len(missing)))
    for block in play_blocks(plan.venue, missing, work.workers):
        store.add(block)  # it is on disk before the next is asked for
        seconds.append(sum(result.cpu_s for result in block.results))
        work.watch(plan.venue.identity, Reading(len(seconds), len(missing)))
    return seconds


def register(plan: MatchPlan, store: Store) -> None:
    """Record the arena, everybody who plays, and the panel."""
    venue = plan.venue
    record_arena(venue, store)
    for who in plan.players.values():
        store.add(who.record(PLAY))
        if (weights := who.checkpoint) is not None:
            what = (weights.digest, who.entry.key, weights.card.arena, str(weights.path), asdict(weights.card))
            store.add(CheckpointRecord(*what, time_now()))
    if (secret := luck.epoch(plan.seed)) is not None:
        store.add(SeedRecord(secret.commitment, time_now()))
    if plan.panel is not None:
        store.add(record_of(venue, plan.panel))


def record_of(venue: Venue, panel: Panel) -> PanelRecord:
    """The panel as records keep it."""
    ids = tuple(venue.id(text) for text in panel.members)
    parts = (panel.weights, panel.scale, panel.anchors)
    return PanelRecord(panel.id, venue.identity, ids, *parts, panel.members, panel.details)


def _record(plan: MatchPlan, store: Store, command: str) -> None:
    """Record that this match was played; playing it again with the same seed adds nothing."""
    choice = plan.venue.choice
    details = {
        "arena": choice.name,
        "settings": list(choice.settings),
        "wrap": list(choice.wrap),
        "pairing": list(plan.pairings[0]),
        "first_episode": plan.first_episode,
        **plan.venue.details,
    }
    what = (tuple(who.id for who in plan.entrants), "play", plan.seed, plan.episodes, tuple(plan.tasks))
    record = MatchRecord(plan.match_id, plan.venue.identity, *what, command, time_now(), __version__, details)
    store.add(record)


_NAME = 60  # letters of an entrant's name


def check_name(name: str) -> None:
    """See that a name can be an entrant's on screens.

    Raises:
        UserError: it is too long, unprintable, or reads as another entrant.
    """
    if len(name) > _NAME or not name.isprintable():
        raise UserError(f"--as {name}: a name has at most {_NAME} letters, all of which can be printed")
    if set(name) & set(",@:/"):
        raise UserError(f"--as {name}: commas, @, : and / mean something in the names of entrants; leave them out")
    if name in names_of(AGENTS):
        raise UserError(f"--as {name} is the name of an agent of the zoo's: choose another one")


def call(venue: Venue, store: Store, texts: Sequence[str], names: Sequence[str]) -> None:
    """Record what the first entrants are called from now on.

    Raises:
        UserError: there are more names than entrants, or an empty one.
    """
    if len(names) > len(texts) or not all(name.strip() for name in names):
        raise UserError(f"--as names one entrant each, and there are {len(texts)}: leave out or fill in a name")
    for text, name in zip(texts, names, strict=False):
        if name != text:
            check_name(name)
        if names.count(name) > 1:
            raise UserError(f"--as {name} is given to two entrants: call them by different names")
    for text, name in zip(texts, names, strict=False):
        who, now = venue.entrant(text), time_now()
        store.add(who.record(PLAY))
        record_id = hashlib.sha256(canonical([who.id, name, now]).encode()).hexdigest()
        store.add(NameRecord(record_id, who.id, name, now))


def time_now() -> str:
    """The time as records keep it, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")

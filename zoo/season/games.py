"""The games of a season: who meets whom, in which order, until all is played or the time is over.

Before the deadline all of this is practice, on other episodes than those that count: whatever somebody learns there of
the luck that is dealt is of no use later.

First every entry meets two of the partners. Whoever spoils every one of these games is broken and plays no more, so
that five agents that hang do not cost a class its hour. Then, round by round, all others meet all partners, each other
and themselves. Every game that was played is on disk before the next one; the same call goes on where it was stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from leaderboard.records import BlockRecord, Status
from leaderboard.statistics.tally import Tally
from leaderboard.store.store import Store
from zoo.errors import UserError
from zoo.matches.panel import newest
from zoo.matches.plan import MatchPlan, Pairing, TimeIsOver, Work, ordered, run
from zoo.matches.tournament import round_robin
from zoo.season.entries import SeasonEntry, counted, entries
from zoo.season.place import Season
from zoo.season.similarity import Questions
from zoo.work.progress import Reading

#: How many partners every entry meets before anybody else.
FIRST = 2


@dataclass(frozen=True)
class Ran:
    """What a run did.

    Attributes:
        blocks: played now; counted: authors; broken: names of entries that are out.
        whole: whether all is played; counts: whether it was more than practice.
    """

    blocks: int
    counted: int
    broken: tuple[str, ...]
    whole: bool
    counts: bool


def run_season(season: Season, store: Store, work: Work, now: datetime, minutes: float | None = None) -> Ran:
    """Play what is missing, for so many minutes at most (by default those of the rules; 0 for as long as it takes).

    Raises:
        UserError: the season has ended, nobody has entered, or a partner breaks.
    """
    season.check_open()
    if not (standing := counted(entries(season, store))):
        raise UserError(f"nobody has entered season {season.name}: `zoo season submit {season.name} PATH`")
    limit = season.rules.minutes if minutes is None else minutes
    timed = work.until(time.monotonic() + 60 * limit) if limit else work
    before = _blocks(season, store)
    whole = True
    try:
        played = 0
        for plan in plans(season, store, standing, now):
            left = missing(season, store, now)
            run(plan, store, _as_part(timed, played, played + left))
            played += left - missing(season, store, now)
        questions = Questions(season)
        out = {entry.entrant for entry in broken(season, store, standing, now)}
        sound = [entry for entry in standing if entry.entrant not in out]
        for number, entry in enumerate(sound, start=1):
            questions.ask(entry.text)
            timed.tell("similarity", number, len(sound))
    except TimeIsOver:
        whole = False
    names = tuple(entry.name for entry in broken(season, store, standing, now))
    return Ran(_blocks(season, store) - before, len(standing), names, whole, season.is_over(now))


def _as_part(work: Work, done: int, total: int) -> Work:
    """The same, told as a part of the whole season: so many blocks are done, and so many are to be played in all."""
    return replace(work, watch=lambda name, reading: work.watch(name, Reading(done + reading.done, total)))


def plans(season: Season, store: Store, standing: Sequence[SeasonEntry], now: datetime) -> Iterator[MatchPlan]:
    """What is to be played, one part after the other; who is broken is known once the first part is."""
    texts = _texts(standing)
    first = season.partners[:FIRST]
    if first:
        strangers = [text for text in season.partners if season.venue.entrant(text).stranger]
        pairs = [(text, partner) for text in texts for partner in first]
        # Those that ship have met on the public seed when the panel was made.
        pairs += [(text, partner) for text in strangers for partner in season.partners]
        yield _plan(season, store, standing, pairs, _first_episode(season, now))
    out = {entry.text for entry in broken(season, store, standing, now)}
    sound = [text for text in texts if text not in out]
    for number in range(season.rules.rounds) if sound else ():
        first_episode = _first_episode(season, now) + number * season.rules.episodes
        yield _plan(season, store, standing, round_robin(sound, season.partners), first_episode)


def missing(season: Season, store: Store, now: datetime) -> int:
    """How many blocks are left to be played, as far as it is known who plays on."""
    if not (standing := counted(entries(season, store))):
        return 0
    wanted = {key for plan in plans(season, store, standing, now) for key in plan.tasks}
    return len(wanted - store.has_blocks(wanted))


def broken(season: Season, store: Store, standing: Sequence[SeasonEntry], now: datetime) -> list[SeasonEntry]:
    """The entries that have spoiled every game of their first part."""
    first = season.partners[:FIRST]
    if not first or not standing:
        return []
    pairs = [(text, other) for text in _texts(standing) for other in first]
    plan = _plan(season, store, standing, pairs, _first_episode(season, now))
    blocks = store.blocks_of(plan.tasks)
    return [entry for entry in standing if _spoiled(entry, [b for b in blocks if entry.entrant in b.entrants])]


def counting(season: Season, tallies: Iterable[Tally], now: datetime) -> list[Tally]:
    """The tallies of episodes that count, or before the deadline those of practice; and those of the public seed."""
    return [tally for tally in tallies if counts(season, tally.seed, tally.end, now)]


def counts(season: Season, seed: int, end: int, now: datetime) -> bool:
    """Whether episodes up to the one with number `end`, itself not included, are among those of `counting`."""
    last = season.rules.rounds * season.rules.episodes
    return seed != season.seed.number or (end <= last) == season.is_over(now)


def _first_episode(season: Season, now: datetime) -> int:
    """Number of the first episode; practice comes after those that count, with one between that nobody plays.

    The gap keeps the tallies of both apart, which are of consecutive episodes.
    """
    return 0 if season.is_over(now) else season.rules.rounds * season.rules.episodes + 1


def _spoiled(entry: SeasonEntry, blocks: Iterable[BlockRecord]) -> bool:
    own = [result.statuses for block in blocks for result in block.results if result.entrant == entry.entrant]
    return bool(own) and bool((np.concatenate(own) != Status.DONE.code).all())


def _plan(
    season: Season, store: Store, standing: Sequence[SeasonEntry], pairs: Iterable[Pairing], first_episode: int
) -> MatchPlan:
    """Pairings, each for the episodes of a round."""
    venue, episodes = season.venue, season.rules.episodes
    who = tuple(venue.entrant(text) for text in _texts(standing))
    panel, seed = newest(venue, store), season.seed.number
    return MatchPlan(venue, who, panel, ordered(venue, pairs), seed, first_episode, episodes)


def _texts(standing: Sequence[SeasonEntry]) -> list[str]:
    """The texts of entries, those that are the same entrant once."""
    return list({entry.entrant: entry.text for entry in standing}.values())


def _blocks(season: Season, store: Store) -> int:
    return len(store.block_ids(season.venue.identity, "play"))

"""Entries of a season: who entered what and when, and which entry of each author counts.

Entries are submissions to the season's own home: read under the same rules, kept in the same place, and recorded in the
same way, each as a version of its name. So `zoo export`, `zoo withdraw` and `zoo disqualify` work on them. Nothing is
ever taken back: a later entry of the same author takes the place of an earlier one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from leaderboard.records import SubmissionRecord, canonical
from leaderboard.store.store import Store
from leaderboard.views.submissions import ENTERED, REPLACED, Version, versions
from zoo.entry.entrant import PLAY
from zoo.entry.submitted import place, tried
from zoo.errors import UserError
from zoo.matches.plan import call
from zoo.season.place import Season, in_words
from zoo.submission.entering import details_of
from zoo.submission.shelf import shelve, staged
from zoo.submission.submission import Asked, Submission, open_submission
from zoo.submission.trial import loaded


@dataclass(frozen=True)
class SeasonEntry:
    """What somebody entered.

    Attributes:
        author: who; name: what it is called on screens.
        text: the entrant text; entrant: the id of the entrant.
        folder: where its files lie.
        at: when it came, in UTC.
        gone: "withdrawn: ..." or "disqualified: ...", why it does not count; "" where it does.
    """

    author: str
    name: str
    text: str
    entrant: str
    folder: Path
    at: datetime
    gone: str = ""


def submit(season: Season, store: Store, path: str, now: datetime, asked: Asked) -> SeasonEntry:
    """Enter a file, a folder, a zip, or a checkpoint of one of the zoo's own agents.

    Args:
        season: which; it is the home of this process.
        store: its records.
        path: as `zoo submit` takes it.
        now: the moment.
        asked: its name, by default that of the file, and its author, by default the name; the arena is the season's.

    Raises:
        UserError: it is too late, or too much of this author today, the name is another's, or a rule of submissions is
            broken; nothing is recorded then.
    """
    known = entries(season, store)
    author = " ".join((asked.author or asked.name or Path(path.partition(":")[0]).stem).split())
    _check_time(season, author, known, now)
    arena = ",".join([season.rules.arena, *season.rules.settings])
    submission = open_submission(path, Asked(asked.name, author, arena))
    name = submission.manifest.name
    for other in known:
        if other.name == name and _same(other.author) != _same(author):
            raise UserError(f"the name {name!r} is {other.author}'s in {season.name}; choose another one with --as")
    key = _keep(season, store, submission, now)
    entry = next(entry for entry in entries(season, store) if entry.folder == place(key))
    call(season.venue, store, [entry.text], [name])
    return entry


def _keep(season: Season, store: Store, submission: Submission, now: datetime) -> str:
    """Try to load a submission, keep its files, and then record it; the id of the record.

    Unlike those of a board, entries of several authors may be the same files.
    """
    identity = season.venue.identity
    with staged(submission.kept) as folder:
        trial = submission.submitted(folder, identity)
        with tried(trial):
            entrant = loaded(submission, season.venue, trial)
            store.add(entrant.record(PLAY))
    created = now.astimezone(UTC).isoformat(timespec="microseconds")
    details = details_of(submission)
    what = canonical([submission.digest(identity), details["author"], details["name"], created])
    key = hashlib.sha256(what.encode()).hexdigest()
    shelve(key, submission.kept)
    store.add(SubmissionRecord(key, entrant.id, identity, details, created))
    return key


def entries(season: Season, store: Store) -> list[SeasonEntry]:
    """All entries, oldest first."""
    known = versions(store.submissions(season.venue.identity))
    return sorted((_entry(version) for version in known), key=lambda entry: entry.at)


def _entry(version: Version) -> SeasonEntry:
    record = version.record
    at, gone = datetime.fromisoformat(record.created), "" if version.state in (ENTERED, REPLACED) else version.reason
    who = (str(record.details["author"]), version.name, version.label)
    return SeasonEntry(*who, record.entrant, place(record.id), at, gone)


def counted(known: Sequence[SeasonEntry]) -> list[SeasonEntry]:
    """The entry of each author that counts, which is the latest that stands; authors in the order of their names."""
    latest = {_same(entry.author): entry for entry in sorted(known, key=lambda entry: entry.at) if not entry.gone}
    return [latest[author] for author in sorted(latest)]


def _same(author: str) -> str:
    """Authors who differ in capitals alone are one."""
    return author.casefold()


def _check_time(season: Season, author: str, known: Sequence[SeasonEntry], now: datetime) -> None:
    """See that an entry may come now.

    Raises:
        UserError: it may not.
    """
    if season.revealed is not None:
        raise UserError(f"season {season.name} has ended and its seed is known; nothing can be entered any more")
    if season.is_over(now):
        raise UserError(
            f"the deadline of season {season.name} was {in_words(season.ends)}, and it is {in_words(now)};"
            " what was entered before it counts"
        )
    day = now.astimezone(UTC).date()
    today = [e for e in known if _same(e.author) == _same(author) and e.at.astimezone(UTC).date() == day]
    if len(today) >= season.rules.entries_a_day:
        raise UserError(
            f"{author} has entered {len(today)} times on {day} (UTC), and season {season.name} allows no more a day;"
            " the latest of these counts, and the next may come after midnight UTC"
        )

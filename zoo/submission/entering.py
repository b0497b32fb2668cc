"""`zoo submit` without its screen: from a path to a place on the board, step by step."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leaderboard.records import SubmissionRecord
from leaderboard.store.store import Store
from leaderboard.views.submissions import ENTERED, Version
from zoo import home
from zoo.entry.settings import split
from zoo.entry.submitted import kept, tried
from zoo.entry.venue import ArenaChoice, Venue
from zoo.matches.plan import Work, call, time_now
from zoo.play.blocks import arena_record
from zoo.submission.placement import Placed, Until, place, standing_version
from zoo.submission.refusal import Refused
from zoo.submission.shelf import shelve, staged
from zoo.submission.submission import Submission
from zoo.submission.trial import keep_laws, loaded, smoke


def _silent(line: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Manner:
    """How a submission is entered.

    Attributes:
        until: how far its placement goes.
        work: how it is played and recorded.
        say: given a line for each step that is done.
        dry_run: look at it and enter nothing.
        wrap: wrappers of a foreign arena.
    """

    until: Until = field(default_factory=Until)
    work: Work = field(default_factory=Work)
    say: Callable[[str], None] = _silent
    dry_run: bool = False
    wrap: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entered:
    """What became of a submission; `version` and `placed` are None after a dry run.

    Attributes:
        submission: what was submitted.
        arena: identity of the arena.
        digest: of the submission there.
        version: as which it was entered.
        already: whether it had been entered before.
        placed: where it stands.
        folder: where its files are kept.
    """

    submission: Submission
    arena: str
    digest: str
    version: Version | None = None
    already: bool = False
    placed: Placed | None = None
    folder: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        manifest = self.submission.manifest
        return {
            "label": self.version.label if self.version else None,
            "name": self.version.name if self.version else manifest.name,
            "author": manifest.author,
            "arena": self.arena,
            "digest": self.digest,
            "entrant": self.version.record.entrant if self.version else None,
            "already": self.already,
            "files": {name: len(data) for name, data in self.submission.files.items()},
            "folder": str(self.folder) if self.folder else None,
            "placement": self.placed.to_json() if self.placed else None,
        }


def enter(submission: Submission, manner: Manner) -> Entered:
    """Try a submission, enter it and place it. Typed again it goes on where it was stopped.

    Raises:
        Refused: a rule is broken; nothing of it is left behind.
        UserError: the arena is unknown, or files cannot be kept.
    """
    name, *settings = split(submission.manifest.arena)
    venue = Venue(ArenaChoice(name, tuple(settings), manner.wrap))
    digest = submission.digest(venue.identity)
    manner.say(_read(submission))
    with Store(home.records()) as store:
        version = standing_version(store, digest, "", venue.identity)
        entrant = "" if version is not None else _tried(submission, venue, store, manner)
        version = version or standing_version(store, digest, entrant, venue.identity)
        already = version is not None
        if version is None and not manner.dry_run:
            version = _entered(submission, venue, store, entrant)
        if version is None:
            return Entered(submission, venue.identity, digest)
        if version.state != ENTERED:
            cure = "a changed agent is a new version"
            raise Refused("once", version.label, f"these files were entered, and it is {version.reason}", cure)
        stays = version.name != submission.manifest.name
        kept_name = f", and keeps this name: only a changed agent can be called {submission.manifest.name}"
        manner.say(f"{'already entered' if already else 'entered'} as {version.label}{kept_name * stays}")
        folder = kept(version).folder
        if manner.dry_run:
            return Entered(submission, venue.identity, digest, version, already, folder=folder)
        placed = place(venue, store, version.label, manner.until, manner.work)
    return Entered(submission, venue.identity, digest, version, already, placed, folder)


def _read(submission: Submission) -> str:
    """The static report in a line."""
    code, count = submission.code, len(submission.files)
    parts = [f"{count} file{'s' * (count != 1)}, {submission.size / 1000:,.1f} kB"]
    if code.lines:
        parts.append(f"{sum(code.lines.values()):,} lines of Python that import {', '.join(code.imports) or 'nothing'}")
    if submission.shapes:
        numbers = sum(math.prod(shape) for shape in submission.shapes.values())
        parts.append(f"{len(submission.shapes)} tensors of {numbers:,} numbers")
    if submission.agent:
        parts.append(f"no code: weights of {submission.agent}")
    if submission.left_out:
        parts.append(f"left out: {', '.join(submission.left_out[:5])}")
    return f"read: {'; '.join(parts)}"


def _tried(submission: Submission, venue: Venue, store: Store, manner: Manner) -> str:
    """Put a submission through everything; returns the id of the entrant that it would be."""
    with staged(submission.kept) as folder:
        trial = submission.submitted(folder, venue.identity)
        with tried(trial):
            who = loaded(submission, venue, trial)
            if standing_version(store, "", who.id, venue.identity) is not None:
                return who.id
            if submission.code.lines:
                count = keep_laws(submission, venue, trial, who, manner.work.watch)
                manner.say(f"laws: it keeps all {count} that apply")
            partners = smoke(venue, store, trial.label, manner.work.watch)
            manner.say(f"smoke match: no fault with itself, {', '.join(partners)}")
            return who.id


def _entered(submission: Submission, venue: Venue, store: Store, entrant: str) -> Version:
    """Keep the files, then record the entry: a process that is killed in between has entered nothing."""
    digest = submission.digest(venue.identity)
    shelve(digest, submission.kept)
    store.add(arena_record(venue.spec, venue.identity))
    store.add(SubmissionRecord(digest, entrant, venue.identity, details_of(submission), time_now()))
    version = standing_version(store, digest, "", venue.identity)
    assert version is not None
    if store.labels().get(entrant, version.label) != version.label:  # it has played before, under another name
        call(venue, store, [version.label], [version.label])
    return version


def details_of(submission: Submission) -> dict[str, Any]:
    """What is recorded of a submission that is entered."""
    manifest = submission.manifest
    return {
        "event": ENTERED,
        "name": manifest.name,
        "author": manifest.author,
        "entry": manifest.entry,
        "agent": submission.agent,
        "weights": manifest.weights,
        "config": dict(manifest.config),
        "seats": list(manifest.seats),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in submission.kept.items()},
    }

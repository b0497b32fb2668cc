"""What happens to submissions after they were entered: added records, never deletions; and the way out, as a zip."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from leaderboard.records import SubmissionRecord, canonical
from leaderboard.store.store import Store
from leaderboard.views.submissions import DISQUALIFIED, Version, named, versions
from zoo.entry import checkpoint as checkpoints
from zoo.entry.checkpoint import CARD, WEIGHTS
from zoo.entry.registry import AGENTS, names
from zoo.entry.settings import split
from zoo.entry.submitted import kept
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError, nearest
from zoo.matches.plan import time_now
from zoo.submission.archive import Files, pack
from zoo.submission.shelf import read_shelf
from zoo.submission.submission import Asked, open_submission


def version_of(store: Store, text: str) -> Version:
    """The version that a name, or a name and a version, stands for.

    Raises:
        UserError: there is none.
    """
    version = named(store.submissions(), text)
    if version is None:
        known = [version.label for version in versions(store.submissions())]
        raise UserError(f"no submission {text!r} (`zoo submissions` lists them); {nearest(text, known)}")
    return version


def take_off(store: Store, text: str, event: str, why: str) -> Version:
    """Record that a submission was withdrawn or disqualified; returns it as it stands now.

    Raises:
        UserError: there is none, or this has been recorded already.
    """
    version = version_of(store, text)
    if version.state == event or version.state == DISQUALIFIED:
        raise UserError(f"{version.label} is {version.reason} already")
    why, now = " ".join(why.split()), time_now()
    details = {"event": event, "of": version.record.id, "why": why}
    id = hashlib.sha256(canonical([details, now]).encode()).hexdigest()
    store.add(SubmissionRecord(id, version.record.entrant, version.record.arena, details, now))
    return version_of(store, version.label)


def export(store: Store, text: str, out: Path, arena: str) -> int:
    """Pack an entrant into a zip that `zoo submit` takes; returns the number of its files.

    Args:
        store: the records.
        text: a submission, an agent that ships (with the arena whose checkpoint is meant), or what `zoo submit` takes.
        out: the file to write.
        arena: the arena with its settings, "" where it is not needed.

    Raises:
        UserError: there is nothing to pack, or the file is there already or cannot be written.
    """
    if out.exists():
        raise UserError(f"{out} is there already: name another file")
    if out.suffix != ".zip":
        raise UserError(f"{out} is no name of a zip: name it {out.stem}.zip")
    files = _files(store, text, arena)
    checkpoints.write_atomically(out, pack(files))
    return len(files)


def _files(store: Store, text: str, arena: str) -> Files:
    version = named(store.submissions(), text) if ":" not in text else None
    if version is not None:
        return read_shelf(kept(version).folder)
    name = split(text.partition("@")[0] or text)[0]
    if name not in names(AGENTS):
        place = text.partition("@")[0].partition(":")[0]
        if not Path(text).exists() and not Path(place).exists():
            near = nearest(text, [version.label for version in versions(store.submissions())])
            hint = f"; {near}" if near.startswith("did") else ""
            listed = "`zoo submissions` lists the submissions"
            raise UserError(f"there is no submission, agent, file or folder {text!r} ({listed}){hint}")
        return open_submission(text, Asked(arena=arena)).kept
    if not arena and "@" not in text:
        raise UserError(f"{name} has a checkpoint for each arena: add --arena ARENA")
    if arena:
        place, *settings = split(arena)
        loaded = Venue(ArenaChoice(place, tuple(settings))).entrant(text).checkpoint
    else:
        loaded = checkpoints.load(Path(text.partition("@")[2]))
    if loaded is None:
        raise UserError(f"{name} has no weights, and ships with the zoo: there is nothing to hand on")
    card = json.loads((loaded.path / CARD).read_text())
    return {CARD: json.dumps(card, indent=1, sort_keys=True).encode(), WEIGHTS: (loaded.path / WEIGHTS).read_bytes()}

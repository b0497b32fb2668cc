"""Entries of a season: who entered what and when, and which entry of each author counts.

An entry is a file of Python with one agent, kept in the season's folder under the hash of its content, and a record of
who entered it and when. Nothing is ever taken back: a later entry of the same author takes the place of an earlier one.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from leaderboard.records import SubmissionRecord, canonical
from leaderboard.store.store import Store
from zoo.entry.entrant import PLAY
from zoo.errors import UserError, nearest
from zoo.matches.plan import call
from zoo.season.place import Season, in_words

_LARGEST = 1_000_000  # bytes of a file


@dataclass(frozen=True)
class Entry:
    """What somebody entered.

    Attributes:
        author: who; name: what it is called on screens.
        text: the entrant text; entrant: the id of the entrant.
        file: where its code lies.
        at: when it came, in UTC.
    """

    author: str
    name: str
    text: str
    entrant: str
    file: Path
    at: datetime


def submit(season: Season, store: Store, path: str, now: datetime, name: str = "", author: str = "") -> Entry:
    """Enter a file of Python.

    Args:
        season: which.
        store: its records.
        path: "mine.py", or "mine.py:Class" where it has several agents.
        now: the moment.
        name: what to call it; by default the author.
        author: who it belongs to; by default the name of the file.

    Raises:
        UserError: it is too late, or too much of this author today, or the file is no agent that can play here; nothing
            is recorded then.
    """
    file, source, attribute = _read(path)
    author = " ".join((author or file.stem).split())
    name = " ".join((name or author).split())
    known = entries(season, store)
    _check_time(season, author, known, now)
    for other in counted(known):
        if other.name == name and other.author != author:
            raise UserError(f"the name {name!r} is {other.author}'s in {season.name}; choose another one with --as")
    kept = season.keep({file.name: source}) / file.name
    text = f"{kept}:{attribute}"
    entrant = season.venue.entrant(text)
    store.add(entrant.record(PLAY))
    created = now.astimezone(UTC).isoformat(timespec="microseconds")
    details = {"author": author, "name": name, "file": kept.relative_to(season.folder).as_posix(), "class": attribute}
    key = hashlib.sha256(canonical([season.name, entrant.id, details, created]).encode()).hexdigest()
    store.add(SubmissionRecord(key, entrant.id, season.venue.identity, details, created))
    entry = Entry(author, name, text, entrant.id, kept, now)
    sharing = [other.name for other in counted([*known, entry]) if other.entrant == entry.entrant]
    call(season.venue, store, [text], [" = ".join(sorted(sharing))])
    return entry


def entries(season: Season, store: Store) -> list[Entry]:
    """All entries, oldest first."""
    found = []
    for record in store.submissions(season.venue.identity):
        file = season.folder / str(record.details["file"])
        text = f"{file}:{record.details['class']}"
        at = datetime.fromisoformat(record.created)
        found.append(Entry(record.details["author"], record.details["name"], text, record.entrant, file, at))
    return sorted(found, key=lambda entry: entry.at)


def counted(known: Sequence[Entry]) -> list[Entry]:
    """The entry of each author that counts, which is the latest; authors in the order of their names."""
    latest = {_same(entry.author): entry for entry in sorted(known, key=lambda entry: entry.at)}
    return [latest[author] for author in sorted(latest)]


def _same(author: str) -> str:
    """Authors who differ in capitals alone are one."""
    return author.casefold()


def _check_time(season: Season, author: str, known: Sequence[Entry], now: datetime) -> None:
    """See that an entry may come now.

    Raises:
        UserError: it may not.
    """
    if season.revealed is not None:
        raise UserError(f"season {season.name} has ended and its seed is known; nothing can be entered any more")
    if now > season.rules.deadline:
        raise UserError(
            f"the deadline of season {season.name} was {in_words(season.rules.deadline)}, and it is {in_words(now)};"
            " what was entered before it counts"
        )
    day = now.astimezone(UTC).date()
    today = [e for e in known if _same(e.author) == _same(author) and e.at.astimezone(UTC).date() == day]
    if len(today) >= season.rules.entries_a_day:
        raise UserError(
            f"{author} has entered {len(today)} times on {day} (UTC), and season {season.name} allows no more a day;"
            " the latest of these counts, and the next may come after midnight UTC"
        )


def _read(path: str) -> tuple[Path, bytes, str]:
    """A file, its content, and the name of its agent.

    Raises:
        UserError: there is no such file, it is no Python, or it does not say which class is the agent.
    """
    place, colon, attribute = path.rpartition(":")
    file = Path(place if colon and attribute.isidentifier() else path)
    attribute = attribute if colon and attribute.isidentifier() else ""
    try:
        with file.open("rb") as opened:
            source = opened.read(_LARGEST + 1)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
    if file.suffix != ".py":
        raise UserError(f"{file} is no file of Python; enter one such as mine.py")
    if len(source) > _LARGEST:
        raise UserError(f"{file} is larger than {_LARGEST:,} bytes; an agent is a page of code")
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise UserError(f"{file}{line}: {getattr(error, 'msg', error)}; mend it and enter it again") from error
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    if attribute and attribute not in classes:
        raise UserError(f"{file} has no class {attribute!r}; {nearest(attribute, classes)}")
    agents = [node.name for node in tree.body if isinstance(node, ast.ClassDef) and _looks_like_an_agent(node)]
    chosen = [attribute] if attribute else agents if len(agents) == 1 else classes
    if len(chosen) != 1:
        which = f"has the classes {', '.join(classes)}: say which, {file}:{classes[0]}" if classes else "has no class"
        raise UserError(f"{file} {which}; an entry is one subclass of agents.protocol.Agent")
    return file, source, chosen[0]


def _looks_like_an_agent(node: ast.ClassDef) -> bool:
    methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    return not node.name.startswith("_") and "act" in methods

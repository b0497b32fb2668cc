"""What goes into a bundle: records, boards, what the entrants consist of, and secrets that are none any more."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard.records import RULES_VERSION, EntrantRecord, canonical
from leaderboard.seeds import RATED, is_stranger
from leaderboard.store import portable
from leaderboard.store.store import Store
from leaderboard.views.board import board
from zoo import __version__, home
from zoo.entry import checkpoint as checkpoints
from zoo.entry import submitted
from zoo.errors import UserError
from zoo.play import luck
from zoo.sandbox.source import Source
from zoo.submission import bundle
from zoo.submission.refusal import Refused
from zoo.submission.shelf import read_shelf

#: What boards a bundle holds of an arena: mode, and which seeds it counts.
MODES = {"play": RATED, "learn": None}


@dataclass(frozen=True)
class Publication:
    """What was written.

    Attributes:
        path, size: the file, in bytes.
        signer: fingerprint of the home's key.
        arenas: identities; blocks: how many; boards: how many.
        secrets: the secret seeds on which blocks were played.
        left_out: a line for everything that is missing to play all of it again.
    """

    path: str
    size: int
    signer: str
    arenas: tuple[str, ...]
    blocks: int
    boards: int
    secrets: tuple[luck.Secret, ...]
    left_out: tuple[str, ...]


def publish(
    path: Path, store: Store, arenas: Sequence[str], *, reveal: bool = False, season: dict[str, Any] | None = None
) -> Publication:
    """Write a bundle of everything that is recorded about some arenas.

    Args:
        path: the file.
        store: the records.
        arenas: identities.
        reveal: make the secret seed known on which strangers are rated; a new one takes its place.
        season: the board of a season with its marks, as plain data, where these are its records.

    Raises:
        StoreError: a record was damaged or edited.
        UserError: the file cannot be written.
    """
    if reveal:
        for one in luck.epochs():
            luck.reveal(one.name)  # first of all: nobody may be rated on what is on its way out
    files = _records(store, arenas)
    boards = [
        board(store, arena, mode, seed=seed).to_json()
        for arena in arenas
        for mode, seed in MODES.items()
        if store.block_ids(arena, mode)
    ]
    files[bundle.BOARDS] = _text(boards)
    if season is not None:
        files[bundle.SEASON] = _text([canonical(season)])
    left_out: list[str] = []
    entrants = _entrants(files)
    for found in (_weights(store, entrants, left_out), _sources(store, entrants, left_out), _shelves(store, arenas)):
        for name, content in found:
            try:
                bundle.check_name(name)
            except Refused as error:
                left_out.append(f"{name}: {error}")
            else:
                files[name] = content
    seeds = {block.seed for arena in arenas for block in store.blocks(arena)}
    secrets = tuple(secret for number, secret in sorted(luck.secrets().items()) if number in seeds)
    signer = bundle.write(path, _facts(arenas, secrets, left_out), files)
    blocks = files.get(f"records/{portable.BLOCKS}.jsonl", b"").count(b"\n")
    size = path.stat().st_size
    return Publication(str(path), size, signer, tuple(arenas), blocks, len(boards), secrets, tuple(left_out))


def _facts(arenas: Sequence[str], secrets: Iterable[luck.Secret], left_out: Sequence[str]) -> dict[str, object]:
    """What the manifest says: nothing of when and where, so that equal records are equal bundles."""
    from importlib.metadata import version

    told = [
        {"commitment": one.commitment, "name": one.name, "secret": one.key.hex() if one.revealed else None}
        for one in secrets
    ]
    libraries = {name: version(name) for name in ("torch", "numpy", "scipy")} | {"python": platform.python_version()}
    facts = {"version": __version__, "rules_version": RULES_VERSION, "libraries": libraries}
    return {**facts, "arenas": sorted(arenas), "secrets": told, "left_out": sorted(left_out)}


def _records(store: Store, arenas: Sequence[str]) -> dict[str, bytes]:
    """Name -> content, of the files of records."""
    kept: dict[str, list[str]] = {}
    for table, line in portable.lines(store, arenas):
        kept.setdefault(f"records/{table}.jsonl", []).append(line)
    return {name: _text(of_table) for name, of_table in kept.items()}


def _text(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _entrants(files: dict[str, bytes]) -> list[EntrantRecord]:
    """The entrants whose records travel."""
    lines = files.get("records/entrant.jsonl", b"").decode().splitlines()
    records = [portable.read("entrant", line) for line in lines]
    return [record for record in records if isinstance(record, EntrantRecord)]


def _weights(store: Store, entrants: Sequence[EntrantRecord], left_out: list[str]) -> Iterator[tuple[str, bytes]]:
    """The checkpoints of entrants."""
    places = {record.id: Path(record.path) for record in store.checkpoints()}
    entered = {record.entrant for record in store.submissions()}  # whose weights lie among their own files
    wanted = {record.weights: record for record in entrants if record.weights}
    for digest, record in sorted(wanted.items()):
        try:
            place = places[digest]
            if checkpoints.load(place).digest != digest:
                raise UserError(f"{place} holds other weights now")
            content = {name: (place / name).read_bytes() for name in (checkpoints.CARD, checkpoints.WEIGHTS)}
        except (UserError, LookupError, OSError) as error:
            if record.id not in entered:
                left_out.append(f"the weights of {record.label}: {' '.join(str(error).split())}")
            continue
        for name, data in content.items():
            yield f"checkpoints/{digest}/{name}", data


def _sources(store: Store, entrants: Sequence[EntrantRecord], left_out: list[str]) -> Iterator[tuple[str, bytes]]:
    """The code of entrants from files."""
    entered = {record.entrant for record in store.submissions()}
    for record in entrants:
        if not is_stranger(record) or record.id in entered or ":" not in record.agent:
            continue
        source = _source(record)
        if source is None:
            left_out.append(f"the code of {record.label}: it is no longer where it was")
            continue
        for name, data in source.files.items():
            yield f"sources/{hashlib.sha256(record.agent.encode()).hexdigest()}/{name}", data


def _source(record: EntrantRecord) -> Source | None:
    """The files of an agent: where its label says, or the copy that its process read."""
    code, _, attribute = record.agent.partition(",")[0].rpartition(":")
    if not code.startswith("sha256-"):
        return None  # a module is found by its name, where it is installed
    place = Path(record.label.partition(",")[0].partition("@")[0].rpartition(":")[0]).expanduser()
    candidates = [place] if place.suffix == ".py" and place.is_file() else []
    candidates += sorted((home.folder() / "sandbox").glob("*/*.py"))
    for file in candidates:
        try:
            source = Source.of_file(file, attribute)
        except UserError:
            continue
        if code in (f"sha256-{source.code_digest[:16]}", f"sha256-{source.digest[:16]}"):
            return source
    return None


def _shelves(store: Store, arenas: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The files of submissions."""
    for record in store.submissions():
        folder = submitted.place(record.id)
        if record.arena in arenas and folder.is_dir():
            for name, data in sorted(read_shelf(folder).items()):
                yield f"submissions/{folder.name}/{name}", data

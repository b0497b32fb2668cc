"""The database of records: append-only facts, every write a transaction, every failure one clear line.

SQLite in WAL mode by default, so several processes may write and others read at the same time; any SQLAlchemy URL
otherwise. Adding a fact twice adds it once. A fact that contradicts the one recorded under its id is an error.
"""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, insert, select, true
from sqlalchemy.exc import IntegrityError

from leaderboard.errors import StoreError
from leaderboard.records import (
    RULES_VERSION,
    ArenaRecord,
    BlockRecord,
    CheckpointRecord,
    EntrantRecord,
    LogRecord,
    MatchRecord,
    Measurement,
    NameRecord,
    PanelRecord,
    SubmissionRecord,
    block_id,
    canonical,
)
from leaderboard.seeds import SeedRecord, is_stranger
from leaderboard.statistics.tally import Tally
from leaderboard.store import audit, schema, tallies
from leaderboard.store.database import name_of, open_engine, parse, plain_words
from leaderboard.store.facts import MAY_DIFFER, Fact
from leaderboard.store.migrations import check_readable, migrate
from leaderboard.store.rows import (
    block_rows,
    chunks,
    content,
    contradicts,
    digest,
    read_blocks,
    record_of,
    row_of,
    same_results,
    sound,
    typed,
)

R = TypeVar("R")


class Store:
    """The records at a path or SQLAlchemy URL; a context manager. Every process opens its own, also after a fork.

    Args:
        url_or_path: the file (its folder must exist; the file is created) or a URL such as "postgresql://…".
        read_only: never write; the file may lie on a read-only medium.

    Raises:
        StoreError: from here and from every method: the database cannot be opened, read or written, or it holds
            something else, or comes from a newer release. One line names the fault and the fix.
    """

    def __init__(self, url_or_path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self.read_only = read_only
        self._matches: dict[int, tuple[str, str, tuple[str, ...]]] = {}  # row -> arena, mode, entrants: found sound
        url = parse(url_or_path)
        self.name = name_of(url)
        with plain_words(self.name):
            self._engine = open_engine(url, read_only)
        try:
            if read_only:
                with self._reading() as connection:
                    check_readable(connection)
            else:
                with self._writing() as connection:
                    migrate(connection)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes every connection; the store is not used after that."""
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with plain_words(self.name), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with plain_words(self.name):
            if self.read_only:
                raise StoreError("was opened for reading only; open it again without read_only to add records")
            with self._engine.execution_options(writes=True).begin() as connection:
                yield connection

    def add(self, record: Fact | BlockRecord) -> bool:
        """Adds a record, and says whether it was new; a measurement's identity is its content.

        What was recorded first under an id stays. The details of an arena, the label and provenance of an entrant,
        what tells where and when a checkpoint or a submission was made, and all of a match may differ from it; all
        else may not. A block is added with all its seat results and logs in one transaction: a process killed in it
        leaves no trace of it.

        Raises:
            StoreError: as for every method; also where the record differs from the one under its id. Of a block that
                means that an agent or arena is not deterministic; processor time and isolation may differ.
            ValueError: a block's id is not `block_id` of its content.
        """
        return self._retried(lambda connection: self.put(connection, record))

    def put(self, connection: Connection, record: Fact | BlockRecord) -> bool:
        """The same within a transaction that somebody else began; see `portable.fill`."""
        if isinstance(record, BlockRecord):
            what = (record.arena, record.entrants, record.mode, record.seed, record.first_episode, record.episodes)
            if record.id != block_id(*what, record.rules_version):
                raise ValueError(f"block {record.id[:16]}: the id does not belong to this content")
            return self._add_block(connection, record)
        row = row_of(record)
        if isinstance(record, Measurement):
            row["id"] = hashlib.sha256(canonical(row).encode()).hexdigest()
        row["content"] = content(row)
        ignore = {"content", *MAY_DIFFER.get(type(record), ())}
        return self._add_once(connection, schema.TABLES[type(record)], row, ignore)

    def _retried(self, add: Callable[[Connection], bool]) -> bool:
        """Adds in a transaction of its own."""
        try:
            with self._writing() as connection:
                return add(connection)
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
        # Where no early lock is taken (SQLite's is) another process may have added the row meanwhile: look again.
        with self._writing() as connection:
            return add(connection)

    def _add_block(self, connection: Connection, record: BlockRecord) -> bool:
        row, results = block_rows(record)
        if not self._add_once(connection, schema.block, row, {"content"}):
            (known,) = read_blocks(connection, schema.block.c.id == record.id)
            if not same_results(record.results, known.results):
                raise contradicts("block", record.id, ["results"])
            return False
        connection.execute(insert(schema.seat_result), results)
        for log in record.logs:
            about = row_of(log)
            self._add_once(connection, schema.log, about | {"content": content(about)}, MAY_DIFFER[LogRecord])
        arena = connection.execute(select(schema.arena).where(schema.arena.c.id == record.arena)).mappings().one()
        tallies.add(connection, record_of(ArenaRecord, dict(arena)), record)
        return True

    def _add_once(self, connection: Connection, table: Table, row: Mapping[str, Any], ignore: Collection[str]) -> bool:
        old = connection.execute(select(table).where(table.c.id == row["id"])).mappings().first()
        if old is None:
            connection.execute(insert(table).values(**row))
            return True
        if changed := [name for name in row if name not in ignore and old[name] != row[name]]:
            raise contradicts(table.name, row["id"], changed)
        return False

    # Reading. Records come back as they were added.

    def arenas(self) -> list[ArenaRecord]:
        """All arenas, sorted by id."""
        return sorted(self._records(ArenaRecord), key=lambda record: record.id)

    def arena(self, arena: str) -> ArenaRecord:
        """One arena; a StoreError lists those that there are."""
        for record in self._records(ArenaRecord, id=arena):
            return record
        known = ", ".join(record.id for record in self.arenas()) or "none; play a match first"
        raise StoreError(f"{self.name}: no records of arena {arena!r}; recorded are: {known}")

    def entrants(self, ids: Iterable[str] | None = None) -> list[EntrantRecord]:
        """The entrants with these ids (all where None; unknown ids are passed over), sorted by id."""
        column = schema.entrant.c.id
        conditions = [true()] if ids is None else [column.in_(some) for some in chunks(ids)]
        records = [record for condition in conditions for record in self._records(EntrantRecord, condition)]
        return sorted(records, key=lambda record: record.id)

    def labels(self) -> dict[str, str]:
        """What every entrant is called, by its id: the name given last, else its first label."""
        rows = sound("entrant", self._rows(select(schema.entrant)))
        labels = {row["id"]: row["label"] for row in rows}
        return labels | {record.entrant: record.name for record in self._records(NameRecord)}

    def strangers(self) -> set[str]:
        """The ids of entrants that do not ship."""
        marked = schema.entrant.c.provenance.contains('"stranger":true')
        return {record.id for record in self._records(EntrantRecord, marked) if is_stranger(record)}

    def seeds(self) -> list[SeedRecord]:
        """The secret seeds on which strangers are and were rated, in the order in which they were added."""
        return self._records(SeedRecord)

    def checkpoints(self, arena: str | None = None) -> list[CheckpointRecord]:
        """The checkpoints (of one arena), in the order in which they were added."""
        return self._records(CheckpointRecord, arena=arena)

    def panel(self, arena: str) -> PanelRecord | None:
        """The panel added last, None where the arena has none."""
        # All are read: one whose arena was edited is found, not passed over.
        return next((panel for panel in reversed(self._records(PanelRecord)) if panel.arena == arena), None)

    def blocks(self, arena: str, entrants: Collection[str] | None = None, mode: str | None = None) -> list[BlockRecord]:
        """The blocks of an arena, sorted by id; with `entrants` only those in which nobody else plays."""
        table = schema.block
        chosen = table.c.arena == arena
        if mode is not None:
            chosen &= table.c.mode == mode
        if entrants is not None:
            chosen &= table.c.first.in_(list(entrants)) & table.c.second.in_(list(entrants))
        with self._reading() as connection:
            return read_blocks(connection, chosen)

    def tallies(
        self,
        arena: str,
        mode: str,
        seed: int | None = None,
        partners: Collection[str] | None = None,
        rules_version: int = RULES_VERSION,
        *,
        rebuild: bool = False,
    ) -> list[Tally]:
        """What the entrants of each pairing got from each other: all blocks of an arena and mode, summed up.

        Args:
            arena: arena id.
            mode: "play" or "learn".
            seed: count only blocks of this match seed, None for all.
            partners: hold the returns of episodes only of pairings with one of these; None of all.
            rules_version: count only blocks of this version.
            rebuild: sum all blocks up again, also those whose sums are as they were kept.
        """
        where = {"arena": arena, "mode": mode, "rules_version": rules_version}
        where |= {} if seed is None else {"seed": seed}
        record = self.arena(arena)
        with self._reading() as connection:
            made, wrong = tallies.read(connection, record, where, partners, rebuild)
        if not wrong:
            return made
        if not self.read_only:
            with self._writing() as connection:
                whole = {name: value for name, value in where.items() if name != "seed"}
                tallies.rebuild(connection, record, whole, sorted(wrong, key=str))
                tallies.drop_strays(connection)
            with self._reading() as connection:
                return tallies.read(connection, record, where, partners)[0]
        kept = [tally for tally in made if (tally.first, tally.second, tally.seed) not in wrong]
        with self._reading() as connection:
            return kept + [x for key in sorted(wrong, key=str) for x in tallies.again(connection, record, where, key)]

    def make_sums_again(self, arenas: Iterable[str]) -> None:
        """Sum up the blocks of arenas again, of all modes, seeds and rules versions."""
        records = [self.arena(arena) for arena in arenas]
        with self._writing() as connection:
            tallies.make_again(connection, records)

    def unsound(self) -> list[audit.Fault]:
        """A line for every record that was damaged or edited; empty where all are as they were recorded."""
        with self._reading() as connection:
            return list(audit.unsound(connection))

    def block_state(self, arena: str, mode: str, seed: int | None = None) -> tuple[int, int]:
        """Number of the blocks that a board counts, and of the last row: the same only while no block was added."""
        table = schema.block
        same = _equal(table, arena=arena, mode=mode, seed=seed, rules_version=RULES_VERSION)
        with self._reading() as connection:
            n, last = connection.execute(select(func.count(), func.max(table.c.row)).where(*same)).one()
        return n, last or 0

    def blocks_of(self, ids: Iterable[str]) -> list[BlockRecord]:
        """The blocks with these ids, sorted by id; those that are not recorded are passed over."""
        with self._reading() as connection:
            blocks = [x for some in chunks(ids) for x in read_blocks(connection, schema.block.c.id.in_(some))]
        return sorted(blocks, key=lambda block: block.id)

    def in_order(self, ids: Iterable[str]) -> list[str]:
        """The ids that are recorded, pairing by pairing and in each by seed and first episode."""
        table = schema.block.c
        columns = (table.first, table.second, table.seed, table.first_episode, table.id)
        rows = [row for some in chunks(ids) for row in typed(self._rows(select(*columns).where(table.id.in_(some))))]
        return [row["id"] for row in sorted(rows, key=lambda row: tuple(row[column.name] for column in columns))]

    def has_blocks(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are recorded."""
        column = schema.block.c.id
        return {row["id"] for some in chunks(ids) for row in self._rows(select(column).where(column.in_(some)))}

    def block_ids(
        self, arena: str, mode: str, seed: int | None = None, rules_version: int = RULES_VERSION
    ) -> list[str]:
        """Ids of all blocks of one arena, mode and rules version (and seed), sorted: cheap, no result is read."""
        column = schema.block.c.id
        chosen = _equal(schema.block, arena=arena, mode=mode, rules_version=rules_version, seed=seed)
        return [row["id"] for row in typed(self._rows(select(column).where(*chosen).order_by(column)))]

    def next_episode(
        self, arena: str, entrants: tuple[str, str], mode: str, seed: int, rules_version: int = RULES_VERSION
    ) -> int:
        """First episode number that the pairing's blocks under this seed do not cover without a gap from 0."""
        table = schema.block
        same = {"arena": arena, "mode": mode, "seed": seed, "rules_version": rules_version}
        pairing = _equal(table, first=min(entrants), second=max(entrants), **same)
        query = select(table.c.id, table.c.first_episode, table.c.episodes).where(*pairing)
        covered = 0
        for row in typed(self._rows(query.order_by(table.c.first_episode))):
            if row["first_episode"] > covered:
                break
            covered = max(covered, row["first_episode"] + row["episodes"])
        return covered

    def match(self, prefix: str) -> MatchRecord:
        """The match whose id begins like this; a StoreError lists the candidates where it is not exactly one."""
        candidates = self._records(MatchRecord, schema.match.c.id.startswith(prefix, autoescape=True))
        exact = [record for record in candidates if record.id == prefix]
        if len(exact or candidates) == 1:
            return (exact or candidates)[0]
        if candidates:
            raise StoreError(f"{self.name}: match {prefix!r} is ambiguous; it could be {_listing(candidates)}")
        hint = f"the latest are: {known}" if (known := _listing(self.matches())) else "play one first"
        raise StoreError(f"{self.name}: no match {prefix!r}; {hint}")

    def matches(self, arena: str | None = None) -> list[MatchRecord]:
        """The matches (of one arena), in the order in which they were added."""
        return self._records(MatchRecord, arena=arena)

    def match_entrants(self, arena: str, mode: str) -> list[tuple[str, ...]]:
        """Whose match each was, of one arena and mode, in the order in which they were added."""
        # All are read, so that one whose arena or mode was edited is found; each once, as a match asks for two boards.
        last, column = max(self._matches, default=-1), schema.match.c.row
        for row in sound("match", self._rows(select(schema.match).where(column > last).order_by(column))):
            self._matches[row["row"]] = (row["arena"], row["mode"], tuple(json.loads(row["entrants"])))
        return [who for *place, who in self._matches.values() if place == [arena, mode]]

    def measurements(
        self, arena: str | None = None, subject: str | None = None, kind: str | None = None
    ) -> list[Measurement]:
        """The measurements that fit, in the order in which they were added."""
        return self._records(Measurement, arena=arena, subject=subject, kind=kind)

    def submissions(self, arena: str | None = None) -> list[SubmissionRecord]:
        """The submissions (to one arena), in the order in which they were added."""
        return self._records(SubmissionRecord, arena=arena)

    def logs(self, blocks: Iterable[str], entrant: str | None = None) -> list[LogRecord]:
        """The faults (of one entrant) in these blocks, by block, rotation and seat."""
        column = schema.log.c.block
        logs = [log for some in chunks(blocks) for log in self._records(LogRecord, column.in_(some), entrant=entrant)]
        return sorted(logs, key=lambda log: (log.block, log.rotation, log.seat, log.status))

    # The cache of views: the one thing here that may be overwritten, since it can be computed again.

    def cached_view(self, arena: str, mode: str, rules_version: int, inputs: str) -> str | None:
        """The view computed last, if it was computed from exactly these inputs (a hash), and not edited since."""
        same = _equal(schema.view, arena=arena, mode=mode, rules_version=rules_version, inputs=inputs)
        kept = next((str(row["body"]) for row in self._rows(select(schema.view.c.body).where(*same))), "")
        seal, _, body = kept.partition("\n")
        return body if seal == digest([body]) else None

    def cache_view(self, arena: str, mode: str, rules_version: int, inputs: str, body: str) -> None:
        """Keeps a computed view, with the hash of its text, in the place of the one before it."""
        table = schema.view
        key = {"arena": arena, "mode": mode, "rules_version": rules_version}
        with self._writing() as connection:
            connection.execute(delete(table).where(*_equal(table, **key)))
            connection.execute(insert(table).values(**key, inputs=inputs, body=f"{digest([body])}\n{body}"))

    def _records(self, kind: type[R], /, *conditions: ColumnElement[bool], **values: Any) -> list[R]:
        """The records of a kind that fit the conditions and values, see `_equal`, in the order of their addition."""
        table = schema.TABLES[kind]
        query = select(table).where(*conditions, *_equal(table, **values)).order_by(table.c.row)
        return [record_of(kind, row) for row in self._rows(query)]

    def _rows(self, query: Select[Any]) -> list[Mapping[str, Any]]:
        with self._reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _equal(table: Table, **values: Any) -> list[ColumnElement[bool]]:
    """The conditions that columns have these values; None stands for any."""
    return [table.c[name] == value for name, value in values.items() if value is not None]


def _listing(matches: list[MatchRecord]) -> str:
    return ", ".join(f"{record.id[:16]} ({record.arena}, {record.created})" for record in matches[-8:])

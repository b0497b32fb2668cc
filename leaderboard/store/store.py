"""The database of records: append-only facts, every write a transaction, every failure one clear line.

SQLite in WAL mode by default, so several processes may write and others read at the same time; any SQLAlchemy URL
otherwise. Adding a fact twice adds it once. A fact that contradicts the one recorded under its id is an error.
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from sqlalchemy import Connection, Select, Table, delete, insert, select
from sqlalchemy.exc import IntegrityError

from leaderboard.errors import StoreError
from leaderboard.records import (
    RULES_VERSION,
    ArenaRecord,
    BlockRecord,
    CheckpointRecord,
    EntrantRecord,
    MatchRecord,
    Measurement,
    PanelRecord,
    SeatResult,
    SubmissionRecord,
    block_id,
    canonical,
)
from leaderboard.store import schema
from leaderboard.store.database import name_of, open_engine, parse, plain_words, shown
from leaderboard.store.migrations import check_version, current_version, migrate, version_of
from leaderboard.store.rows import block_row, read_blocks, read_results, record_of, result_row, row_of, same_results

_AT_ONCE = 500  # ids in one IN (...): far below every database's limit


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
        with plain_words(shown(url_or_path)):
            url = parse(url_or_path)
        self.name = name_of(url)
        with plain_words(self.name):
            self._engine = open_engine(url, read_only)
        try:
            if read_only:
                with self._reading() as connection:
                    _check_readable(connection)
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

    # Adding. Each takes one record, and returns whether it was new.

    def add_arena(self, record: ArenaRecord) -> bool:
        """Adds an arena; its `details` may differ from those recorded, its rules may not."""
        return self._add(schema.arena, row_of(record), ignore={"details"})

    def add_entrant(self, record: EntrantRecord) -> bool:
        """Adds an entrant; the label and provenance recorded first stay."""
        return self._add(schema.entrant, row_of(record), ignore={"label", "provenance"})

    def add_checkpoint(self, record: CheckpointRecord) -> bool:
        """Adds a checkpoint; the place, card and time recorded first stay."""
        return self._add(schema.checkpoint, row_of(record), ignore={"path", "card", "created"})

    def add_panel(self, record: PanelRecord) -> bool:
        """Adds a panel; the newest of an arena is the one in force."""
        return self._add(schema.panel, row_of(record))

    def add_match(self, record: MatchRecord) -> bool:
        """Adds a match, unless it was played before: then all that was recorded first stays."""
        row = row_of(record)
        return self._add(schema.match, row, ignore=row.keys())

    def add_measurement(self, record: Measurement) -> bool:
        """Adds a measurement; its identity is its content."""
        row = row_of(record)
        return self._add(schema.measurement, {"id": hashlib.sha256(canonical(row).encode()).hexdigest(), **row})

    def add_submission(self, record: SubmissionRecord) -> bool:
        """Adds a submission; the time recorded first stays."""
        return self._add(schema.submission, row_of(record), ignore={"created"})

    def add_block(self, record: BlockRecord) -> bool:
        """Adds a block with all its seat results in one transaction: a process killed in it leaves no trace of it.

        Raises:
            StoreError: as for every method; also where the same block was recorded with other results, which means
                that an agent or arena is not deterministic. Processor time and isolation may differ.
            ValueError: the block's id is not `block_id` of its content.
        """
        what = (record.arena, record.entrants, record.mode, record.seed, record.first_episode, record.episodes)
        if record.id != block_id(*what, record.rules_version):
            raise ValueError(f"block {record.id[:16]}: the id does not belong to this content")
        return self._add(schema.block, block_row(record), results=record.results)

    def _add(
        self,
        table: Table,
        row: Mapping[str, Any],
        ignore: Collection[str] = (),
        results: tuple[SeatResult, ...] = (),
    ) -> bool:
        try:
            return self._add_once(table, row, ignore, results)
        except StoreError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise
        # Where no early lock is taken (SQLite's is) another process may have added the row meanwhile: look again.
        return self._add_once(table, row, ignore, results)

    def _add_once(
        self, table: Table, row: Mapping[str, Any], ignore: Collection[str], results: tuple[SeatResult, ...]
    ) -> bool:
        with self._writing() as connection:
            same = table.c.id == row["id"]
            old = connection.execute(select(table).where(same)).mappings().first()
            if old is None:
                connection.execute(insert(table).values(**row))
                if results:
                    connection.execute(insert(schema.seat_result), [result_row(row["id"], item) for item in results])
                return True
            changed = [name for name in row if name not in ignore and old[name] != row[name]]
            if table is schema.block and not same_results(results, read_results(connection, same)[row["id"]]):
                changed.append("results")
            if changed:
                raise StoreError(
                    f"{table.name} {row['id'][:64]} is already recorded with other content ({', '.join(changed)}); "
                    "what was recorded first stays"
                )
            return False

    # Reading. Records come back as they were added.

    def arenas(self) -> list[ArenaRecord]:
        """All arenas, sorted by id."""
        return [record_of(ArenaRecord, row) for row in self._rows(select(schema.arena).order_by(schema.arena.c.id))]

    def arena(self, arena: str) -> ArenaRecord:
        """One arena; a StoreError lists those that there are."""
        for row in self._rows(select(schema.arena).where(schema.arena.c.id == arena)):
            return record_of(ArenaRecord, row)
        known = ", ".join(record.id for record in self.arenas()) or "none; play a match first"
        raise StoreError(f"{self.name}: no records of arena {arena!r}; recorded are: {known}")

    def entrants(self, ids: Iterable[str] | None = None) -> list[EntrantRecord]:
        """The entrants with these ids (all where None; unknown ids are passed over), sorted by id."""
        table = schema.entrant
        if ids is None:
            rows = self._rows(select(table))
        else:
            rows = [r for some in _chunks(ids) for r in self._rows(select(table).where(table.c.id.in_(some)))]
        return sorted((record_of(EntrantRecord, row) for row in rows), key=lambda e: e.id)

    def checkpoints(self, arena: str | None = None) -> list[CheckpointRecord]:
        """The checkpoints (of one arena), in the order in which they were added."""
        query = select(schema.checkpoint).order_by(schema.checkpoint.c.row)
        query = query if arena is None else query.where(schema.checkpoint.c.arena == arena)
        return [record_of(CheckpointRecord, row) for row in self._rows(query)]

    def panel(self, arena: str) -> PanelRecord | None:
        """The panel added last, None where the arena has none."""
        table = schema.panel
        query = select(table).where(table.c.arena == arena).order_by(table.c.row.desc()).limit(1)
        for row in self._rows(query):
            return record_of(PanelRecord, row)
        return None

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

    def has_blocks(self, ids: Iterable[str]) -> set[str]:
        """Those of the ids that are recorded."""
        column = schema.block.c.id
        return {row["id"] for some in _chunks(ids) for row in self._rows(select(column).where(column.in_(some)))}

    def block_ids(
        self, arena: str, mode: str, seed: int | None = None, rules_version: int = RULES_VERSION
    ) -> list[str]:
        """Ids of all blocks of one arena, mode and rules version (and seed), sorted: cheap, no result is read."""
        table = schema.block
        query = select(table.c.id).where(
            table.c.arena == arena, table.c.mode == mode, table.c.rules_version == rules_version
        )
        if seed is not None:
            query = query.where(table.c.seed == seed)
        return [row["id"] for row in self._rows(query.order_by(table.c.id))]

    def next_episode(
        self, arena: str, entrants: tuple[str, str], mode: str, seed: int, rules_version: int = RULES_VERSION
    ) -> int:
        """First episode number that the pairing's blocks under this seed do not cover without a gap from 0."""
        table = schema.block
        first, second = sorted(entrants)
        query = select(table.c.first_episode, table.c.episodes).where(
            *(table.c.arena == arena, table.c.mode == mode, table.c.first == first, table.c.second == second),
            *(table.c.seed == seed, table.c.rules_version == rules_version),
        )
        covered = 0
        for row in self._rows(query.order_by(table.c.first_episode)):
            if row["first_episode"] > covered:
                break
            covered = max(covered, row["first_episode"] + row["episodes"])
        return covered

    def match(self, prefix: str) -> MatchRecord:
        """The match whose id begins like this; a StoreError lists the candidates where it is not exactly one."""
        table = schema.match
        query = select(table).where(table.c.id.startswith(prefix, autoescape=True)).order_by(table.c.row)
        found = [record_of(MatchRecord, row) for row in self._rows(query)]
        exact = [record for record in found if record.id == prefix]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            raise StoreError(f"{self.name}: match {prefix!r} is ambiguous; it could be {_listing(found)}")
        known = _listing(self.matches()) or "none; play a match first"
        raise StoreError(f"{self.name}: no match {prefix!r}; the latest are: {known}")

    def matches(self, arena: str | None = None) -> list[MatchRecord]:
        """The matches (of one arena), in the order in which they were added."""
        query = select(schema.match).order_by(schema.match.c.row)
        query = query if arena is None else query.where(schema.match.c.arena == arena)
        return [record_of(MatchRecord, row) for row in self._rows(query)]

    def measurements(
        self, arena: str | None = None, subject: str | None = None, kind: str | None = None
    ) -> list[Measurement]:
        """The measurements that fit, in the order in which they were added."""
        query = select(schema.measurement).order_by(schema.measurement.c.row)
        for name, value in (("arena", arena), ("subject", subject), ("kind", kind)):
            if value is not None:
                query = query.where(schema.measurement.c[name] == value)
        return [record_of(Measurement, row) for row in self._rows(query)]

    def submissions(self, arena: str | None = None) -> list[SubmissionRecord]:
        """The submissions (to one arena), in the order in which they were added."""
        query = select(schema.submission).order_by(schema.submission.c.row)
        query = query if arena is None else query.where(schema.submission.c.arena == arena)
        return [record_of(SubmissionRecord, row) for row in self._rows(query)]

    # The cache of views: the one thing here that may be overwritten, since it can be computed again.

    def cached_view(self, arena: str, mode: str, rules_version: int, inputs: str) -> str | None:
        """The view computed last, if it was computed from exactly these inputs (a hash)."""
        table = schema.view
        query = select(table.c.body).where(
            *(table.c.arena == arena, table.c.mode == mode),
            *(table.c.rules_version == rules_version, table.c.inputs == inputs),
        )
        return next((row["body"] for row in self._rows(query)), None)

    def cache_view(self, arena: str, mode: str, rules_version: int, inputs: str, body: str) -> None:
        """Keeps a computed view in the place of the one before it."""
        table = schema.view
        key = {"arena": arena, "mode": mode, "rules_version": rules_version}
        with self._writing() as connection:
            connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
            connection.execute(insert(table).values(**key, inputs=inputs, body=body))

    def _rows(self, query: Select[Any]) -> list[Mapping[str, Any]]:
        with self._reading() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _check_readable(connection: Connection) -> None:
    version = version_of(connection)
    if version == 0:
        raise StoreError("no records yet; play a match first")
    check_version(version)
    if version < current_version():
        raise StoreError("written by an older release; open it once for writing, which brings it up to date")


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    unique = sorted(set(ids))
    return (unique[start : start + _AT_ONCE] for start in range(0, len(unique), _AT_ONCE))


def _listing(matches: list[MatchRecord]) -> str:
    return ", ".join(f"{record.id[:16]} ({record.arena}, {record.created})" for record in matches[-8:])

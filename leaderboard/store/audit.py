"""Looks through a whole database for facts that were damaged or edited, and names each in one line."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from sqlalchemy import Connection, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from leaderboard.errors import StoreError
from leaderboard.records import ArenaRecord
from leaderboard.statistics.tally import Tally
from leaderboard.store import schema, tallies
from leaderboard.store.rows import block_content, block_values, content, record_of

_AT_ONCE = 2_000  # blocks held at a time


class Fault(str):
    """A line that says what is not as it was recorded.

    Attributes:
        of_sums: only sums are wrong, which can be made again from the blocks.
    """

    of_sums: bool

    def __new__(cls, line: str, *, of_sums: bool = False) -> Self:
        """A line, and whether it is of sums."""
        fault = super().__new__(cls, line)
        fault.of_sums = of_sums
        return fault


def unsound(connection: Connection) -> Iterator[Fault]:
    """A fault for everything in the database that is not as it was recorded; nothing where all is sound."""
    yield from map(Fault, _broken_file(connection))
    arenas: dict[str, ArenaRecord] = {}
    for kind, table in schema.TABLES.items():
        for row, fault in _rows(connection, table):
            if fault is None and content(row) != row["content"]:
                fault = "was damaged or edited after it was recorded"
            if fault is not None:
                yield Fault(f"{table.name} {str(row['id'])[:64]} {fault}")
            elif kind is ArenaRecord:
                arenas[row["id"]] = record_of(ArenaRecord, row)
    damaged: set[str] = set()
    for id, fault in _blocks(connection):
        damaged.add(id)
        yield Fault(f"block {id[:64]} {fault}")
    strays = (
        select(func.count())
        .select_from(schema.seat_result)
        .where(schema.seat_result.c.block.not_in(select(schema.block.c.id)))
    )
    if lost := connection.execute(strays).scalar():
        yield Fault(f"{lost} results belong to no block")
    for line in _wrong_tallies(connection, arenas, damaged):
        yield Fault(line, of_sums=True)
    for where in tallies.strays(connection):
        same = [schema.tally.c[name] == value for name, value in where.items()]
        count = connection.execute(select(func.count()).select_from(schema.tally).where(*same)).scalar()
        game = f"{str(where['arena'])[:64]}, mode {str(where['mode'])[:16]}, rules version {where['rules_version']}"
        line = f"the sums in {game} ({count}) belong to no block"
        if tallies.whole(connection, where):
            yield Fault(f"{line}, as blocks were removed after they were counted")
        else:
            yield Fault(f"{line} and were edited; `zoo leaderboard --rebuild` drops them", of_sums=True)


def _broken_file(connection: Connection) -> Iterator[str]:
    """What the database itself finds: pages that do not hang together, rows that name what is not there."""
    if connection.dialect.name != "sqlite":
        return
    for (says,) in connection.execute(text("PRAGMA integrity_check")):
        if says != "ok":
            yield f"the database file: {str(says).splitlines()[0]}"
    for table, *_ in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"a row of {table} names something that is not recorded"


def _rows(connection: Connection, table: Table) -> Iterator[tuple[Mapping[str, Any], str | None]]:
    """The rows of a table, one at a time, and what hinders one from being read."""
    for (row,) in connection.execute(select(table.c.row).order_by(table.c.row)).all():
        try:
            yield dict(connection.execute(select(table).where(table.c.row == row)).mappings().one()), None
        except (DBAPIError, ValueError, TypeError, LookupError):
            yield {"id": f"in row {row}"}, "cannot be read"


def _blocks(connection: Connection) -> Iterator[tuple[str, str]]:
    """The id of each block that is not as it was recorded, and what is wrong with it."""
    table = schema.block
    last = connection.execute(select(func.max(table.c.row))).scalar() or 0
    for start in range(0, last + 1, _AT_ONCE):
        some = (table.c.row >= start) & (table.c.row < start + _AT_ONCE)
        try:
            for row, results in block_values(connection, some):
                if block_content(row, results) != row["content"]:
                    yield str(row["id"]), "was damaged or edited after it was recorded"
        except (DBAPIError, ValueError, TypeError, LookupError):
            yield f"in rows {start} to {start + _AT_ONCE - 1}", "cannot be read"


def _wrong_tallies(connection: Connection, arenas: Mapping[str, ArenaRecord], damaged: set[str]) -> Iterator[str]:
    """Pairings whose sums, of which boards are made, are not those of their blocks."""
    names = ("arena", "mode", "rules_version")
    columns = [schema.block.c[name] for name in names]
    for values in connection.execute(select(*columns).distinct()).all():
        where = dict(zip(names, values, strict=True))
        if where["arena"] not in arenas:
            continue
        made, wrong = tallies.read(connection, arenas[where["arena"]], where, None)
        # Pairings without any tally were played by an older release; their tallies are made when a board needs them.
        wrong &= tallies.pairings(connection, where)
        for first, second, seed in sorted(wrong):
            yield (
                f"the sums of {first[:16]} against {second[:16]}, seed {seed}, in {where['arena']} are not those of "
                "their blocks; `zoo leaderboard --rebuild` makes them again"
            )
        if not damaged and not wrong:
            yield from _unlike(connection, arenas[where["arena"]], where, made)


def _unlike(connection: Connection, arena: ArenaRecord, where: Mapping[str, Any], made: list[Tally]) -> Iterator[str]:
    """Pairings whose tallies differ from those made again of their blocks, though each has its hash."""
    kept: dict[tuple[str, str, int, str], list[Tally]] = {}
    for tally in made:
        kept.setdefault((tally.first, tally.second, tally.seed, tally.side), []).append(tally)
    for first, second, seed in sorted({key[:3] for key in kept}):
        try:
            again = tallies.again(connection, arena, where, (first, second, seed))
        except StoreError:
            continue
        for side in {tally.side for tally in again}:
            ours = [tally for tally in again if tally.side == side]
            theirs = kept.get((first, second, seed, side), [])
            if _figures(ours) != _figures(theirs):
                yield (
                    f"the sums of {first[:16]} against {second[:16]} in {arena.id} differ from their blocks; "
                    "`zoo leaderboard --rebuild` makes them again"
                )


def _figures(parts: list[Tally]) -> list[object]:
    """What tallies say, whatever pieces they are cut into."""
    ordered = sorted(parts, key=lambda tally: tally.start)
    own = b"".join(tally.own.tobytes() for tally in ordered if tally.own is not None)
    faulty = b"".join(tally.faulty.tobytes() for tally in ordered if tally.faulty is not None)
    counts = [sum(getattr(tally, name) for tally in ordered) for name in ("games", "blocks", "repeated")]
    won = [sum(tally.won[k] for tally in ordered) for k in range(3)]
    return [own, faulty, *counts, *won]

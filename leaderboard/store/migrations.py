"""Brings a database to the present tables, in one transaction: after a failure it is what it was before.

A new database gets the tables of `schema.py` at once. An older one gets, in order, each named step that it lacks. To
change the tables: change a record or `schema.py`, and append to `MIGRATIONS` the step that turns the previous tables
into the new ones. Steps use their own DDL and never `schema.py`, which moves on while a step must not.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, inspect, select, text

from leaderboard.errors import NoRecordsError, OlderStoreError, StoreError
from leaderboard.records import canonical
from leaderboard.store import schema
from leaderboard.store.rows import block_content, content

BASE = "first tables"


@dataclass(frozen=True)
class Migration:
    """One step from the tables before it to the tables after it."""

    name: str
    apply: Callable[[Connection], None]


def _content_hashes_and_tallies(connection: Connection) -> None:
    """Every fact gets the hash of its content, panels get weights and scales, and pairings their tallies."""
    facts = ("arena", "entrant", "checkpoint", "panel", "match", "measurement", "submission")
    for column, empty in (("weights", "{}"), ("scale", "{}"), ("anchors", "{}"), ("texts", "[]"), ("details", "{}")):
        connection.exec_driver_sql(f"ALTER TABLE panel ADD COLUMN {column} TEXT NOT NULL DEFAULT '{empty}'")
    for table in (*facts, "block"):
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN content VARCHAR(200) NOT NULL DEFAULT ''")
    for table in facts:
        for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"').mappings().all():
            _seal(connection, table, row["row"], content(dict(row)))
    for row in connection.exec_driver_sql("SELECT * FROM block").mappings().all():
        results = connection.execute(
            text(
                "SELECT rotation, seat, entrant, returns, lengths, statuses, metrics, cpu_s, isolation"
                " FROM seat_result WHERE block = :block"
            ),
            {"block": row["id"]},
        ).all()
        _seal(connection, "block", row["row"], block_content(dict(row), [_plain_bytes(values) for values in results]))
    connection.exec_driver_sql("DROP INDEX block_by_pairing")
    connection.exec_driver_sql(
        'CREATE INDEX block_by_pairing ON block (arena, mode, "first", "second", seed, rules_version)'
    )
    whole, blob, real = ("BIGINT", "BYTEA", "DOUBLE PRECISION") if connection.dialect.name == "postgresql" else _SQLITE
    columns = [
        *(f'"{name}" VARCHAR(200) NOT NULL' for name in ("arena", "mode", "first", "second", "side")),
        *(f"{name} {whole} NOT NULL" for name in ("seed", "rules_version", "start", "episodes")),
        *(f"{name} {blob} NOT NULL" for name in ("own", "faulty")),
        *(f"{name} {real} NOT NULL" for name in ("total_first", "total_second")),
        *(f"{name} {whole} NOT NULL" for name in ("counted_first", "counted_second", "won", "drawn", "lost")),
        *(f"{name} {whole} NOT NULL" for name in ("games", "blocks", "repeated", "shortest", "longest")),
        "faults TEXT NOT NULL",
        *(f"{name} VARCHAR(200) NOT NULL" for name in ("arrays", "content")),
    ]
    key = _key(connection)
    words = "".join(f", {column} VARCHAR(200) NOT NULL" for column in ("id", "entrant", "created", "content"))
    connection.exec_driver_sql(f'CREATE TABLE name ("row" {key}{words}, name TEXT NOT NULL, UNIQUE (id))')
    connection.exec_driver_sql(f'CREATE TABLE tally ("row" {key}, {", ".join(columns)})')
    connection.exec_driver_sql(
        "CREATE UNIQUE INDEX tally_by_pairing"
        ' ON tally (arena, mode, rules_version, "first", "second", side, seed, start)'
    )


_SQLITE = ("BIGINT", "BLOB", "FLOAT")


def _plain_bytes(values: Iterable[Any]) -> list[Any]:
    return [bytes(value) if isinstance(value, memoryview) else value for value in values]


def _seal(connection: Connection, table: str, row: int, made: str) -> None:
    update = f'UPDATE "{table}" SET content = :made WHERE "row" = :row'
    connection.execute(text(update), {"made": made, "row": row})


def _logs_of_faults(connection: Connection) -> None:
    """What agents printed before they failed; and who spoiled a game has lost it, so such tallies are made again."""
    connection.exec_driver_sql("DELETE FROM tally WHERE faults <> '[{},{}]'")
    words = ("id", "block", "seat", "entrant", "status", "content")
    columns = [
        *(f"{name} VARCHAR(200) NOT NULL" for name in words),
        *(f"{name} BIGINT NOT NULL" for name in ("rotation", "first_episode", "episodes")),
        *(f"{name} TEXT NOT NULL" for name in ("message", "tail")),
    ]
    connection.exec_driver_sql(f'CREATE TABLE log ("row" {_key(connection)}, {", ".join(columns)}, UNIQUE (id))')
    connection.exec_driver_sql("CREATE INDEX log_by_block ON log (block)")


def _key(connection: Connection) -> str:
    return "SERIAL PRIMARY KEY" if connection.dialect.name == "postgresql" else "INTEGER NOT NULL PRIMARY KEY"


def _secret_seeds(connection: Connection) -> None:
    """Secret seeds get a table, and entrants from files and from others' modules the mark of a stranger."""
    words = "".join(f", {column} VARCHAR(200) NOT NULL" for column in ("id", "created", "content"))
    connection.exec_driver_sql(f'CREATE TABLE seed ("row" {_key(connection)}{words}, UNIQUE (id))')
    for row in connection.exec_driver_sql("SELECT * FROM entrant").mappings().all():
        # A registered name holds no colon. The one library that is wrapped has a scheme of its own.
        if ":" not in row["agent"] or row["agent"].startswith("axelrod:"):
            continue
        sound = content(dict(row)) == row["content"]
        marked = dict(row) | {"provenance": canonical({**json.loads(row["provenance"]), "stranger": True})}
        update = 'UPDATE entrant SET provenance = :provenance, content = :content WHERE "row" = :row'
        values = {name: marked[name] for name in ("provenance", "row")}
        # One that was damaged before must still be found.
        connection.execute(text(update), values | {"content": content(marked) if sound else row["content"]})


MIGRATIONS: tuple[Migration, ...] = (
    Migration("content hashes and tallies", _content_hashes_and_tallies),
    Migration("logs of faults", _logs_of_faults),
    Migration("secret seeds", _secret_seeds),
)


def current_version(migrations: tuple[Migration, ...] = MIGRATIONS) -> int:
    """Version of the tables that this code reads and writes: 1 for the first, one more for each migration."""
    return 1 + len(migrations)


def version_of(connection: Connection) -> int:
    """Version of the database's tables; 0 where there is no table at all.

    Raises:
        StoreError: there are tables, but not ours.
    """
    names = set(inspect(connection).get_table_names())
    if not names:
        return 0
    if "schema_version" not in names:
        raise StoreError("this database holds something else; name another file, or move this one away")
    return connection.execute(select(func.max(schema.schema_version.c.version))).scalar() or 0


def check_version(version: int, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Refuses a database from the future.

    Raises:
        StoreError: the tables are newer than this code.
    """
    newest = current_version(migrations)
    if version > newest:
        raise StoreError(
            f"written by a newer release (tables version {version}, this one knows {newest}); upgrade this installation"
        )


def check_readable(connection: Connection) -> None:
    """Refuses a database that must be written to before it can be read.

    Raises:
        StoreError: it is empty, or comes from another release.
    """
    version = version_of(connection)
    if version == 0:
        raise NoRecordsError("no records yet; play a match first")
    check_version(version)
    if version < current_version():
        raise OlderStoreError("written by an older release; open it once for writing, which brings it up to date")


def migrate(connection: Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Brings the tables to the present version, inside the caller's transaction.

    Raises:
        StoreError: the database holds something else, or comes from a newer release.
    """
    version = version_of(connection)
    check_version(version, migrations)
    if version == 0:
        schema.metadata.create_all(connection)
    for number, name in enumerate((BASE, *(migration.name for migration in migrations)), start=1):
        if number > version:
            if version > 0:
                migrations[number - 2].apply(connection)
            connection.execute(insert(schema.schema_version).values(version=number, name=name))

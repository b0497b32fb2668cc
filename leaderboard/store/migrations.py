"""Brings a database to the present tables, in one transaction: after a failure it is what it was before.

A new database gets the tables of `schema.py` at once. An older one gets, in order, each named step that it lacks. To
change the tables: change a record or `schema.py`, and append to `MIGRATIONS` the step that turns the previous tables
into the new ones. Steps use their own DDL and never `schema.py`, which moves on while a step must not.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, inspect, select

from leaderboard.errors import StoreError
from leaderboard.store import schema

BASE = "first tables"


@dataclass(frozen=True)
class Migration:
    """One step from the tables before it to the tables after it."""

    name: str
    apply: Callable[[Connection], None]


MIGRATIONS: tuple[Migration, ...] = ()


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

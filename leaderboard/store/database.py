"""Opening a database: the settings of SQLite, the limits of a read-only one, and errors in plain words."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from leaderboard.errors import NoRecordsError, StoreError

BUSY_S = 30.0
"""Seconds to wait for another process that is writing; one write takes milliseconds."""

_DAMAGED = "is damaged; restore a copy, or save what is left with `sqlite3 FILE .recover`"
# What SQLite says -> (the fault, the fix). The first that occurs in the message wins.
_SQLITE_SAYS: tuple[tuple[str, str], ...] = (
    ("readonly database", "is read-only; make the file and its folder writable, or name another file"),
    ("unable to open", "cannot be opened; check that its folder exists and may be entered, and that it is a file"),
    ("not a database", "is not a database; name another file, or move this one away"),
    ("malformed", _DAMAGED),
    ("decode to utf-8", _DAMAGED),
    ("disk is full", "could not be written, because the disk is full; free some space and repeat: nothing was lost"),
    ("disk i/o error", "could not be read or written (disk error); check the disk, then repeat: nothing was lost"),
    ("locked", f"was busy for {BUSY_S:.0f} s; another process is writing, so wait for it or end it, then repeat"),
    ("foreign key", "refused a record of an arena or entrant that it does not know; add that one first"),
)


def parse(url_or_path: str | os.PathLike[str]) -> URL:
    """The address of a database: a SQLAlchemy URL is taken as it is, anything else is the path of an SQLite file.

    Raises:
        StoreError: it looks like a URL but is none.
    """
    text = os.fspath(url_or_path)
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).expanduser()))
    try:
        return make_url(text)
    except ArgumentError:
        scheme = text.partition("://")[0]  # what follows may hold a password
        raise StoreError(f"{scheme}://...: the address is not a URL like dialect://user:password@host/name") from None


def name_of(url: URL) -> str:
    """What to call the database in messages: the path of a file, or the URL without its password."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database
    return url.render_as_string(hide_password=True)


def open_engine(url: URL, read_only: bool) -> Engine:
    """An engine whose transactions are real ones; nothing is read or created yet.

    SQLite's driver would begin transactions late and none for DDL, so it is told to keep out of it, and a
    transaction that was announced as a writing one takes the write lock at once: two processes then queue instead
    of failing half-way.

    Raises:
        StoreError: no such dialect, or its driver is not installed, or there is nothing to read.
    """
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    if is_file and read_only and "uri" not in url.query:
        url = _read_only_url(url)
    try:
        engine = create_engine(url)
    except NoSuchModuleError:
        raise StoreError(f"{url.drivername!r} is no known kind of database; use an SQLite file or postgresql") from None
    except ModuleNotFoundError as error:
        raise StoreError(f"needs the Python package {error.name!r}; install it, or name an SQLite file") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda connection, _record: _set_up(connection, is_file and not read_only))
        event.listen(engine, "begin", _begin)
    return engine


def _read_only_url(url: URL) -> URL:
    path = Path(str(url.database))
    if not path.exists():
        raise NoRecordsError("no records yet; play a match first")
    # A database in WAL mode needs its side files even to be read. Where they can neither be found nor made (a
    # read-only folder), nobody can be writing either, and SQLite may be told so.
    frozen = not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists()
    uri = path.absolute().as_uri()
    return url.set(database=uri, query={"mode": "ro", "uri": "true"} | ({"immutable": "1"} if frozen else {}))


def _set_up(connection: sqlite3.Connection, own_file: bool) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")
    if own_file:
        _use_wal(connection)
        # FULL: a block costs seconds to play, and one fsync makes it outlive even a power cut.
        connection.execute("PRAGMA synchronous = FULL")


def _use_wal(connection: sqlite3.Connection) -> None:
    # The change to WAL ignores busy_timeout when two processes open a new file at once, hence the loop.
    deadline = time.monotonic() + BUSY_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                return  # a file system without shared memory: the older journal is slower, and as safe
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def plain_words(name: str) -> Iterator[None]:
    """Turns what a driver raises, and a StoreError that names no database yet, into one line about `name`."""
    try:
        yield
    except StoreError as error:
        raise type(error)(f"{name}: {error}") from None
    except (DBAPIError, sqlite3.Error) as error:
        raise StoreError(f"{name} {_explain(getattr(error, 'orig', error))}") from error
    except SQLAlchemyError as error:
        raise StoreError(f"{name}: {str(error).splitlines()[0]}") from error
    except UnicodeDecodeError as error:  # what SQLite says of a damaged table names it, too
        raise StoreError(f"{name} {_DAMAGED}") from error


def _explain(error: Any) -> str:
    says = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, sqlite3.Error):
        for words, advice in _SQLITE_SAYS:
            if words in says.lower():
                return advice
    return f"reports: {says}"

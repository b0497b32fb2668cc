"""Where the zoo keeps its records: `ZOO_HOME`, a folder or an SQLAlchemy URL; by default the user's data folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UserError

if TYPE_CHECKING:
    from leaderboard.records import ArenaRecord
    from leaderboard.store.store import Store


def folder() -> Path:
    """The folder of what is kept (it is made): the user's data folder where `ZOO_HOME` is not set, or a URL.

    Raises:
        UserError: the folder cannot be made.
    """
    home = os.environ.get("ZOO_HOME", "")
    if not home or "://" in home:
        from platformdirs import user_data_dir

        home = user_data_dir("zoo", appauthor=False)
    path = Path(home).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot use ZOO_HOME {path}: {error.strerror or error}; set it to a writable folder"
        ) from error
    return path


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """This variable of the environment has this value within, also in processes that are started there."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def at(folder: Path) -> AbstractContextManager[None]:
    """This folder is the home within, also of processes that are started there."""
    return variable("ZOO_HOME", str(folder))


def records() -> str:
    """Path of the database file (its folder is made), or the URL.

    Raises:
        UserError: the folder cannot be made.
    """
    home = os.environ.get("ZOO_HOME", "")
    return home if "://" in home else str(folder() / "records.sqlite")


#: Name of the key that signs bundles, beside which secret seeds lie.
SIGNING = "signing"


def secrets_folder() -> Path:
    """The folder of what nobody else may read: secret seeds and the key that signs bundles (it is made, mode 0700).

    Raises:
        UserError: the folder cannot be made.
    """
    path = folder() / "secrets"
    try:
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {path}: {error.strerror or error}") from error
    return path


def secret(name: str) -> bytes:
    """32 random bytes that the home keeps under a name, made on the first call, in a file of mode 0600.

    Of two processes that call at once one makes them and both get the same; a process killed in it leaves either
    nothing under the name, or all of it on disk.

    Raises:
        UserError: they cannot be kept, or the file was damaged.
    """
    path = secrets_folder() / f"{name}.key"
    if (known := _secret(path)) is not None:
        return known
    keep_once(path, secrets.token_hex(32))
    made = _secret(path)
    assert made is not None  # there it is, whoever made it
    return made


def keep_once(path: Path, text: str) -> bool:
    """Write a private file unless there is one; False where there was one.

    Raises:
        UserError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)  # unlike a rename it takes no other process's file away
        except FileExistsError:
            return False
        folder_of = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder_of)
        finally:
            os.close(folder_of)
        return True
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            beside.unlink()


def _secret(path: Path) -> bytes | None:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    with suppress(ValueError):
        if len(key := bytes.fromhex(text)) == 32:
            return key
    raise UserError(f"{path} holds no secret any more: put a copy back, or what was played on it cannot be replayed")


def read_records() -> Store:
    """The records, to be read only; those of an older release are brought up to date first.

    Raises:
        UserError: the folder cannot be made.
        StoreError: they cannot be read, or need an update and may not be written.
    """
    from leaderboard.errors import OlderStoreError
    from leaderboard.store.store import Store

    where = records()
    try:
        return Store(where, read_only=True)
    except OlderStoreError:
        Store(where).close()
        return Store(where, read_only=True)


def arenas_with_records(store: Store) -> list[ArenaRecord]:
    """The arenas of which the records tell more than the name, sorted; a command that is refused may leave a name."""

    def told(arena: str) -> bool:
        counted = any(store.block_state(arena, mode)[0] for mode in ("play", "learn"))  # the cheap question first
        return bool(counted or store.matches(arena) or store.measurements(arena) or store.submissions(arena))

    return [record for record in store.arenas() if told(record.id)]

"""Where the zoo keeps its records: `ZOO_HOME`, a folder or an SQLAlchemy URL; by default the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UserError

if TYPE_CHECKING:
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


def records() -> str:
    """Path of the database file (its folder is made), or the URL.

    Raises:
        UserError: the folder cannot be made.
    """
    home = os.environ.get("ZOO_HOME", "")
    return home if "://" in home else str(folder() / "records.sqlite")


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

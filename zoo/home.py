"""Where the zoo keeps its records: `ZOO_HOME`, a folder or an SQLAlchemy URL; by default the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path

from zoo.errors import UserError


def records() -> str:
    """Path of the database file (its folder is made), or the URL.

    Raises:
        UserError: the folder cannot be made.
    """
    home = os.environ.get("ZOO_HOME", "")
    if "://" in home:
        return home
    if not home:
        from platformdirs import user_data_dir

        home = user_data_dir("zoo", appauthor=False)
    folder = Path(home).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot use ZOO_HOME {folder}: {error.strerror or error}; set it to a writable folder"
        ) from error
    return str(folder / "records.sqlite")

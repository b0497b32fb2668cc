"""The files of the folder `declared`, which hold what the house declares about arenas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("declared")


def read(name: str) -> Any:
    """The content of a file that is of no single arena: `rules` and `responders`, which `zoo exploit` tries."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def newest_of(kind: str, identity: str) -> tuple[str, Any] | None:
    """Name, "coin-v1/panel-2", and content of the file with the highest number; an identity may hold dots."""
    files = {
        int(file.stem.rpartition("-")[2]): file
        for file in FOLDER.iterdir()
        if file.suffix == ".json" and file.stem.rpartition(f".{kind}-")[0] == identity
    }
    if not files:
        return None
    return f"{identity}/{kind}-{max(files)}", json.loads(files[max(files)].read_text())

"""Panels: the frozen partners with whom entrants are compared in an arena, one JSON file per arena identity.

A panel never changes: a new set of partners is a new file with a new number, and results under the old one stay. The
file lists the members with their entrant ids, and a member that no longer has its id is an error, not a new panel.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UserError

if TYPE_CHECKING:
    from arenas.protocol import Arena
    from zoo.entry.venue import ArenaChoice

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Panel:
    """`id` such as "coin-v1/panel-1"; `members` are entrant texts."""

    id: str
    members: tuple[str, ...]


def panel_for(choice: ArenaChoice, arena: Arena, identity: str) -> Panel:
    """The arena's panel: the file with the highest number for its identity, else the random agent alone.

    Raises:
        UserError: a member does not have the id that the file gives.
    """
    from zoo.entry.venue import entrant

    files = {int(file.stem.rpartition("-")[2]): file for file in FOLDER.iterdir() if _is_of(file, identity)}
    if not files:
        return Panel(f"{identity}/panel-0", ("random",))
    name = f"{identity}/panel-{max(files)}"
    members: dict[str, str] = json.loads(files[max(files)].read_text())
    for text, wanted in members.items():
        found = entrant(choice, text).id
        if found != wanted:
            raise UserError(f"panel {name}: {text} is now {found}, the panel holds {wanted}: the installation is mixed")
    return Panel(name, tuple(members))


def _is_of(file: Path, identity: str) -> bool:
    """Whether a file is named IDENTITY.panel-NUMBER.json; an identity may hold dots."""
    return file.suffix == ".json" and file.stem.rpartition(".panel-")[0] == identity

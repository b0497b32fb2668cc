"""A fixed list of commands says and records what it did before: match ids, blocks, boards and figures.

`golden_commands.json` was made at commit 7e2a112, before the foundations were merged, and made again where boards and
verdicts went over to one quantity and weighted panels, where nemeses joined the panels, and where JSON began to say
which seed and level of isolation a match was played at, and who was at fault. Figures are rounded to nine digits and
few episodes are played, so that the last digits of a processor change nothing. When a change is meant to be seen here,
write the file anew and say in the changelog what changed:

    python -m tests.zoo.test_golden_commands
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from zoo.cli import main

GOLDEN = Path(__file__).parent / "golden_commands.json"
COMMANDS = """
match tit-for-tat grim --arena ipd --episodes 6 --json
match tit-for-tat always-defect --arena ipd --episodes 4 --json
match greedy cooperator --arena coin --episodes 4 --json
match always-defect win-stay-lose-shift --arena ipd --set arena.max_steps=20 --episodes 20 --json
match random random --arena pettingzoo:classic/tictactoe_v3 --episodes 10 --json
match random greedy --arena coin-two --episodes 10 --json
match random random --arena tandem --episodes 10 --json
match random random --arena matrix --set arena.payoffs=[[[3,2],[0,0]],[[0,0],[2,3]]] --episodes 10 --json
match random random --arena imp --episodes 10 --seed 7 --json
match independent-q tit-for-tat --arena ipd --learn --rounds 4 --runs 2 --copies 8 --json
tournament tit-for-tat grim always-defect memory-one,cc=0.9,dd=0.2 --no-panel --arena ipd --episodes 25 --format json
tournament win-stay-lose-shift always-cooperate grim --no-panel --arena stag-hunt --episodes 10 --format json
crossplay random grim tit-for-tat --arena ipd --episodes 20 --json
crossplay greedy cooperator random --arena coin --episodes 4 --json
exploit tit-for-tat --arena ipd --json
exploit win-stay-lose-shift --arena ipd --verbose --json
exploit cooperator --arena coin --json
leaderboard --format json
leaderboard --arena ipd --learn --format json
"""
#: Keys and columns that tell of the machine, the moment, the version, how the command was started, or hash all that.
CHANGING = {"cpu_s", "version", "created", "command", "run", "content"}
TABLES = ("arena", "entrant", "panel", "match", "block", "seat_result", "measurement")


def rounded(value: Any) -> Any:
    """`value` with floats to nine digits, JSON texts read and bytes as hexadecimal numbers."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items() if key not in CHANGING}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str) and value[:1] in ("{", "["):
        return rounded(json.loads(value))
    return float(f"{value:.9g}") if isinstance(value, float) else value


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def printed(command: str) -> Any:
    """What a command prints, as plain data."""
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            main(command.split(" "))
        except SystemExit as end:
            assert end.code in (0, None), command
    return rounded(json.loads(out.getvalue()))


def recorded(records: Path) -> Iterator[tuple[str, list[Any]]]:
    """Table -> its rows in an order of their own."""
    with closing(sqlite3.connect(records)) as database:
        for table in TABLES:
            left_out = {"row", *CHANGING} | ({"id"} if table == "measurement" else set())
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})") if row[1] not in left_out]
            wanted = ", ".join(f'"{column}"' for column in columns)
            rows = database.execute(f'SELECT {wanted} FROM "{table}"')
            yield table, sorted((rounded(row) for row in rows), key=lambda row: json.dumps(row, sort_keys=True))


def observed(home: Path) -> dict[str, Any]:
    """Digests of what the commands print and of what they leave in `home`."""
    os.environ["ZOO_HOME"] = str(home)
    said = {command: printed(command) for command in COMMANDS.strip().splitlines()}
    seen: dict[str, Any] = {
        c: f"{s.get('match', '') if isinstance(s, dict) else ''} {digest(s)}" for c, s in said.items()
    }
    return seen | {table: f"{len(rows)} {digest(rows)}" for table, rows in recorded(home / "records.sqlite")}


@pytest.mark.learning
def test_commands_say_and_record_what_they_did(zoo_home: str) -> None:
    assert observed(Path(zoo_home)) == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        GOLDEN.write_text(json.dumps(observed(Path(folder)), indent=1) + "\n")

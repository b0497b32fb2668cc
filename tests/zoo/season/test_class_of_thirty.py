"""Thirty students in an hour, as `docs/class-competition.md` tells it, to a bundle that is verified in another home."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.command_line import Zoo
from tests.zoo.season.thirty import CHEATING, COPIES, CRASHING, HONEST, STALLING, students, write

RULES = """\
name = "class"
arena = "ipd"
settings = ["max_steps=50"]
deadline = 2099-03-01T12:00:00Z
rounds = 1
episodes = 5
hidden = ["memory-one,cd=0.6"]
"""


@pytest.mark.slow
def test_thirty_students_in_an_hour(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("class.toml").write_text(RULES)
    with monkeypatch.context() as fixed:  # thrown games stand out on four of five seeds: the luck is the same each time
        fixed.setattr(secrets, "token_hex", lambda size: bytes(range(size)).hex())
        started = zoo("season", "new", "class.toml", "--json").json
    said = zoo("season", "submit", "class", *write(tmp_path / "handed-in")).out
    assert said.count("it plays") == len(HONEST) + len(COPIES) + len(CHEATING)
    assert said.count("in its first games it fails") == len(CRASHING) + len(STALLING)
    zoo("season", "close", "class")
    zoo("season", "run", "class", "--workers", 2)
    board: dict[str, Any] = zoo("season", "board", "class", "--json").json
    _check_lines(board)
    _check_marks(board)
    shown = zoo("season", "reveal", "class", "--json").json
    assert shown["committed"] == started["seed"]
    zoo("season", "verify", "class")
    zoo("season", "publish", "class", "class.zoo")
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "another"))
    checked = zoo("verify", "class.zoo").out
    assert "Secret seeds: 1 revealed" in checked
    assert "came out as recorded" in checked
    assert "broken: " in checked and "throws games: yara, zeno: " in checked


def _check_lines(board: dict[str, Any]) -> None:
    """Everybody stands there, the sound with a place and without a fault, the others with theirs."""
    lines = {line["author"]: line for line in board["lines"] if line["author"]}
    assert lines.keys() == students().keys()
    sound = {*HONEST, *CHEATING, *COPIES}
    assert {name for name, line in lines.items() if line["place"] is not None} == sound
    assert all(lines[name]["faults"] == {} for name in sound)
    assert {next(iter(lines[name]["faults"])) for name in STALLING} == {"TIMEOUT"}
    assert {next(iter(lines[name]["faults"])) for name in CRASHING} == {"CRASH", "INVALID", "MEMORY"}


def _check_marks(board: dict[str, Any]) -> None:
    """Those who crash, stall, cheat and copy are named, and nobody else but those who were copied."""
    marks = {(mark["kind"], frozenset(mark["who"])) for mark in board["marks"]}
    assert {who for kind, who in marks if kind == "broken"} == {frozenset([n]) for n in (*CRASHING, *STALLING)}
    assert {who for kind, who in marks if kind == "reaches"} == {frozenset(["amos"]), frozenset(["bo"])}
    assert ("throws games", frozenset(["yara", "zeno"])) in marks
    alike = {who for kind, who in marks if kind in ("plays the same", "same program")}
    assert alike == {frozenset([copy, whose]) for copy, (whose, _) in COPIES.items()}
    named = {name for _, who in marks for name in who}
    assert named & HONEST.keys() == {whose for whose, _ in COPIES.values()}

"""`zoo leaderboard`: quick, the same bytes however it is computed, and content with a copy that it may not write."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.zoo.command_line import Refused, Zoo, recorded
from zoo.cli import main

FORMATS = ("table", "json", "csv", "markdown")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of two coin games and of a prisoner's dilemma, made once."""
    folder = tmp_path_factory.mktemp("records")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(folder))
        for words in (
            "greedy cooperator --arena coin --panel greedy,cooperator",
            "greedy cooperator --arena coin --set arena.size=4 --panel greedy,cooperator",
            "grim random --arena ipd --set arena.max_steps=5 --panel grim,random",
        ):
            with pytest.raises(SystemExit) as end:
                main(["match", *words.split(), "--episodes", "5"])
            assert not end.value.code
    return folder / "records.sqlite"


@pytest.fixture
def played(records: Path, zoo_home: str) -> None:
    shutil.copy(records, zoo_home)


@pytest.mark.usefixtures("played")
def test_same_bytes_after_a_rebuild(zoo: Zoo) -> None:
    for form in FORMATS:
        for arena in ((), ("--arena", "coin"), ("--arena", "ipd")):
            shown = zoo("leaderboard", *arena, "--format", form).out
            assert zoo("leaderboard", *arena, "--format", form, "--rebuild").out == shown
            assert zoo("leaderboard", *arena, "--format", form).out == shown


@pytest.mark.usefixtures("played")
def test_names_of_arenas(zoo: Zoo, refused: Refused) -> None:
    def arenas(name: str) -> list[str]:
        told = zoo("leaderboard", "--arena", name, "--format", "json").json
        return [board["arena"] for board in (told if isinstance(told, list) else [told])]

    assert arenas("coin") == arenas("coin-v1") == ["coin-v1"]
    assert arenas("coin-v1(size=4)") == ["coin-v1(size=4)"]
    assert arenas("ipd") == arenas("ipd-v1") == ["ipd-v1(max_steps=5)"]
    assert "no records of arena 'coin-v1(size=5)'; did you mean coin-v1(size=4)" in str(
        refused("leaderboard", "--arena", "coin-v1(size=5)")
    )


@pytest.mark.usefixtures("played")
def test_formats(zoo: Zoo) -> None:
    boards = zoo("leaderboard", "--format", "json").json
    assert [board["arena"] for board in boards] == ["coin-v1", "coin-v1(size=4)", "ipd-v1(max_steps=5)"]
    lines = list(csv.DictReader(io.StringIO(zoo("leaderboard", "--format", "csv").out)))
    assert [(line["arena"], line["label"]) for line in lines] == [
        (board["arena"], row["label"]) for board in boards for row in board["rows"]
    ]
    assert zoo("leaderboard", "--format", "markdown").out.count("### ") == 3
    table = zoo("leaderboard").out
    assert all(f"{board['arena']}: mixed, mode play" in table for board in boards)


@pytest.mark.usefixtures("played")
def test_a_column_named_twice_stands_once(zoo: Zoo) -> None:
    once = zoo("leaderboard", "--arena", "coin", "--columns", "mu").out
    assert zoo("leaderboard", "--arena", "coin", "--columns", "mu, mu").out == once and once.count("mu [95 %]") == 1


@pytest.mark.usefixtures("played")
def test_settings_that_are_the_defaults_are_the_same_arena(zoo: Zoo) -> None:
    words = ("match", "greedy", "cooperator", "--arena", "coin", "--episodes", 5, "--seed", 0, "--json")
    plain = zoo(*words).json
    spelled = zoo(*words, "--set", "arena.size=3", "--set", "arena.view=centred").json
    assert spelled["arena"] == "coin-v1" and spelled["match"] == plain["match"]


@pytest.mark.usefixtures("played")
def test_it_imports_no_torch_and_writes_nothing(zoo_home: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(Path(zoo_home) / "records.sqlite", copy)
    (copy / "records.sqlite").chmod(0o444)
    before = (copy / "records.sqlite").read_bytes()
    code = (
        "import sys\nfrom zoo.cli import main\ntry:\n    main(['leaderboard', '--format', 'json'])\n"
        "except SystemExit as end:\n    assert not end.code\nassert 'torch' not in sys.modules\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "ZOO_HOME": str(copy)}, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)) == 3
    assert (copy / "records.sqlite").read_bytes() == before


def test_nothing_yet(zoo: Zoo, refused: Refused, here: Path) -> None:
    assert refused("leaderboard").endswith("no records yet; play a match first")
    zoo(
        "match", "mine.py:Raises", "random", "--arena", "ipd", "--trust", code=2
    )  # the arena is known now, but nobody played
    assert refused("leaderboard").endswith("no match of this kind is recorded yet; play one first")


def test_all_seeds(zoo: Zoo) -> None:
    words = ("--arena", "ipd", "--set", "arena.max_steps=5", "--panel", "tit-for-tat,always-defect")
    for seed in (0, 1):
        zoo("match", "grim", "random", *words, "--episodes", 5, "--seed", seed)
    blocks = [
        zoo("leaderboard", "--arena", "ipd", "--format", "json", *more).json["blocks"]
        for more in ((), ("--all-seeds",))
    ]
    seeds = [block.seed for block in recorded("ipd-v1(max_steps=5)")]
    assert blocks == [seeds.count(0), len(seeds)] and seeds.count(1) == 7


@pytest.mark.usefixtures("played")
def test_reader_that_goes_away_is_no_fault() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "zoo.cli", "leaderboard"]
    found = subprocess.run(command, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (found.returncode, found.stderr) == (1, b"")


def test_a_forest_plot_is_drawn(zoo: Zoo, refused: Refused, played: None, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first, again = tmp_path / "ipd.svg", tmp_path / "again.svg"
    for file in (first, again):
        assert zoo("leaderboard", "--arena", "ipd", "--plot", file).out.endswith(f"Wrote {file}\n")
    said = zoo("leaderboard", "--arena", "ipd", "--plot", first, "--json")
    assert json.loads(said.out) and said.err == f"Wrote {first}\n"
    drawn = first.read_text()
    assert drawn == again.read_text() and "<svg" in drawn
    assert "--plot draws one board and there are 3" in refused("leaderboard", "--plot", first)
    assert "must end in .png or .svg" in refused("leaderboard", "--arena", "ipd", "--plot", tmp_path / "x.gif")
    assert "cannot write" in refused("leaderboard", "--arena", "ipd", "--plot", tmp_path / "no" / "x.svg")

"""`zoo tournament`: all pairs, a matrix that grows, and a command that goes on where it was killed."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from leaderboard.errors import StoreError
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo, contents, recorded
from zoo import home

SHORT = ("--arena", "ipd", "--set", "arena.max_steps=10", "--episodes", 20)
NAME = "ipd-v1(max_steps=10)"
#: A small panel, so that nobody waits for the one that the game would inherit.
PANEL = ("--panel", "tit-for-tat,always-defect")
FOUR = ("tit-for-tat", "grim", "always-defect", "always-cooperate")


def test_all_pairs_and_everyone_with_itself(zoo: Zoo) -> None:
    told = zoo("tournament", *FOUR, *SHORT, "--no-panel", "--format", "json").json
    assert told["labels"] == list(FOUR)
    assert np.array(told["n"]).tolist() == np.full((4, 4), 20).tolist()
    tft, grim, defect, cooperate = told["mean"]
    assert tft == pytest.approx([-10, -10, -21, -10])
    assert grim == pytest.approx([-10, -10, -21, -10])
    assert defect == pytest.approx([-18, -18, -20, 0])
    assert cooperate == pytest.approx([-10, -10, -30, -10])
    assert told["quantity"] == "own return"
    assert len(recorded(NAME)) == 10


def test_typed_again_it_adds_nothing(zoo: Zoo) -> None:
    for names in (FOUR[:2], FOUR[:3]):
        first = zoo("tournament", *names, *SHORT, *PANEL, "--format", "json").out
        blocks = contents(recorded(NAME))
        assert zoo("tournament", *names, *SHORT, *PANEL, "--format", "json").out == first
        assert contents(recorded(NAME)) == blocks


def test_matrix_grows_with_every_match(zoo: Zoo) -> None:
    short = (*SHORT, *PANEL)
    zoo("tournament", "grim", "random", *short)
    zoo("match", "random", "grim", *short)
    zoo("match", "random", "grim", *short, "--seed", 5)
    told = zoo("tournament", "random", "grim", *short, "--format", "json").json
    assert told["n"] == [[40, 40], [40, 40]]


def test_other_seed_is_another_tournament_and_shows_no_rating(zoo: Zoo) -> None:
    zoo("tournament", "grim", "random", *SHORT, *PANEL, "--seed", 1)
    said = zoo("tournament", "grim", "random", *SHORT, *PANEL, "--seed", 1)
    assert "cross-play" in said.out and "mu" not in said.out
    assert "mu" in zoo("tournament", "grim", "random", *SHORT, *PANEL).out


def test_a_panel_and_no_panel_contradict_each_other(refused: Refused) -> None:
    assert "contradict each other" in refused("tournament", "grim", "random", *SHORT, *PANEL, "--no-panel")


def test_formats(zoo: Zoo) -> None:
    table = zoo("tournament", "grim", "random", *SHORT, *PANEL)
    assert "cross-play" in table.out
    told = zoo("tournament", "grim", "random", *SHORT, *PANEL, "--format", "json").json
    lines = list(
        csv.DictReader(io.StringIO(zoo("tournament", "grim", "random", *SHORT, *PANEL, "--format", "csv").out))
    )
    assert [(line["row"], line["column"]) for line in lines] == [
        (a, b) for a in ("grim", "random") for b in ("grim", "random")
    ]
    assert [float(line["mean"]) for line in lines] == [x for row in told["mean"] for x in row]
    markdown = zoo("tournament", "grim", "random", *SHORT, *PANEL, "--format", "markdown").out.splitlines()
    rows = [line for line in markdown if line.startswith("|")]
    assert len(rows) == 4 and len({row.count("|") for row in rows}) == 1


def test_figures_are_not_cut_however_many_and_long_the_names(zoo: Zoo, here: Path) -> None:
    long = here / "a_file_with_a_name_that_is_longer_than_any_terminal_is_wide.py"
    (here / "mine.py").rename(long)
    names = (*FOUR, "random", "win-stay-lose-shift", f"{long.name}:Plain")
    for width in (60, 80, 120):
        out = zoo("tournament", *names, *SHORT, "--no-panel", width=width).out
        assert max(map(len, out.splitlines())) <= width and "…" not in out
        first = next(line for line in out.splitlines() if line.startswith("1  "))
        shown = [float(x) for x in first.split()[2:]]
        assert shown[:3] == pytest.approx([-10, -10, -21], abs=0.1)


@pytest.mark.parametrize("names", [("grim",), ("grim", "grim"), ("grim", "random", "grim")])
def test_everyone_enters_once(names: tuple[str, ...], refused: Refused, zoo_home: str) -> None:
    line = refused("tournament", *names, *SHORT)
    assert "at least two" in line or "grim is named twice" in line


def test_killed_and_typed_again_it_ends_as_if_never_stopped(
    zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["tournament", "greedy", "random", "cooperator", "--arena", "coin", "--set", "arena.max_steps=11"]
    words += ["--episodes", "1500", "--no-panel"]
    name = "coin-v1(max_steps=11)"
    process = subprocess.Popen(
        [sys.executable, "-m", "zoo.cli", *words], env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while played(name) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = contents(recorded(name))
    zoo(*words, "--format", "json")
    resumed, told = contents(recorded(name)), zoo(*words, "--format", "json").json
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "other"))
    whole = zoo(*words, "--format", "json").json
    assert contents(recorded(name)) == resumed and whole == told
    assert 3 <= len(kept) < len(resumed)
    assert kept.items() <= resumed.items()


def played(arena: str) -> int:
    """How many blocks another process has recorded so far."""
    if not Path(home.records()).exists():
        return 0
    try:
        with Store(home.records(), read_only=True) as store:
            return len(store.block_ids(arena, "play"))
    except StoreError as error:
        assert "no records yet" in str(error), error
        return 0

"""`zoo panel`: shown, inherited once, renewed, and refused where it means nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.statistics.game import replicator_mutator
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo, fresh_checkpoint, recorded
from zoo import home
from zoo.entry.declared import panel_for
from zoo.entry.venue import ArenaChoice, Venue
from zoo.matches.panel import newest

SHORT = ("--set", "arena.max_steps=5")
NAME = "ipd-v1(max_steps=5)"
GAMES = ("--set", "arena.kind=competitive")


def panels() -> list[str]:
    """Ids of all recorded panels, oldest first."""
    with Store(home.records()) as store, store._reading() as connection:
        return [row[0] for row in connection.exec_driver_sql('SELECT id FROM panel ORDER BY "row"')]


def test_a_declared_panel_is_shown_and_nothing_is_played(zoo: Zoo) -> None:
    shown, declared = zoo("panel", "ipd", "--json").json, panel_for(Venue(ArenaChoice("ipd")))
    assert declared is not None and shown["id"] == declared.id
    assert list(shown["members"]) == list(declared.members)
    assert shown["weights"] == declared.weights and shown["scale"] == declared.scale
    screen = zoo("panel", "ipd", width=160)
    assert screen.err == "" and screen.out.startswith(f"{declared.id}\n")
    for member, weight in zip(declared.members, declared.weights[""], strict=True):
        (line,) = [line for line in screen.out.splitlines() if line.split()[1:2] == [member]]
        assert line.split()[2] == f"{weight:.4f}"
    assert "replicator-mutator" in screen.out and str(declared.details["command"])[:30] in screen.out
    assert panels() == []


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_side_has_a_table_that_fits(width: int, zoo: Zoo) -> None:
    out = zoo("panel", "imp", width=width).out
    assert max(map(len, out.splitlines())) <= width and "…" not in out
    assert out.count("members as partners of") == 2


def test_other_settings_inherit_the_members_once(zoo: Zoo) -> None:
    words = ("panel", "ipd", *SHORT, "--json")
    first, blocks = zoo(*words).json, recorded(NAME)
    usual = panel_for(Venue(ArenaChoice("ipd")))
    assert usual is not None
    assert (first["id"], tuple(first["members"])) == (f"{NAME}/panel-1", usual.members)
    assert first["weights"] != usual.weights  # computed where they play
    members = len(first["members"])
    assert len({block.entrants for block in blocks}) == members * (members + 1) // 2
    assert zoo(*words).json == first and recorded(NAME) == blocks
    assert panels() == [f"{NAME}/panel-1"]
    told = zoo("match", "tit-for-tat", "grim", "--arena", "ipd", *SHORT, "--episodes", 5, "--seed", 0, "--json").json
    assert told["panel"] == first["id"] and panels() == [f"{NAME}/panel-1"]


@pytest.mark.slow
def test_a_hundred_steps_of_the_dilemma_inherit(zoo: Zoo) -> None:
    words = ("panel", "ipd", "--set", "arena.max_steps=100", "--json")
    first = zoo(*words).json
    assert first["id"] == "ipd-v1(max_steps=100)/panel-1" and "always-defect" in first["members"]
    assert zoo(*words).json == first and panels() == [first["id"]]


def test_renewed_it_is_the_next_version_and_older_results_stay(zoo: Zoo, tmp_path: Path) -> None:
    members = ("tit-for-tat", "always-defect", "always-cooperate")
    match = ("match", "grim", "random", "--arena", "ipd", *SHORT, "--episodes", 10)
    file = tmp_path / "panel.json"
    first = zoo("panel", "ipd", *SHORT, "--renew", *members[:2], "--json").json
    told = zoo(*match, "--json").json
    blocks = recorded(NAME)
    second = zoo("panel", "ipd", *SHORT, "--renew", *members, "--file", file, "--json").json
    assert [first["id"], second["id"]] == panels() == [f"{NAME}/panel-1", f"{NAME}/panel-2"]
    assert json.loads(file.read_text()) == {key: value for key, value in second.items() if key != "id"}
    assert {block.id for block in blocks} < {block.id for block in recorded(NAME)}
    matrix = np.array(second["details"]["matrix"][""])
    assert matrix[1, 0] == -8 and matrix[0, 1] == -11  # defection for five steps, but for the first
    weights = replicator_mutator(matrix)
    assert second["weights"][""] == pytest.approx(weights.tolist(), abs=1e-4)
    # the scale is that of the members' own returns over the weighted panel
    own = matrix @ np.array(second["weights"][""])
    assert second["scale"][""] == pytest.approx([own.mean(), own.std()], rel=1e-3)
    # the board goes by the newest version: who has not met the third member has no rank
    rows = {row["label"]: row for row in zoo("leaderboard", "--arena", NAME, "--json").json["rows"]}
    assert (told["panel"], rows["grim"]["rank"], rows["grim"]["partners_met"]) == (first["id"], None, 2)
    again = zoo(*match, "--seed", 0, "--json").json
    assert again["panel"] == second["id"] and {change["rank_after"] is None for change in again["rating"]} == {False}


def test_a_panel_of_ones_own(zoo: Zoo, here: Path) -> None:
    words = ("match", "mine.py:Plain", "random", "--arena", "envs.py:env", "--episodes", 5)
    told = zoo(*words, "--json").json
    assert told["panel"] is None and {change["rank_after"] for change in told["rating"]} == {None}
    assert "Unranked: no panel was met here" in zoo(*words).out
    board = zoo("leaderboard", "--arena", told["arena"], "--json").json
    assert board["panel"] is None and {row["rank"] for row in board["rows"]} == {None}
    given = zoo(*words, "--panel", "random,mine.py:Plain", "--json").json
    assert given["panel"] == f"{told['arena']}/panel-1"
    assert {change["rank_after"] for change in given["rating"]} == {1, 2}
    assert zoo(*words, "--json").json["panel"] == given["panel"]  # it stays
    assert zoo(*words, "--panel", "mine.py:Plain,random", "--json").json["panel"] == given["panel"]  # the same members


def test_a_match_that_is_not_recorded_has_the_recorded_panel(zoo: Zoo, zoo_home: str) -> None:
    made = zoo("panel", "ipd", *SHORT, "--renew", "tit-for-tat", "always-defect", "--json").json
    before = (Path(zoo_home) / "records.sqlite").read_bytes()
    words = ("match", "grim", "random", "--arena", "ipd", *SHORT, "--episodes", 5, "--no-record", "--json")
    assert zoo(*words).json["panel"] == made["id"]
    assert (Path(zoo_home) / "records.sqlite").read_bytes() == before


def test_a_match_that_is_not_recorded_says_where_the_records_are_damaged(refused: Refused, zoo_home: str) -> None:
    (Path(zoo_home) / "records.sqlite").write_bytes(b"no database at all" * 100)
    words = ("match", "grim", "random", "--arena", "ipd", *SHORT, "--episodes", 5, "--no-record")
    assert "records.sqlite is not a database" in refused(*words)


def test_a_panel_is_read_from_any_folder(zoo: Zoo, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh_checkpoint(here / "mine", "naive", ArenaChoice("ipd", ("max_steps=5",)))
    members = ("naive,lr=0.5@mine", "mine.py:Plain", "always-defect")
    made = zoo("panel", "ipd", *SHORT, "--renew", *members, "--json").json
    assert list(made["members"]) == [f"naive,lr=0.5@{here}/mine", f"{here}/mine.py:Plain", "always-defect"]
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")
    words = ("match", "grim", "random", "--arena", "ipd", *SHORT, "--episodes", 5, "--json")
    assert zoo(*words).json["panel"] == made["id"]
    assert zoo("panel", "ipd", *SHORT, "--json").json == made


@pytest.mark.parametrize("empty", ["", ",", " , "])
def test_a_panel_of_nobody(empty: str, refused: Refused) -> None:
    words = ("grim", "random", "--arena", "ipd", *SHORT, "--panel", empty)
    for command in ("match", "tournament"):
        assert "'--panel': name the partners, with commas between them" in refused(command, *words)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("ipd", "grim"), "MEMBERS make a new panel: add --renew"),
        (("ipd", "--renew"), "--renew needs the MEMBERS of the new panel"),
        (("ipd", "--renew", "grim"), "a panel needs two members or more, each once"),
        (("ipd", "--renew", "grim", "grim"), "a panel needs two members or more, each once"),
        (("ipd", "--renew", "grim", "grimm"), "unknown agent 'grimm'; did you mean grim"),
        (("ipd", "--renew", "grim", "greedy"), "greedy cannot play ipd-v1: it needs coin"),
        (("ipdd",), "unknown arena 'ipdd'; did you mean ipd"),
        (("ipd", "--episodes", 5), "--episodes is for --renew"),
        (("envs.py:env", *GAMES, "--renew", "random", "mine.py:Plain"), "against each other, so it needs no panel"),
        (
            ("coin", "--set", "arena.max_steps=5", "--renew", "greedy", "mine.py:Raises"),
            "spoils every episode with greedy",
        ),
        (("envs.py:env",), "has no panel; `zoo panel envs.py:env --renew MEMBERS...` makes one"),
    ],
)
def test_refusals(words: tuple[Any, ...], line: str, refused: Refused, here: Path) -> None:
    assert line in refused("panel", *words)
    assert panels() == []


def test_a_match_of_games_won_takes_no_panel(refused: Refused, here: Path) -> None:
    words = ("match", "random", "mine.py:Plain", "--arena", "envs.py:env", *GAMES, "--episodes", 2)
    assert "rated by games against each other, so it needs no panel" in refused(
        *words, "--panel", "random,mine.py:Plain"
    )


def test_who_spoils_every_episode_is_in_no_panel(refused: Refused, here: Path) -> None:
    words = ("panel", "envs.py:env", "--renew", "random", "mine.py:Cheats", "--episodes", 4)
    assert refused(*words) == "zoo: mine.py:Cheats spoils every episode with random, so it can be in no panel"


def test_a_file_that_cannot_be_written(zoo: Zoo, tmp_path: Path) -> None:
    said = zoo("panel", "ipd", "--file", tmp_path / "nowhere" / "panel.json", code=2)
    assert said.err.startswith("zoo: cannot write") and "No such file" in said.err


def test_a_recorded_member_that_is_no_longer_the_same(
    zoo: Zoo, refused: Refused, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("panel", "ipd", *SHORT)
    zoo(*words, "--renew", "mine.py:Plain", "always-defect")
    Path("mine.py").write_text(Path("mine.py").read_text() + "\n# another file, another entrant\n")
    assert "mine.py:Plain is no longer the entrant that was recorded" in refused(*words)


def test_a_recorded_panel_stands_where_a_file_has_the_same_number(zoo: Zoo) -> None:
    venue = Venue(ArenaChoice("ipd"))
    declared = panel_for(venue)
    assert declared is not None
    with Store(home.records()) as store:
        assert newest(venue, store) == declared
    made = zoo("panel", "ipd", "--renew", "grim", "always-defect", "--episodes", 2, "--json").json
    assert made["id"] == f"ipd-v1/panel-{declared.number + 1}"
    assert zoo("panel", "ipd", "--json").json == made

"""`zoo matches`: what was played, at any width."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.command_line import Refused, Zoo

SHORT = ("--arena", "ipd", "--set", "arena.max_steps=5", "--panel", "always-defect,always-cooperate", "--episodes", 2)
ONES = [f"memory-one,start=1,cc=0.9,cd=0.{n},dc=0.5,dd=0.25" for n in (1, 2)]


@pytest.mark.parametrize("width", [90, 160])
def test_every_entrant_can_be_told(width: int, zoo: Zoo) -> None:
    zoo("tournament", *ONES, "tit-for-tat", *SHORT)
    for one in ONES:
        zoo("match", one, "tit-for-tat", *SHORT)
    screen = zoo("matches", width=width).out.splitlines()
    assert max(map(len, screen)) <= width
    shown = [line.split()[1:3] for line in screen if line.split()[2:3] == ["tit-for-tat"]]
    assert any("2 others" in line for line in screen)
    assert len({tuple(names) for names in shown}) == 2  # those who met tit-for-tat are not cut to one text


def test_a_game_with_other_settings_is_named_as_it_was_played(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    zoo("match", "grim", "random", *SHORT)
    where = SHORT[:4]
    assert "grim" in zoo("leaderboard", *where).out
    assert {match["arena"] for match in zoo("matches", *where, "--json").json} == {"ipd-v1(max_steps=5)"}
    assert zoo("report", *where, "--no-replays", "--out", tmp_path / "page.html", "--json").json["arenas"] == [
        "ipd-v1(max_steps=5)"
    ]
    assert zoo("submissions", *where, "--json").json == []
    assert zoo("publish", tmp_path / "bundle.zoo", *where, "--json").json["arenas"] == ["ipd-v1(max_steps=5)"]
    for command in ("leaderboard", "matches"):
        assert "--set needs the --arena" in refused(command, *SHORT[2:4])
        assert "no records of arena" in refused(command, "--arena", "ipd", "--set", "arena.max_steps=6")


def test_the_latest_as_data(zoo: Zoo) -> None:
    zoo("match", "grim", "random", *SHORT)
    listed = zoo("matches", "--json", "--last", 1).json
    assert [match["entrants"] for match in listed] == [["grim", "random"]]

"""What a report says of several arenas, of learning, and of teams."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.zoo.command_line import Zoo


@pytest.mark.slow
def test_a_report_shows_learning_and_several_games(zoo: Zoo, tmp_path: Path) -> None:
    short = ("--set", "arena.max_steps=6")
    plan = ("--arena", "ipd", *short, "--steps", "2k", "--copies", 8, "--seeds", 2, "--out", tmp_path / "naive")
    zoo("train", "naive,hidden=0", *plan)
    naive = f"naive,hidden=0@{tmp_path}/naive/seed-0"
    for arena, others in (("ipd", [naive]), ("stag-hunt", [])):
        panel = ("--panel", "grim,random", "--episodes", 6)
        zoo("tournament", "grim", "random", "tit-for-tat", *others, "--arena", arena, *short, *panel)
    zoo("match", "naive-exact", "lola-exact", "--arena", "ipd", *short, "--learn", "--rounds", 4, "--runs", 3)
    file = tmp_path / "two.html"
    zoo("report", "--arena", "ipd", "--arena", "stag-hunt", "--no-replays", "--out", file)
    text = file.read_text()
    assert "Learning curves" in text and "naive-exact as row, n = 3" in text
    assert "training of naive" in text and "row, n = 2" in text and "No learning curve of" not in text
    assert re.search(r"at the end</dt><dd>column -?\d\.\d+, row -?\d\.\d+ per step", text)
    assert "Performance profiles" in text and "Probability of improvement" in text
    shown = re.search(r'class="heat better".*?</table>', text, re.DOTALL)
    assert shown is not None and re.findall(r'<th scope="row">.*?</span> (\S+)</th>', shown[0])[:1]
    first = file.read_bytes()
    zoo("report", "--arena", "ipd", "--arena", "stag-hunt", "--no-replays", "--out", file)
    assert file.read_bytes() == first
    (tmp_path / "naive").rename(tmp_path / "elsewhere")
    zoo("report", "--arena", "ipd", "--no-replays", "--out", file)
    assert "training of naive" not in file.read_text()
    assert re.search(r"No learning curve of naive\S*: one is shown where", file.read_text())


def test_teams_are_shown_with_their_own_partners_and_with_strangers(zoo: Zoo, tmp_path: Path) -> None:
    words = ("always-cooperate", "always-defect", "--arena", "matrix", "--set", "arena.max_steps=3")
    pure = ("--set", "arena.payoffs=[[[1,1],[0,0]],[[0,0],[2,2]]]", "--episodes", 3)
    zoo("match", *words, *pure, "--panel", "always-cooperate,always-defect")
    file = tmp_path / "teams.html"
    zoo("report", "--arena", "matrix", "--no-replays", "--out", file)
    robust = file.read_text().split("<h2>How robust</h2>")[1].split("</table>")[0]
    assert "own partners" in robust and "0.0000 with" in robust and ">1.0000<" in robust and ">2.0000<" in robust

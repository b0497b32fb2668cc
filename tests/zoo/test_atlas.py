"""`zoo atlas`: house learners among strangers, and what was played is not played again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from leaderboard.report.atlas import render_atlas
from leaderboard.views.atlas import AtlasGame, atlas, atlas_game
from tests.zoo.command_line import Refused, Zoo


def test_games_are_voters() -> None:
    """Two games prefer a to b, one b to a; c plays in one alone, and d nowhere but with c."""
    noise = np.random.default_rng(0).normal(0, 0.1, (30, 2, 2))

    def game(name: str, labels: str, first: float) -> AtlasGame:
        returns = np.array([[0, first], [0, 0]]) + noise
        return atlas_game(name, "", labels, returns, "own return")

    found = atlas([game("one", "ab", 1), game("two", "ba", -1), game("three", "ab", -1), game("four", "cd", 1)])
    assert found.agents == ("a", "b") and found.left_out == ("c", "d")
    assert found.margins.tolist() == [[0, 1], [-1, 0]] and found.lottery.tolist() == pytest.approx([1, 0], abs=1e-6)
    page = render_atlas(found, "zoo atlas", "0")
    assert "The maximal lottery over 4 games as voters: a 1.00." in page
    assert page == render_atlas(found, "zoo atlas", "0")
    assert "<script" not in page and not re.search(r'(?:src|href)="(?!#)', page)


@pytest.mark.slow
def test_an_atlas_goes_on_where_it_was(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    words = ("atlas", "--arena", "two-step", "--arena", "penalty", "--episodes", 4, "--out", tmp_path / "atlas.html")
    said = zoo(*words)
    assert "2 games, 6 pairings of 4 episodes" in said.err
    assert said.out.splitlines()[-1].endswith("CPU s")
    first = (tmp_path / "atlas.html").read_bytes()
    told = zoo(*words, "--json").json
    assert (tmp_path / "atlas.html").read_bytes() == first
    assert {game["game"] for game in told["games"]} == {"two-step-v1", "penalty-v1"}
    assert all(line[k] is None for game in told["games"] for k, line in enumerate(game["mean"]))  # nobody with its like
    assert sum(told["lottery"]) == pytest.approx(1)
    assert "no two learners for arena 'tandem'" in refused("atlas", "--arena", "tandem")

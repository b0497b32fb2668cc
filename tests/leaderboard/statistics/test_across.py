"""Profiles and probabilities of improvement, against what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.statistics.across import improvement, normalised, profile


def test_scores_lie_between_the_lowest_and_the_highest() -> None:
    assert normalised(np.array([-2.0, 0.0, 2.0])).tolist() == [0.0, 0.5, 1.0]
    assert normalised(np.array([3.0, 3.0])).tolist() == [1.0, 1.0]


def test_a_profile_counts_games() -> None:
    shares = profile(np.array([[0.0, 1.0], [0.5, 0.5]]), np.array([0.0, 0.5, 0.6]))
    assert shares.tolist() == [[1.0, 0.5, 0.5], [1.0, 1.0, 0.0]]


def test_improvement_is_the_mean_over_games() -> None:
    nan = np.nan
    always = (np.array([1.0, 2.0, nan]), np.array([0.0, 1.0, 5.0]))  # better in both episodes that both played
    even = (np.array([1.0, 0.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.0, 3.0]))  # once, once not, twice alike
    found = improvement([always, even])
    assert found.mean == 0.75 and found.n == 6
    assert found.low is not None and found.high is not None and found.low < 0.75 < found.high
    back = improvement([(b, a) for a, b in (always, even)])
    assert back.mean == pytest.approx(0.25)
    assert improvement([(np.array([nan]), np.array([1.0]))]).n == 0


def test_the_interval_holds_the_truth() -> None:
    """Two games in which the first is better with probability .8 and .4: in the mean .6."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        games = [((rng.random(40) < p).astype(float), np.full(40, 0.5)) for p in (0.8, 0.4)]
        held += improvement(games).contains(0.6)
    assert 0.92 <= held / 400 <= 0.98

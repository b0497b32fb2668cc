"""Profiles and probabilities of improvement, against what can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.statistics.across import improvement, maximal_lottery, normalised, profile, same_strangers, votes


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


def test_agents_are_compared_with_the_same_strangers() -> None:
    """With three, the first two meet the third, and each other: (R_ik - R_jk + R_ij - R_ji) / 2."""
    returns = np.zeros((4, 3, 3))
    returns[:, 0, 2], returns[:, 1, 2], returns[:, 0, 1], returns[:, 1, 0] = 3.0, 1.0, 5.0, 5.0
    returns[:, 0, 0] = 100.0  # what one gets with its like counts for nothing
    gained = same_strangers(returns)
    first = gained[0][1]
    assert first is not None and first.mean == 1.0 and gained[0][0] is None
    assert votes(gained)[0, 1] == 1.0 and votes(gained)[1, 0] == -1.0


def test_a_maximal_lottery_is_beaten_by_nobody() -> None:
    circle = np.array([[0, 1, -1, 1], [-1, 0, 1, 1], [1, -1, 0, 1], [-1, -1, -1, 0]], dtype=float)
    assert maximal_lottery(circle) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=1e-6)
    winner = np.array([[0, 2, 1], [-2, 0, 3], [-1, -3, 0]], dtype=float)
    assert maximal_lottery(winner) == pytest.approx([1, 0, 0], abs=1e-6)
    rng = np.random.default_rng(1)
    for n in (2, 5, 9):
        drawn = rng.integers(-4, 5, (n, n)).astype(float)
        margins = np.triu(drawn, 1) - np.triu(drawn, 1).T
        lottery = maximal_lottery(margins)
        assert lottery.sum() == pytest.approx(1) and (lottery @ margins >= -1e-6).all()


def test_copies_share_their_probability() -> None:
    circle = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]], dtype=float)
    copied = circle[np.ix_([0, 0, 1, 2], [0, 0, 1, 2])]
    lottery = maximal_lottery(copied)
    assert [lottery[:2].sum(), *lottery[2:]] == pytest.approx([1 / 3] * 3, abs=1e-6)

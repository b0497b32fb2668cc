"""Forecasts know earlier results only, and ours are the better ones where its model is true."""

import numpy as np
import pytest
from scipy.special import stdtr

from leaderboard.statistics.classical import round_robin
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.prediction import ELO, OURS, TRUESKILL, by_past_episodes, expected_scores, forecasts
from leaderboard.statistics.rating import BETA, fit

C = np.sqrt(2.0) * BETA


def season(seed, n=12, series=12, spread=6.0, margin=1.0):
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, spread, n)
    first, second = (np.tile(side, series) for side in round_robin(n))
    difference = skill[first] - skill[second] + C * rng.normal(size=len(first))
    score = np.where(np.abs(difference) < margin, 0.5, (difference > 0).astype(float))
    return first, second, score, np.arange(len(first)) // (n // 2)


def test_ours_predicts_better_and_is_calibrated():
    first, second, score, number = season(0, n=50, series=4)
    ours, elo, trueskill = forecasts(50, first, second, score, number)
    assert (ours.model, elo.model, trueskill.model) == (OURS, ELO, TRUESKILL)
    assert ours.worse_by.mean == 0.0
    assert elo.worse_by.low > 0.0
    assert ours.log_loss.mean < trueskill.log_loss.mean + 0.02 < np.log(2.0)
    assert sum(row.observed.n for row in ours.calibration) == len(first)
    for row in ours.calibration:
        assert row.low <= row.predicted <= row.high
        assert row.observed.contains(row.predicted) or abs(row.observed.mean - row.predicted) < 0.06


def test_no_result_predicts_itself():
    first, second, score, number = season(1, series=4)
    changed = score.copy()
    last = number == number[-1]
    changed[last] = 1.0 - changed[last]
    # The calibration bins say what was expected: equal where only the last round's results differ.
    other = forecasts(12, first, second, changed, number)
    for before, after in zip(forecasts(12, first, second, score, number), other, strict=True):
        assert [row.predicted for row in before.calibration] == pytest.approx([r.predicted for r in after.calibration])


def test_first_and_second_may_change_places():
    first, second, score, number = season(2, series=3)
    for one, other in zip(
        forecasts(12, first, second, score, number), forecasts(12, second, first, 1.0 - score, number), strict=True
    ):
        assert one.log_loss.mean == pytest.approx(other.log_loss.mean)


def test_expected_scores_of_two_by_hand():
    rating = fit(Counts.of([("a", "b", 1)] * 5 + [("a", "b", -1)] * 5))
    assert expected_scores(rating, np.array([0, 1]), np.array([1, 0])) == pytest.approx([0.5, 0.5])
    better = fit(Counts.of([("a", "b", 1)] * 50 + [("a", "b", -1)] * 10))
    p = expected_scores(better, np.array([0, 1]), np.array([1, 0]))
    assert p.sum() == pytest.approx(1.0)
    assert p[0] == pytest.approx(50 / 60, abs=0.03)


def test_nothing_and_little():
    empty = np.zeros(0, dtype=int)
    for found in forecasts(3, empty, empty, np.zeros(0)):
        assert found.calibration == ()
        assert found.log_loss.n == 0
    one = forecasts(2, np.array([0]), np.array([1]), np.array([1.0]))
    assert [found.log_loss.mean for found in one] == pytest.approx([np.log(2.0)] * 3)
    with pytest.raises(ValueError, match="lengths"):
        forecasts(2, np.array([0]), np.array([1]), np.zeros(0))


def test_panel_means_expect_the_next_series_from_the_episodes_that_two_share():
    rng = np.random.default_rng(3)
    of_episode = rng.normal(100.0, 1.0, (4, 60)) + np.array([[0.0], [0.3], [0.1], [0.2]])
    of_episode[1, :20] = np.nan  # entered late
    of_episode[2, 40:] = np.nan  # left early
    of_episode[3] = np.nan
    first, second = round_robin(4)
    expected = by_past_episodes(of_episode, 20, first, second)
    for k in range(3):
        for pair, (i, j) in enumerate(zip(first, second, strict=True)):
            apart = of_episode[i, : 20 * k] - of_episode[j, : 20 * k]
            apart = apart[np.isfinite(apart)]
            if len(apart) < 2:
                assert expected[k, pair] == 0.5
                continue
            away = apart.mean() / (apart.std(ddof=1) * np.sqrt(1 / len(apart) + 1 / 20))
            assert expected[k, pair] == pytest.approx(stdtr(len(apart) - 1, away), abs=1e-9)
    assert not by_past_episodes(np.zeros((2, 0)), 20, np.array([0]), np.array([1])).size

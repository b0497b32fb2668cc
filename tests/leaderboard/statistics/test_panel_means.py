"""Weighted panel means against scipy, and the property that nobody's entry moves anybody."""

import numpy as np
import pytest
from scipy import stats

from leaderboard.statistics.panel_means import panel_means

WEIGHTS = np.array([0.5, 0.3, 0.2])


def played(n: int = 4, episodes: int = 12, seed: int = 0) -> np.ndarray:
    """Own returns [n, 3, E] with luck that all share, an offset per entrant, and noise."""
    draw = np.random.default_rng(seed)
    return draw.normal(size=(1, 1, episodes)) + np.arange(n)[:, None, None] / 5 + draw.normal(size=(n, 3, episodes))


def test_headline_and_interval_are_those_of_the_weighted_episode_means() -> None:
    returns = played()
    means = np.einsum("nme,m->ne", returns, WEIGHTS)
    result = panel_means(returns, 7 * WEIGHTS)  # weights need not add up to 1
    for i, of_episodes in enumerate(means):
        low, high = stats.t.interval(0.95, 11, of_episodes.mean(), stats.sem(of_episodes))
        estimate = result.estimate(i)
        assert [estimate.mean, estimate.low, estimate.high] == pytest.approx([of_episodes.mean(), low, high])
        assert estimate.n == 12


def test_two_are_compared_by_a_paired_t_test() -> None:
    returns = played()
    means = np.einsum("nme,m->ne", returns, WEIGHTS)
    result = panel_means(returns, WEIGHTS)
    paired = stats.ttest_rel(means[3], means[0], alternative="greater")
    assert result.probability_above(3, 0) == pytest.approx(1 - paired.pvalue)
    assert result.probability_above(3, 0) + result.probability_above(0, 3) == pytest.approx(1)
    interval = stats.ttest_rel(means[3], means[0]).confidence_interval(0.95)
    difference = result.difference(3, 0)
    assert [difference.low, difference.high] == pytest.approx([interval.low, interval.high])


def test_entries_of_others_move_no_digit() -> None:
    returns = played(n=5)
    few, many = panel_means(returns[:2], WEIGHTS), panel_means(np.concatenate([returns, returns, returns]), WEIGHTS)
    for i in range(2):
        assert few.estimate(i) == many.estimate(i)
        assert few.error[i] == many.error[i]


def test_weights_are_shared_out_among_the_partners_that_were_met() -> None:
    returns = played(n=2)
    returns[0, 0] = np.nan
    result = panel_means(returns, WEIGHTS)
    expected = (0.3 * returns[0, 1].mean() + 0.2 * returns[0, 2].mean()) / 0.5
    assert result.value[0] == pytest.approx(expected)
    assert result.met.tolist() == [[False, True, True], [True, True, True]]
    assert result.weight.tolist() == pytest.approx([0.5, 1.0])


def test_a_partner_met_for_fewer_episodes_decides_the_freedom() -> None:
    returns = played(n=1)
    returns[0, 1, 3:] = np.nan
    result = panel_means(returns, WEIGHTS)
    assert result.freedom.tolist() == [2.0]
    assert result.episodes.tolist() == [12]


def test_one_episode_and_no_partner_have_no_interval() -> None:
    returns = np.full((2, 3, 1), np.nan)
    returns[0] = 1.0
    result = panel_means(returns, WEIGHTS)
    assert result.estimate(0).mean == pytest.approx(1.0) and not result.estimate(0).known
    assert np.isnan(result.value[1]) and result.probability_above(0, 1) == 0.5
    assert result.rank_intervals() == [(1, 2), (1, 2)]


def test_equal_play_without_luck_is_certain() -> None:
    returns = np.ones((3, 3, 5))
    returns[1] = 2.0
    result = panel_means(returns, WEIGHTS)
    assert result.probability_above(1, 0) == 1.0
    assert result.probability_above(0, 2) == 0.5
    assert result.rank_intervals()[1] == (1, 1)


def test_rank_intervals_tell_the_far_apart_and_not_the_close() -> None:
    returns = played(n=6, episodes=5)
    returns[0] += 50.0
    intervals = panel_means(returns, WEIGHTS).rank_intervals()
    assert intervals[0] == (1, 1)
    assert any(low < high for low, high in intervals[1:])
    # Four hundred episodes tell offsets of .2 apart, as their standard error is .04.
    assert panel_means(played(n=6, episodes=400), WEIGHTS).rank_intervals() == [(k, k) for k in (6, 5, 4, 3, 2, 1)]


def test_a_rank_is_sure_where_the_verdict_is() -> None:
    told = set()
    for seed in range(60):
        returns = np.random.default_rng(seed).normal([[[0.0]], [[0.4]], [[0.9]]], 1.0, (3, 3, 8))
        for chosen in ([0, 1], [0, 1, 2]):
            result = panel_means(returns[chosen], WEIGHTS)
            behind = [
                sum((x := result.difference(j, i)).low is not None and x.low > 0 for j in range(len(chosen)) if j != i)
                for i in range(len(chosen))
            ]
            assert [low for low, _ in result.rank_intervals()] == [1 + n for n in behind]
            told.add((len(chosen), *behind))
    assert {(2, 0, 0), (2, 1, 0)} <= told  # some are told apart, and some are not

"""Every interval against scipy.stats or a closed form, and how often it holds the truth."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate

VALUES = np.array([0.3, -1.2, 2.5, 0.9, 4.0, 1.1, -0.4])
OTHERS = np.array([1.3, 7.2, -2.5, 3.9])


def ends(found: Estimate) -> tuple[float, float]:
    assert found.low is not None and found.high is not None
    return found.low, found.high


@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("n", [2, 3, 7])
def test_t_is_students(n: int, level: float) -> None:
    found = estimate.t(VALUES[:n], level)
    low, high = stats.t.interval(level, n - 1, VALUES[:n].mean(), stats.sem(VALUES[:n]))
    assert found.mean == pytest.approx(VALUES[:n].mean())
    assert (found.n, found.method) == (n, "t")
    assert ends(found) == pytest.approx((low, high))


def test_t_takes_lists() -> None:
    assert estimate.t(VALUES.tolist()) == estimate.t(VALUES)


def test_t_of_too_few_has_no_interval() -> None:
    none, one = estimate.t([]), estimate.t([2.0])
    assert math.isnan(none.mean) and (none.low, none.high, none.n) == (None, None, 0)
    assert one == Estimate(2.0, None, None, 1, estimate.NO_INTERVAL)
    assert not one.known and one.half is None and not one.contains(2.0)


def test_of_deviation_is_t_of_the_summary() -> None:
    assert estimate.of_deviation(float(VALUES.mean()), float(VALUES.std(ddof=1)), 7) == estimate.t(VALUES)


def test_welch_is_scipys() -> None:
    found = estimate.welch(VALUES, OTHERS)
    interval = stats.ttest_ind(VALUES, OTHERS, equal_var=False).confidence_interval()
    assert ends(found) == pytest.approx((interval.low, interval.high))
    assert found.mean == pytest.approx(VALUES.mean() - OTHERS.mean())
    assert found.n == 11
    assert estimate.welch(VALUES, [1.0]).low is None


def test_combined_of_one_part_is_t() -> None:
    found = estimate.combined(1.0, [(0.25, 6)], 7, "parts")
    half = stats.t.ppf(0.975, 6) / 2
    assert ends(found) == pytest.approx((1.0 - half, 1.0 + half))
    assert found.half == pytest.approx(half)


def test_combined_without_parts_or_variance() -> None:
    assert estimate.combined(1.0, [], 3, "parts") == Estimate(1.0, None, None, 3, estimate.NO_INTERVAL)
    assert estimate.combined(1.0, [(0.0, 2)], 3, "parts") == Estimate(1.0, 1.0, 1.0, 3, "parts")


def test_pooled_is_t_of_all_numbers() -> None:
    pieces = [VALUES[:3], VALUES[3:4], VALUES[4:]]
    parts = [(float(x.mean()), float(stats.sem(x)) if len(x) > 1 else 0.0, len(x)) for x in pieces]
    found, whole = estimate.pooled([*parts, (0.0, 0.0, 0)]), estimate.t(VALUES)
    assert (found.mean, *ends(found), found.n) == pytest.approx((whole.mean, *ends(whole), 7))
    assert estimate.merged(parts) == pytest.approx((VALUES.mean(), stats.sem(VALUES), 7))
    assert estimate.pooled([(2.0, 0.0, 1)]) == Estimate(2.0, None, None, 1, estimate.NO_INTERVAL)
    assert estimate.pooled([]).n == 0 and math.isnan(estimate.pooled([]).mean)


@pytest.mark.parametrize(("successes", "n"), list(itertools.product([0, 1, 4, 9], [9, 40])))
def test_wilson_is_scipys(successes: int, n: int) -> None:
    found = estimate.wilson(successes, n)
    interval = stats.binomtest(successes, n).proportion_ci(method="wilson")
    assert ends(found) == pytest.approx((interval.low, interval.high), abs=1e-12)
    assert found.mean == successes / n


def test_bootstrap_is_the_percentiles_of_resampled_means_and_repeats() -> None:
    values = np.random.default_rng(0).exponential(size=200)
    found = estimate.bootstrap(values, 5)
    assert found == estimate.bootstrap(values, 5) != estimate.bootstrap(values, 6)
    near = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    assert ends(found) == pytest.approx((near.low, near.high), abs=0.02)
    assert estimate.bootstrap(values[:1], 5).low is None


def test_the_jackknife_of_a_mean_is_t() -> None:
    without = [np.delete(VALUES, i).mean() for i in range(7)]
    found, whole = estimate.jackknife(float(VALUES.mean()), without), estimate.t(VALUES)
    assert ends(found) == pytest.approx(ends(whole))
    assert estimate.jackknife_variance(without) == pytest.approx(stats.sem(VALUES) ** 2)
    assert estimate.jackknife(1.0, [1.0]).low is None


def test_deviation_is_chi_squared() -> None:
    low, high = ends(estimate.deviation(2.0, 10))
    assert 9 * 4.0 / low**2 == pytest.approx(stats.chi2.ppf(0.975, 9))
    assert 9 * 4.0 / high**2 == pytest.approx(stats.chi2.ppf(0.025, 9))


def test_exact() -> None:
    assert estimate.exact(0.5).contains(0.5) and estimate.exact(0.5).half == 0.0


def test_t_welch_and_wilson_hold_the_truth_as_often_as_they_say() -> None:
    """Exact coverage, without luck: quantile grids stand in for draws, and Wilson's is summed over all outcomes."""
    # two numbers x, y: the interval holds 0 where |x + y| <= t |x - y|, and a = (x + y), b = (x - y) are independent
    # normals, so a / b is Cauchy: coverage = 2 atan(t) / pi
    reach = estimate.quantile(1)
    assert 2 * math.atan(reach) / math.pi == pytest.approx(0.95, abs=1e-9)
    for n, p in itertools.product((10, 50), (0.1, 0.3, 0.5)):
        held = sum(stats.binom.pmf(k, n, p) for k in range(n + 1) if estimate.wilson(k, n).contains(p))
        assert 0.9 < held < 0.99


def test_json_holds_four_keys_also_inside_others() -> None:
    @dataclass(frozen=True)
    class Outer:
        one: Estimate
        many: dict[str, tuple[Estimate, ...]]
        name: str

    told = {"mean": 1.0, "low": 0.5, "high": 1.5, "n": 4}
    one = estimate.within(1.0, 0.5, 4, "t")
    assert list(one.to_json().items()) == list(told.items())
    assert estimate.plain(Outer(one, {"a": (one,)}, "x")) == {"one": told, "many": {"a": [told]}, "name": "x"}


def part(values: np.ndarray) -> tuple[float, float, int]:
    n = len(values)
    return float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0, n


def test_measured_is_wilsons_for_shares_and_t_for_the_rest() -> None:
    luck = np.random.default_rng(3)
    games = [luck.random(n) < 0.3 for n in (40, 1, 9)]
    of_games = [part(won.astype(float)) for won in games]
    assert estimate.measured(of_games) == estimate.wilson(sum(int(won.sum()) for won in games), 50)
    assert estimate.measured([(1.0, 0.0, 30)]) == estimate.wilson(30, 30)
    lengths = [part(luck.random(20)), part(luck.random(5))]
    assert estimate.measured(lengths) == estimate.pooled(lengths)
    assert estimate.measured([(0.5, 0.0, 10)]) == estimate.pooled([(0.5, 0.0, 10)])  # ten halves are no ten games
    assert estimate.measured([]).n == 0


def test_mean_of_has_the_mean_of_the_ends() -> None:
    found = estimate.mean_of([Estimate(1.0, 0.0, 3.0, 10, "t"), Estimate(3.0, 2.0, 5.0, 8, "t")])
    assert found == Estimate(2.0, 1.0, 4.0, 8, "t")
    assert estimate.mean_of([Estimate(1.0, None, None, 1, "t")] * 2) == Estimate(1.0, None, None, 1, "t")

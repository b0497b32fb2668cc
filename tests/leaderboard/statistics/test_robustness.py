"""Mean, worst case, CVaR and gap over opponents: closed forms, brute force, and intervals that cover."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.stats import t as student

from leaderboard.statistics.resampling import Bootstrap
from leaderboard.statistics.robustness import Robustness, crossed, difference, normalise, partner_swap, robustness


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def figures(
    values: np.ndarray, held_out: np.ndarray | None = None, kinds: list[str] | None = None, **more
) -> Robustness:
    rows, columns = values.shape[1:]
    shown = np.ones((rows, columns), dtype=bool) if held_out is None else held_out
    return robustness(values, shown, kinds or [f"k{j}" for j in range(columns)], **more)


@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5, 0.55, 1.0])
@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_cvar_is_the_mean_below_the_quantile(alpha: float, n: int, rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, n))
    # (1/alpha) * integral of the quantile function from 0 to alpha, on a grid that all edges k/n lie on
    grid = (np.arange(n * 1000) + 0.5) / (n * 1000)
    quantiles = np.sort(values, axis=-1)[:, (grid * n).astype(int)]
    wanted = quantiles[:, grid < max(alpha, 1 / n)].mean(axis=-1)
    assert crossed(values, values, alpha) == pytest.approx(wanted, abs=2e-3)
    assert (crossed(values, values, alpha) >= values.min(-1) - 1e-12).all()


@pytest.mark.parametrize("alpha", [0.0, -0.1, 1.5])
def test_cvar_refuses_shares_that_are_none(alpha: float) -> None:
    with pytest.raises(ValueError, match="share in"):
        crossed(np.zeros((1, 2)), np.zeros((1, 2)), alpha)


def test_figures_are_those_of_brute_force(rng: np.random.Generator) -> None:
    values = rng.normal(size=(40, 3, 6))
    held_out = np.ones((3, 6), dtype=bool)
    held_out[[0, 1, 2], [0, 1, 2]] = False
    own = rng.normal(size=(40, 3))
    found = figures(values, held_out, own=own, alpha=0.4)
    rows = [[values[:, s, c].mean() for c in range(6) if c != s] for s in range(3)]
    assert found.mean.mean == pytest.approx(np.mean([np.mean(row) for row in rows]))
    for name, count in (("worst", 1), ("cvar", 2)):  # chosen on one half, told of the other, both ways
        told = []
        for s in range(3):
            others = [c for c in range(6) if c != s]
            for one, other in ((values[0::2], values[1::2]), (values[1::2], values[0::2])):
                least = sorted(others, key=lambda c, one=one, s=s: one[:, s, c].mean())[:count]
                told.append(other[:, s, least].mean())
        assert getattr(found, name).mean == pytest.approx(np.mean(told))
    assert found.own is not None and found.gap is not None
    assert found.own.mean == pytest.approx(own.mean())
    assert found.gap.mean == pytest.approx(own.mean() - found.mean.mean)
    means = values.mean(axis=0)
    assert found.worst_at == tuple(
        min((c for c in range(6) if c != s), key=lambda c, s=s: means[s, c]) for s in range(3)
    )
    assert (found.opponents, found.kinds, found.seeds) == (5, 6, 3)


def test_without_noise_the_interval_over_opponents_is_students(rng: np.random.Generator) -> None:
    levels = rng.normal(size=7)
    found = figures(np.broadcast_to(levels, (10, 1, 7)).copy(), by=Bootstrap(20_000))
    half = student.ppf(0.975, 6) * levels.std(ddof=1) / 7**0.5
    assert found.mean.high - found.mean.low == pytest.approx(2 * half, rel=0.02)
    assert [found.worst.low, found.worst.high] == pytest.approx([found.worst.mean] * 2)


def test_without_other_luck_the_interval_over_seeds_is_students(rng: np.random.Generator) -> None:
    seeds = rng.normal(size=5)
    values = np.broadcast_to(seeds[None, :, None], (10, 5, 4)).copy()
    found = figures(values, kinds=["one"] * 4, by=Bootstrap(20_000))
    half = student.ppf(0.975, 4) * seeds.std(ddof=1) / 5**0.5
    for figure in (found.mean, found.worst, found.cvar):
        assert figure.high - figure.low == pytest.approx(2 * half, rel=0.02)


def test_interval_over_episodes_is_students(rng: np.random.Generator) -> None:
    luck = rng.normal(size=400)
    values = luck[:, None, None] + np.zeros((400, 1, 3))
    found = figures(values, by=Bootstrap(20_000))
    half = 1.966 * luck.std(ddof=1) / 20
    assert found.mean.high - found.mean.low == pytest.approx(2 * half, rel=0.03)
    assert found.worst.high - found.worst.low == pytest.approx(2 * half, rel=0.03)


def test_resampling_is_that_of_all_resamples(rng: np.random.Generator) -> None:
    # four kinds of sizes 1, 2, 3 and 1: every draw of three kinds, enumerated
    levels, kinds = rng.normal(size=7), [*"abbcccd"]
    members = {kind: [j for j, k in enumerate(kinds) if k == kind] for kind in "abcd"}
    draws = itertools.product("abcd", repeat=3)
    means = [np.mean(levels[[at for kind in drawn for at in members[kind]]]) for drawn in draws]
    found = figures(levels[None, None, :].repeat(2, axis=0), kinds=kinds, by=Bootstrap(50_000))
    half = student.ppf(0.975, 3) * np.std(means)
    assert found.mean.high - found.mean.low == pytest.approx(2 * half, rel=0.02)
    assert found.kinds == 4


def test_below_four_kinds_the_interval_is_for_exactly_these_opponents(rng: np.random.Generator) -> None:
    levels, luck = np.array([-300.0, 0.0, 450.0]), rng.normal(size=(400, 1, 1))
    found = figures(levels + luck, own=luck[:, :, 0], by=Bootstrap(20_000))
    half = 1.966 * luck.std(ddof=1) / 20
    assert found.mean.high - found.mean.low == pytest.approx(2 * half, rel=0.03)
    assert found.gap.high - found.gap.low == pytest.approx(0, abs=1e-9)
    seeds_of_one = figures(np.repeat(levels, 2) + luck, kinds=["one"] * 6, by=Bootstrap(20_000))
    assert seeds_of_one.mean.high - seeds_of_one.mean.low == pytest.approx(2 * half, rel=0.03)
    apart = difference(
        levels + luck + 1.0, np.sqrt(abs(levels)) + luck, (np.ones((1, 3), bool),) * 2, [*"abc"], by=Bootstrap(200)
    )
    assert apart.mean.high - apart.mean.low == pytest.approx(0, abs=1e-9)


def test_opponents_that_differ_by_seed_only_are_one_unit(rng: np.random.Generator) -> None:
    levels = np.repeat(rng.normal(size=4), 5)
    kinds = [f"k{j // 5}" for j in range(20)]
    together = figures(levels[None, None, :].repeat(2, axis=0), kinds=kinds)
    apart = figures(levels[None, None, :].repeat(2, axis=0))
    assert together.mean.high - together.mean.low > 1.5 * (apart.mean.high - apart.mean.low)


def test_where_nothing_varies_there_is_no_interval() -> None:
    found = figures(np.ones((1, 1, 1)))
    assert (found.mean.low, found.mean.high, found.own) == (None, None, None)


def test_the_same_draws_every_time_and_for_any_number_of_episodes(rng: np.random.Generator) -> None:
    values = rng.normal(size=(2500, 2, 4))
    assert figures(values) == figures(values)
    wide = figures(values[:1000])
    assert figures(values).mean.mean == pytest.approx(values.mean())
    assert wide != figures(values[:1000], by=Bootstrap(seed=1))


@pytest.mark.parametrize("kinds", ["aabbccddeeff", "aabbccdd"])
def test_intervals_cover(kinds: str) -> None:
    """Seeds, kinds and episodes are drawn anew each time; 95 % of the intervals hold the truth, give or take."""
    rng = np.random.default_rng(11)
    of = np.array(["abcdef".index(k) for k in kinds])
    hits, times = 0, 400
    for _ in range(times):
        levels = rng.normal(size=of.max() + 1)[of] + 0.3 * rng.normal(size=len(of))
        seeds = 0.7 * rng.normal(size=4)
        luck = 2 * rng.normal(size=30)
        values = levels + seeds[:, None] + 0.3 * rng.normal(size=(4, len(of))) + luck[:, None, None]
        found = figures(values + rng.normal(size=values.shape), kinds=[*kinds], by=Bootstrap(200)).mean
        hits += found.low <= 0 <= found.high
    assert 0.92 <= hits / times <= 0.995


def test_intervals_of_the_worst_case_cover() -> None:
    rng = np.random.default_rng(12)
    levels = np.array([0.0, 1.0, 2.0, 2.5])
    hits, times = 0, 400
    for _ in range(times):
        values = levels + 0.2 * rng.normal(size=(5, 1)) + rng.normal(size=(50, 1, 1)) + np.zeros((50, 5, 4))
        found = figures(values + 0.5 * rng.normal(size=values.shape), by=Bootstrap(200)).worst
        hits += found.low <= 0 <= found.high
    assert 0.92 <= hits / times <= 0.99


@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0, 3.0])
def test_the_worst_of_opponents_that_are_close_is_not_too_low(spread: float) -> None:
    """16 opponents whose true means lie `spread` standard errors apart; all chosen at once would be 1.8 too low."""
    rng, error = np.random.default_rng(13), 1 / 40**0.5
    hits, bias, plain, times = np.zeros(2), np.zeros(2), 0.0, 250
    for _ in range(times):
        levels = error * spread * rng.normal(size=16)
        values = levels + rng.normal(size=(40, 1, 16))
        found = figures(values, by=Bootstrap(200))
        for at, (figure, truth) in enumerate(
            ((found.worst, levels.min()), (found.cvar, float(crossed(levels, levels))))
        ):
            hits[at] += figure.low <= truth <= figure.high
            bias[at] += (figure.mean - truth) / error / times
        plain += (values.mean(axis=0).min() - levels.min()) / error / times
    assert (hits / times >= 0.9).all()
    assert (bias > -0.2).all() and (bias < 1.0).all()
    if spread < 1:
        assert (abs(bias) < 0.7).all() and plain < -1.2


def test_three_episodes_have_no_halves(rng: np.random.Generator) -> None:
    values = rng.normal(size=(3, 1, 5))
    assert figures(values).worst.mean == pytest.approx(values.mean(axis=0).min())
    more = rng.normal(size=(4, 1, 5))
    one, two = more[::2, 0].mean(0), more[1::2, 0].mean(0)
    assert figures(more).worst.mean == pytest.approx((two[one.argmin()] + one[two.argmin()]) / 2)


def test_difference_is_paired_by_opponents_and_episodes(rng: np.random.Generator) -> None:
    opponents, luck = 10 * rng.normal(size=8), 5 * rng.normal(size=(200, 1, 1))
    first = opponents + luck + 1.0 + 0.1 * rng.normal(size=(200, 3, 8))
    second = opponents + luck + 0.1 * rng.normal(size=(200, 2, 8))
    held_out = (np.ones((3, 8), dtype=bool), np.ones((2, 8), dtype=bool))
    held_out[0][1, 0] = False
    found = difference(first, second, held_out, [f"k{j}" for j in range(8)])
    assert found.opponents == 7
    assert found.mean.mean == pytest.approx(first[:, :, 1:].mean() - second[:, :, 1:].mean())
    assert found.mean.low < 1 < found.mean.high and found.mean.high - found.mean.low < 0.2
    alone = figures(first)
    assert alone.mean.high - alone.mean.low > 5
    assert found.worst.mean == pytest.approx(1.0, abs=0.1)


def test_difference_needs_common_opponents() -> None:
    one, other = np.array([[True, False]]), np.array([[False, True]])
    with pytest.raises(ValueError, match="no opponent"):
        difference(np.zeros((2, 1, 2)), np.zeros((2, 1, 2)), (one, other), ["a", "b"])


def test_exchanging_partners() -> None:
    found = partner_swap(np.array([[10.0, 4.0, 2.0], [6.0, 8.0, 4.0], [2.0, 6.0, 12.0]]))
    assert (found.self_play, found.cross_play, found.drop.mean) == (10.0, 4.0, 6.0)
    assert found.correlation == pytest.approx(0.6)
    # the jackknife by hand: without run 0, 1 and 2
    left = [10 - 5, 11 - 2, 9 - 5]
    half = student.ppf(0.975, 2) * np.sqrt(2 / 3 * sum((x - 6) ** 2 for x in left))
    assert found.drop.high - found.drop.low == pytest.approx(2 * half)
    equal = partner_swap(np.full((4, 4), 3.0))
    assert (equal.drop.mean, equal.drop.low, equal.drop.high, equal.correlation) == (0, 0, 0, 0)


def test_exchanging_partners_knows_its_limits() -> None:
    pair = partner_swap(np.array([[-1.0, -3.0], [-5.0, -1.0]]))
    assert (pair.drop.mean, pair.drop.low, pair.correlation) == (3.0, None, None)
    for wrong in (np.ones((1, 1)), np.ones((2, 3)), np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match="at least two runs"):
            partner_swap(wrong)


def test_normalised_between_anchors() -> None:
    found = normalise(
        np.array([[1.0, 2.0, 5.0], [3.0, 4.0, 5.0]]), np.array([1.0, 0.0, 5.0]), np.array([3.0, 8.0, 5.0])
    )
    assert found[:, :2].tolist() == [[0.0, 0.25], [1.0, 0.5]]
    assert np.isnan(found[:, 2]).all()
    assert np.isnan(normalise(np.zeros(1), np.ones(1), np.zeros(1))).all()


def test_bad_input_is_refused() -> None:
    values, held_out = np.zeros((2, 1, 3)), np.ones((1, 3), dtype=bool)
    with pytest.raises(ValueError, match="expected"):
        robustness(values, held_out, ["a"])
    with pytest.raises(ValueError, match="no opponent"):
        robustness(values, ~held_out, ["a", "b", "c"])
    with pytest.raises(ValueError, match="not finite"):
        robustness(values + np.nan, held_out, ["a", "b", "c"])
    with pytest.raises(ValueError, match="own returns"):
        robustness(values, held_out, ["a", "b", "c"], own=np.zeros((2, 2)))
    half = held_out.copy()
    half[0, 0] = False
    values[:, 0, 0] = np.nan
    assert robustness(values, half, ["a", "b", "c"]).mean.mean == 0.0

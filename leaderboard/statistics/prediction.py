"""Every result is predicted before it is counted: how good are our rating, Elo and classical TrueSkill as forecasts?

Each model says the score that it expects of a result (1 for a win of the first, .5 for a draw, 0), knowing only
earlier results. The loss is -s log p - (1 - s) log (1 - p), in nats a result; lower is better, and .693 is a coin. Our
rating is fitted again at a few points and predicts from there to the next one, so it knows less than the two that learn
from every result; what it predicts is the mean over its whole posterior.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

from leaderboard.statistics import classical
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.estimate import Estimate, t
from leaderboard.statistics.rating import BETA, Rating, fit

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

OURS, PANEL, ELO, TRUESKILL = "batch fit", "panel means", "Elo", "TrueSkill"
_BINS = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
_EARLY = (0.025, 0.05)  # shares of the results after which our rating is fitted first
_CERTAIN = 1e-6  # no forecast is surer than this
_UNIT = float(np.sqrt(2.0)) * BETA
_NOTHING = 1e-12  # relative; what rounding leaves


@dataclass(frozen=True)
class Bin:
    """Results whose favourite was expected to score between low and high: what was expected, and what came."""

    low: float
    high: float
    predicted: float
    observed: Estimate


@dataclass(frozen=True)
class Forecasts:
    """How one model predicted m results.

    Attributes:
        model: its name.
        log_loss: mean loss in nats a result.
        worse_by: its loss less that of our rating, paired by result.
        calibration: by what the favourite was expected to score; bins without results are left out.
    """

    model: str
    log_loss: Estimate
    worse_by: Estimate
    calibration: tuple[Bin, ...]


def forecasts(
    n: int, first: Ints, second: Ints, score: Floats, number: Ints | None = None, refits: int = 10
) -> tuple[Forecasts, ...]:
    """Held-out loss and calibration of our rating, Elo (K = 32) and classical TrueSkill on the same results.

    Args:
        n: number of players.
        first: int [m] of players, in canonical order.
        second: int [m], whom they met.
        score: float [m] in {1, .5, 0}.
        number: int [m], the round of each result, not falling: results of a round are predicted from earlier rounds.
            None lets each result be a round.
        refits: our rating is fitted after each of so many equal parts; take fewer where players are many.

    Raises:
        ValueError: the lengths differ.
    """
    m = len(first)
    if len({m, len(second), len(score), m if number is None else len(number)}) > 1:
        raise ValueError("results of different lengths")
    expected = {
        OURS: _ours(n, first, second, score, _cuts(m, number, refits)),
        ELO: classical.elo(n, first, second, score).expected,
        TRUESKILL: classical.trueskill(n, first, second, score).expected,
    }
    return held_out(expected, score)


def held_out(expected: Mapping[str, Floats], score: Floats) -> tuple[Forecasts, ...]:
    """How each model's expected scores [m] fared on the scores [m] that came; the first model is ours."""
    losses = {model: _loss(p, score) for model, p in expected.items()}
    ours = next(iter(losses.values()))
    return tuple(
        Forecasts(model, t(losses[model]), t(losses[model] - ours), _calibration(p, score))
        for model, p in expected.items()
    )


def by_past_episodes(of_episode: Floats, length: int, first: Ints, second: Ints) -> Floats:
    """What panel means expect of each series: scores [number of series, number of pairs], from the episodes before it.

    The next series' mean difference of two who were compared in N episodes is Student's around the mean of these (t
    with N - 1 degrees of freedom, spread sd sqrt(1/N + 1/length)); where N is below two, as in the first series,
    nothing is expected, 1/2. Entrants may have played different episodes.

    Args:
        of_episode: panel mean of each episode, float [n, E]; NaN where it is not known.
        length: episodes of a series.
        first: int [number of pairs] of players.
        second: whom they are compared with.
    """
    n, episodes = of_episode.shape
    starts = range(0, episodes, length)
    expected = np.full((len(starts), len(first)), 0.5)
    known = np.isfinite(of_episode)
    some = known.any(axis=1)
    # Of numbers near zero, so that nothing is lost where squares are taken from each other.
    level = np.where(some, of_episode[np.arange(n), known.argmax(axis=1)], 0.0) if episodes else np.zeros(n)
    near = np.where(known, of_episode - level[:, None], 0.0)
    played = known.astype(np.float64)
    # Of each two, over the episodes that both have played: how many, sums of the row, of its squares, of products.
    both, sums, squares, products = np.zeros((4, n, n))
    for k, start in enumerate(starts):
        past = both[first, second]
        with np.errstate(divide="ignore", invalid="ignore"):
            own, others = (sums[i, j] / past for i, j in ((first, second), (second, first)))
            spread = squares[first, second] + squares[second, first] - past * (own**2 + others**2)
            apart = spread - 2.0 * (products[first, second] - past * own * others)
            apart = np.where(apart > _NOTHING * spread, apart, 0.0) / (past - 1.0)
            difference = (level[first] + own) - (level[second] + others)
            away = difference / np.sqrt(apart * (1.0 / past + 1.0 / length))
            real = np.abs(difference) > _NOTHING * (1.0 + np.abs(level[first] + own))
            sure = 0.5 + 0.5 * np.sign(np.where(real, difference, 0.0))
            chance = np.where(apart > 0.0, stdtr(past - 1.0, away), sure)
        expected[k] = np.where(past > 1.0, chance, 0.5)
        now = slice(start, start + length)
        shared = played[:, now].T
        both += played[:, now] @ shared
        sums += near[:, now] @ shared
        squares += near[:, now] ** 2 @ shared
        products += near[:, now] @ near[:, now].T
    return expected


def batch_forecast(n: int, first: Ints, second: Ints, score: Floats, refits: int = 4) -> Floats:
    """Expected scores [m] of a rating that is fitted again a few times, see `forecasts`."""
    return _ours(n, first, second, score, _cuts(len(first), None, refits))


def _cuts(m: int, number: Ints | None, refits: int) -> list[int]:
    """Positions after which our rating is fitted again, at the ends of rounds: some early ones, then evenly."""
    if m == 0:
        return []
    shares = np.r_[_EARLY, np.arange(1, refits) / refits]
    at = np.unique(np.ceil(shares * m).astype(np.intp))
    if number is not None:
        # The first result of the round to which each belongs.
        at = np.unique(np.searchsorted(number, np.asarray(number)[np.minimum(at, m - 1)]))
    return [int(cut) for cut in at if 0 < cut < m]


def _ours(n: int, first: Ints, second: Ints, score: Floats, cuts: list[int]) -> Floats:
    expected = np.full(len(first), 0.5)
    for cut, end in zip(cuts, [*cuts[1:], len(first)], strict=False):
        rating = fit(counted(n, first[:cut], second[:cut], score[:cut]))
        expected[cut:end] = expected_scores(rating, first[cut:end], second[cut:end])
    return expected


def counted(n: int, first: Ints, second: Ints, score: Floats) -> Counts:
    """The results as counts of players "000", "001" and so on."""
    better, worse = np.where(score < 0.5, second, first), np.where(score < 0.5, first, second)
    drawn = score == 0.5
    cell = better * n + worse
    wins = np.bincount(cell[~drawn], minlength=n * n).astype(np.float64).reshape(n, n)
    draws = np.bincount(cell[drawn], minlength=n * n).astype(np.float64).reshape(n, n)
    width = len(str(n))
    return Counts(tuple(f"{player:0{width}d}" for player in range(n)), wins, draws + draws.T)


def expected_scores(rating: Rating, first: Ints, second: Ints) -> Floats:
    """Expected scores [m] of first players (positions in the rating) over the posterior: P(win) + P(draw) / 2."""
    total = np.zeros(len(first))
    for part in rating.parts:
        own = np.diagonal(part.covariance)
        apart = part.mean[first] - part.mean[second]
        wide = np.sqrt(_UNIT**2 + own[first] + own[second] - 2.0 * part.covariance[first, second])
        total += part.weight * 0.5 * (ndtr((apart - rating.margin) / wide) + ndtr((apart + rating.margin) / wide))
    return total


def _loss(expected: Floats, score: Floats) -> Floats:
    p = np.clip(expected, _CERTAIN, 1.0 - _CERTAIN)
    return np.asarray(-score * np.log(p) - (1.0 - score) * np.log(1.0 - p))


def _calibration(expected: Floats, score: Floats) -> tuple[Bin, ...]:
    favourite, came = np.maximum(expected, 1.0 - expected), np.where(expected < 0.5, 1.0 - score, score)
    where = np.clip(np.searchsorted(_BINS, favourite, side="right") - 1, 0, len(_BINS) - 2)
    return tuple(
        Bin(float(_BINS[k]), float(_BINS[k + 1]), float(favourite[where == k].mean()), t(came[where == k]))
        for k in range(len(_BINS) - 1)
        if (where == k).any()
    )

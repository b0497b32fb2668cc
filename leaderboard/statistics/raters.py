"""Ways of rating results of two, ours and others', behind one call: so that they can be held against one truth.

Others are imported where they are used; who is not installed raises ImportError. All say of each pair between what the
expected score of the first (1 for a win, .5 for a draw) lies, by the model's own link.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from leaderboard.statistics.classical import trueskill
from leaderboard.statistics.estimate import Z95
from leaderboard.statistics.prediction import counted
from leaderboard.statistics.rating import BETA, fit, rank_intervals

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_UNIT = float(np.sqrt(2.0)) * BETA


class Intervals(NamedTuple):
    """How sure a way of rating is of n players.

    Attributes:
        low, high: float [n(n-1)/2], 95 % intervals of the pairs' expected scores, in the order of `numpy.triu_indices`;
            NaN where a player is unknown.
        ranks: 95 % intervals of the ranks, 1 is best.
    """

    low: Floats
    high: Floats
    ranks: list[tuple[int, int]]


class Rated(NamedTuple):
    """What a way of rating says of n players: values [n], higher is better, and what makes the intervals."""

    value: Floats
    intervals: Callable[[], Intervals]


#: Given n players and results (first, second, score), each [m].
Rater = Callable[[int, Ints, Ints, Floats], Rated]


def expected(difference: Floats, margin: float) -> Floats:
    """Expected score at differences of skill, with a margin within which games are drawn."""
    return np.asarray(0.5 * (ndtr((difference - margin) / _UNIT) + ndtr((difference + margin) / _UNIT)))


def batch_fit(n: int, first: Ints, second: Ints, score: Floats) -> Rated:
    """Ours."""
    rating = fit(counted(n, first, second, score))

    def intervals() -> Intervals:
        _, low, high = rating.differences()
        ranks = list(rating.rank_intervals().values())
        return Intervals(expected(low, rating.margin), expected(high, rating.margin), ranks)

    return Rated(rating.skill, intervals)


def classical_trueskill(n: int, first: Ints, second: Ints, score: Floats) -> Rated:
    """The `trueskill` package's update (tau = 0), with the observed share of draws."""
    from trueskill import calc_draw_margin

    share = float(np.clip((score == 0.5).mean(), 0.001, 0.9))
    rated = trueskill(n, first, second, score, share)
    margin = float(calc_draw_margin(share, 2))
    return _independent(rated.mu, rated.sigma, lambda x: expected(x, margin))


def openskill_default(n: int, first: Ints, second: Ints, score: Floats) -> Rated:
    """OpenSkill's Plackett-Luce model with its defaults.

    Raises:
        ImportError: `openskill` is not installed.
    """
    from openskill.models import PlackettLuce

    model = PlackettLuce()
    rating = [model.rating() for _ in range(n)]
    for i, j, s in zip(first.tolist(), second.tolist(), score.tolist(), strict=True):
        ranks = [1, 1] if s == 0.5 else [2 - s, 1 + s]
        (rating[i],), (rating[j],) = model.rate([[rating[i]], [rating[j]]], ranks=ranks)
    mu, sigma = (np.array([getattr(r, name) for r in rating]) for name in ("mu", "sigma"))
    return _independent(mu, sigma, lambda x: expit(x / (np.sqrt(2.0) * model.beta)))


def arena_rank(n: int, first: Ints, second: Ints, score: Floats) -> Rated:
    """LMArena's Bradley-Terry fit with its sandwich intervals; players without results are unknown.

    Raises:
        ImportError: `arena-rank` is not installed.
    """
    import pandas
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    names = np.array([f"{player:05d}" for player in range(n)])
    winner = np.array(["model_b", "tie", "model_a"])[(2.0 * score).astype(np.intp)]
    frame = pandas.DataFrame({"model_a": names[first], "model_b": names[second], "winner": winner})
    data = PairDataset.from_pandas(frame)
    model = BradleyTerry(len(data.competitors))
    found = model.compute_ratings_and_cis(data)
    at = np.array([int(name) for name in found["competitors"]], dtype=np.intp)
    mu, sigma = np.full(n, np.nan), np.full(n, np.nan)
    mu[at] = np.asarray(found["ratings"]) - model.init_rating
    sigma[at] = np.sqrt(np.asarray(found["variances"]))
    return _independent(mu, sigma, lambda x: expit(x / model.alpha))


def _independent(mu: Floats, sigma: Floats, link: Callable[[Floats], Floats]) -> Rated:
    """Of raters that give every player an interval of its own."""

    def intervals() -> Intervals:
        i, j = np.triu_indices(len(mu), 1)
        apart, half = mu[i] - mu[j], Z95 * np.hypot(sigma[i], sigma[j])
        return Intervals(link(apart - half), link(apart + half), rank_intervals(mu, np.diag(sigma**2)))

    return Rated(mu, intervals)


OURS = "batch fit"
RATERS: dict[str, Rater] = {
    OURS: batch_fit,
    "trueskill": classical_trueskill,
    "openskill": openskill_default,
    "arena-rank": arena_rank,
}

"""Classical TrueSkill and Elo, fast: each result changes two ratings, and disjoint pairs are changed at once.

The ratings depend on the order of the results. They stand on boards for people who compare with other boards; the
rating itself is `leaderboard.statistics.rating`. TrueSkill (Herbrich, Minka and Graepel 2006) has the constants, the
draw margin and the normal distribution of the `trueskill` package, whose numbers it repeats to 1e-9.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

DRAW_PROBABILITY = 0.10
# How strongly one game moves an Elo rating, and the usual start.
_K, _ELO = 32.0, 1500.0
# Of the package's complementary error function (Numerical Recipes), the coefficients of the highest power first.
_ERFC = (0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368)


class Classical(NamedTuple):
    """Ratings after all results, and what was expected before each of them.

    Attributes:
        mu, sigma: float [n] per player.
        expected: float [m], the score that was expected of each first player before his result was counted.
    """

    mu: Floats
    sigma: Floats
    expected: Floats


def round_robin(n: int) -> tuple[Ints, Ints]:
    """All n(n-1)/2 pairs (first < second) in rounds of disjoint pairs: the canonical order, by the circle method."""
    circle = np.arange(n + n % 2)
    first, second = [], []
    for _ in range(len(circle) - 1):
        left, right = circle[: len(circle) // 2], circle[: len(circle) // 2 - 1 : -1]
        plays = np.maximum(left, right) < n
        first.append(np.minimum(left, right)[plays])
        second.append(np.maximum(left, right)[plays])
        circle = np.concatenate([circle[:1], circle[-1:], circle[1:-1]])
    if not first:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    return np.concatenate(first), np.concatenate(second)


def trueskill(
    n: int, first: Ints, second: Ints, score: Floats, draw_probability: float = DRAW_PROBABILITY
) -> Classical:
    """TrueSkill's ratings, mu and sigma, of n players; one pass over m results in the order given.

    Args:
        n: number of players.
        first: int [m] of players.
        second: int [m], whom they met.
        score: float [m], 1 where the first won, .5 for a draw, 0 where it lost.
        draw_probability: observed share of draws; clipped into [0.001, 0.9], since the package turns a draw into *less*
            certainty where draws are impossible. NaN (there were no results) stands for its default, 0.1.
    """
    import trueskill as package

    if not draw_probability >= 0.0:
        draw_probability = DRAW_PROBABILITY
    game = package.TrueSkill(tau=0.0, draw_probability=min(max(draw_probability, 0.001), 0.9))
    margin = float(package.calc_draw_margin(game.draw_probability, 2, game))
    noise = 2.0 * game.beta**2
    mu, variance = np.full(n, float(game.mu)), np.full(n, float(game.sigma) ** 2)
    # Every result as a win of the first of `pair`, or a draw.
    pair = np.where(score < 0.5, np.stack([second, first]), np.stack([first, second]))
    drawn = score == 0.5
    apart, scale = np.empty(len(first)), np.empty(len(first))
    for start, end in _batches(first, second):
        who = pair[:, start:end]
        own = variance[who]
        wide = np.sqrt(noise + own[0] + own[1])
        t, e = (mu[who[0]] - mu[who[1]]) / wide, margin / wide
        apart[start:end], scale[start:end] = t, wide
        v, w = _after_win(t - e)
        draws = drawn[start:end]
        if draws.any():
            v[draws], w[draws] = _after_draw(t[draws], e[draws])
        step = own * (v / wide)
        mu[who[0]] += step[0]
        mu[who[1]] -= step[1]
        variance[who] = own * (1.0 - own * (w / wide**2))
    win = 0.5 * (ndtr(apart - margin / scale) + ndtr(apart + margin / scale))
    return Classical(mu, np.sqrt(variance), np.where(score < 0.5, 1.0 - win, win))


def elo(n: int, first: Ints, second: Ints, score: Floats) -> Classical:
    """Elo's ratings (K = 32, logistic, 400 points a factor of ten) of n players; sigma is NaN.

    Args:
        n: number of players.
        first: int [m] of players.
        second: int [m], whom they met.
        score: float [m], 1, .5 or 0.
    """
    rating, expected = np.full(n, _ELO), np.empty(len(first))
    for start, end in _batches(first, second):
        i, j = first[start:end], second[start:end]
        chance = 1.0 / (1.0 + 10.0 ** ((rating[j] - rating[i]) / 400.0))
        step = _K * (score[start:end] - chance)
        rating[i] += step
        rating[j] -= step
        expected[start:end] = chance
    return Classical(rating, np.full(n, np.nan), expected)


def trueskill_online(
    results: Iterable[tuple[str, str, int]], draw_probability: float
) -> dict[str, tuple[float, float]]:
    """Classical TrueSkill, (mu, sigma) per player by name: one pass over (first, second, outcome) in the order given.

    Args:
        results: outcome 1 means that the first won, 0 a draw, -1 a loss. Give them in canonical order
            (`comparison.rounds`), for the ratings depend on it.
        draw_probability: see `trueskill`.
    """
    rows = list(results)
    names = sorted({row[0] for row in rows} | {row[1] for row in rows})
    number = {name: i for i, name in enumerate(names)}
    first = np.array([number[row[0]] for row in rows], dtype=np.intp)
    second = np.array([number[row[1]] for row in rows], dtype=np.intp)
    score = (np.array([row[2] for row in rows], dtype=np.float64) + 1.0) / 2.0
    rated = trueskill(len(names), first, second, score, draw_probability)
    return dict(zip(names, zip(rated.mu.tolist(), rated.sigma.tolist(), strict=True), strict=True))


def _batches(first: Ints, second: Ints) -> Iterator[tuple[int, int]]:
    """Stretches [start, end) of the results, as long as can be, in each of which nobody plays twice."""
    m = len(first)
    player = np.stack([first, second], axis=1).reshape(-1)
    if m and player.max() < 2**16:
        player = player.astype(np.uint16)  # which numpy sorts by its digits
    order = np.argsort(player, kind="stable")
    same = player[order][1:] == player[order][:-1]
    earlier = np.full(2 * m, -1, dtype=np.intp)
    earlier[order[1:][same]] = order[:-1][same] // 2
    # The last result before each one in which either of the two has played.
    last = np.maximum.accumulate(earlier.reshape(m, 2).max(axis=1)) if m else earlier
    start = 0
    while start < m:
        end = int(np.searchsorted(last, start))
        yield start, end
        start = end


def _erfc(x: Floats) -> Floats:
    z = np.abs(x)
    t = 1.0 / (1.0 + 0.5 * z)
    power = np.full_like(t, _ERFC[0])
    for coefficient in _ERFC[1:]:
        power *= t
        power += coefficient
    r = t * np.exp(t * power - z * z - 1.26551223)
    return np.asarray(np.where(x < 0.0, 2.0 - r, r))


def _cdf(x: Floats) -> Floats:
    return 0.5 * _erfc(x * -np.sqrt(0.5))


def _pdf(x: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * x * x) * (1.0 / np.sqrt(2.0 * np.pi)))


def _after_win(x: Floats) -> tuple[Floats, Floats]:
    """The paper's V and W of a win; where the package has no number (an upset of 38 deviations), their limits."""
    chance = _cdf(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        v = np.where(chance > 0.0, _pdf(x) / chance, -x)
    return v, np.clip(np.where(chance > 0.0, v * (v + x), 1.0), 0.0, 1.0)


def _after_draw(t: Floats, e: Floats) -> tuple[Floats, Floats]:
    """V and W of a draw, with the same care."""
    a, b = e - np.abs(t), -e - np.abs(t)
    chance, density_a, density_b = _cdf(a) - _cdf(b), _pdf(a), _pdf(b)
    with np.errstate(divide="ignore", invalid="ignore"):
        v = np.where(chance > 0.0, (density_b - density_a) / chance, a)
        w = np.where(chance > 0.0, v * v + (a * density_a - b * density_b) / chance, 1.0)
    return np.where(t < 0.0, -v, v), np.clip(w, 0.0, 1.0)

"""Who is better, and how sure that is: one fit of all comparisons at once.

The model is TrueSkill's (Thurstone 1927; Herbrich, Minka and Graepel 2006): skills s_i ~ N(0, spread^2), performances
s_i + N(0, beta^2), a draw if they differ by less than the margin. TrueSkill passes over the results once, so that their
order decides places in a tight field; here the posterior's maximum is found for all at once, its curvature gives the
intervals (Laplace), and no order exists. Frozen agents do not drift, so skills are constant (tau = 0).

Spread and margin are no settings but fitted: the margin jointly with the skills, the spread by the evidence (type-II
maximum likelihood). beta = 25/6 sets TrueSkill's scale, on which the centre is 25.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from leaderboard.statistics.counts import Counts
from leaderboard.statistics.estimate import Z95
from leaderboard.statistics.likelihood import Data, Floats, Peak, maximise

BETA = 25.0 / 6.0
CENTRE = 25.0
DRAW_PROBABILITY = 0.10

_UNIT = float(np.sqrt(2.0)) * BETA
# One imagined game between equals, drawn with TrueSkill's default probability.
_IMAGINED = (1.0 - DRAW_PROBABILITY, DRAW_PROBABILITY)
# The evidence of few results hardly depends on the spread, and its maximum may then lie at zero (everybody equal, all
# intervals of width zero) or at infinity (one player always won). So the spread has a weak prior, log-normal around
# TrueSkill's 25/3 with one e-fold as its standard deviation: a soft floor and ceiling, worth half a player's evidence.
_USUAL_SPREAD = 25.0 / 3.0 / _UNIT
_GRID = np.linspace(-5.0, 3.0, 9)  # log(spread / usual) at which the evidence is first looked at
_SAMPLES = 4000
_SEED = 20061204


@dataclass(frozen=True)
class Skill:
    """One player on TrueSkill's scale: mean and standard deviation of the posterior, and its 95 % interval."""

    mu: float
    sigma: float
    low: float
    high: float

    @property
    def conservative(self) -> float:
        """The mean less three sigma, by which TrueSkill boards rank."""
        return self.mu - 3.0 * self.sigma


@dataclass(frozen=True)
class Rating:
    """The posterior of all skills.

    Attributes:
        players: n names, sorted.
        skill: float [n], posterior mode, in skill units (TrueSkill's, with 0 as the prior's centre).
        covariance: float [n, n] of the skills (Laplace), in squared skill units.
        spread: standard deviation of the skills in the field, fitted.
        margin: difference of performances within which a game is drawn, fitted.
        comparisons: sum of the weights of all comparisons.
    """

    players: tuple[str, ...]
    skill: Floats
    covariance: Floats
    spread: float
    margin: float
    comparisons: float

    def skills(self, among: Sequence[str] | None = None, anchor: str | None = None) -> dict[str, Skill]:
        """The skills of some players relative to their mean, or to an anchor, which is put at 25.

        Only differences are measured, so a sigma needs something to which it refers. A lone player has nothing but
        the prior, whose spread it gets.

        Args:
            among: the players, all where None.
            anchor: a player to put at exactly 25, the mean of `among` where None.

        Raises:
            KeyError: a player is unknown.
        """
        names = self.players if among is None else tuple(among)
        index = [self._index(name) for name in names]
        n = len(index)
        if n == 1 and anchor is None:
            return {names[0]: _skill(0.0, self.spread)}
        to = np.zeros((n, len(self.players)))
        to[np.arange(n), index] = 1.0
        if anchor is None:
            to[:, index] -= 1.0 / max(n, 1)
        else:
            to[:, self._index(anchor)] -= 1.0
        value = to @ self.skill
        deviation = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", to, self.covariance, to, optimize=True), 0.0))
        return {name: _skill(float(value[i]), float(deviation[i])) for i, name in enumerate(names)}

    def difference(self, first: str, second: str) -> tuple[float, float, float]:
        """Skill of `first` minus that of `second`, with its 95 % interval (value, low, high)."""
        value, deviation = self._difference(first, second)
        return value, value - Z95 * deviation, value + Z95 * deviation

    def probability_above(self, first: str, second: str) -> float:
        """Posterior probability that `first` has the higher skill."""
        value, deviation = self._difference(first, second)
        return float(ndtr(value / deviation)) if deviation > 0 else 0.5

    def rank_intervals(self, among: Sequence[str] | None = None) -> dict[str, tuple[int, int]]:
        """95 % intervals of the ranks (1 is best), from draws of all skills together: ranks depend on each other."""
        names = self.players if among is None else tuple(among)
        index = [self._index(name) for name in names]
        return dict(zip(names, rank_intervals(self.skill[index], self.covariance[np.ix_(index, index)]), strict=True))

    def _index(self, name: str) -> int:
        try:
            return self.players.index(name)
        except ValueError:
            raise KeyError(f"no player {name!r} in this rating") from None

    def _difference(self, first: str, second: str) -> tuple[float, float]:
        i, j = self._index(first), self._index(second)
        variance = self.covariance[i, i] + self.covariance[j, j] - 2.0 * self.covariance[i, j]
        return float(self.skill[i] - self.skill[j]), float(np.sqrt(max(variance, 0.0)))


def _skill(value: float, deviation: float) -> Skill:
    mu = CENTRE + value
    return Skill(mu, deviation, mu - Z95 * deviation, mu + Z95 * deviation)


def rank_intervals(value: Floats, covariance: Floats) -> list[tuple[int, int]]:
    """95 % intervals of the ranks of n values (1 is the highest) with this covariance [n, n], by sampling.

    The draws are always the same ones. A value whose variance is not finite may have any rank, so it gets (1, n), and
    may push the others down by one each.
    """
    n = len(value)
    known = np.flatnonzero(np.isfinite(value) & np.isfinite(np.diagonal(covariance)))
    intervals = [(1, n)] * n
    if not known.size:
        return intervals
    # eigh, not Cholesky: a covariance from fewer episodes than entrants is singular.
    scale, axes = np.linalg.eigh(covariance[np.ix_(known, known)])
    draws = np.random.Generator(np.random.PCG64(_SEED)).standard_normal((_SAMPLES, len(known)))
    sample = value[known] + (draws * np.sqrt(np.maximum(scale, 0.0))) @ axes.T
    rank = np.empty(sample.shape, dtype=np.intp)
    np.put_along_axis(rank, np.argsort(-sample, axis=1, kind="stable"), np.arange(1, len(known) + 1)[None, :], axis=1)
    rank.sort(axis=0)
    low, high = rank[int(0.025 * _SAMPLES)], rank[int(np.ceil(0.975 * _SAMPLES)) - 1] + (n - len(known))
    for position, a, b in zip(known.tolist(), low.tolist(), high.tolist(), strict=True):
        intervals[position] = (a, b)
    return intervals


def fit(counts: Counts) -> Rating:
    """Fits skills, spread and margin to all comparisons; the same bytes whatever their order was.

    The cost does not depend on the number of comparisons, but on n^3 for n players (50 players: about 10 ms).
    """
    counts = counts.sorted()
    n = len(counts.players)
    i, j = np.nonzero(np.triu(counts.wins + counts.wins.T + counts.draws, k=1))
    data = Data(n, i, j, counts.wins[i, j], counts.wins[j, i], counts.draws[i, j])
    log_spread, peak = _best_spread(data)
    covariance = np.linalg.inv(peak.precision)[:n, :n] * _UNIT**2
    return Rating(
        players=counts.players,
        skill=peak.skill * _UNIT,
        covariance=(covariance + covariance.T) / 2.0,
        spread=float(np.exp(log_spread)) * _USUAL_SPREAD * _UNIT,
        margin=peak.margin * _UNIT,
        comparisons=float(counts.wins.sum() + counts.draws.sum() / 2.0),
    )


def _best_spread(data: Data) -> tuple[float, Peak]:
    """log(spread / usual) of the highest evidence, and the peak there: first on a grid, then by parabolas."""
    looked: dict[float, tuple[float, Peak]] = {}
    start: tuple[NDArray[np.float64], float] = (np.zeros(data.n), 0.1)

    def evidence(x: float) -> float:
        nonlocal start
        if x not in looked:
            spread = float(np.exp(x)) * _USUAL_SPREAD
            peak = maximise(data, spread, *start, _IMAGINED)
            start = (peak.skill, peak.margin)
            # Laplace: the peak's height times the volume under it; then the weak prior of the spread.
            log_determinant = float(np.linalg.slogdet(peak.precision)[1])
            height = peak.value - data.n * float(np.log(spread)) - 0.5 * log_determinant
            looked[x] = (height - 0.5 * x * x, peak)
        return looked[x][0]

    best = max((float(x) for x in _GRID), key=evidence)
    width = float(_GRID[1] - _GRID[0])
    while width > 1e-3:
        low, middle, high = evidence(best - width), evidence(best), evidence(best + width)
        if middle < max(low, high):
            best += width if high > low else -width  # never out of reach: the prior wins in the end
            continue
        bend = low - 2.0 * middle + high
        vertex = best + 0.5 * width * (low - high) / bend if bend < 0 else best
        best = vertex if evidence(vertex) > middle else best
        width /= 8.0
    start = (looked[best][1].skill, looked[best][1].margin)
    return best, looked[best][1]


def trueskill_online(
    results: Iterable[tuple[str, str, int]], draw_probability: float
) -> dict[str, tuple[float, float]]:
    """Classical TrueSkill, (mu, sigma) per player: one pass over (first, second, outcome) in the order given.

    The column for people who compare with other boards. Give results in canonical order (`views.standings`), for
    the outcome depends on it. tau = 0; everything else is the package's default.

    Args:
        results: outcome 1 means that the first won, 0 a draw, -1 a loss.
        draw_probability: observed share of draws; clipped into [0.001, 0.9], since the package turns a draw into *less*
            certainty where draws are impossible.
    """
    import trueskill

    if not draw_probability >= 0.0:  # NaN: there were no results to count draws in
        draw_probability = DRAW_PROBABILITY
    game = trueskill.TrueSkill(tau=0.0, draw_probability=min(max(draw_probability, 0.001), 0.9))
    rated: dict[str, trueskill.Rating] = {}
    for first, second, outcome in results:
        a, b = rated.get(first) or game.create_rating(), rated.get(second) or game.create_rating()
        (rated[first],), (rated[second],) = game.rate([(a,), (b,)], ranks=[0, outcome])
    return {name: (rated[name].mu, rated[name].sigma) for name in sorted(rated)}

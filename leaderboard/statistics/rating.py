"""Who is better, and how sure that is: one fit of all comparisons at once.

The model is TrueSkill's (Thurstone 1927; Herbrich, Minka and Graepel 2006): skills s_i ~ N(0, spread^2), performances
s_i + N(0, beta^2), a draw if they differ by less than the margin. TrueSkill passes over the results once, so that their
order decides places in a tight field; here the posterior of all is found at once (expectation propagation from its
maximum), and no order exists. Frozen agents do not drift, so skills are constant (tau = 0).

Spread and margin are no settings but fitted: the margin jointly with the skills, the spread by the evidence. Where
few results say little of the spread, the posterior is a mixture over the spreads that they allow: with one spread alone
95 % intervals would cover .85 to .90 of the pairs after 25 to 100 games of 50 players, and so they cover .93 to .97
(`zoo selfcheck ratings`). beta = 25/6 sets TrueSkill's scale, on which the centre is 25.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from leaderboard.statistics.classical import DRAW_PROBABILITY
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.estimate import Z95
from leaderboard.statistics.likelihood import Data, Floats, Peak, maximise, moments

BETA = 25.0 / 6.0
CENTRE = 25.0

_UNIT = float(np.sqrt(2.0)) * BETA
# One imagined game between equals, drawn with TrueSkill's default probability.
_IMAGINED = (1.0 - DRAW_PROBABILITY, DRAW_PROBABILITY)
# The evidence of few results hardly depends on the spread, and its maximum may then lie at zero (everybody equal, all
# intervals of width zero) or at infinity (one player always won). So the spread has a weak prior, log-normal around
# TrueSkill's 25/3 with one e-fold as its standard deviation: a soft floor and ceiling, worth half a player's evidence.
_USUAL_SPREAD = 25.0 / 3.0 / _UNIT
_GRID = (-3.0, -1.0, 1.0)  # log(spread / usual) at which the evidence is first looked at
_KNOWN = 0.15  # standard error of log(spread) below which its error is not felt in the skills'
_NODES, _NEGLIGIBLE = 6, 3.0  # spreads on either side of the best one, as far as e^-3 of its evidence
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
    """The posterior of all skills: a mixture of normal distributions, one for each spread that the results allow.

    Attributes:
        players: n names, sorted.
        skill: float [n], posterior mean, in skill units (TrueSkill's, with 0 as the prior's centre).
        covariance: float [n, n] of the skills, in squared skill units.
        spread: standard deviation of the skills in the field, the likeliest.
        margin: difference of performances within which a game is drawn, fitted.
        comparisons: sum of the weights of all comparisons.
        parts: the posterior for each spread.
    """

    players: tuple[str, ...]
    skill: Floats
    covariance: Floats
    spread: float
    margin: float
    comparisons: float
    parts: "tuple[_Part, ...]"

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
            half = Z95 * self.spread
            return {names[0]: Skill(CENTRE, self.spread, CENTRE - half, CENTRE + half)}
        to = np.zeros((n, len(self.players)))
        to[np.arange(n), index] = 1.0
        if anchor is None:
            to[:, index] -= 1.0 / max(n, 1)
        else:
            to[:, self._index(anchor)] -= 1.0
        mu, sigma, low, high = (x.tolist() for x in self._moments(to))
        rows = zip(names, mu, sigma, low, high, strict=True)
        return {name: Skill(CENTRE + m, s, CENTRE + a, CENTRE + b) for name, m, s, a, b in rows}

    def difference(self, first: str, second: str) -> tuple[float, float, float]:
        """Skill of `first` minus that of `second`, with its 95 % interval (value, low, high)."""
        value, _, low, high = self._moments(self._apart(first, second))
        return float(value[0]), float(low[0]), float(high[0])

    def differences(self) -> tuple[Floats, Floats, Floats]:
        """All of them at once, [n(n-1)/2] each, for the pairs (i, j) in the order of `numpy.triu_indices(n, 1)`."""
        i, j = np.triu_indices(len(self.players), 1)
        to = np.zeros((len(i), len(self.players)))
        to[np.arange(len(i)), i], to[np.arange(len(i)), j] = 1.0, -1.0
        value, _, low, high = self._moments(to)
        return value, low, high

    def probability_above(self, first: str, second: str) -> float:
        """Posterior probability that `first` has the higher skill."""
        return 1.0 - float(self._seen(self._apart(first, second)).below(np.zeros(1))[0])

    def rank_intervals(self, among: Sequence[str] | None = None) -> dict[str, tuple[int, int]]:
        """95 % intervals of the ranks (1 is best), from draws of all skills together: ranks depend on each other."""
        names = self.players if among is None else tuple(among)
        index = [self._index(name) for name in names]
        n = len(index)
        draws = _draws(n)
        ends = np.rint(np.cumsum([0.0, *(part.weight for part in self.parts)]) * _SAMPLES).astype(np.intp)
        to = np.eye(len(self.players))[index] - np.isin(np.arange(len(self.players)), index) / max(n, 1)
        for part, start, end in zip(self.parts, ends[:-1], ends[1:], strict=True):
            shape = part.seen(to)
            normal = _correlated(draws[start:end], to @ part.covariance @ to.T)
            draws[start:end] = shape.bent(normal)
        return dict(zip(names, _central_ranks(draws), strict=True))

    def _index(self, name: str) -> int:
        try:
            return self.players.index(name)
        except ValueError:
            raise KeyError(f"no player {name!r} in this rating") from None

    def _apart(self, first: str, second: str) -> Floats:
        """The row that takes the skills to their difference, [1, n]."""
        to = np.zeros((1, len(self.players)))
        to[0, self._index(first)] += 1.0
        to[0, self._index(second)] -= 1.0
        return to

    def _seen(self, to: Floats) -> "_Mixture":
        """The distributions of m linear functions [m, n] of the skills."""
        return _Mixture(np.array([part.weight for part in self.parts]), [part.seen(to) for part in self.parts])

    def _moments(self, to: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean, standard deviation and ends of the 95 % interval of linear functions [m, n] of the skills, [m] each."""
        seen = self._seen(to)
        value = to @ self.skill
        sigma = np.sqrt(np.maximum(((to @ self.covariance) * to).sum(axis=1), 0.0))
        return value, sigma, seen.quantile(0.025), seen.quantile(0.975)


@dataclass(frozen=True)
class _Part:
    """The posterior for one spread: its weight, mode [n], mean [n] and covariance [n, n]."""

    weight: float
    mode: Floats
    mean: Floats
    covariance: Floats

    def seen(self, to: Floats) -> "_Leaning":
        """The distributions of linear functions [m, n]."""
        variance = np.maximum(((to @ self.covariance) * to).sum(axis=1), 1e-300)
        # Two half normals with this mode, mean and variance (John 1982); the utmost lean is half a normal alone.
        lean = np.sqrt(np.pi / 2.0) * (to @ self.mean - to @ self.mode)
        most = 0.95 * np.sqrt(variance / (1.0 - 2.0 / np.pi))
        lean = np.clip(lean, -most, most)
        root = np.sqrt(4.0 * variance + (8.0 / np.pi - 3.0) * lean**2)
        mode = to @ self.mean - np.sqrt(2.0 / np.pi) * lean
        return _Leaning(mode, (root - lean) / 2.0, (root + lean) / 2.0)


@dataclass(frozen=True)
class _Leaning:
    """Split normal distributions: modes, and standard deviations below and above them, [m] each."""

    mode: Floats
    lower: Floats
    upper: Floats

    def below(self, x: Floats) -> Floats:
        """Probability to be below x [m]."""
        side = np.where(x < self.mode, self.lower, self.upper)
        share = 2.0 * side / (self.lower + self.upper)
        tail = share * ndtr(-np.abs(x - self.mode) / side)
        return np.asarray(np.where(x < self.mode, tail, 1.0 - tail))

    def quantile(self, p: Floats | float) -> Floats:
        """The x [..., m] below which the probability is p."""
        whole = self.lower + self.upper
        left = p * whole < self.lower
        tail = np.where(left, p * whole / (2.0 * self.lower), (1.0 - p) * whole / (2.0 * self.upper))
        return np.asarray(self.mode + np.where(left, self.lower, -self.upper) * ndtri(tail))

    def bent(self, normal: Floats) -> Floats:
        """Standard normal numbers [..., m] as numbers of these distributions, in the same order."""
        return self.quantile(ndtr(normal))


@dataclass(frozen=True)
class _Mixture:
    """Mixtures of distributions, with the weights [k]."""

    weight: Floats
    parts: Sequence[_Leaning]

    def below(self, x: Floats) -> Floats:
        """Probability to be below x [m]."""
        return np.asarray(self.weight @ np.array([part.below(x) for part in self.parts]))

    def quantile(self, p: float) -> Floats:
        """The x [m] below which the probability is p, by bisection where there are several parts."""
        ends = np.array([part.quantile(p) for part in self.parts])
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(50 if len(self.parts) > 1 else 0):
            middle = 0.5 * (low + high)
            under = self.below(middle) < p
            low, high = np.where(under, middle, low), np.where(under, high, middle)
        return np.asarray(0.5 * (low + high))


def rank_intervals(value: Floats, covariance: Floats) -> list[tuple[int, int]]:
    """95 % intervals of the ranks of n values (1 is the highest) with this covariance [n, n], by sampling.

    The draws are always the same ones. A value whose variance is not finite may have any rank, so it gets (1, n), and
    may push the others down by one each.
    """
    n = len(value)
    known = np.flatnonzero(np.isfinite(value) & np.isfinite(np.diagonal(covariance)))
    intervals = [(1, n)] * n
    square = covariance[np.ix_(known, known)]
    draws = value[known] + _correlated(_draws(len(known)), square) * np.sqrt(np.diagonal(square))
    for position, (low, high) in zip(known.tolist(), _central_ranks(draws), strict=True):
        intervals[position] = (low, high + n - len(known))
    return intervals


def _draws(n: int) -> Floats:
    """Standard normal numbers [_SAMPLES, n], always the same ones."""
    return np.random.Generator(np.random.PCG64(_SEED)).standard_normal((_SAMPLES, n))


def _correlated(draws: Floats, covariance: Floats) -> Floats:
    """Independent standard normal numbers [s, n] with the correlations of a covariance [n, n]; 0 where it has none."""
    # eigh, not Cholesky: a covariance from fewer episodes than entrants is singular.
    scale, axes = np.linalg.eigh(covariance)
    deviation = np.sqrt(np.maximum(np.diagonal(covariance), 1e-300))
    return np.asarray((draws * np.sqrt(np.maximum(scale, 0.0))) @ axes.T / deviation)


def _central_ranks(draws: Floats) -> list[tuple[int, int]]:
    """95 % intervals of the ranks (1 is the highest) of n values in draws [s, n]."""
    rank = np.empty(draws.shape, dtype=np.intp)
    order = np.argsort(-draws, axis=1, kind="stable")
    np.put_along_axis(rank, order, np.arange(1, draws.shape[1] + 1)[None, :], axis=1)
    rank.sort(axis=0)
    low, high = rank[int(0.025 * len(draws))], rank[int(np.ceil(0.975 * len(draws))) - 1]
    return list(zip(low.tolist(), high.tolist(), strict=True))


def fit(counts: Counts) -> Rating:
    """Fits skills, spread and margin to all comparisons; the same bytes whatever their order was.

    The cost does not depend on the number of comparisons, but on n^3 for n players and on the number of pairs that
    have met (50 players: about 50 ms; 500 players: about a second).
    """
    counts = counts.sorted()
    n = len(counts.players)
    i, j = np.nonzero(np.triu(counts.wins + counts.wins.T + counts.draws, k=1))
    evidence = _Evidence(Data(n, i, j, counts.wins[i, j], counts.wins[j, i], counts.draws[i, j]))
    best = evidence.best()
    # Without results there is nothing to integrate: all are TrueSkill's newcomers.
    nodes = evidence.nodes(best) if len(i) else [(1.0, best)]
    parts = [evidence.part(weight, x) for weight, x in nodes]
    skill = np.sum([part.weight * part.mean for part in parts], axis=0)
    spreads = [part.weight * (part.covariance + np.outer(part.mean - skill, part.mean - skill)) for part in parts]
    return Rating(
        players=counts.players,
        skill=skill,
        covariance=np.sum(spreads, axis=0),
        spread=_spread(best) * _UNIT,
        margin=evidence.at(best)[1].margin * _UNIT,
        comparisons=float(counts.wins.sum() + counts.draws.sum() / 2.0),
        parts=tuple(parts),
    )


def _spread(x: float) -> float:
    """The spread in units of c, from x = log(spread / usual)."""
    return float(np.exp(x)) * _USUAL_SPREAD


class _Evidence:
    """How well spreads explain the counts; x is log(spread / usual). Each peak is found once, from the last one on."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.looked: dict[float, tuple[float, Peak]] = {}
        self.start: tuple[Floats, float] = (np.zeros(data.n), 0.1)
        self.error = np.inf  # standard error of x

    def at(self, x: float) -> tuple[float, Peak]:
        """Logarithm of the evidence times the spread's prior, and the peak."""
        if x not in self.looked:
            peak = maximise(self.data, _spread(x), *self.start, _IMAGINED)
            self.start = (peak.skill, peak.margin)
            # Laplace: the peak's height times the volume under it; then the weak prior of the spread.
            log_determinant = float(np.linalg.slogdet(peak.precision)[1])
            height = peak.value - self.data.n * float(np.log(_spread(x))) - 0.5 * log_determinant
            self.looked[x] = (height - 0.5 * x * x, peak)
        return self.looked[x]

    def best(self) -> float:
        """The x of the highest evidence: first on a grid, then by parabolas."""
        best = max((float(x) for x in _GRID), key=lambda x: self.at(x)[0])
        width = 1.0
        while width > 0.01:
            low, middle, high = (self.at(x)[0] for x in (best - width, best, best + width))
            if middle < max(low, high):
                best += width if high > low else -width  # never out of reach: the prior wins in the end
                continue
            bend = low - 2.0 * middle + high
            vertex = best + 0.5 * width * (low - high) / bend if bend < 0 else best
            best = vertex if self.at(vertex)[0] > middle else best
            self.error = float(width / np.sqrt(max(-bend, 1e-9)))
            width /= 8.0
        self.start = (self.looked[best][1].skill, self.looked[best][1].margin)
        return best

    def nodes(self, best: float) -> list[tuple[float, float]]:
        """Weights, whose sum is 1, and places of the spreads over which is integrated; one where it is well known."""
        if self.error < _KNOWN:
            return [(1.0, best)]
        places, top = [best], self.at(best)[0]
        for way in (-1, 1):
            for k in range(1, _NODES + 1):
                x = best + way * k * min(1.2 * self.error, 0.6)
                if self.at(x)[0] < top - _NEGLIGIBLE:
                    break
                places.append(x)
        weights = np.exp([self.at(x)[0] - top for x in sorted(places)])
        return list(zip((weights / weights.sum()).tolist(), sorted(places), strict=True))

    def part(self, weight: float, x: float) -> _Part:
        """The posterior for one spread, in skill units."""
        peak = self.at(x)[1]
        mean, covariance = moments(self.data, _spread(x), peak)
        return _Part(weight, peak.skill * _UNIT, mean * _UNIT, covariance * _UNIT**2)

"""Weighted mean own returns over a panel, compared by Student's t with the episode as the unit.

Within an episode everything is paired: all entrants meet all partners in all seats under the same luck. So an
entrant's *panel mean* of an episode is the weighted mean of its own return over the partners, its headline is the mean
of these over the episodes, and two entrants are compared by the differences of their panel means, episode by episode.

Where an entrant met its partners for different episodes, each episode counts with the weight that it has in the
headline (a cluster-robust variance); for equal numbers of episodes that is Student's interval of the panel means. The
partner that was met for the fewest episodes decides the degrees of freedom: the cautious choice.

Episodes of the same number on two seeds are two episodes. Where entrants were dealt none in common nothing is paired:
the variance of their difference is the sum of both, and the one with fewer episodes decides the degrees of freedom.

No figure of an entrant depends on who else is compared, to the last bit: others may enter without moving anybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from leaderboard.statistics.estimate import LEVEL, NO_INTERVAL, Estimate, quantile

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

PAIRED, UNPAIRED = "t, paired by episode", "t, unpaired"
_SURE = (1.0 + LEVEL) / 2.0  # on which side of 0 a difference lies whose 95 % interval leaves 0 out
_ROUNDING = 1e-12  # a smaller share of two numbers, or of their variances, is no difference


class PairReturns(NamedTuple):
    """Own returns [k] of one entrant with one partner, and the numbers [k] of their episodes; both are positions."""

    entrant: int
    partner: int
    episodes: Ints
    own: Floats


@dataclass(frozen=True)
class PanelMeans:
    """Headlines of n entrants over a panel of m partners, with what their intervals are made of.

    Attributes:
        value: float [n], weighted mean own return over the partners that were met; NaN for one who has met none.
        freedom: float [n], degrees of freedom of its interval; 0 where nothing tells how much episodes differ.
        influence: float [n, E], what each episode adds to the headline's error; squares sum to its variance.
        of_episode: float [n, E], the panel mean of each episode; NaN where not all partners that were met played it.
        played: bool [n, E], which episodes are behind it.
        met: bool [n, m], which partners the entrant has met.
        weight: float [n], sum of the weights of those.
    """

    value: Floats
    freedom: Floats
    influence: Floats
    of_episode: Floats
    played: NDArray[np.bool_]
    met: NDArray[np.bool_]
    weight: Floats

    @cached_property
    def episodes(self) -> Ints:
        """Number of different episodes behind each headline, [n]."""
        return np.asarray(self.played.sum(axis=1), dtype=np.intp)

    @cached_property
    def error(self) -> Floats:
        """Standard error of each headline, [n]; NaN where it is unknown."""
        return np.where(self.freedom > 0, np.sqrt((self.influence**2).sum(axis=1)), np.nan)

    def estimate(self, i: int) -> Estimate:
        """The headline of an entrant."""
        return self._student(float(self.value[i]), self.influence[i], float(self.freedom[i]), int(self.episodes[i]))

    def difference(self, i: int, j: int) -> Estimate:
        """The headline of i less that of j: paired by episode, or unpaired where they played no episode in common."""
        value, error = float(self.value[i] - self.value[j]), self.influence[i] - self.influence[j]
        fewest = min(float(self.freedom[i]), float(self.freedom[j]))
        method = PAIRED if self.paired(i, j) else UNPAIRED
        return self._student(value, error, fewest, int(min(self.episodes[i], self.episodes[j])), method)

    def paired(self, i: int, j: int) -> bool:
        """Whether the two were dealt any episode in common; else their means are compared as two separate ones."""
        return bool((self.played[i] & self.played[j]).any())

    def probability_above(self, i: int, j: int) -> float:
        """How sure it is that i has the higher headline than j, by Student's t; 1/2 where nothing is known."""
        freedom = min(float(self.freedom[i]), float(self.freedom[j]))
        difference = float(self.value[i] - self.value[j])
        if freedom <= 0 or not np.isfinite(difference):
            return 0.5
        error = float(np.sqrt(((self.influence[i] - self.influence[j]) ** 2).sum()))
        if error <= 0.0:
            return 0.5 + 0.5 * float(np.sign(difference))
        return float(stdtr(freedom, difference / error))

    def rank_intervals(self, among: Sequence[int] | Ints | None = None) -> list[tuple[int, int]]:
        """Intervals of the ranks (1 is best) that cover at least 95 %.

        An entrant stands behind all who are surely above it and before all who are surely below it: those whose
        difference from it has a 95 % interval without 0. So a rank says no other thing than the verdict on two. Draws
        of all headlines together would give narrower intervals, but they cover .65 to .9 of the ranks where entrants
        are close: among equals, the luckiest one seems to be first for sure. These cover .98 to 1
        (`zoo selfcheck ratings`), and .96 where all are exactly equal; a laxer rule that covers .95 to .98 covers .89
        there.

        Args:
            among: positions of those who are ranked; None for all. One whose interval is unknown may have any rank, so
                it gets (1, n), and may push the others down by one each.
        """
        chosen = np.arange(len(self.value)) if among is None else np.asarray(among, dtype=np.intp)
        value, freedom, influence = self.value[chosen], self.freedom[chosen], self.influence[chosen]
        known = np.isfinite(value) & (freedom > 0)
        product = influence @ influence.T
        both = np.diagonal(product)[:, None] + np.diagonal(product)
        variance = both - 2.0 * product
        error = np.sqrt(np.where(variance > _ROUNDING * both, variance, 0.0))
        difference = value[:, None] - value[None, :]
        difference[np.abs(difference) <= _ROUNDING * np.maximum(np.abs(value[:, None]), np.abs(value))] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            above = stdtr(np.minimum(freedom[:, None], freedom[None, :]), difference / error)
        sure = known[:, None] & known[None, :] & (above > _SURE)
        low, high = 1 + sure.sum(axis=0), len(chosen) - sure.sum(axis=1)
        return list(zip(low.tolist(), high.tolist(), strict=True))

    @staticmethod
    def _student(value: float, error: Floats, freedom: float, n: int, method: str = PAIRED) -> Estimate:
        if not np.isfinite(value) or freedom <= 0:
            return Estimate(value, None, None, n, NO_INTERVAL)
        half = quantile(freedom) * float(np.sqrt((error**2).sum()))
        return Estimate(value, value - half, value + half, n, method)


def panel_means(returns: Floats, weights: Floats) -> PanelMeans:
    """Headlines from own returns [n, m, E] of n entrants with m partners; NaN where an episode was not played.

    Args:
        returns: own return per episode.
        weights: float [m], of the partners; they need not add up to 1.
    """
    n, m, episodes = returns.shape
    played = ~np.isnan(returns)
    cells = (
        PairReturns(i, j, np.flatnonzero(played[i, j]), returns[i, j, played[i, j]])
        for i in range(n)
        for j in range(m)
        if played[i, j].any()
    )
    return gather(cells, n, weights, episodes)


def gather(cells: Iterable[PairReturns], n: int, weights: Floats, episodes: int) -> PanelMeans:
    """Headlines from the own returns of each entrant with each partner, one at a time.

    Args:
        cells: each entrant and partner at most once; a partner is a position in `weights`.
        n: number of entrants.
        weights: float [m], positive.
        episodes: number E of different episodes.
    """
    total, fewest = np.zeros(n), np.full(n, np.inf)
    met, seen = np.zeros((n, len(weights)), dtype=bool), np.zeros((n, episodes), dtype=np.int32)
    influence, of_episode = np.zeros((n, episodes)), np.zeros((n, episodes))
    for i, j, positions, own in cells:
        count = len(own)
        whole = positions[-1] - positions[0] == count - 1  # without a gap, as nearly always: a slice is much quicker
        at = slice(positions[0], positions[-1] + 1) if whole else positions
        mean = float(own.sum()) / count
        met[i, j] = True
        total[i] += weights[j] * mean
        seen[i, at] += 1
        of_episode[i, at] += weights[j] * own
        fewest[i] = min(fewest[i], count)
        if count > 1:
            # The square root of n/(n-1) turns the spread around the sample mean into that around the true one.
            influence[i, at] += (own - mean) * (weights[j] * np.sqrt(count / (count - 1.0)) / count)
    # Not a matrix product: its last digits may depend on the number of rows.
    weight = (met * np.asarray(weights, dtype=np.float64)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(weight > 0, total / weight, np.nan)
        influence /= np.where(weight > 0, weight, 1.0)[:, None]
        of_episode /= np.where(weight > 0, weight, 1.0)[:, None]
    of_episode[seen < np.maximum(met.sum(axis=1), 1)[:, None]] = np.nan
    freedom = np.where(np.isfinite(fewest), fewest - 1.0, 0.0)
    return PanelMeans(value, freedom, influence, of_episode, seen > 0, met, weight)

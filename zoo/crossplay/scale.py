"""The scale between two anchors, on which returns with different opponents can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leaderboard.statistics.estimate import Floats
from leaderboard.statistics.robustness import normalise
from zoo.crossplay.matrix import CrossMatrix
from zoo.entry.declared import BEST, Anchors

_CLEAR = 2.0  # standard errors by which anchors must differ before one divides by their difference


@dataclass(frozen=True)
class Scale:
    """The anchors with each column in one role.

    Attributes:
        low, high: their mean returns, float [C]; NaN without anchors.
        usable: where the high one is clearly above the low, bool [C].
        apart: of each episode the return of the low one and how much more the high one has, float [2, E, C].
    """

    low: Floats
    high: Floats
    usable: NDArray[np.bool_]
    apart: Floats

    @classmethod
    def of(cls, matrix: CrossMatrix, anchors: Anchors, role: str) -> Scale:
        """The anchors' levels with each opponent; the best is the best of all rows."""
        columns = np.arange(len(matrix.columns))
        if anchors.low is None:
            nothing = np.full(len(columns), np.nan)
            unknown = np.full((2, matrix.episodes, len(columns)), np.nan)
            return cls(nothing, nothing, np.zeros(len(columns), dtype=np.bool_), unknown)
        returns, mean = matrix.returns[role], matrix.mean(role)
        bottom = matrix.row_of(anchors.low)
        best = np.where(np.isnan(mean), -np.inf, mean).argmax(axis=0)
        top = best if anchors.high == BEST else np.full(len(columns), matrix.row_of(anchors.high))
        base = returns[:, bottom, columns]
        apart = returns[:, top, columns] - base
        error = apart.std(axis=0, ddof=1) / len(apart) ** 0.5 if len(apart) > 1 else np.zeros(len(columns))
        low, high = mean[bottom], mean[top, columns]
        usable = (high - low > 1e-9) & (high - low > _CLEAR * error)
        return cls(low, high, usable, np.stack([base, apart]))

    def of_means(self, mean: Floats) -> Floats:
        """Mean returns between the anchors, float [..., C]; NaN where these do not differ."""
        return normalise(mean, self.low, np.where(self.usable, self.high, self.low))

    def of_episodes(self, returns: Floats) -> Floats:
        """Returns of episodes between the anchors, float [E, rows, C]; NaN where these do not differ.

        The score s = (U - low) / (high - low) of the means is a ratio of numbers that share the luck of the episodes,
        so an episode e is given s + ((U_e - low_e) - s (high_e - low_e)) / (high - low), the ratio linearised (the
        delta method): its mean is s, and it varies as s does. An anchor itself has 0 or 1 in every episode.
        """
        span = np.where(self.usable, self.high - self.low, np.nan)
        score = (returns.mean(axis=0) - self.low) / span
        low, apart = self.apart[:, :, None]
        return np.asarray(score + ((returns - low) - score * apart) / span)

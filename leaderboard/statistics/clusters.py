"""An order of entrants in which those who are alike stand together, for matrices that people read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def clustered(mean: Floats, names: Sequence[str]) -> list[int]:
    """Positions in an order that keeps alike entrants together, the cluster with the higher mean first.

    Two entrants are alike if they get the same from each partner and leave the same to each. Clusters are joined by
    the mean distance between their members (average linkage; Sokal and Michener 1958), and of two that are joined the
    one with the higher mean return comes first.

    Args:
        mean: float [n, n], what the row got with the column; NaN where the two have not met, which counts as the
            row's mean.
        names: of the entrants, which decide where figures are equal.
    """
    n = len(names)
    if n < 3:
        return sorted(range(n), key=lambda i: (-_mean(mean[i]), names[i]))
    rows = np.array([_mean(row) for row in mean])
    known = np.where(np.isfinite(mean), mean, rows[:, None])
    known = np.where(np.isfinite(known), known, 0.0)
    profile = np.hstack([known, known.T])
    apart = np.sqrt(((profile[:, None] - profile[None, :]) ** 2).mean(axis=2))
    groups: list[list[int]] = [[i] for i in sorted(range(n), key=lambda i: (-rows[i], names[i]))]
    while len(groups) > 1:
        pairs = [(a, b) for a in range(len(groups)) for b in range(a + 1, len(groups))]
        a, b = min(pairs, key=lambda pair: round(float(apart[np.ix_(groups[pair[0]], groups[pair[1]])].mean()), 9))
        first, second = sorted((groups[a], groups[b]), key=lambda group: -round(float(rows[group].mean()), 9))
        groups[a] = first + second
        del groups[b]
    return groups[0]


def _mean(row: Floats) -> float:
    return float(np.nanmean(row)) if np.isfinite(row).any() else 0.0

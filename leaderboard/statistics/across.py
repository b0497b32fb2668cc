"""Entrants over several games at once: performance profiles, and how probable it is that one does better.

After Agarwal et al. 2021 (Deep Reinforcement Learning at the Edge of the Statistical Precipice), section 4, with games
as tasks and episodes, paired by their luck, as runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leaderboard.statistics.estimate import NO_INTERVAL, Estimate, combined

Floats = NDArray[np.float64]


def normalised(values: Floats) -> Floats:
    """Headlines [n] of one game as shares of the way from the lowest to the highest; all 1 where they are equal."""
    low, high = float(values.min()), float(values.max())
    return np.ones_like(values) if high <= low else (values - low) / (high - low)


def profile(scores: Floats, levels: Floats) -> Floats:
    """Share of games [n, L] in which each of n entrants has a score [n, games] of at least each of the L levels."""
    return np.asarray((scores[:, :, None] >= levels).mean(axis=1))


def improvement(games: Sequence[tuple[Floats, Floats]]) -> Estimate:
    """How probable it is that the first does better than the second in an episode of a game drawn at random.

    Args:
        games: of each game the panel means [E] of both, episode by episode under the same luck; NaN where an episode is
            not known. A tie counts half.

    Returns:
        The mean over the games, each equally, with the interval that episodes leave; n counts episodes.
    """
    means, parts, n = [], [], 0
    for first, second in games:
        known = np.isfinite(first) & np.isfinite(second)
        if not known.any():
            continue
        better = (first[known] > second[known]) + 0.5 * (first[known] == second[known])
        means.append(float(better.mean()))
        n += len(better)
        if len(better) > 1:
            parts.append((float(better.var(ddof=1)) / len(better), len(better) - 1.0))
    if not means:
        return Estimate(float("nan"), None, None, 0, NO_INTERVAL)
    weighted = [(variance / len(means) ** 2, freedom) for variance, freedom in parts]
    return combined(float(np.mean(means)), weighted, n, "t over episodes of each game")

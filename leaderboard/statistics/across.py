"""Entrants over several games at once: performance profiles, and how probable it is that one does better.

After Agarwal et al. 2021 (Deep Reinforcement Learning at the Edge of the Statistical Precipice), section 4, with games
as tasks and episodes, paired by their luck, as runs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leaderboard.statistics.equilibria import nash_averaging
from leaderboard.statistics.estimate import NO_INTERVAL, Estimate, combined, t

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


def same_strangers(returns: Floats) -> list[list[Estimate | None]]:
    """How much more each of n entrants gets than each other from the same strangers, paired by episode.

    Args:
        returns: [E, n, n], of the row with the column in each episode; the diagonal is not looked at.

    Returns:
        [n][n], the row's less the column's: the mean over all n - 2 others as partners, and over the game between the
        two, in which each is the other's stranger; None on the diagonal.
    """
    n = returns.shape[1]
    made: list[list[Estimate | None]] = [[None] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            if i != j:
                others = [k for k in range(n) if k not in (i, j)]
                gained = (
                    (returns[:, i, others] - returns[:, j, others]).sum(axis=1) + returns[:, i, j] - returns[:, j, i]
                )
                made[i][j] = t(gained / (n - 1))
    return made


def votes(differences: Sequence[Sequence[Estimate | None]]) -> Floats:
    """What a game says as a voter, [n, n]: 1 for the row, -1 for the column, 0 where it cannot tell at 95 %."""
    return np.array(
        [
            [0.0 if x is None or x.contains(0.0) or not x.known else np.sign(x.mean) for x in line]
            for line in differences
        ]
    )


def maximal_lottery(margins: Floats) -> Floats:
    """The maximal lottery [n] of a vote, from its margins [n, n]: votes for the row less those for the column.

    Whatever other candidate is named, what this lottery draws is preferred by at least as many voters, in expectation,
    as prefer the other (Kreweras 1965; Fishburn 1984; Brandl, Brandt and Seedig 2016). It is the equilibrium strategy
    of the game that the margins are, of several the most even one. Copies of a candidate share its probability and
    change no other's.
    """
    return nash_averaging(margins)[0] if len(margins) > 1 else np.ones(len(margins))

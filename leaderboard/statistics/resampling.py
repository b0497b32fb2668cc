"""Intervals of figures that vary in several levels at once: episodes, training seeds, opponents.

Each level is resampled on its own while the others stay. The levels' variances are added, and the interval is that of
Student's t with the degrees of freedom of Welch and Satterthwaite. There are two ways of resampling:

    Bootstrap   a sample of n units is n - 1 of them, drawn with replacement, which makes the variance of a mean
                unbiased (Rao & Wu 1988); for figures that are no smooth function of means, such as a minimum
    Jackknife   a sample is all units but one (Efron & Stein 1981); it repeats without draws
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from leaderboard.statistics.estimate import Estimate, Floats, combined, jackknife_variance

DRAWS = 1000
"""Bootstrap samples of each level: the standard error of a standard error is then 2 %."""
_BINS = 1000  # episodes are resampled in at most so many bins, which bounds time and memory


@dataclass(frozen=True)
class Bootstrap:
    """Samples of n - 1 units with replacement; they derive from `seed` alone."""

    draws: int = DRAWS
    seed: int = 0
    name: ClassVar[str] = "bootstrap in levels"

    def weights(self, units: int, stream: int = 0) -> Floats:
        """How often each unit counts in each sample, float [D, units], read-only; streams are independent."""
        return _drawn(units, self.draws, self.seed + stream)

    def together(self, means: Sequence[Floats], samples: Sequence[Floats]) -> list[Floats]:
        """Samples [D, ...] of several independent parts, side by side: all are drawn anew in every sample."""
        return list(samples)

    def variance(self, samples: Floats) -> float:
        """Variance of a figure: that of its samples [D]."""
        return float(samples.var())


@dataclass(frozen=True)
class Jackknife:
    """Samples of all units but one."""

    name: ClassVar[str] = "jackknife in levels"

    def weights(self, units: int, stream: int = 0) -> Floats:
        """How often each unit counts in each sample, float [D, units]."""
        return np.asarray(1.0 - np.eye(units))

    def together(self, means: Sequence[Floats], samples: Sequence[Floats]) -> list[Floats]:
        """Samples [D, ...] of several independent parts: a unit is left out of one while the others are whole."""
        return [
            np.concatenate([x if i == j else np.broadcast_to(mean, x.shape) for j, x in enumerate(samples)])
            for i, mean in enumerate(means)
        ]

    def variance(self, samples: Floats) -> float:
        """Variance of a figure: the sum of squares of its samples [D], times (n - 1) / n."""
        return jackknife_variance(samples)


Resampling = Bootstrap | Jackknife


@functools.lru_cache(maxsize=32)
def _drawn(units: int, draws: int, seed: int) -> Floats:
    rng = np.random.Generator(np.random.PCG64([seed, units]))
    at = rng.integers(units, size=(draws, units - 1)) + units * np.arange(draws)[:, None]
    counts = np.bincount(at.ravel(), minlength=draws * units).reshape(draws, units).astype(np.float64)
    counts.flags.writeable = False
    return counts


def binned(values: Floats) -> tuple[Floats, Floats]:
    """Sums of values [n, ...] over bins of the first axis [bins, ...], and how many values each bin holds [bins]."""
    n = len(values)
    start = np.arange(min(n, _BINS)) * n // min(n, _BINS)
    return np.add.reduceat(values, start, axis=0), np.diff(np.append(start, n)).astype(np.float64)


def resampled(values: Floats, by: Resampling, stream: int = 0) -> tuple[Floats, Floats]:
    """Mean of values [n, ...] over the first axis, and those of its samples [D, ...]; D = 1 where n = 1."""
    sums, size = binned(values)
    mean = np.asarray(sums.sum(axis=0) / len(values))
    if len(sums) < 2:
        return mean, mean[None]
    counts = by.weights(len(sums), stream)
    samples = (counts @ sums.reshape(len(sums), -1)) / (counts @ size)[:, None]
    return mean, samples.reshape(len(counts), *mean.shape)


@dataclass(frozen=True)
class Level:
    """What a figure is in each sample of one level, float [D], and how many units the level has."""

    samples: Floats
    units: int

    def __sub__(self, other: "Level") -> "Level":
        return Level(self.samples - other.samples, self.units)


@dataclass(frozen=True)
class Measured:
    """A figure with its samples: {name of a level: Level}.

    `n` is what its estimate counts, the training seeds. Two figures are subtracted sample by sample in the levels that
    they share, so that their difference is paired there; a level that only one of them has stays as it is.
    """

    value: float
    levels: Mapping[str, Level]
    n: int
    by: Resampling

    def __sub__(self, other: "Measured") -> "Measured":
        shared = {name: level - other.levels[name] for name, level in self.levels.items() if name in other.levels}
        return Measured(self.value - other.value, {**self.levels, **other.levels, **shared}, self.n, self.by)

    def estimate(self) -> Estimate:
        """The figure with its interval."""
        parts = [(self.by.variance(x.samples), x.units - 1) for x in self.levels.values() if x.units > 1]
        return combined(self.value, parts, self.n, self.by.name)


def average(figures: Sequence[Mapping[str, Measured]]) -> dict[str, Measured]:
    """The figures of an entry that is each of several by turns, such as one sub-policy or another."""
    return {
        name: Measured(
            float(np.mean([x[name].value for x in figures])),
            {
                key: Level(np.mean([x[name].levels[key].samples for x in figures], axis=0), level.units)
                for key, level in first.levels.items()
            },
            first.n,
            first.by,
        )
        for name, first in figures[0].items()
    }

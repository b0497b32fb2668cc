"""A number with its 95 % interval, and every way in which the zoo makes one.

An `Estimate` is a number (`mean`), the ends of its interval (`low`, `high`), the number of independent units behind it
(`n`) and the way in which the interval was made (`method`). All functions are pure, take independent numbers or their
summaries, and return an `Estimate`. Which one to take:

    t           the mean of n numbers, Student's; calibrated for any n where the mean is about normal
    welch       the difference of the means of two independent samples (Welch 1947)
    pooled      the mean of several samples of which only (mean, standard error, n) is kept
    wilson      a share of n trials (Wilson 1927): correct near 0 and 1, where mean +- error is not
    bootstrap   the mean of n numbers by resampling, for skewed ones from about 20 on (percentile)
    jackknife   any figure, from its values with each unit left out (Efron & Stein 1981)
    combined    any figure whose variance is a sum of independent parts (Welch-Satterthwaite)
    deviation   a standard deviation (chi-squared)
    exact       a computed number: its interval is the number

Fewer than two numbers say nothing of their spread: then `low` and `high` are None.

For example, the mean return of four training seeds, and how much better they do than three others:

    >>> ours = t([0.2, 0.4, 0.3, 0.5])
    >>> f"{ours.mean:.2f} [{ours.low:.2f}, {ours.high:.2f}], n = {ours.n}"
    '0.35 [0.14, 0.56], n = 4'
    >>> welch([0.2, 0.4, 0.3, 0.5], [0.1, 0.2, 0.1]).contains(0.0)
    False
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = Sequence[float] | NDArray[Any]

#: The 97.5 % quantile of the standard normal distribution.
Z95 = 1.959963984540054
LEVEL = 0.95
NO_INTERVAL, EXACT = "no interval", "exact"


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes:
        mean: the number.
        low, high: ends of its interval (95 % unless a level was given), None where the spread is unknown.
        n: how many independent units it is made of.
        method: how the interval was made, in words.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    method: str = "t"

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None

    @property
    def half(self) -> float | None:
        """Half the width of the interval; None without one."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def contains(self, x: float) -> bool:
        """Whether the interval holds x; without an interval nothing is held."""
        return self.low is not None and self.high is not None and self.low <= x <= self.high

    def to_json(self) -> dict[str, float | int | None]:
        """Plain data for `--json`; the mean of no numbers is None."""
        return {"mean": None if math.isnan(self.mean) else self.mean, "low": self.low, "high": self.high, "n": self.n}


def plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as plain data; like `dataclasses.asdict`, with `Estimate.to_json`."""
    if isinstance(value, Estimate):
        return value.to_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(x) for key, x in value.items()}
    return [plain(x) for x in value] if isinstance(value, list | tuple) else value


def within(mean: float, half: float | None, n: int, method: str) -> Estimate:
    """The mean +- half; no interval where `half` is None."""
    if half is None:
        return Estimate(mean, None, None, n, NO_INTERVAL)
    return Estimate(mean, mean - half, mean + half, n, method)


def exact(value: float, n: int = 1) -> Estimate:
    """A computed number."""
    return Estimate(value, value, value, n, EXACT)


def quantile(freedom: float, level: float = LEVEL) -> float:
    """How many standard errors Student's interval reaches to either side of the mean."""
    from scipy.special import stdtrit  # here, as its import takes a third of the time of showing a board

    return float(stdtrit(freedom, (1 + level) / 2))


def t(values: Numbers, level: float = LEVEL) -> Estimate:
    """Mean of independent numbers [n] with Student's interval; NaN of no numbers."""
    n = len(values)
    if n < 2:
        return within(float(np.mean(values)) if n else math.nan, None, n, "t")
    return of_deviation(float(np.mean(values)), float(np.std(values, ddof=1)), n, level)


def of_deviation(mean: float, sd: float, n: int, level: float = LEVEL) -> Estimate:
    """A mean of n >= 2 numbers, from their standard deviation, with Student's interval."""
    return within(mean, quantile(n - 1, level) * sd / math.sqrt(n), n, "t")


def welch(first: Numbers, second: Numbers) -> Estimate:
    """Mean of `first` less that of `second`, independent samples with variances of their own; n counts both."""
    parts = [(float(np.var(x, ddof=1)) / len(x), len(x) - 1.0) for x in (first, second) if len(x) > 1]
    n = len(first) + len(second)
    difference = float(np.mean(first)) - float(np.mean(second))
    return combined(difference, parts if len(parts) == 2 else [], n, "Welch")


def combined(value: float, parts: Iterable[tuple[float, float]], n: int, method: str) -> Estimate:
    """A figure whose variance is the sum of independent parts, each (variance, degrees of freedom).

    The interval is Student's t with the degrees of freedom of Welch and Satterthwaite.
    """
    parts = list(parts)
    if not parts:
        return within(value, None, n, method)
    total = sum(variance for variance, _ in parts)
    if total <= 0.0:
        return Estimate(value, value, value, n, method)
    freedom = total**2 / sum(variance**2 / df for variance, df in parts)
    return within(value, quantile(freedom) * math.sqrt(total), n, method)


Part = tuple[float, float, int]


def merged(parts: Iterable[Part]) -> Part:
    """Mean, standard error and n of all numbers, from those of disjoint samples; parts with n = 0 do not count.

    The error of a part of one number is not read, and that of all is 0 where there is one number.
    """
    parts = [part for part in parts if part[2] > 0]
    n = sum(count for _, _, count in parts)
    if n == 0:
        return math.nan, 0.0, 0
    mean = sum(m * count for m, _, count in parts) / n
    # sums of squares around the common mean, from each part's mean and standard error
    squares = sum(se**2 * count * (count - 1) + count * (m - mean) ** 2 for m, se, count in parts)
    return mean, math.sqrt(squares / (n - 1) / n) if n > 1 else 0.0, n


def pooled(parts: Iterable[Part]) -> Estimate:
    """Mean of all numbers of disjoint samples, of which (mean, standard error, n) are kept, with Student's interval."""
    mean, error, n = merged(parts)
    return _of_part(mean, error, n)


def measured(parts: Iterable[Part]) -> Estimate:
    """`pooled`; where all of the numbers are 0 or 1 it is a share of trials and has Wilson's interval.

    The squares of such numbers add up to what they add up to themselves, which the standard error shows.
    """
    mean, error, n = merged(parts)
    ones = round(mean * n) if n else 0
    if n and abs(mean * n - ones) < 1e-6 and abs(error**2 * (n - 1) - mean * (1 - mean)) < 1e-9:
        return wilson(ones, n)
    return _of_part(mean, error, n)


def _of_part(mean: float, error: float, n: int) -> Estimate:
    return within(mean, quantile(n - 1) * error if n > 1 else None, n, "t")


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of estimates with an interval that holds however they go together: the mean of their ends."""
    low, high = (
        None if any(end is None for end in ends) else sum(end for end in ends if end is not None) / len(ends)
        for ends in ([x.low for x in estimates], [x.high for x in estimates])
    )
    mean = sum(x.mean for x in estimates) / len(estimates)
    return Estimate(mean, low, high, min(x.n for x in estimates), estimates[0].method)


def wilson(successes: float, n: int) -> Estimate:
    """A share of n >= 1 trials with Wilson's interval; a trial may succeed in part, which leans towards caution."""
    z = Z95
    p = successes / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, max(0.0, middle - half), min(1.0, middle + half), n, "Wilson")


def bootstrap(values: Floats, seed: int, draws: int = 2000) -> Estimate:
    """Mean of independent numbers [n] with the percentile bootstrap's interval; the draws derive from `seed` alone."""
    n = len(values)
    if n < 2:
        return t(values)
    pick = np.random.default_rng(seed).integers(n, size=(draws, n))
    low, high = np.quantile(values[pick].mean(1), (0.025, 0.975))
    return Estimate(float(values.mean()), float(low), float(high), n, "percentile bootstrap")


def jackknife_variance(without: Numbers) -> float:
    """Variance of a figure, from its values [n] with each of n >= 2 units left out."""
    left, n = np.asarray(without, dtype=np.float64), len(without)
    return (n - 1) / n * float(((left - left.mean()) ** 2).sum())


def jackknife(value: float, without: Numbers) -> Estimate:
    """A figure of n units with its interval, from its values [n] with each unit left out.

    Where several kinds of units are left out in turn, give the `jackknife_variance` of each, n - 1, to `combined`.
    """
    n = len(without)
    half = quantile(n - 1) * math.sqrt(jackknife_variance(without)) if n > 1 else None
    return within(value, half, n, "jackknife")


def deviation(sd: float, n: int) -> Estimate:
    """A standard deviation of n >= 2 normal numbers with its chi-squared interval."""
    from scipy.special import chdtri

    low, high = (sd * math.sqrt((n - 1) / chdtri(n - 1, tail)) for tail in (0.025, 0.975))
    return Estimate(sd, low, high, n, "chi-squared")

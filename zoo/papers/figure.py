"""What a figure is, and what comes out of it: rows, each with a published number beside ours and a verdict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics.estimate import Estimate, deviation, of_deviation, plain, t, wilson
from zoo.papers import FIGURES, REMARKS

#: What a part calls while it works: how much is done, and of how much.
Tell = Callable[[int, int], None]
#: A part's settings and result: plain JSON.
Json = Any
NO_NUMBER = "no number published"
#: What the verdicts mean.
VERDICTS = (
    "agrees: our mean lies within the published bounds, or, where there are none, our interval holds the published"
    " value (holds it). better by, worse by, misses by: neither is so; how far our mean is from the nearest bound, or"
    " from the value."
)


@dataclass(frozen=True)
class Published:
    """A number as it was published; `low` and `high` bound what agrees with it, and `basis` says where they are from.

    Without bounds the question is whether our own interval holds the number.
    """

    value: float
    low: float | None = None
    high: float | None = None
    basis: str = ""  # "sd 0.19", "50 runs"

    @staticmethod
    def of_runs(value: float, sd: float, n: int) -> Published:
        """A mean over `n` runs with their standard deviation; the bounds are its 95 % t interval."""
        return _bounded(of_deviation(value, sd, n), f"sd {sd:g}")

    @staticmethod
    def of_deviation(sd: float, n: int) -> Published:
        """A standard deviation over `n` runs; the bounds are its 95 % chi-squared interval."""
        return _bounded(deviation(sd, n), f"{n} runs")

    @staticmethod
    def of_share(value: float, n: int) -> Published:
        """A share of `n` runs; the bounds are Wilson's 95 % interval."""
        interval = wilson(round(value * n), n)
        return Published(value, interval.low, interval.high, f"{n} runs")


def _bounded(x: Estimate, basis: str) -> Published:
    return Published(x.mean, x.low, x.high, basis)


@dataclass(frozen=True)
class FigureRow:
    """One row of a reproduced figure: what, published, ours."""

    label: str
    ours: Estimate
    published: Published | None = None
    group: str = ""  # heading under which it stands
    better: Literal["", "higher", "lower"] = ""  # which way is better, where one is
    at_least: float | None = None  # a target of ours, beside what is published
    note: str = ""
    sd: float | None = None  # over our runs
    exact: Mapping[str, str] = field(default_factory=dict)  # by heading, in place of a mean with its interval

    @property
    def verdict(self) -> str:
        """Whether ours agrees with what was published, or by how much it misses; `VERDICTS` explains the words."""
        published, ours = self.published, self.ours.mean
        if published is None:
            return NO_NUMBER
        if published.low is not None and published.high is not None:
            if published.low <= ours <= published.high:
                return "agrees"
            gap = ours - (published.high if ours > published.high else published.low)
        elif self.ours.contains(published.value):
            return "agrees: holds it"
        else:
            gap = ours - published.value
        if not self.better:
            return f"misses by {gap:+.2g}"
        return f"{'better' if (gap > 0) == (self.better == 'higher') else 'worse'} by {abs(gap):.2g}"

    @property
    def target(self) -> str:
        """Our own target and whether it is met; "" without one."""
        if self.at_least is None:
            return ""
        return f">={self.at_least:g} {'met' if self.ours.mean >= self.at_least else 'missed'}"


@dataclass(frozen=True)
class Reproduction:
    """All of a reproduced figure. `data` is what the plot needs; everything is plain JSON."""

    rows: Sequence[FigureRow]
    settings: Mapping[str, Json]  # what was run, in words and numbers
    seeds: str  # "0 to 99", "" where nothing is drawn
    notes: Sequence[str] = ()  # criteria, caveats, what the published numbers leave open
    data: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Rows with their verdicts, and the rest."""
        rows = [plain(row) | {"verdict": row.verdict, "target": row.target or None} for row in self.rows]
        return {**plain(self), "rows": rows}


#: The parts of a figure with their results.
Results = Sequence[tuple["Part", Json]]


@dataclass(frozen=True)
class Part:
    """An independent piece of work, done in any process: `function(tell, **settings)` gives its result.

    `function` stands at the top of a module; settings and result are plain JSON, and nothing else decides the result.
    """

    name: str  # for the progress bar
    function: Callable[..., Json]
    settings: Mapping[str, Json]


class Figure(ABC):
    """A published table or figure. Subclasses write the three methods; `figures.json` says the rest."""

    name: ClassVar[str]
    unit: ClassVar[str] = "updates"  # what a part's progress counts
    #: Is raised by one when parts mean something else than before, so that kept results are not mixed up.
    revision: ClassVar[int] = 1

    @property
    def facts(self) -> dict[str, Json]:
        """What the list of figures says of this one; `zoo.papers.FIGURES` says what there is."""
        return FIGURES[self.name]

    @property
    def remarks(self) -> list[str]:
        """What is to be said of this figure whatever came out."""
        return REMARKS[self.name]

    @abstractmethod
    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """The work, for this many seeds, 0 the first."""

    @abstractmethod
    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """What came out, from the parts and their results, in the order of `parts`."""

    @abstractmethod
    def plot(self, report: Reproduction) -> plots.Plot:
        """The picture, drawn from the report alone."""


def spread(values: Sequence[float] | np.ndarray) -> float | None:
    """Standard deviation over runs; None with fewer than two."""
    return float(np.std(np.asarray(values, dtype=float), ddof=1)) if len(values) > 1 else None


def over_runs(
    label: str,
    values: np.ndarray,
    published: Published | None,
    group: str,
    better: Literal["", "higher", "lower"] = "",
    note: str = "",
) -> FigureRow:
    """The row of a number that every run gave: its mean with Student's interval, and its standard deviation."""
    return FigureRow(label, t(values), published, group, better, note=note, sd=spread(values))


def seed_words(count: int) -> str:
    """Seeds as words, "0 to 99"."""
    return "0" if count == 1 else f"0 to {count - 1}"

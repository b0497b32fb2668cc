"""What a figure is, and what comes out of it: rows, each with a published number beside ours and a verdict."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields, replace
from inspect import signature
from typing import Any, ClassVar, Literal, Self

import numpy as np

from agents.randomness import derive
from arenas.protocol import NoSettings
from leaderboard.report import plots
from leaderboard.statistics.estimate import Estimate, deviation, of_deviation, plain, quantile, t, wilson
from zoo.entry.settings import config_fields, read, typed
from zoo.errors import UserError
from zoo.papers import FIGURES, REMARKS

#: What a part calls while it works: how much is done, and of how much.
Tell = Callable[[int, int], None]
#: A part's settings and result: plain JSON.
Json = Any
NO_NUMBER = "no number published"
_EQUAL = 1e-12  # numbers that are closer are the same
NO_VERDICT = "one seed: no verdict"
UNDECIDED = "cannot be told apart"
#: Verdict -> what it means.
MEANINGS = {
    "agrees": "our mean is as near to the published value as chance and rounding allow, and our whole interval lies"
    " within the published one",
    "better by, worse by, misses by": "the difference, where it exceeds both intervals (root of the sum of squares) and"
    " the rounding of the published value",
    "cannot be told apart": "neither; more of our seeds may decide it, or the published interval is too wide, or not"
    " known",
}
VERDICTS = " ".join(f"{word}: {meaning}." for word, meaning in MEANINGS.items())


@dataclass(frozen=True)
class Published:
    """A number as it was published, and how well it is known.

    Attributes:
        value: the number.
        low, high: its 95 % interval, or a tolerance; `basis` says where they are from. None where they are not known.
        basis: in words, "sd 0.19", "50 runs".
        runs: how many runs it is the mean of. Where their spread is not known either, ours stands for it.
        sd: the spread of its runs: ours have no less, however few they are.
        rounding: how far the printed digits may be from the number, half a unit of the last.
    """

    value: float
    low: float | None = None
    high: float | None = None
    basis: str = ""
    runs: int = 0
    sd: float | None = None
    rounding: float = 0.0

    @staticmethod
    def of_runs(value: float, sd: float, n: int, rounding: float = 0.005) -> Published:
        """A mean over `n` runs with their standard deviation; the bounds are its 95 % t interval."""
        return _bounded(of_deviation(value, sd, n), f"sd {sd:g}", n, sd, rounding)

    @staticmethod
    def of_deviation(sd: float, n: int, rounding: float = 0.005) -> Published:
        """A standard deviation over `n` runs; the bounds are its 95 % chi-squared interval."""
        return _bounded(deviation(sd, n), f"{n} runs", n, None, rounding)

    @staticmethod
    def of_share(value: float, n: int, rounding: float = 0.0005) -> Published:
        """A share of `n` runs; the bounds are Wilson's 95 % interval."""
        interval = wilson(round(value * n), n)
        return Published(value, interval.low, interval.high, f"{n} runs", n, None, rounding)

    def reach(self, upwards: bool, sd: float | None) -> float:
        """How far its interval reaches to one side; `sd` stands for the spread of its runs where that is not known."""
        end = self.high if upwards else self.low
        if end is not None:
            return abs(end - self.value)
        return quantile(self.runs - 1) * sd / math.sqrt(self.runs) if self.runs > 1 and sd is not None else 0.0


def _bounded(x: Estimate, basis: str, runs: int, sd: float | None, rounding: float) -> Published:
    return Published(x.mean, x.low, x.high, basis, runs, sd, rounding)


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
        """Whether ours agrees with what was published, or by how much it misses; `VERDICTS` explains the words.

        Fewer seeds of ours make the interval wider, and neither an agreement nor a miss easier.
        """
        published, ours = self.published, self.ours
        if published is None:
            return NO_NUMBER
        if ours.low is None or ours.high is None:
            return NO_VERDICT
        gap = ours.mean - published.value
        theirs, mine = published.reach(gap > 0, self.sd), max(ours.high - ours.mean, ours.mean - ours.low)
        if published.sd is not None and ours.n > 1:  # a few equal runs do not know their spread
            mine = max(mine, quantile(ours.n - 1) * published.sd / math.sqrt(ours.n))
        if abs(gap) > math.hypot(theirs, mine) + published.rounding + _EQUAL:
            if not self.better:
                return f"misses by {gap:+.2g}"
            return f"{'better' if (gap > 0) == (self.better == 'higher') else 'worse'} by {abs(gap):.2g}"
        return "agrees" if abs(gap) + mine <= theirs + published.rounding + _EQUAL else UNDECIDED

    @property
    def target(self) -> str:
        """Our own target and whether it is met; "" without one."""
        if self.at_least is None:
            return ""
        return f">={self.at_least:.4g} {'met' if self.ours.mean >= self.at_least else 'missed'}"


@dataclass(frozen=True)
class Reproduction:
    """All of a reproduced figure. `data` is what the plot needs; everything is plain JSON."""

    rows: Sequence[FigureRow]
    settings: Mapping[str, Json]  # what was run, in words and numbers
    seeds: str  # "0 to 99", "" where nothing is drawn
    notes: Sequence[str] = ()  # criteria, caveats, what the published numbers leave open
    data: Mapping[str, Json] = field(default_factory=dict)
    over: str = "seeds"  # what intervals are over

    def to_json(self) -> dict[str, Json]:
        """Rows with their verdicts, and the rest."""
        rows = [plain(row) | {"verdict": row.verdict, "target": row.target or None} for row in self.rows]
        return {**plain(self), "rows": rows}

    @classmethod
    def from_json(cls, whole: Mapping[str, Json]) -> Self:
        """The report that gave this JSON, or a file that begins with what it gave."""
        rows = [_row(row) for row in whole["rows"]]
        known = {name.name: whole[name.name] for name in fields(cls) if name.name != "rows"}
        return cls(rows=rows, **known)


def _row(data: Mapping[str, Json]) -> FigureRow:
    """The row that gave this JSON; verdict and target follow from the rest."""
    rest = {name: value for name, value in data.items() if name not in ("ours", "published", "verdict", "target")}
    ours = Estimate(**{**data["ours"], "mean": math.nan if data["ours"]["mean"] is None else data["ours"]["mean"]})
    return FigureRow(ours=ours, published=data["published"] and Published(**data["published"]), **rest)


#: The parts of a figure with their results.
Results = Sequence[tuple["Part", Json]]


@dataclass(frozen=True)
class Part:
    """An independent piece of work, done in any process: `function(tell, **settings)` gives its result.

    `function` stands at the top of a module; settings and result are plain JSON, and nothing else decides the result.
    One that takes long may have a parameter `state`: the file from which it goes on where it was stopped, or None.
    """

    name: str  # for the progress bar
    function: Callable[..., Json]
    settings: Mapping[str, Json]

    @property
    def draws(self) -> bool:
        """Whether it has luck of its own, from a `seed`."""
        return "seed" in signature(self.function).parameters

    @property
    def keeps(self) -> bool:
        """Whether it keeps a `state`."""
        return "state" in signature(self.function).parameters

    def begun_at(self, first: int) -> Part:
        """The same work with the luck of another first seed; 0 is the usual one, and no two share any."""
        if not first or not self.draws:
            return self
        seed = derive(first, "first seed", self.settings.get("seed", 0))
        return replace(self, settings={**self.settings, "seed": seed})


class Figure(ABC):
    """A published table or figure. Subclasses write the three methods; `figures.json` says the rest."""

    name: ClassVar[str]
    unit: ClassVar[str] = "updates"  # what a part's progress counts
    #: Is raised by one when parts mean something else than before, so that kept results are not mixed up.
    revision: ClassVar[int] = 1
    first_seed: int = 0
    #: What may be chosen, as in `coma-table,scenario=3m`: a frozen dataclass whose fields have defaults.
    Settings: ClassVar[type[Any]] = NoSettings
    settings: Any = NoSettings()

    @property
    def label(self) -> str:
        """Its name with the settings that are not the default's, as one would type it."""
        usual = plain(self.Settings())
        other = {name: value for name, value in plain(self.settings).items() if value != usual[name]}
        return ",".join([self.name, *typed(other)])

    @property
    def facts(self) -> dict[str, Json]:
        """What the list of figures says of this one; `zoo.papers.FIGURES` says what there is."""
        return FIGURES[self.name]

    @property
    def remarks(self) -> list[str]:
        """What is to be said of this figure whatever came out."""
        return REMARKS[self.name]

    @property
    def draws(self) -> bool:
        """Whether any of its parts has luck of its own."""
        return any(part.draws for part in self.parts(True, 1))

    def chosen(self, assignments: Sequence[str]) -> Self:
        """The same figure with other settings, "field=value" each.

        Raises:
            UserError: it has no such setting, or a value does not fit.
        """
        other = copy(self)
        try:
            other.settings = self.Settings(**read(assignments, config_fields(self.Settings), self.name))
        except ValueError as error:
            raise UserError(f"{self.name}: {error}") from None
        return other

    def begun_at(self, first: int) -> Self:
        """The same figure with runs of other luck; those of two first seeds share none.

        Raises:
            UserError: nothing is drawn.
        """
        if first and not self.draws:
            raise UserError(f"{self.name} draws no runs of its own, so that there is no other luck: leave --first-seed")
        other = copy(self)
        other.first_seed = first
        return other

    def work(self, quick: bool, seeds: int) -> list[Part]:
        """The parts, for this many seeds from `first_seed` on."""
        return [part.begun_at(self.first_seed) for part in self.parts(quick, seeds)]

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

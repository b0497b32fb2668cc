"""Tables of the house's runs: two roles in which rules meet, or teams that are all of one rule.

A figure of this kind is a list of measures and says who plays whom: `CrossTable` seats every run of the rules against
every run, `TeamTable` gives all seats to one run. Both play the games, make a row for every measure and cell, and draw
a panel for every measure.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate
from zoo.papers import games
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results
from zoo.papers.games import TABLE_RADII, Game, Outcome, Share, Value, wider
from zoo.papers.house import HouseRun, by_rule, runs_of

#: Training seeds of the first and of the second role.
Pair = tuple[int, int]


class Cell(NamedTuple):
    """Games of one rule in the first role with one in the second; `own`: both of the same training run.

    A team has no second role.
    """

    first: str
    second: str = ""
    own: bool = True

    @property
    def label(self) -> str:
        """As a row's label."""
        return f"{self.first} v {'own run' if self.own else self.second}" if self.second else self.first


#: What came out, by who met whom and in a cell by both training seeds.
Cells = dict[Cell, dict[Pair, Outcome]]


def over_pairs(values: Mapping[Pair, float]) -> Estimate:
    """Mean over pairs of training seeds with its 95 % interval; the unit is the seed, of either role.

    The variance of the mean is that of the means over the first of a pair, divided by their number, and that of the
    means over the second in the same way; a role with one seed adds nothing.
    """
    levels: list[tuple[float, float]] = []
    for role in (0, 1):
        seeds = sorted({pair[role] for pair in values})
        means = [np.mean([value for pair, value in values.items() if pair[role] == seed]) for seed in seeds]
        if len(means) > 1:
            levels.append((float(np.var(means, ddof=1)) / len(means), len(means) - 1))
    return estimate.combined(float(np.mean(list(values.values()))), levels, len(values), "seeds of both roles")


def between(
    one: Mapping[int, Outcome], other: Mapping[int, Outcome], compare: Callable[[Outcome, Outcome], float]
) -> Estimate:
    """`compare` of every run of one rule with every run of another."""
    return over_pairs({(a, b): compare(mine, theirs) for a, mine in one.items() for b, theirs in other.items()})


@dataclass(frozen=True)
class Measure:
    """A number that every game gives, and what was published for it."""

    name: str  # in few words, above its panel
    words: str  # above its rows
    value: Value
    published: Mapping[str, Published] = field(default_factory=dict)  # by the label of the row
    better: Literal["", "higher", "lower"] = ""
    guess: float | None = None  # what guessing gives
    targets: Mapping[str, float] = field(default_factory=dict)  # of ours, by the label of the row
    share: Share | None = None  # where the number is a share within a radius: that within any other


class Order(NamedTuple):
    """An order of two cells as the paper has it: how much less the values become where two rules exchange their roles.

    `first` has the first role before and the second after. Further values than the first are shares within the further
    of `TABLE_RADII`, and are noted.
    """

    heading: str
    first: str
    second: str
    values: Sequence[Value]


class HouseTable(Figure):
    """A row for every measure and cell. Subclasses say who plays whom."""

    arena: ClassVar[str]
    rules: ClassVar[tuple[str, ...]]
    measures: ClassVar[tuple[Measure, ...]]
    labels: ClassVar[Mapping[str, str]] = {}  # of cells with long names
    versus: ClassVar[str] = ""  # names of the roles, "predators v prey"
    caveats: ClassVar[tuple[str, ...]]  # what is to be said of all figures of the kind,
    unlike: ClassVar[tuple[str, ...]] = ()  # and of all figures of the paper
    function: ClassVar[Callable[..., Json]] = staticmethod(games.measure)
    panel_height: ClassVar[float]
    dots: ClassVar[str]  # what a dot in a panel stands for
    unit = "games"

    @abstractmethod
    def cells(self, done: Results) -> Cells:
        """The games that the rows are about, in the order of the rules."""

    def part(self, name: str, seatings: list[Game], runs: Sequence[HouseRun], quick: bool) -> Part:
        """A part that plays games in this arena."""
        return games.part(name, self.function, self.arena, seatings, runs, quick)

    def label_of(self, cell: Cell) -> str:
        """As a row's label."""
        return self.labels.get(cell.label, cell.label)

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for every measure and cell."""
        cells = self.cells(done)
        rows = [self.row(measured, cell, outcomes) for measured in self.measures for cell, outcomes in cells.items()]
        remarks = [*self.remarks, *self.caveats, *games.missing(self.rules, done), *self.unlike]
        data = self.data(done) | {"commands": games.commands(done)}
        settings = games.settings(self.arena, done)
        return Reproduction([*rows, *self.further(done)], settings, games.seeds_of(done), remarks, data)

    def row(self, measured: Measure, cell: Cell, outcomes: Mapping[Pair, Outcome]) -> FigureRow:
        """The row of a cell."""
        label, values = self.label_of(cell), {pair: measured.value(outcome) for pair, outcome in outcomes.items()}
        ours = estimate.t(list(values.values())) if cell.own else over_pairs(values)
        group = f"{measured.words}; {self.versus}" if self.versus else measured.words
        note = ""
        if measured.share is not None:
            note = wider(np.mean(measured.share.by_radius(outcomes.values(), TABLE_RADII[1:]), axis=0))
        target = measured.targets.get(label)
        return FigureRow(label, ours, measured.published.get(label), group, measured.better, target, note)

    def further(self, done: Results) -> list[FigureRow]:
        """Rows about more than a cell."""
        return []

    def data(self, done: Results) -> dict[str, Json]:
        """For the picture: of every measure the cells with their numbers."""
        return {
            measured.name: [
                self.datum(cell, {pair: measured.value(outcome) for pair, outcome in outcomes.items()})
                for cell, outcomes in self.cells(done).items()
            ]
            for measured in self.measures
        }

    def datum(self, cell: Cell, values: Mapping[Pair, float]) -> Json:
        """A cell as plain data: rules, whether of one run, and both seeds with the number of each pair."""
        return [*cell, [[*pair, value] for pair, value in values.items()]]

    def colour(self, rule: str) -> str:
        """Grey for scripts."""
        return plots.colours_of(self.rules).get(rule, "0.55")

    def draw(self, panel: plots.Axes, measured: Measure, report: Reproduction) -> None:
        """Bars of a measure with a dot for each number, and what was published."""
        shown = report.data[measured.name]
        cells = [Cell(*names) for *names, _ in shown]
        labels = [self.label_of(cell) for cell in cells]
        plots.bars(
            panel,
            [label.replace(" v ", "\nv ") for label in labels],
            [np.reshape(numbers, (len(numbers), -1))[:, -1].tolist() for *_, numbers in shown],  # without the seeds
            [self.colour(cell.first) for cell in cells],
            faint=[cell.own and bool(cell.second) for cell in cells],
            bare=[cell.first not in self.rules for cell in cells],
            dots=self.dots,
        )
        for at, label in enumerate(labels):
            if label in measured.published:
                plots.published_mark(panel, at, measured.published[label].value)
        if measured.guess is not None:
            panel.axhline(measured.guess, color="0.4", linestyle=":", linewidth=1.2, label="guessing")
        panel.set(title=measured.name)
        if self.versus:
            panel.set_xlabel(self.versus, fontsize=9)

    def plot(self, report: Reproduction) -> plots.Plot:
        """A panel for every measure."""
        plot, axes = plots.panels(len(self.measures), width=3.9, height=self.panel_height)
        for panel, measured in zip(axes, self.measures, strict=True):
            self.draw(panel, measured, report)
        plots.legend_below(plot, axes, 4)
        return plot


class CrossTable(HouseTable):
    """Every run of the rules in one role with every run in the other.

    Runs of one rule are strangers to each other there, so that they meet like runs of different rules; the games of a
    run with itself are a cell of their own.
    """

    roles: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]]  # seats of the first and of the second
    order: ClassVar[Order | None] = None
    panel_height = 3.9
    dots = "a pair of training seeds"
    caveats = (
        "`Own run` are the two sides of one run, which learned together; all others meet as strangers, whose rules"
        " never saw each other. The paper's code trains both sides together, whatever their rules.",
        "Intervals are over the training seeds of both roles; n counts pairs of runs.",
    )

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A run in the first role with all in the second."""
        runs = runs_of(self.arena, self.rules, seeds)
        first, second = self.roles

        def game(one: HouseRun, other: HouseRun) -> Game:
            return dict.fromkeys(first, one.entrant) | dict.fromkeys(second, other.entrant)

        return [self.part(f"{one.entrant} v all", [game(one, other) for other in runs], runs, quick) for one in runs]

    def cells(self, done: Results) -> Cells:
        """All games."""
        known = games.cards(done)
        cells: Cells = {}
        for game, outcome in games.outcomes_of(done):
            one, other = (known[game[seats[0]]] for seats in self.roles)
            cell = Cell(one["rule"], other["rule"], len(set(game.values())) == 1)
            cells.setdefault(cell, {})[one["seed"], other["seed"]] = outcome
        return dict(sorted(cells.items(), key=lambda item: (*map(self.rules.index, item[0][:2]), not item[0].own)))

    def further(self, done: Results) -> list[FigureRow]:
        """The order that the paper has, where both rules have met in both ways."""
        cells = self.cells(done)
        if self.order is None:
            return []
        heading, one, other, values = self.order
        there, back = cells.get(Cell(one, other, False)), cells.get(Cell(other, one, False))
        if there is None or back is None:
            return []
        ours, *rest = (
            over_pairs({(a, b): value(there[a, b]) - value(back[b, a]) for a, b in there}) for value in values
        )
        note = wider((x.mean for x in rest), "+") if rest else ""
        return [FigureRow("difference", ours, None, heading, "higher", at_least=0.0, note=note)]


class TeamTable(HouseTable):
    """Every run of the rules with itself in all seats, and scripts."""

    seats: ClassVar[tuple[str, ...]]
    scripts: ClassVar[tuple[str, ...]] = ()
    panel_height = 3.7
    dots = "a training seed"
    caveats = ("Rules with one run, and scripts, have no interval.",)

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """All runs of a rule."""
        groups = by_rule(runs_of(self.arena, self.rules, seeds, self.scripts))
        return [
            self.part(f"{rule} with itself", [dict.fromkeys(self.seats, run.entrant) for run in runs], runs, quick)
            for rule, runs in groups.items()
        ]

    def cells(self, done: Results) -> Cells:
        """Games in which one entrant has all seats."""
        return {
            Cell(rule): {(seed, seed): outcome for seed, outcome in by_seed.items()}
            for rule, by_seed in games.teams(done).items()
        }

    def datum(self, cell: Cell, values: Mapping[Pair, float]) -> Json:
        """The rule with the numbers of its runs."""
        return [cell.first, list(values.values())]

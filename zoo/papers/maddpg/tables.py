"""Tables of the house's runs: two roles in which rules meet, or teams that are all of one rule."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results
from zoo.papers.house import HouseRun, by_rule, runs_of
from zoo.papers.maddpg.games import (
    RADII,
    TABLE_RADII,
    Game,
    Outcome,
    Share,
    Value,
    cards,
    commands,
    measure,
    notes,
    outcomes_of,
    part,
    seeds_of,
    settings,
    teams,
    wider,
)
from zoo.papers.maddpg.pairs import Cell, Cells, Pair, over_pairs


@dataclass(frozen=True)
class Measure:
    """A number that every game gives, and what was published for it."""

    name: str  # in few words, above its panel
    words: str  # above its rows
    value: Value
    published: Mapping[tuple[str, str], Published]  # by the rules of the first and the second role
    better: Literal["", "higher", "lower"] = ""
    guess: float | None = None  # what guessing gives
    targets: Mapping[str, float] = field(default_factory=dict)  # of ours, by the rule of the first role
    share: Share | None = None  # where the number is a share within a radius: that within any other

    def published_for(self, cell: Cell) -> Published | None:
        """What was published for a cell: both sides learned together, which of one rule only a run with itself did."""
        return self.published.get((cell.first, cell.second)) if cell.own == (cell.first == cell.second) else None


class HouseTable(Figure):
    """A row for every measure and cell. Subclasses say who plays whom."""

    arena: ClassVar[str]
    rules: ClassVar[tuple[str, ...]]
    scripts: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[tuple[Measure, ...]]
    versus: ClassVar[str] = ""  # names of the roles, "predators v prey"
    remarks: ClassVar[tuple[str, ...]] = ()  # what is to be said of this figure alone
    caveats: ClassVar[tuple[str, ...]]  # and of all figures of the kind
    function: ClassVar[Callable[..., Json]] = staticmethod(measure)
    panel_height: ClassVar[float]
    dots: ClassVar[str]  # what a dot in a panel stands for
    unit = "games"

    @abstractmethod
    def cells(self, done: Results) -> Cells:
        """The games that the rows are about, in the order of the rules."""

    @abstractmethod
    def label(self, cell: Cell) -> str:
        """As a row's label."""

    @abstractmethod
    def datum(self, cell: Cell, values: Mapping[Pair, float]) -> Json:
        """A cell's numbers as plain data."""

    @abstractmethod
    def of_datum(self, datum: Json) -> tuple[Cell, list[float]]:
        """The cell and its numbers again."""

    def games(self, name: str, games: list[Game], runs: Sequence[HouseRun], quick: bool) -> Part:
        """A part that plays games in this arena."""
        return part(name, self.function, self.arena, games, runs, quick)

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for every measure and cell."""
        cells = self.cells(done)
        rows = [self.row(measured, cell, games) for measured in self.measures for cell, games in cells.items()]
        remarks = [*self.remarks, *self.caveats, *notes(self.rules, done)]
        data = self.data(done) | {"commands": commands(done)}
        return Reproduction([*rows, *self.further(done)], settings(self.arena, done), seeds_of(done), remarks, data)

    def row(self, measured: Measure, cell: Cell, games: Mapping[Pair, Outcome]) -> FigureRow:
        """The row of a cell."""
        values = {pair: measured.value(outcome) for pair, outcome in games.items()}
        ours = estimate.t(list(values.values())) if cell.own else over_pairs(values)
        group = f"{measured.words}; {self.versus}" if self.versus else measured.words
        note = ""
        if measured.share is not None:
            shares = np.array(by_radius(measured.share, games, TABLE_RADII[1:]))
            note = wider(shares.mean(0))
        target, published = measured.targets.get(cell.first), measured.published_for(cell)
        return FigureRow(self.label(cell), ours, published, group, measured.better, at_least=target, note=note)

    def further(self, done: Results) -> list[FigureRow]:
        """Rows about more than a cell."""
        return []

    def data(self, done: Results) -> dict[str, Json]:
        """For the picture: of every measure the cells with their numbers."""
        return {
            measured.name: [
                self.datum(cell, {pair: measured.value(outcome) for pair, outcome in games.items()})
                for cell, games in self.cells(done).items()
            ]
            for measured in self.measures
        }

    def colour(self, rule: str) -> str:
        """Grey for scripts."""
        return plots.COLOURS[self.rules.index(rule)] if rule in self.rules else "0.55"

    def draw(self, panel: plots.Axes, measured: Measure, report: Reproduction) -> None:
        """Bars of a measure with a dot for each number, and what was published."""
        cells, values = zip(*map(self.of_datum, report.data[measured.name]), strict=True)
        plots.bars(
            panel,
            [self.label(cell).replace(" v ", "\nv ") for cell in cells],
            values,
            [self.colour(cell.first) for cell in cells],
            faint=[cell.own and bool(self.versus) for cell in cells],
            bare=[cell.first not in self.rules for cell in cells],
            dots=self.dots,
        )
        for at, cell in enumerate(cells):
            published = measured.published_for(cell)
            if published is not None:
                plots.published_mark(panel, at, published.value)
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

        return [self.games(f"{one.entrant} v all", [game(one, other) for other in runs], runs, quick) for one in runs]

    def cells(self, done: Results) -> Cells:
        """All games."""
        known = cards(done)
        cells: Cells = {}
        for game, outcome in outcomes_of(done):
            one, other = (known[game[seats[0]]] for seats in self.roles)
            cell = Cell(one["rule"], other["rule"], len(set(game.values())) == 1)
            cells.setdefault(cell, {})[one["seed"], other["seed"]] = outcome
        return dict(sorted(cells.items(), key=lambda item: (*map(self.rules.index, item[0][:2]), not item[0].own)))

    def label(self, cell: Cell) -> str:
        """Who met whom."""
        return cell.label

    def datum(self, cell: Cell, values: Mapping[Pair, float]) -> Json:
        """Rules, whether of one run, and both seeds with the number of each pair."""
        return [*cell, [[*pair, value] for pair, value in values.items()]]

    def of_datum(self, datum: Json) -> tuple[Cell, list[float]]:
        """The cell and its numbers again."""
        *cell, pairs = datum
        return Cell(*cell), [value for *_, value in pairs]


class TeamTable(HouseTable):
    """Every run of the rules with itself in all seats, and scripts."""

    seats: ClassVar[tuple[str, ...]]
    labels: ClassVar[Mapping[str, str]] = {}  # of those with long names
    panel_height = 3.7
    dots = "a training seed"
    caveats = ("Rules with one run, and scripts, have no interval.",)

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """All runs of a rule."""
        groups = by_rule(runs_of(self.arena, self.rules, seeds, self.scripts))
        return [
            self.games(f"{rule} with itself", [dict.fromkeys(self.seats, run.entrant) for run in runs], runs, quick)
            for rule, runs in groups.items()
        ]

    def cells(self, done: Results) -> Cells:
        """Games in which one entrant has all seats."""
        return {
            Cell(rule, rule, True): {(seed, seed): outcome for seed, outcome in by_seed.items()}
            for rule, by_seed in teams(done).items()
        }

    def label(self, cell: Cell) -> str:
        """The rule."""
        return self.labels.get(cell.first, cell.first)

    def datum(self, cell: Cell, values: Mapping[Pair, float]) -> Json:
        """The rule with the numbers of its runs."""
        return [cell.first, list(values.values())]

    def of_datum(self, datum: Json) -> tuple[Cell, list[float]]:
        """The cell and its numbers again."""
        rule, values = datum
        return Cell(rule, rule, True), values


def by_radius(share: Share, games: Mapping[Any, Outcome], radii: Sequence[float] = RADII) -> list[list[float]]:
    """Of every game the shares within all radii, [games][radii]."""
    return [[share(outcome, radius) for radius in radii] for outcome in games.values()]

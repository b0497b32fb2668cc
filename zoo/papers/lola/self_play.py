"""LOLA's table 3 for a game: naive and LOLA learners, exact and by policy gradients, each learns with its like."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from leaderboard.report import plots
from zoo.papers.figure import Figure, FigureRow, Part, Published, Reproduction, Results, over_runs, seed_words
from zoo.papers.learning_runs import band, draw_rows, joined, learn_together

BATCH = 10  # runs of sampled learners that share a part
RUNS = 50  # of the paper


@dataclass(frozen=True)
class Rule:
    """A line of the table."""

    name: str
    entrant: str
    sampled: bool
    agreement: float  # published: %TFT or %Nash
    value: float  # published: return per step
    sd: float  # published: its standard deviation over runs


class SelfPlay(Figure):
    """The table for one game. Subclasses say which game, which rules, and what agreement means."""

    arena: ClassVar[str]
    gamma: ClassVar[float]
    rules: ClassVar[tuple[Rule, ...]]
    measure: ClassVar[str]  # "%TFT"
    updates: ClassVar[dict[bool, int]]  # sampled or not -> updates
    copies: ClassVar[int]  # episodes that an update of a sampled rule sees
    exact_factor: ClassVar[int] = 4  # runs of an exact rule for each run of a sampled one, as they cost little

    @abstractmethod
    def agreement(self, policies: np.ndarray) -> np.ndarray:
        """%TFT or %Nash of every run, [R], from the probabilities of action 0, [R, 2, 5], in each seat's own view."""

    @abstractmethod
    def returns(self, rule: Rule, tails: Sequence[np.ndarray]) -> list[FigureRow]:
        """Rows about the return per step; `tails`, [R] each, are both seats' means over the last updates."""

    def more_rows(self, rule: Rule, policies: np.ndarray) -> list[FigureRow]:
        """Further rows for a rule."""
        return []

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """All runs of an exact rule in one part; those of a sampled one in parts of `BATCH`."""
        parts = []
        for rule in self.rules:
            settings: dict[str, Any] = {"arena": self.arena, "row": rule.entrant, "column": rule.entrant}
            settings["updates"] = self.updates[rule.sampled]
            if not rule.sampled:
                parts.append(Part(rule.name, learn_together, settings | {"replicas": self.exact_factor * seeds}))
                continue
            for first in range(0, seeds, BATCH):
                count = min(BATCH, seeds - first)
                more = {"replicas": count, "copies": self.copies, "seed": first // BATCH}
                name = f"{rule.name}, runs {first} to {first + count - 1}"
                parts.append(Part(name, learn_together, settings | more))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Agreement and return per step of every rule, beside the table."""
        rows: list[FigureRow] = []
        returns: list[FigureRow] = []
        curves: dict[str, Any] = {}
        for rule in self.rules:
            runs = joined([result for part, result in done if part.name.partition(",")[0] == rule.name])
            policies = np.stack([seat["policy"] for seat in runs.values()], axis=1)
            agreement, published = self.agreement(policies), Published.of_share(rule.agreement / 100, RUNS)
            rows.append(over_runs(rule.name, agreement, published, self.measure))
            rows += self.more_rows(rule, policies)
            returns += self.returns(rule, [np.array(seat["tail"]) for seat in runs.values()])
            curves[rule.name] = {name: seat["curve"] for name, seat in runs.items()}
        settings = {
            "game": f"{self.arena}, gamma {self.gamma:g}",
            "logits": "N(0, 1)",
            **{rule.name: rule.entrant for rule in self.rules},
            "updates": f"{self.updates[False]} exact, {self.updates[True]} of {self.copies} episodes sampled",
        }
        words = f"{seed_words(seeds)} (exact: {seed_words(self.exact_factor * seeds)})"
        return Reproduction([*rows, *returns], settings, words, self.remarks, {"curves": curves})

    def draw_learning(self, left: plots.Axes, report: Reproduction) -> None:
        """Learning curves of both seats."""
        for number, rule in enumerate(self.rules):
            for seat, style in (("row", "-"), ("column", "--")):
                curve = report.data["curves"][rule.name][seat]
                label, colour = f"{rule.name}, {seat}", plots.COLOURS[number]
                plots.curve(left, **band(curve), label=label, colour=colour, style=style)
        left.set(title="while they learn", xlabel="update", ylabel="return per step, (1 - gamma) V")

    def plot(self, report: Reproduction) -> plots.Plot:
        """How they learn, and the agreement beside the table's."""
        plot, (left, right) = plots.panels(2, width=5.2, height=4.0)
        self.draw_learning(left, report)
        draw_rows(right, [row for row in report.rows if row.group == self.measure], "paper, table 3")
        right.set(title=self.measure, ylim=(0, 1.02), ylabel="share")
        plots.legend_below(plot, [left, right], 5)
        return plot

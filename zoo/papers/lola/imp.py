"""Iterated matching pennies in LOLA's table 3: which learners converge to the mixed equilibrium."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import ClassVar

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.papers.figure import FigureRow, Published, Reproduction, over_runs, spread
from zoo.papers.lola.self_play import RUNS, Rule, SelfPlay

NEAR = 0.1  # of 1/2
_TABLE = "hidden=0,optimizer=sgd,weigh=start,entropy=0,gamma=0.9,lr=0.3,critic_lr=1"


class LolaImp(SelfPlay):
    """Naive and LOLA learners in matching pennies."""

    name = "lola-imp"
    arena = "imp"
    gamma = 0.9
    measure = "%Nash"
    updates: ClassVar = {False: 200, True: 150}
    copies = 128
    rules = (
        Rule("NL-Ex", "naive-exact,lr=1", False, 0.0, 0.0, 0.37),
        Rule("LOLA-Ex", "lola-exact,lr=1,eta=1", False, 98.8, 0.0, 0.02),
        Rule("NL-PG", f"naive,{_TABLE}", True, 13.2, 0.0, 0.19),
        Rule("LOLA-PG", f"lola,{_TABLE},eta=1,decay=1", True, 93.2, 0.0, 0.06),
    )

    def agreement(self, policies: np.ndarray) -> np.ndarray:
        """Share of observations and players near 1/2."""
        return np.asarray((np.abs(policies - 0.5) < NEAR).mean((1, 2)))

    def more_rows(self, rule: Rule, policies: np.ndarray) -> list[FigureRow]:
        """The share of runs in which all probabilities have converged."""
        there = self.agreement(policies) == 1
        ours = estimate.wilson(int(there.sum()), len(there))
        return [FigureRow(rule.name, ours, None, "runs in which all ten probabilities are there")]

    def returns(self, rule: Rule, tails: Sequence[np.ndarray]) -> list[FigureRow]:
        """The row player's mean, and its spread over runs beside the table's."""
        row, sd = tails[0], spread(tails[0])
        published = Published.of_runs(rule.value, rule.sd, RUNS)
        rows = [over_runs(rule.name, row, published, "R, row player's return per step")]
        if sd is not None:
            published = Published.of_deviation(rule.sd, RUNS)
            rows.append(FigureRow(rule.name, estimate.deviation(sd, len(row)), published, "sd of R over runs"))
        return rows

    def draw_learning(self, left: plots.Axes, report: Reproduction) -> None:
        """The spread of the row player's return over runs: the mean is 0 for every learner."""
        for number, rule in enumerate(self.rules):
            curve = report.data["curves"][rule.name]["row"]
            sds = [(x, e * sqrt(curve["runs"])) for x, e in zip(curve["update"], curve["error"], strict=True) if e]
            if sds:
                colour = plots.COLOURS[number]
                left.plot(*zip(*sds, strict=True), color=colour, label=rule.name)
                last = curve["update"][-1]
                left.plot([0.9 * last, last], [rule.sd] * 2, "--", color=colour)
        left.plot([], [], "--", color="0.35", label="paper, table 3")
        left.set(title="while they learn", xlabel="update", ylabel="sd over runs of row's return per step")
        left.set_ylim(bottom=0)


FIGURE = LolaImp()

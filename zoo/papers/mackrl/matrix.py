"""Common knowledge in the matrix game: figure 4.5 of the thesis, and the same with delegation forced.

Four ways to act for two seats that know the matrix in common with probability p. IAC: each by its own table of what it
sees. JAL: one table for both, of what they know in common. MACKRL: a pair controller with one choice more than JAL, by
which it delegates to the two tables; forced: where nothing is common knowledge it has no other choice. All climb the
exact gradient of the return with the same step size, from the same first tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from agents.parts.gradients import gradient, leaves
from agents.parts.networks import table_parameters
from agents.parts.optimizers import Adam
from agents.parts.pairs import DELEGATE, pair_probabilities
from agents.protocol import Parameters
from agents.randomness import derive
from arenas.tables.finite import FiniteGame
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.registry import load_arena
from zoo.papers.figure import (
    Figure,
    FigureRow,
    Json,
    Part,
    Published,
    Reproduction,
    Results,
    Tell,
    over_runs,
    seed_words,
)

GRID = tuple(n / 10 for n in range(11))  # of p
STEPS, RATE = 202, 0.05
LAST = STEPS - 2  # steps before the last return that the authors' code writes down
TOLERANCE = 0.02  # of what is read off the figure
FREE, FORCED, IAC, JAL = "MACKRL", "MACKRL, forced", "IAC", "JAL"
#: Method -> p -> what the figure shows.
CURVES: Mapping[str, Mapping[float, float]] = {
    FREE: {0.0: 0.62, 0.5: 0.81, 1.0: 0.995},
    IAC: {0.0: 0.655, 0.5: 0.765, 1.0: 0.87},
    JAL: {0.0: 0.50, 0.5: 0.75, 1.0: 0.995},
}
CROSSING = 0.1  # the p at which the figure's MACKRL overtakes IAC
METHODS = (FREE, FORCED, IAC, JAL)


def choices(method: str) -> Tensor:
    """What the pair controller may choose, bool [3, 26], where nothing, A and B is common knowledge."""
    alone = torch.arange(26) == DELEGATE
    may = {FREE: alone | ~alone, FORCED: alone | ~alone, IAC: alone, JAL: ~alone}[method].repeat(3, 1)
    if method == FORCED:
        may[0] = alone
    return may


def returns(method: str) -> Callable[[Parameters], Tensor]:
    """The exact return [P, R] at every p of `GRID`, of tables `pair` [P R, 3, 26], `row` and `column` [P R, 5, 5]."""
    games = [cast(FiniteGame, load_arena("common-knowledge", [f"p={p}"]).make(1)) for p in GRID]
    _, views, pay = games[0].valued  # what is seen and paid is the same at every p
    start = torch.stack([game.valued[0].start for game in games])
    (known,) = games[0].common.values()
    common, (row, column) = known[:, -3:].argmax(-1), views.argmax(-1).unbind(1)
    barred = ~choices(method)

    def value(tables: Parameters) -> Tensor:
        controller = tables["pair"].masked_fill(barred, -torch.inf).softmax(-1)
        own = tables["row"].softmax(-1)[:, row], tables["column"].softmax(-1)[:, column]
        joint = pair_probabilities(controller[:, common], *own).flatten(-2)  # [P R, 10, 25]
        paid = (joint * pay[..., 0]).sum(-1).view(len(GRID), -1, len(common))
        return torch.einsum("prs,ps->pr", paid, start)

    return value


def learn(tell: Tell, method: str, replicas: int, seed: int) -> Json:
    """What `replicas` runs return at each p of `GRID` after `LAST` steps, [P][R], from tables with logits N(0, 1)."""
    sizes = {"pair": (3, 26), "row": (5, 5), "column": (5, 5)}
    first = {
        name: table_parameters(*size, std=1.0, seed=derive(seed, name), replicas=replicas)["w0"].double()
        for name, size in sizes.items()
    }
    tables = {name: table.repeat(len(GRID), 1, 1) for name, table in first.items()}
    value, adam = returns(method), Adam(tables, RATE)
    for step in range(LAST):
        theta = leaves(tables)
        adam.descend(gradient(-value(theta).sum(), theta))
        tell(step + 1, LAST)
    with torch.no_grad():
        return value(tables).tolist()


def crossing(one: np.ndarray, other: np.ndarray) -> float | None:
    """The p from which on the mean of `one` [P, R] is above that of `other`; None where they do not cross once."""
    gap = (one - other).mean(1)
    changes = [(p, a, b) for p, (a, b) in zip(pairwise(GRID), pairwise(gap), strict=True) if a < 0 <= b]
    if len(changes) != 1:
        return None
    (low, high), a, b = changes[0]
    return float(low + (high - low) * a / (a - b))


class MackrlMatrix(Figure):
    """Return of four methods against the probability of common knowledge."""

    name = "mackrl-matrix"
    unit = "steps"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each method, with all runs at all p as one batch."""
        return [Part(method, learn, {"method": method, "replicas": seeds, "seed": 0}) for method in METHODS]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Returns beside the figure's, and what MACKRL gains over IAC from the same first tables."""
        ours = {part.settings["method"]: np.array(result) for part, result in done}  # [P, R]
        rows = []
        for method in METHODS:
            published = CURVES.get(method, {})
            for p in published or CURVES[FREE]:
                number = Published(published[p], basis="figure 4.5", rounding=TOLERANCE) if published else None
                values = ours[method][GRID.index(p)]
                rows.append(over_runs(f"p = {p:g}", values, number, f"{method}: return", "higher"))
        for method in (FREE, FORCED):
            gain = ours[method] - ours[IAC]
            least = 0.0 if method == FORCED else None
            rows += [
                FigureRow(f"p = {p:g}", estimate.t(values), None, f"{method}: return above IAC's", at_least=least)
                for p, values in zip(GRID, gain, strict=True)
            ]
        cross = crossing(ours[FREE], ours[IAC])
        said = "MACKRL and IAC do not cross once" if cross is None else f"MACKRL overtakes IAC at p = {cross:.2f}"
        curves = {m: plots.line_of([estimate.t(values) for values in ours[m]]) for m in METHODS}
        settings = {"steps": LAST, "step size": RATE, "first logits": "N(0, 1)", "gradients": "exact"}
        notes = [f"{said}, the figure's near {CROSSING:g}.", *self.remarks]
        return Reproduction(rows, settings, seed_words(seeds), notes, {"curves": curves})

    def plot(self, report: Reproduction) -> plots.Plot:
        """Return against p, with the best that is possible."""
        plot, (panel,) = plots.panels(1, width=6)
        for method, colour in plots.colours_of(METHODS).items():
            line: dict[str, Any] = report.data["curves"][method]
            plots.curve(panel, GRID, **line, label=method, colour=colour, marker="o")
            there = CURVES.get(method, {})
            panel.plot(list(there), list(there.values()), "x", color=colour, markersize=8)
        panel.plot([], [], "x", color="0.25", label="thesis, figure 4.5")
        panel.plot(GRID, [0.75 + 0.25 * p for p in GRID], ":", color="0.4", label="best possible")
        panel.plot(GRID, [0.5 + 0.5 * p for p in GRID], "--", color="0.7", label="best possible for JAL")
        panel.set(xlabel="probability of common knowledge", ylabel="return", ylim=(0.4, 1.02))
        plots.legend_below(plot, [panel], 3)
        return plot


FIGURE = MackrlMatrix()

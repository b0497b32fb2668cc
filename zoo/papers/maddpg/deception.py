"""Physical deception: do good agents cover all landmarks, so that the adversary cannot tell which is the goal?

Lowe et al. 2017 count success at the end of an episode, within a radius that the author no longer knows and set by eye.
So our shares are given for several radii; .1 is mpe2's own for a landmark that is reached. To the eye an agent is on a
landmark within .23, the sum of both bodies' radii.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from leaderboard.report import plots
from zoo.papers.figure import FigureRow, Json, Published, Reproduction, Results, Tell
from zoo.papers.maddpg.games import (
    RADII,
    TOLD_RADII,
    Game,
    Outcome,
    Value,
    play_all,
    shares_within,
    wider,
    within_radii,
)
from zoo.papers.maddpg.tables import Cell, CrossTable, Measure, Pair, exchanged
from zoo.play.episodes import Played

MADDPG, DDPG = "maddpg", "ddpg"
ADVERSARY, GOOD = "adversary_0", ("agent_0", "agent_1")
#: Share of episodes at whose end it is so, within a radius.
Share = Callable[[Outcome, float], float]


def measure(tell: Tell, arena: str, games: list[Game], weights: dict[str, str], episodes: int) -> Json:
    """`games.measure`, and for every radius the shares of episodes in which it suffices."""
    return play_all(tell, arena, games, episodes, summary)


def summary(played: Played) -> Outcome:
    """The means, and for every radius R the shares "within R" of the goal and "covered within R", all landmarks."""
    covered = shares_within(_farthest_landmark(played), "covered within")
    return {seat: by_name | covered for seat, by_name in within_radii(played).items()}


def _farthest_landmark(played: Played) -> Tensor:
    """At the end, over landmarks the greatest of the distances to the nearest good agent: [B]."""
    ways = torch.stack([played.steps[seat].observation[-1, :, 2:6] for seat in GOOD])
    distances: Tensor = ways.view(len(GOOD), -1, 2, 2).norm(dim=-1)
    return distances.amin(0).amax(-1)


def _within(words: str, radius: float) -> Value:
    return lambda outcome: SHARES[words](outcome, radius)


def _share(seat: str, words: str) -> Share:
    return lambda outcome, radius: outcome[seat][f"{words} {radius:g}"]


def _measure(words: str, published: Mapping[tuple[str, str], Published], better: Literal["", "higher"] = "") -> Measure:
    """Success within the least radius."""
    return Measure(words, f"{words} at the end, within .1", _within(words, TOLD_RADII[0]), published, better)


#: By the measure's name.
SHARES: dict[str, Share] = {
    "good agents cover all landmarks": _share(GOOD[0], "covered within"),
    "a good agent is at the goal": _share(GOOD[0], "within"),
    "the adversary is at the goal": _share(ADVERSARY, "within"),
}
ALL_COVERED, AT_GOAL, ADVERSARY_AT_GOAL = SHARES


class PhysicalDeception(CrossTable):
    """Cross table of MADDPG and DDPG in adversary, with two landmarks."""

    name = "maddpg-deception"
    arena = "adversary"
    rules = (MADDPG, DDPG)
    roles = (GOOD, (ADVERSARY,))
    versus = "good agents v adversary"
    function = staticmethod(measure)
    measures = (
        _measure(ALL_COVERED, {(MADDPG, MADDPG): Published(0.94, basis="about")}, "higher"),
        _measure(AT_GOAL, {}),
        _measure(ADVERSARY_AT_GOAL, {(MADDPG, DDPG): Published(0.164)}),
    )
    remarks = (
        "The paper's radius is not known (its author set it by eye; bodies touch within .23). It does not say"
        " which adversary its 94 % are against: here that of the same run.",
    )

    def row(self, measured: Measure, cell: Cell, games: Mapping[Pair, Outcome]) -> FigureRow:
        """The row of a cell, with the shares within greater radii."""
        share = SHARES[measured.name]
        more = [float(np.mean([share(outcome, radius) for outcome in games.values()])) for radius in TOLD_RADII[1:]]
        return replace(super().row(measured, cell, games), note=wider(more))

    def further(self, done: Results) -> list[FigureRow]:
        """What the paper says in words: MADDPG's team deceives, DDPG's does not."""
        cells = self.cells(done)
        order = [exchanged(cells, DDPG, MADDPG, _within(ADVERSARY_AT_GOAL, radius)) for radius in TOLD_RADII]
        known = [one for one in order if one is not None]
        if not known:
            return []
        heading = "the paper's order: adversary's success in ddpg v maddpg less that in maddpg v ddpg"
        note = wider((one.mean for one in known[1:]), "+")
        return [FigureRow("difference", known[0], None, heading, "higher", at_least=0.0, note=note)]

    def data(self, done: Results) -> dict[str, Json]:
        """Of every measure the cells, and of each the shares by radius for every pair of seeds."""
        cells = self.cells(done).items()
        return {
            name: [[*cell, [[share(outcome, r) for r in RADII] for outcome in games.values()]] for cell, games in cells]
            for name, share in SHARES.items()
        } | {"radii": list(RADII)}

    def plot(self, report: Reproduction) -> plots.Plot:
        """Shares by radius: a line for each cell, dots for pairs of runs."""
        plot, axes = plots.panels(len(SHARES), width=3.9, height=3.7, share_y=True)
        radii = report.data["radii"]
        colours: dict[tuple[str, str], str] = {}
        for panel, measured in zip(axes, self.measures, strict=True):
            for first, second, own, pairs in report.data[measured.name]:
                cell = Cell(first, second, own)
                colour = colours.setdefault((first, second), plots.COLOURS[len(colours)])
                style = ":" if own else "-"
                panel.plot(radii, np.mean(pairs, axis=0), style, color=colour, linewidth=1.7, label=cell.label)
                for shares in [] if own else pairs:
                    panel.plot(radii, shares, "o", color=colour, markersize=2.2, alpha=0.35)
                published = measured.published_for(cell)
                if published is not None:
                    plots.published(panel, published.value, f"paper, {first} v {second}", colour=colour)
            panel.axvline(TOLD_RADII[0], color="0.5", linewidth=0.8)
            panel.set(title=measured.name, xlabel="radius", ylim=(0, 1.02), xlim=(0, RADII[-1] + 0.01))
        axes[0].set_ylabel(f"share of episodes, at the end\n{self.versus}")
        plots.legend_below(plot, axes, 4)
        return plot


FIGURE = PhysicalDeception()

"""Physical deception: do good agents cover all landmarks, so that the adversary cannot tell which is the goal?

Lowe et al. 2017 count success at the end of an episode, within a radius that the author no longer knows and set by eye.
So our shares are given for several radii; .1 is mpe2's own for a landmark that is reached. To the eye an agent is on a
landmark within .23, the sum of both bodies' radii.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from leaderboard.report import plots
from zoo.papers.figure import FigureRow, Json, Published, Reproduction, Results, Tell
from zoo.papers.maddpg.games import (
    RADII,
    TABLE_RADII,
    Game,
    Outcome,
    Share,
    play_all,
    share,
    shares_within,
    summed_up,
    wider,
    within,
)
from zoo.papers.maddpg.pairs import Cell, exchanged
from zoo.papers.maddpg.tables import CrossTable, Measure, by_radius
from zoo.play.episodes import Played

MADDPG, DDPG = "maddpg", "ddpg"
ADVERSARY, GOOD = "adversary_0", ("agent_0", "agent_1")


def measure(tell: Tell, arena: str, games: list[Game], weights: dict[str, str], episodes: int) -> Json:
    """`games.measure`, and for every radius the shares of episodes in which it suffices."""
    return play_all(tell, arena, games, episodes, summary)


def summary(played: Played) -> Outcome:
    """The means, and for every radius R the shares "within R" of the goal and "covered within R", all landmarks."""
    covered = shares_within(_farthest_landmark(played), "covered within")
    return {seat: by_name | covered for seat, by_name in summed_up(played).items()}


def _farthest_landmark(played: Played) -> Tensor:
    """At the end, over landmarks the greatest of the distances to the nearest good agent: [B]."""
    ways = torch.stack([played.steps[seat].observation[-1, :, 2:6] for seat in GOOD])
    distances: Tensor = ways.view(len(GOOD), -1, 2, 2).norm(dim=-1)
    return distances.amin(0).amax(-1)


def _measure(
    words: str, share: Share, published: Mapping[tuple[str, str], Published], better: Literal["", "higher"] = ""
) -> Measure:
    """Success within the least radius of the table."""
    value = within(share, TABLE_RADII[0])
    return Measure(words, f"{words} at the end, within .1", value, published, better, share=share)


adversary_at_goal = share(ADVERSARY)


class PhysicalDeception(CrossTable):
    """Cross table of MADDPG and DDPG in adversary, with two landmarks."""

    name = "maddpg-deception"
    arena = "adversary"
    rules = (MADDPG, DDPG)
    roles = (GOOD, (ADVERSARY,))
    versus = "good agents v adversary"
    function = staticmethod(measure)
    measures = (
        _measure(
            "good agents cover all landmarks",
            share(GOOD[0], "covered within"),
            {(MADDPG, MADDPG): Published(0.94, basis="about")},
            "higher",
        ),
        _measure("a good agent is at the goal", share(GOOD[0]), {}),
        _measure("the adversary is at the goal", adversary_at_goal, {(MADDPG, DDPG): Published(0.164)}),
    )
    remarks = (
        "The paper's radius is not known (its author set it by eye; bodies touch within .23). It does not say"
        " which adversary its 94 % are against: here that of the same run.",
    )

    def further(self, done: Results) -> list[FigureRow]:
        """What the paper says in words: MADDPG's team deceives, DDPG's does not."""
        cells = self.cells(done)
        order = [exchanged(cells, DDPG, MADDPG, within(adversary_at_goal, radius)) for radius in TABLE_RADII]
        known = [one for one in order if one is not None]
        if not known:
            return []
        heading = "the paper's order: adversary's success in ddpg v maddpg less that in maddpg v ddpg"
        note = wider((one.mean for one in known[1:]), "+")
        return [FigureRow("difference", known[0], None, heading, "higher", at_least=0.0, note=note)]

    def data(self, done: Results) -> dict[str, Json]:
        """Of every measure the cells, and of each the shares by radius for every pair of seeds."""
        cells = self.cells(done).items()
        shares = {one.name: one.share for one in self.measures if one.share is not None}
        return {name: [[*cell, by_radius(share, games)] for cell, games in cells] for name, share in shares.items()} | {
            "radii": list(RADII)
        }

    def plot(self, report: Reproduction) -> plots.Plot:
        """Shares by radius: a line for each cell, dots for pairs of runs."""
        plot, axes = plots.panels(len(self.measures), width=3.9, height=3.7, share_y=True)
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
            panel.axvline(TABLE_RADII[0], color="0.5", linewidth=0.8)
            panel.set(title=measured.name, xlabel="radius", ylim=(0, 1.02), xlim=(0, RADII[-1] + 0.01))
        axes[0].set_ylabel(f"share of episodes, at the end\n{self.versus}")
        plots.legend_below(plot, axes, 4)
        return plot


FIGURE = PhysicalDeception()

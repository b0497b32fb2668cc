"""Physical deception: do good agents cover all landmarks, so that the adversary cannot tell which is the goal?

Lowe et al. 2017 count success at the end of an episode, within a radius that the author no longer knows and set by eye.
So our shares are given for several radii; .1 is mpe2's own for a landmark that is reached. To the eye an agent is on a
landmark within .23, the sum of both bodies' radii.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from leaderboard.report import plots
from zoo.papers.figure import Json, Published, Reproduction, Results, Tell
from zoo.papers.games import RADII, TABLE_RADII, Game, Outcome, Share, play_all, shares_within, summed_up
from zoo.papers.maddpg import DDPG, MADDPG, UNLIKE
from zoo.papers.tables import Cell, CrossTable, Measure, Order
from zoo.play.episodes import Played

ADVERSARY, GOOD = "adversary_0", ("agent_0", "agent_1")
#: Shares of episodes at whose end all landmarks are covered, a good agent is at the goal, or the adversary is.
COVERED, AT_GOAL, ADVERSARY_AT_GOAL = Share(GOOD[0], "covered within"), Share(GOOD[0]), Share(ADVERSARY)


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


def _within(words: str, share: Share, published: dict[str, Published], better: Literal["", "higher"] = "") -> Measure:
    """Success within the least radius of the table."""
    value = share.within(TABLE_RADII[0])
    return Measure(words, f"{words} at the end, within .1", value, published, better, share=share)


class PhysicalDeception(CrossTable):
    """Cross table of MADDPG and DDPG in adversary, with two landmarks."""

    name = "maddpg-deception"
    arena = "adversary"
    rules = (MADDPG, DDPG)
    roles = (GOOD, (ADVERSARY,))
    versus = "good agents v adversary"
    function = staticmethod(measure)
    measures = (
        _within(
            "good agents cover all landmarks", COVERED, {"maddpg v own run": Published(0.94, basis="about")}, "higher"
        ),
        _within("a good agent is at the goal", AT_GOAL, {}),
        _within("the adversary is at the goal", ADVERSARY_AT_GOAL, {"maddpg v ddpg": Published(0.164)}),
    )
    order = Order(
        "the paper's order: adversary's success in ddpg v maddpg less that in maddpg v ddpg",
        DDPG,
        MADDPG,
        [ADVERSARY_AT_GOAL.within(radius) for radius in TABLE_RADII],
    )
    unlike = UNLIKE

    def data(self, done: Results) -> dict[str, Json]:
        """Of every measure the cells, and of each the shares by radius for every pair of seeds."""
        cells = self.cells(done).items()
        shares = {
            measured.name: [[*cell, measured.share.by_radius(outcomes.values())] for cell, outcomes in cells]
            for measured in self.measures
            if measured.share is not None
        }
        return shares | {"radii": list(RADII)}

    def plot(self, report: Reproduction) -> plots.Plot:
        """Shares by radius: a line for each cell, dots for pairs of runs."""
        plot, axes = plots.panels(len(self.measures), width=3.9, height=3.7, share_y=True)
        radii = report.data["radii"]
        colours: dict[str, str] = {}
        for panel, measured in zip(axes, self.measures, strict=True):
            for *names, pairs in report.data[measured.name]:
                cell = Cell(*names)
                colour = colours.setdefault(f"{cell.first} v {cell.second}", plots.COLOURS[len(colours)])
                style = ":" if cell.own else "-"
                panel.plot(radii, np.mean(pairs, axis=0), style, color=colour, linewidth=1.7, label=cell.label)
                for shares in [] if cell.own else pairs:
                    panel.plot(radii, shares, "o", color=colour, markersize=2.2, alpha=0.35)
                if cell.label in measured.published:
                    text = f"paper, {cell.first} v {cell.second}"
                    plots.published(panel, measured.published[cell.label].value, text, colour=colour)
            panel.axvline(TABLE_RADII[0], color="0.5", linewidth=0.8)
            panel.set(title=measured.name, xlabel="radius", ylim=(0, 1.02), xlim=(0, RADII[-1] + 0.01))
        axes[0].set_ylabel(f"share of episodes, at the end\n{self.versus}")
        plots.legend_below(plot, axes, 4)
        return plot


FIGURE = PhysicalDeception()

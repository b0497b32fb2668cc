"""Physical deception: do good agents cover all landmarks, so that the adversary cannot tell which is the goal?

Lowe et al. 2017 count success at the end of an episode, within a radius that the author no longer knows and set by eye.
So our shares are told for several radii, of which .1 is mpe2's own for a landmark that is reached. To the eye an agent
is on a landmark within .23, the sum of both bodies' radii.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from zoo.reproduce.house_play import (
    RADII,
    TOLD_RADII,
    Cell,
    CrossFigure,
    Game,
    Measure,
    Played,
    Told,
    exchanged,
    play_all,
    shares_within,
    wider,
    within_radii,
)
from zoo.reproduce.report import Json, Published, Report, Row, Tell

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

MADDPG, DDPG = "maddpg", "ddpg"
ADVERSARY, GOOD = "adversary_0", ("agent_0", "agent_1")
ALL_COVERED = {(MADDPG, MADDPG): Published(0.94, basis="about")}
FOUND = {(MADDPG, DDPG): Published(0.164)}


def measure(tell: Tell, arena: str, games: list[Game], weights: dict[str, str], episodes: int) -> Json:
    """`house_play.measure`, and for every radius the shares of episodes in which it suffices."""
    return play_all(tell, arena, games, episodes, summary)


def summary(played: Played) -> Told:
    """The means, and for every radius R the shares "within R" of the goal and "covered within R", all landmarks."""
    covered = shares_within(_farthest_landmark(played), "covered within")
    return {seat: by_name | covered for seat, by_name in within_radii(played).items()}


def _farthest_landmark(played: Played) -> Tensor:
    """At the end, over landmarks the greatest of the distances to the nearest good agent: [B]."""
    ways = torch.stack([played.steps[seat].observation[-1, :, 2:6] for seat in GOOD])
    distances: Tensor = ways.view(len(GOOD), -1, 2, 2).norm(dim=-1)
    return distances.amin(0).amax(-1)


def at_goal(told: Told, radius: float) -> float:
    """Share of episodes at whose end a good agent is at the goal."""
    return told[GOOD[0]][f"within {radius:g}"]


def all_covered(told: Told, radius: float) -> float:
    """Share of episodes at whose end all landmarks have a good agent."""
    return told[GOOD[0]][f"covered within {radius:g}"]


def adversary_at_goal(told: Told, radius: float) -> float:
    """Share of episodes at whose end the adversary is at the goal."""
    return told[ADVERSARY][f"within {radius:g}"]


#: By the measure's name, the share within a radius.
SHARES: dict[str, Callable[[Told, float], float]] = {
    "good agents cover all landmarks": all_covered,
    "a good agent is at the goal": at_goal,
    "the adversary is at the goal": adversary_at_goal,
}


class MaddpgDeception(CrossFigure):
    """Cross table of MADDPG and DDPG in adversary, with two landmarks."""

    name = "maddpg-deception"
    title = "Physical deception: who finds the goal, two good agents or the adversary?"
    source = "Lowe et al. 2017 (MADDPG), section 5.2, L = 2"
    minutes = (0.15, 0.02)
    arena = "adversary"
    rules = (MADDPG, DDPG)
    roles = (GOOD, (ADVERSARY,))
    versus = "good agents v adversary"
    function = staticmethod(measure)

    @property
    def measures(self) -> Sequence[Measure]:
        """Success of both sides within .1."""
        least = TOLD_RADII[0]
        covered, good, adversary = SHARES
        words = " at the end, within .1"
        return (
            Measure(covered, covered + words, lambda told: all_covered(told, least), ALL_COVERED, "higher"),
            Measure(good, good + words, lambda told: at_goal(told, least), {}),
            Measure(adversary, adversary + words, lambda told: adversary_at_goal(told, least), FOUND),
        )

    def row(
        self,
        measured: Measure,
        cell: Cell,
        values: Mapping[tuple[int, int], float],
        games: Mapping[tuple[int, int], Told],
    ) -> Row:
        """The row of a cell, with the shares within greater radii."""
        share = SHARES[measured.name]
        more = [np.mean([share(told, radius) for told in games.values()]) for radius in TOLD_RADII[1:]]
        return replace(super().row(measured, cell, values, games), note=wider(f"{x:.2f}" for x in more))

    def further(self, cells: Mapping[Cell, Mapping[tuple[int, int], Told]]) -> list[Row]:
        """What the paper says in words: MADDPG's team deceives, DDPG's does not."""
        found = [exchanged(cells, DDPG, MADDPG, partial(adversary_at_goal, radius=radius)) for radius in TOLD_RADII]
        told = [one for one in found if one is not None]
        if not told:
            return []
        heading = "the paper's order: adversary's success in ddpg v maddpg less that in maddpg v ddpg"
        note = wider(f"{one.mean:+.2f}" for one in told[1:])
        return [Row("difference", told[0], None, heading, "higher", at_least=0.0, note=note)]

    def remarks(self, cells: Mapping[Cell, Mapping[tuple[int, int], Told]]) -> list[str]:
        """What is not known of the published numbers."""
        return [
            "The paper's radius is not known (its author set it by eye; bodies touch within .23). It does not say"
            " which adversary its 94 % are against: here that of the same run."
        ]

    def data(self, cells: Mapping[Cell, Mapping[tuple[int, int], Told]]) -> dict[str, Json]:
        """Of every measure the cells, and of each the shares by radius for every pair of seeds."""
        return {
            name: [
                [*cell, [[share(told, r) for r in RADII] for told in games.values()]] for cell, games in cells.items()
            ]
            for name, share in SHARES.items()
        } | {"radii": list(RADII)}

    def plot(self, report: Report) -> Plot:
        """Shares by radius: a line for each cell, dots for pairs of runs."""
        from zoo.reproduce import plots

        plot, axes = plots.panels(len(SHARES), width=3.9, height=3.7, share_y=True)
        radii = report.data["radii"]
        colours: dict[tuple[str, str], str] = {}
        for panel, measured in zip(axes, self.measures, strict=True):
            for first, second, own, pairs in report.data[measured.name]:
                colour = colours.setdefault((first, second), plots.COLOURS[len(colours)])
                label, style = Cell(first, second, own).label, ":" if own else "-"
                panel.plot(radii, np.mean(pairs, axis=0), style, color=colour, linewidth=1.7, label=label)
                for told in [] if own else pairs:
                    panel.plot(radii, told, "o", color=colour, markersize=2.2, alpha=0.35)
                published = measured.told(Cell(first, second, own))
                if published is not None:
                    plots.published(panel, published.value, f"paper, {first} v {second}", colour=colour)
            panel.axvline(TOLD_RADII[0], color="0.5", linewidth=0.8)
            panel.set(title=measured.name, xlabel="radius", ylim=(0, 1.02), xlim=(0, RADII[-1] + 0.01))
        axes[0].set_ylabel(f"share of episodes, at the end\n{self.versus}")
        plots.legend_below(plot, axes, 4)
        return plot


FIGURE = MaddpgDeception()

"""Cooperative communication: how often does the listener end at the landmark that only the speaker knows?

Lowe et al. 2017: MADDPG in 84.0 % of the episodes, while DQN, actor-critic, first-order TRPO and DDPG fail, their
listener staying in the middle of the landmarks. Within which radius the paper does not say. Ours is .1 at the end of
the episode, mpe2's own for a landmark that is reached; to the eye a listener is on a landmark within .115, the sum of
both bodies' radii. So shares within other radii, the mean distance and the return stand beside it.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from leaderboard.report import plots
from zoo.papers.figure import Json, Published, Reproduction, Results
from zoo.papers.games import RADII, Share, at, teams
from zoo.papers.maddpg import MADDPG, UNLIKE
from zoo.papers.tables import Measure, TeamTable

TARGET = 0.84
LISTENER, INFORMED = "listener_0", "informed-listener"
#: Share of episodes at whose end the listener is within .1 of the goal, and within any radius.
reached, within = at(LISTENER, "at_goal"), Share(LISTENER)


class CooperativeCommunication(TeamTable):
    """Success of the listener by algorithm, speaker and listener of one run."""

    name = "maddpg-communication"
    arena = "speaker-listener"
    seats = ("speaker_0", LISTENER)
    rules = (MADDPG, "maddpg-inferred", "ddpg", "iql", "actor-critic", "reinforce")
    scripts = (INFORMED, "random")
    labels = MappingProxyType({"maddpg-inferred": "inferred", INFORMED: "script"})
    measures = (
        Measure(
            "within .1 at the end",
            "listener within .1 of the goal at the end",
            reached,
            {MADDPG: Published(TARGET)},
            "higher",
            targets={MADDPG: TARGET},
            share=within,
        ),
        Measure("distance at the end", "distance from listener to goal at the end", at(LISTENER, "distance")),
        Measure("return of an episode", "return of an episode, the same for both", at(LISTENER, "return")),
    )
    unlike = UNLIKE

    def data(self, done: Results) -> dict[str, Json]:
        """And of every rule the shares by radius for each of its runs."""
        shares = [[rule, within.by_radius(by_seed.values())] for rule, by_seed in teams(done).items()]
        return super().data(done) | {"radii": list(RADII), "shares": shares}

    def plot(self, report: Reproduction) -> plots.Plot:
        """Bars by algorithm, and success by radius."""
        plot, axes = plots.panels(2, 2, width=4.6, height=3.5)
        for panel, measured in zip((axes[0], *axes[2:]), self.measures, strict=True):
            self.draw(panel, measured, report)
        axes[0].set_ylim(0, 1.04)
        styles = dict.fromkeys(self.rules, "-") | dict(zip(self.scripts, ("-.", ":"), strict=True))
        for rule, shares in report.data["shares"]:
            radii, colour, style = report.data["radii"], self.colour(rule), styles[rule]
            middle = np.mean(shares, axis=0)
            axes[1].plot(radii, middle, style, color=colour, linewidth=1.7, label=self.labels.get(rule, rule))
            for run in shares if rule in self.rules else []:
                axes[1].plot(radii, run, "o", color=colour, markersize=2.4, alpha=0.5)
        axes[1].axhline(TARGET, color="black", linestyle="--", linewidth=1.4, label="paper")
        axes[1].set(title="within other radii at the end", xlabel="radius", ylim=(0, 1.04))
        plots.legend_below(plot, axes, 4)
        return plot


FIGURE = CooperativeCommunication()

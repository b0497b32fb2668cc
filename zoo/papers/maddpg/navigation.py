"""Cooperative navigation: distance, collisions and return of teams, and what a stranger in one seat costs them.

Lowe et al. 2017 say in words that MADDPG keeps slightly smaller distances than DDPG with almost half the collisions.
That teams break when one member comes from another training run is known of pretrained agents elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import numpy as np

from leaderboard.report import plots
from zoo.papers.figure import FigureRow, Json, Part, Published, Reproduction, Results
from zoo.papers.games import at, cards, mean_return, outcomes_of, teams
from zoo.papers.house import by_rule, runs_of
from zoo.papers.maddpg import DDPG, MADDPG, UNLIKE
from zoo.papers.tables import Measure, Pair, TeamTable, between, over_pairs

TARGET = -12.0
RATIO = Published(0.5, basis="almost half")
SEATS = ("agent_0", "agent_1", "agent_2")
#: Sum over landmarks of the distance to the nearest agent, mean over steps.
distance = at(SEATS[0], "distance")
#: Pairs of agents that overlap, summed over the steps of an episode.
collisions = at(SEATS[0], "collisions")


class CooperativeNavigation(TeamTable):
    """Distance, collisions and return by algorithm, and with strangers."""

    name = "maddpg-navigation"
    arena = "spread"
    seats = SEATS
    rules = (MADDPG, DDPG, "maddpg-ensemble", "iql")
    scripts = ("assignment", "random")
    measures = (
        Measure("return per agent", "return per agent of an episode", mean_return, targets={MADDPG: TARGET}),
        Measure("distance", "distance of landmarks to the nearest agent, summed over the three", distance),
        Measure("collisions an episode", "collisions an episode, pairs that overlap", collisions),
    )
    unlike = UNLIKE

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """All runs of a rule, and of each rule one agent of a run with two of another, in every seat."""
        parts = super().parts(quick, seeds)
        for rule, own in by_rule(runs_of(self.arena, self.rules, seeds)).items():
            mixed = [
                dict.fromkeys(SEATS, team.entrant) | {seat: stranger.entrant}
                for team, stranger in permutations(own, 2)
                for seat in SEATS
            ]
            if mixed:
                parts.append(self.part(f"{rule} with a stranger", mixed, own, quick))
        return parts

    def further(self, done: Results) -> list[FigureRow]:
        """The paper's words as a ratio, and what strangers cost."""
        own, rows = teams(done), list[FigureRow]()
        if {MADDPG, DDPG} <= own.keys():
            fewer = between(own[MADDPG], own[DDPG], lambda a, b: collisions(a) / collisions(b))
            closer = between(own[MADDPG], own[DDPG], lambda a, b: distance(a) / distance(b))
            for label, ratio, published in (("collisions", fewer, RATIO), ("distance", closer, None)):
                rows.append(FigureRow(label, ratio, published, "maddpg as a multiple of ddpg", "lower"))
        heading = "return per agent, one of the three agents from another run of the rule"
        for rule, pairs in strangers(done).items():
            rows.append(FigureRow(f"{rule}, stranger", over_pairs(pairs), None, heading))
            lost = {(team, other): value - mean_return(own[rule][team]) for (team, other), value in pairs.items()}
            rows.append(FigureRow(f"{rule}, change", over_pairs(lost), None, heading))
        return rows

    def data(self, done: Results) -> dict[str, Json]:
        """And of every rule the returns with strangers, beside those of the team that each joined."""
        own = teams(done)
        mixed = [
            [rule, [[mean_return(own[rule][team]), value] for (team, _), value in pairs.items()]]
            for rule, pairs in strangers(done).items()
        ]
        return super().data(done) | {"strangers": mixed}

    def plot(self, report: Reproduction) -> plots.Plot:
        """Bars by algorithm, and return with a stranger over return of the whole team."""
        plot, axes = plots.panels(2, 2, width=4.6, height=3.5)
        for panel, measured in zip(axes, self.measures, strict=False):
            self.draw(panel, measured, report)
        axes[0].axhline(TARGET, color="0.4", linestyle=":", linewidth=1.2, label="target")
        last = axes[-1]
        returns = [value for _, pairs in report.data["strangers"] for pair in pairs for value in pair]
        for rule, pairs in report.data["strangers"]:
            own, mixed = zip(*pairs, strict=True)
            last.plot(own, mixed, "o", color=self.colour(rule), markersize=4, alpha=0.8, label=rule)
        if returns:
            ends = [min(returns) - 1, max(returns) + 1]
            last.plot(ends, ends, color="0.5", linewidth=0.9, label="no loss")
        else:
            last.text(0.5, 0.5, "no rule has two runs", ha="center", transform=last.transAxes)
        last.set(title="a stranger in one seat", xlabel="return of the whole team", ylabel="return with a stranger")
        plots.legend_below(plot, axes, 3)
        return plot


def strangers(done: Results) -> dict[str, Mapping[Pair, float]]:
    """Rule -> (seed of two agents, seed of the third) -> return per agent, mean over the seats of the third."""
    known = cards(done)
    returns: dict[str, dict[Pair, list[float]]] = {}
    for game, outcome in outcomes_of(done):
        rarest_first = sorted(dict.fromkeys(game.values()), key=list(game.values()).count)
        if len(rarest_first) == 2:
            stranger, team = (known[text] for text in rarest_first)
            pairs = returns.setdefault(team["rule"], {})
            pairs.setdefault((team["seed"], stranger["seed"]), []).append(mean_return(outcome))
    return {rule: {pair: float(np.mean(x)) for pair, x in pairs.items()} for rule, pairs in returns.items()}


FIGURE = CooperativeNavigation()

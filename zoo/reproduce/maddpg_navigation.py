"""Cooperative navigation: distance, collisions and return of teams, and what a stranger in one seat costs them.

Lowe et al. 2017 say in words that MADDPG keeps slightly smaller distances than DDPG with almost half the collisions.
That teams break when one member comes from another training run is known of pretrained agents elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

from zoo.reproduce import house_play
from zoo.reproduce.house_play import Measure, TeamFigure, Told, between, by_rule, cards, over_pairs, played, teams
from zoo.reproduce.report import Json, Part, Published, Report, Row, mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Plot

MADDPG, DDPG = "maddpg", "ddpg"
TARGET = -12.0
RATIO = Published(0.5, basis="almost half")
SEATS = ("agent_0", "agent_1", "agent_2")


def distance(told: Told) -> float:
    """Sum over landmarks of the distance to the nearest agent, mean over steps."""
    return told[SEATS[0]]["distance"]


def collisions(told: Told) -> float:
    """Pairs of agents that overlap, summed over the steps of an episode."""
    return told[SEATS[0]]["collisions"]


def reward(told: Told) -> float:
    """Return of an episode, mean over agents."""
    return sum(told[seat]["return"] for seat in SEATS) / len(SEATS)


class MaddpgNavigation(TeamFigure):
    """Distance, collisions and return by algorithm, and with strangers."""

    name = "maddpg-navigation"
    title = "Cooperative navigation: distance, collisions, and teams with a stranger"
    source = "Lowe et al. 2017 (MADDPG), section 5.2"
    minutes = (0.5, 0.04)
    arena = "spread"
    seats = SEATS
    rules = (MADDPG, DDPG, "maddpg-ensemble", "iql")
    scripts = ("assignment", "random")

    @property
    def measures(self) -> Sequence[Measure]:
        """Return, distance and collisions."""
        return (
            Measure("return per agent", "return per agent of an episode", reward, {}),
            Measure("distance", "distance of landmarks to the nearest agent, summed over the three", distance, {}),
            Measure("collisions an episode", "collisions an episode, pairs that overlap", collisions, {}),
        )

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """All runs of a rule, and of each rule one agent of a run with two of another, in every seat."""
        found = super().parts(quick, seeds)
        for rule, own in by_rule(house_play.runs(self.arena, self.rules, seeds)).items():
            games = [
                {at: stranger.entrant if at == seat else team.entrant for at in SEATS}
                for team, stranger in permutations(own, 2)
                for seat in SEATS
            ]
            if games:
                name = f"{rule} with a stranger"
                found.append(house_play.part(name, house_play.measure, self.arena, games, own, quick))
        return found

    def row(self, measured: Measure, rule: str, told: Sequence[Told]) -> Row:
        """MADDPG's return has a target."""
        row = super().row(measured, rule, told)
        return replace(row, at_least=TARGET) if measured.value is reward and rule == MADDPG else row

    def further(self, done: Sequence[tuple[Part, Json]]) -> list[Row]:
        """The paper's words as a ratio, and what strangers cost."""
        found, rows = teams(done), list[Row]()
        if {MADDPG, DDPG} <= found.keys():
            ratio = between(found[MADDPG], found[DDPG], lambda a, b: collisions(a) / collisions(b))
            closer = between(found[MADDPG], found[DDPG], lambda a, b: distance(a) / distance(b))
            heading = "maddpg as a multiple of ddpg"
            rows += [Row("collisions", ratio, RATIO, heading, "lower"), Row("distance", closer, None, heading, "lower")]
        for rule, pairs in strangers(done).items():
            heading = "return per agent, one of the three agents from another run of the rule"
            rows.append(Row(f"{rule}, stranger", over_pairs(pairs), None, heading))
            lost = {(team, other): value - reward(found[rule][team]) for (team, other), value in pairs.items()}
            rows.append(Row(f"{rule}, change", over_pairs(lost), None, heading))
        return rows

    def remarks(self, done: Sequence[tuple[Part, Json]]) -> list[str]:
        """What the paper says in words, and numbers from elsewhere."""
        return [
            "The paper's text gives no numbers for three agents: slightly smaller distance, almost half the"
            " collisions. Its reward is that of 2017, about 9 times as large.",
            "For comparison: the best pretrained MADDPG found in public gets -10.2 after 1.5 million steps; with the"
            " agents of two of its runs mixed -16.1 in place of -10.5 and -11.0.",
        ]

    def data(self, done: Sequence[tuple[Part, Json]]) -> dict[str, Json]:
        """And of every rule the returns with strangers, beside those of the team that each joined."""
        found = teams(done)
        mixed = [
            [rule, [[reward(found[rule][team]), value] for (team, _), value in pairs.items()]]
            for rule, pairs in strangers(done).items()
        ]
        return super().data(done) | {"strangers": mixed}

    def plot(self, report: Report) -> Plot:
        """Bars by algorithm, and return with a stranger over return of the whole team."""
        from zoo.reproduce import plots

        plot, axes = plots.panels(2, 2, width=4.6, height=3.5)
        for panel, measured in zip(axes, self.measures, strict=False):
            self.panel(panel, measured, report)
        axes[0].axhline(TARGET, color="0.4", linestyle=":", linewidth=1.2, label="target")
        last = axes[-1]
        spots = [value for _, pairs in report.data["strangers"] for pair in pairs for value in pair]
        for rule, pairs in report.data["strangers"]:
            own, mixed = zip(*pairs, strict=True)
            last.plot(own, mixed, "o", color=self.colour(rule), markersize=4, alpha=0.8, label=rule)
        if spots:
            ends = [min(spots) - 1, max(spots) + 1]
            last.plot(ends, ends, color="0.5", linewidth=0.9, label="no loss")
        else:
            last.text(0.5, 0.5, "no rule has two runs", ha="center", transform=last.transAxes)
        last.set(title="a stranger in one seat", xlabel="return of the whole team", ylabel="return with a stranger")
        plots.legend_below(plot, axes, 3)
        return plot


def strangers(done: Sequence[tuple[Part, Json]]) -> dict[str, Mapping[tuple[int, int], float]]:
    """Rule -> (seed of two agents, seed of the third) -> return per agent, mean over the seats of the third."""
    known = cards(done)
    found: dict[str, dict[tuple[int, int], list[float]]] = {}
    for game, told in played(done):
        counted = sorted(dict.fromkeys(game.values()), key=list(game.values()).count)
        if len(counted) == 2:
            stranger, team = (known[text] for text in counted)
            found.setdefault(team["rule"], {}).setdefault((team["seed"], stranger["seed"]), []).append(reward(told))
    return {rule: {pair: mean(values).mean for pair, values in pairs.items()} for rule, pairs in found.items()}


FIGURE = MaddpgNavigation()

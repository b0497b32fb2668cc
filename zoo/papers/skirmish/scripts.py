"""How often scripts win in skirmish, against every script that the foes may follow.

Nothing is trained and nothing was published: what a learner does on these settings stands beside these numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics.estimate import Estimate, wilson
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.battles import won
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell
from zoo.papers.games import EPISODES, QUICK_EPISODES, play

ARENA = "skirmish"
SCRIPTS = ("random", "nearest-first", "weakest-first", "focus-fire")
OPPONENTS = ("nearest", "weakest", "focus", "retreat")


class Battle(NamedTuple):
    """A scenario, and what the foes' damage is multiplied by."""

    scenario: str
    enemy: float

    @property
    def title(self) -> str:
        """In words."""
        return self.scenario if self.enemy == 1 else f"{self.scenario}, enemy x {self.enemy:g}"


#: The settings at which scripts neither always win nor always lose, beside the usual ones.
BATTLES = tuple(
    Battle(scenario, enemy)
    for scenario, weaker in (("3m", 0.9), ("2s3z", 0.9), ("5m_vs_6m", 0.7))
    for enemy in (1.0, weaker)
)


def measure(tell: Tell, scenario: str, enemy: float, script: str, episodes: int) -> Json:
    """Opponent -> how many of the first episodes of the public seed a team of one script wins."""
    wins = {}
    for number, opponent in enumerate(OPPONENTS):
        settings = (f"scenario={scenario}", f"enemy={enemy:g}", f"opponent={opponent}")
        venue = Venue(ArenaChoice(ARENA, settings))
        who = venue.entrant(script)
        wins[opponent] = int(won(play(venue, dict.fromkeys(venue.spec.seats, who), episodes)).sum())
        tell(number + 1, len(OPPONENTS))
    return wins


def _percent(share: Estimate) -> str:
    """A share in per cent with the ends of its interval."""
    ends = [0.0 if end is None else 100 * end for end in (share.low, share.high)]
    return f"{100 * share.mean:.0f} [{ends[0]:.0f}, {ends[1]:.0f}]"


class SkirmishScripts(Figure):
    """Win rates of scripts."""

    name = "skirmish-scripts"
    unit = "opponents"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each battle and script."""
        episodes = QUICK_EPISODES if quick else EPISODES
        return [
            Part(f"{script}, {battle.title}", measure, {**battle._asdict(), "script": script, "episodes": episodes})
            for battle in BATTLES
            for script in SCRIPTS
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A table for each battle: a row for each script, a column for each opponent."""
        rows, shares = [], []
        episodes = done[0][0].settings["episodes"]
        for part, wins in done:
            battle = Battle(part.settings["scenario"], part.settings["enemy"])
            estimates = {opponent: wilson(wins[opponent], episodes) for opponent in OPPONENTS}
            cells = {f"{opponent}, %": _percent(x) for opponent, x in estimates.items()}
            script = part.settings["script"]
            rows.append(FigureRow(script, estimates[OPPONENTS[0]], group=battle.title, exact=cells))
            shares.append([battle.title, script, *(x.mean for x in estimates.values())])
        settings = {"arena": "skirmish-v1", "episodes a cell": episodes}
        return Reproduction(rows, settings, "0", self.remarks, {"shares": shares}, over="episodes (Wilson)")

    def plot(self, report: Reproduction) -> plots.Plot:
        """A map for each battle."""
        titles = list(dict.fromkeys(row[0] for row in report.data["shares"]))
        plot, axes = plots.panels(2, (len(titles) + 1) // 2, width=4.2, height=2.8)
        for panel, title in zip(axes, titles, strict=True):
            shown = [row for row in report.data["shares"] if row[0] == title]
            values = np.array([row[2:] for row in shown])
            plots.heat_map(plot, panel, values, (0.0, 1.0), digits=2, dark=0.5, caption="share of battles won")
            panel.set_yticks(range(len(shown)), [row[1] for row in shown])
            panel.set_xticks(range(len(OPPONENTS)), OPPONENTS)
            panel.set_title(title)
        return plot


FIGURE = SkirmishScripts()

"""What teams have with themselves and with strangers, in every cooperative game of which the house keeps several teams.

A team is a training run. Runs that differ by their seed only are of one rule and play each other, one seat or role of
one among those of another. What a team of the rule has with itself says nothing about the second number (Hu et al.
2020); rules that learned by other-play stand beside those that did not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leaderboard.report import plots
from leaderboard.report.layout import number
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.robustness import partner_swap
from zoo.crossplay.matrix import CrossMatrix, play
from zoo.entry import checkpoint
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, spread
from zoo.papers.house import all_rules, by_rule

EPISODES, QUICK_EPISODES = 1000, 100
OWN, STRANGERS = "with itself", "with strangers"


def teams(most: int) -> list[tuple[str, str, list[str]]]:
    """Arena, rule and entrants of every rule with two training runs or more that plays a cooperative game."""
    found = []
    for folder in sorted(path for path in checkpoint.HOUSE.iterdir() if path.is_dir()):
        if Venue(ArenaChoice(folder.name)).spec.kind != "cooperative":
            continue
        for agent in sorted(path.name for path in folder.iterdir() if path.is_dir()):
            for rule, runs in by_rule(all_rules(folder.name, agent, most)).items():
                if len(runs) > 1:
                    found.append((folder.name, rule, [run.entrant for run in runs]))
    return found


def mean_over_roles(matrix: CrossMatrix) -> np.ndarray:
    """Mean returns [R, C]."""
    return np.asarray(np.mean([matrix.mean(role) for role in matrix.roles], axis=0))


def swapped(tell: Tell, arena: str, entrants: list[str], episodes: int, seed: int) -> Json:
    """Mean returns of every team with the partners of every other one, and of random seats with random ones."""
    venue = Venue(ArenaChoice(arena))
    matrix = play(venue, entrants, episodes=episodes, seed=seed)
    tell(1, 2)
    chance = play(venue, ["random"], episodes=episodes, seed=seed)
    tell(2, 2)
    return {"matrix": mean_over_roles(matrix).tolist(), "random": float(mean_over_roles(chance)[0, 0])}


class Strangers(Figure):
    """Self-play beside cross-play."""

    name = "strangers"
    unit = "matrices"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each game and rule."""
        episodes = QUICK_EPISODES if quick else EPISODES
        common = {"episodes": episodes, "seed": 0}
        return [
            Part(f"{rule} in {arena}", swapped, {"arena": arena, "entrants": entrants} | common)
            for arena, rule, entrants in teams(seeds)
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Two rows for each game and rule: what its teams have with themselves, and with each other."""
        rows, bars = [], []
        for part, result in done:
            rule, _, arena = part.name.partition(" in ")
            values = np.array(result["matrix"])
            swap, runs = partner_swap(values), len(values)
            drop = swap.drop
            interval = "" if drop.low is None else f" [{number(drop.low, 2)}, {number(drop.high, 2)}]"
            own = Estimate(swap.self_play, None, None, runs)
            cross = Estimate(swap.cross_play, None, None, runs * (runs - 1))
            spoken = f"{number(drop.mean, 2)}{interval} less than {OWN}"
            rows.append(FigureRow(f"{rule}, {OWN}", own, None, arena, "higher", sd=spread(np.diag(values))))
            rows.append(FigureRow(f"{rule}, {STRANGERS}", cross, None, arena, "higher", note=spoken))
            scale = swap.self_play - result["random"]
            share = (swap.cross_play - result["random"]) / scale if scale > 0 else float("nan")
            # the loss has the interval; what a team has with itself is taken as it is
            low, high = (None if end is None or scale <= 0 else 1 - end / scale for end in (drop.high, drop.low))
            bars.append({"label": f"{rule}, {arena}", "share": share, "low": low, "high": high, "runs": runs})
        games = done[0][0].settings["episodes"] if done else 0
        settings = {"teams": f"the house's, at most {seeds} of a rule", "episodes of a pairing": games}
        over = "pairs of teams, of three and more"
        return Reproduction(rows, settings, "those of the teams", self.remarks, {"bars": bars}, over=over)

    def plot(self, report: Reproduction) -> plots.Plot:
        """What is left with strangers, where random seats have 0 and the team with itself 1."""
        bars: list[dict[str, Any]] = report.data["bars"]
        plot, (panel,) = plots.panels(1, width=7.5, height=1.2 + 0.18 * len(bars))  # inches; a line for each label
        places = np.arange(len(bars))[::-1]
        panel.barh(places, [bar["share"] for bar in bars], color=plots.COLOURS[0])
        for place, bar in zip(places, bars, strict=True):
            if bar.get("low") is not None:
                panel.plot([bar["low"], bar["high"]], [place, place], color="black", linewidth=1)
        panel.axvline(1.0, color="black", linestyle=":")
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.set_yticks(places, [bar["label"] for bar in bars], fontsize=7)
        panel.set(xlabel=f"return {STRANGERS}: random seats 0, {OWN} 1", ylim=(-0.7, len(bars) - 0.3))
        least = min([0.0, *(bar["share"] for bar in bars if bar["share"] == bar["share"])])
        panel.set_xlim(least - 0.15, 1.2)  # intervals of a few teams are wider
        return plot


FIGURE = Strangers()

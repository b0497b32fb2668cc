"""The coin game: what every rule's house checkpoints do with their like, against greedy and against the cooperator.

LOLA's figure 5 shows the share of coins of one's own colour that learners pick up with their like. That share alone
does not tell a reciprocator from a victim, so the return stands beside it, and both against two scripts that never
learn: greedy takes every coin, the cooperator only its own. A seed is a training seed of the house's, whose card holds
the command that trained it; nothing is trained here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.catalogue import house_entrants
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell, seed_words
from zoo.papers.house import house, rule_of
from zoo.play.blocks import Task, play_block

ARENA, IDENTITY = "coin", "coin-v1"
OWN = "own_colour_share"
#: What is met, and the entrant; None is the like.
PARTNERS = {"its like": None, "greedy": "greedy", "cooperator": "cooperator"}
#: Rule -> share of own-colour coins with its like, read off figure 5 to about .05.
FIGURE_5 = {
    "lola": Published(0.8, 0.75, 0.85, "figure 5"),
    "lola@opponent-modelling": Published(0.6, 0.55, 0.65, "figure 5"),
    "naive": Published(0.5, 0.45, 0.55, "figure 5"),
}
#: Exact return per step of two cooperators with each other over 150 steps.
COOPERATORS = 0.33297


def measure(tell: Tell, entrant: str, weights: str, partner: str | None, episodes: int) -> Json:
    """By seat the entrant's return per step and share of own-colour coins, against `partner` or its like.

    `weights` only tells the checkpoint's contents apart.
    """
    venue = Venue(ArenaChoice(ARENA))
    pair = sorted((entrant, partner or entrant), key=venue.id)
    by_seat: dict[str, dict[str, float]] = {}
    block = play_block(venue, Task((pair[0], pair[1]), 0, 0, episodes))
    for result in block.results:
        if result.entrant == venue.id(entrant):
            per_step = float(np.mean(result.returns / result.lengths))
            by_seat[result.seat] = {"return": per_step, "own": result.metrics[OWN][0]}
    tell(episodes, episodes)
    return by_seat


class LolaCoin(Figure):
    """Own-colour share and return of every rule with house checkpoints."""

    name = "lola-coin"
    unit = "episodes"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A checkpoint against a partner."""
        episodes = 250 if quick else 1000
        return [
            Part(
                f"{run.entrant} and {met}",
                measure,
                {"entrant": run.entrant, "weights": run.weights, "partner": partner, "episodes": episodes},
            )
            for agent in house_entrants(IDENTITY)
            for run in house(IDENTITY, agent, seeds)
            for met, partner in PARTNERS.items()
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Share and return of every rule in every seat against each partner, mean over training seeds."""
        figures: dict[tuple[str, str, str], list[dict[str, float]]] = {}
        for part, result in done:
            rule, met = rule_of(part.settings["entrant"]), part.name.partition(" and ")[2]
            for seat, of_seat in result.items():
                figures.setdefault((met, rule, seat), []).append(of_seat)
        rows = [
            FigureRow(
                f"{rule}, {seat}",
                estimate.t([one[what] for one in runs]),
                FIGURE_5.get(rule) if what == "own" and PARTNERS[met] is None else None,
                f"{words}, with {met}",
                "higher",
            )
            for what, words in (("own", "share of own-colour coins"), ("return", "return per step"))
            for met in PARTNERS
            for (where, rule, seat), runs in figures.items()
            if where == met
        ]
        notes = [
            f"Two cooperators earn {COOPERATORS:.3f} per step each; an exact best response to greedy earns .000.",
            "Own colour alone does not show reciprocity: read it beside the return against greedy.",
            "The interval is over training seeds; where there is one checkpoint there is none.",
        ]
        settings = {"game": "coin, 3x3, 150 steps", "episodes a seating": done[0][0].settings["episodes"]}
        data = {
            "rows": [[*key, [x["own"] for x in runs], [x["return"] for x in runs]] for key, runs in figures.items()]
        }
        return Reproduction(rows, settings, seed_words(seeds), notes, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Dots of every training seed and bars of their mean, by partner."""
        plot, axes = plots.panels(len(PARTNERS), 2, width=4.2, height=3.2)
        rows: list[Any] = report.data["rows"]
        rules = list(dict.fromkeys(rule for _, rule, *_ in rows))
        seats = list(dict.fromkeys(seat for _, _, seat, *_ in rows))
        for column, met in enumerate(PARTNERS):
            for line, (index, name) in enumerate(((3, "own-colour share"), (4, "return per step"))):
                panel = axes[line * len(PARTNERS) + column]
                for where, rule, seat, *values in rows:
                    if where != met:
                        continue
                    at = rules.index(rule) + 0.36 * (seats.index(seat) - 0.5)
                    colour = plots.COLOURS[seats.index(seat)]
                    runs = values[index - 3]
                    panel.bar(at, np.mean(runs), width=0.34, color=colour, alpha=0.55, label=f"{seat} seat, mean")
                    panel.plot([at] * len(runs), runs, "o", color="black", markersize=3, label="training seed")
                if line == 0:
                    panel.axhline(0.5, color="0.4", linestyle=":", linewidth=1, label="indifferent")
                    if PARTNERS[met] is None:
                        plots.published(panel, FIGURE_5["lola"].value, "paper, LOLA-PG")
                    panel.set(ylim=(0, 1.03), title=f"with {met}")
                else:
                    panel.axhline(0, color="0.4", linewidth=0.8)
                    panel.axhline(COOPERATORS, color=plots.COLOURS[2], linestyle="--", label="two cooperators")
                    panel.set(ylim=(-0.35, 0.7))
                named = [rule.replace("@", ",\n") for rule in rules] if line else [""] * len(rules)
                panel.set_xticks(range(len(rules)), named, rotation=35, ha="right", fontsize=8)
                panel.grid(axis="x", visible=False)
                if column == 0:
                    panel.set_ylabel(name)
        plots.legend_below(plot, axes, 6)
        return plot


FIGURE = LolaCoin()

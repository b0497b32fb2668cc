"""The coin game: what the house checkpoints of every rule do with their like, with greedy and with the cooperator.

LOLA's figure 5 shows the share of coins of one's own colour that learners pick up with their like. That share alone
does not separate a reciprocator from a victim. So the return stands beside it, and both are shown with two scripts that
never learn: greedy takes every coin, the cooperator only its own. A seed is a training seed of the house's, whose card
holds the command that trained it; nothing is trained here.
"""

from __future__ import annotations

import itertools

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.catalogue import house_entrants
from zoo.entry.registry import load_arena
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell, seed_words
from zoo.papers.house import all_rules, rule_of
from zoo.play.blocks import Task, play_block

ARENA, IDENTITY = "coin", "coin-v1"
OWN = "own_colour_share"
#: What is measured, in words.
WORDS = {"own": "share of own-colour coins", "return": "return per step"}
#: Partner, in words -> its entrant; None is the like.
PARTNERS = {"its like": None, "greedy": "greedy", "cooperator": "cooperator"}
#: Rule -> share of own-colour coins with its like, read off the thesis's figure 8.5 at 4,600 iterations, 30 runs.
FIGURE_5 = {
    "lola": Published(0.815, basis="figure 8.5", rounding=0.01),
    "lola@opponent-modelling": Published(0.59, basis="figure 8.5", rounding=0.01),
    "naive": Published(0.52, basis="figure 8.5", rounding=0.01),
}
#: Rule -> points an episode with its like, as figure 8.5 of the thesis has them at 4,600 iterations, 30 runs.
POINTS = {
    "lola": Published(16.0, basis="figure 8.5", rounding=0.5),
    "lola@opponent-modelling": Published(2.2, basis="figure 8.5", rounding=0.5),
    "naive": Published(0.2, basis="figure 8.5", rounding=0.5),
}
#: Exact return per step of two cooperators with each other over 150 steps.
COOPERATORS = 0.33297


def measure(tell: Tell, entrant: str, weights: str, partner: str | None, episodes: int) -> Json:
    """Seat -> the entrant's return per step and share of own-colour coins, with `partner` or its like.

    `weights` only make the part's key depend on the checkpoint's contents.
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
        """A part for each checkpoint and partner."""
        episodes = 250 if quick else 1000
        parts = []
        runs = [run for agent in house_entrants(IDENTITY) for run in all_rules(IDENTITY, agent, seeds)]
        for run, (met, partner) in itertools.product(runs, PARTNERS.items()):
            settings = {"entrant": run.entrant, "weights": run.weights, "partner": partner, "episodes": episodes}
            parts.append(Part(f"{run.entrant} and {met}", measure, settings))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Share and return of every rule in every seat with each partner, mean over training seeds."""
        figures: dict[tuple[str, str, str], dict[str, list[float]]] = {}
        for part, result in done:
            rule, met = rule_of(part.settings["entrant"]), part.name.partition(" and ")[2]
            for seat, values in result.items():
                runs = figures.setdefault((met, rule, seat), {what: [] for what in WORDS})
                for what in WORDS:
                    runs[what].append(values[what])
        rows = []
        for (what, words), partner in itertools.product(WORDS.items(), PARTNERS):
            for (met, rule, seat), runs in figures.items():
                if met == partner:
                    published = FIGURE_5.get(rule) if what == "own" and PARTNERS[met] is None else None
                    group = f"{words}, with {met}"
                    rows.append(FigureRow(f"{rule}, {seat}", estimate.t(runs[what]), published, group, "higher"))
        steps = load_arena(ARENA).make(1).spec.max_steps
        for (met, rule, seat), runs in figures.items():
            if PARTNERS[met] is None:
                points = estimate.t(np.multiply(runs["return"], steps))
                group = f"points an episode of {steps} steps, with {met}"
                rows.append(FigureRow(f"{rule}, {seat}", points, POINTS.get(rule), group, "higher"))
        notes = [
            f"Two cooperators earn {COOPERATORS:.3f} per step each; an exact best response to greedy earns .000.",
            *self.remarks,
        ]
        settings = {"game": "coin, 3x3, 150 steps", "episodes a seating": done[0][0].settings["episodes"]}
        data = {"rows": [[*key, *runs.values()] for key, runs in figures.items()]}
        return Reproduction(rows, settings, seed_words(seeds), notes, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Bars of the means and dots of every training seed, by partner, rule and seat."""
        plot, axes = plots.panels(len(PARTNERS), 2, width=4.2, height=3.2)
        for column, met in enumerate(PARTNERS):
            shown = [row for row in report.data["rows"] if row[0] == met]
            names = [f"{rule}, {seat}" for _, rule, seat, *_ in shown]
            colours = [plots.COLOURS[seat == shown[0][2]] for _, _, seat, *_ in shown]
            share, earned = axes[column], axes[len(PARTNERS) + column]
            plots.bars(share, [""] * len(shown), [own for *_, own, _ in shown], colours, dots="a training seed")
            plots.bars(earned, names, [returns for *_, returns in shown], colours, dots="a training seed")
            share.axhline(0.5, color="0.4", linestyle=":", linewidth=1, label="indifferent")
            if PARTNERS[met] is None:
                plots.published(share, FIGURE_5["lola"].value, "paper, LOLA-PG")
            share.set(ylim=(0, 1.03), title=f"with {met}")
            earned.axhline(COOPERATORS, color=plots.COLOURS[2], linestyle="--", label="two cooperators")
            earned.set(ylim=(-0.35, 0.7))
        axes[0].set_ylabel("own-colour share")
        axes[len(PARTNERS)].set_ylabel("return per step")
        plots.legend_below(plot, axes, 6)
        return plot


FIGURE = LolaCoin()

"""Are policy ensembles more robust? Predator and prey, against one policy, a longer one, and a mixture of them.

Lowe et al. 2017 train K sub-policies a seat together, one drawn per team and episode, so that a team does not fit
itself to one opponent. Whether that leaves it more robust is asked here of strangers, who come from other training
runs: the ensemble against one policy of the same number of steps, one of K times the steps, and a mixture of K policies
that were trained independently and are drawn the same way. Only the last shows whether training them together helps.

For K of the n training seeds all entries meet the same opponents: all runs with other seeds, of whatever algorithm, and
the scripts. `leaderboard.statistics.robustness` defines the figures. Intervals are by the jackknife over batches of
episodes, training seeds and kinds of opponents. Nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.robustness import MEAN, WORST
from zoo.entry.declared import anchors_for
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers import games
from zoo.papers.figure import Figure, Part, Reproduction, Results
from zoo.papers.maddpg.ensemble_games import ARENA, ROLES, SINGLE, WAYS, alone, hunt, watch
from zoo.papers.maddpg.ensemble_returns import CVAR, ENSEMBLE, EnsembleReturns, lineup
from zoo.papers.maddpg.ensemble_rows import (
    Line,
    cluster_rows,
    clusters_of,
    diversity_of,
    diversity_rows,
    notes_of,
    robustness_rows,
    sub_policy_rows,
)

EPISODES, QUICK_EPISODES = 1000, 200
WATCHED, QUICK_WATCHED = 20, 4  # episodes of every run's own game whose observations show the diversity


class PolicyEnsembles(Figure):
    """The ensemble and its three controls in tag, in both roles."""

    name = "maddpg-ensembles"
    unit = "games"
    revision = 2

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """One run's predators with everybody's prey; the sub-policies of an ensemble; and how much policies differ."""
        who = lineup(seeds)
        weights = {run.entrant: run.weights for run in who.everybody}
        texts, episodes = list(weights), QUICK_EPISODES if quick else EPISODES
        common = {"weights": weights, "episodes": episodes}
        ensembles, singles = ([run.entrant for run in who.runs[rule]] for rule in (ENSEMBLE, SINGLE))
        watched = {"ensembles": ensembles, "singles": singles, "k": who.k, "weights": weights}
        return [
            *(Part(f"{text} v all", hunt, {"predators": text, "prey": texts} | common) for text in texts),
            *(
                Part(f"{text} by parts", alone, {"ensemble": text, "k": who.k, "others": texts} | common)
                for text in ensembles
            ),
            Part("diversity", watch, watched | {"episodes": QUICK_WATCHED if quick else WATCHED}),
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """The differences, the entries, the paper's comparison, the sub-policies and their diversity."""
        returns = EnsembleReturns(done, lineup(seeds))
        apart: dict[str, dict[str, Line]] = {}
        entries: dict[str, dict[str, Line]] = {}
        for role in ROLES:
            lines = returns.figures(role)
            entries[role] = {entry: {name: x.estimate() for name, x in line.items()} for entry, line in lines.items()}
            apart[role] = {
                control: {
                    name: (lines[ENSEMBLE][name] - lines[control][name]).estimate() for name in (MEAN, WORST, CVAR)
                }
                for control in returns.controls
            }
        anchors = anchors_for(Venue(ArenaChoice(ARENA)))
        clusters = clusters_of(returns, anchors)
        diversity = {way: diversity_of(returns, way) for way in WAYS}
        kinds, table = returns.table()
        data = {
            "k": returns.who.k,
            "entries": _triples(entries),
            "differences": _triples(apart),
            "clusters": _triples(clusters),
            "diversity": _triples(diversity),
            "distances": {way: returns.watched[way] for way in WAYS},
            "kinds": kinds,
            "table": table,
        }
        rows = [
            *robustness_rows(apart, entries),
            *cluster_rows(clusters, anchors),
            *sub_policy_rows(returns),
            *diversity_rows(diversity),
        ]
        hunts = [(part, result) for part, result in done if part.function is hunt]
        notes = notes_of(returns, apart, clusters)
        return Reproduction(rows, games.settings(ARENA, hunts), games.seeds_of(hunts), notes, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Entries in both roles, the ensemble less its controls, and what all kinds earn with each other."""
        plot, axes = plots.panels(2, 2, width=5.4, height=3.7)
        for panel, (role, words) in zip(axes, ROLES.items(), strict=False):
            _draw_lines(panel, report.data["entries"][role], (MEAN, WORST))
            panel.set(title=f"as {words}, with strangers", xlabel="return of a seat an episode")
        _draw_differences(axes[2], report.data["differences"])
        _draw_table(plot, axes[3], report.data["kinds"], report.data["table"])
        plots.legend_below(plot, axes[:3], 3)
        return plot


def _triples(tree: Mapping[str, Any] | Estimate) -> Any:
    """Nested estimates as lists of value, low and high."""
    if isinstance(tree, Estimate):
        return [tree.mean, tree.low, tree.high]
    return {name: _triples(x) for name, x in tree.items()}


_MARKS = {MEAN: ("o", "mean"), WORST: ("s", "worst case"), CVAR: ("^", "CVaR 20 %")}


def _draw_lines(panel: plots.Axes, lines: Mapping[str, Mapping[str, list[Any]]], names: Sequence[str]) -> None:
    """In a line for each of `lines` a dot with its interval for each of its figures, one above the other."""
    for at, name in enumerate(names):
        shape, words = _MARKS[name]
        for line, figures in enumerate(lines.values()):
            value, low, high = figures[name]
            panel.errorbar(
                [value],
                [line + 0.2 * (at - (len(names) - 1) / 2)],
                xerr=[[0.0], [0.0]] if low is None else [[value - low], [high - value]],
                fmt=shape,
                color=plots.colours_of(_MARKS)[name],
                markersize=5,
                capsize=2,
                elinewidth=1.3,
                label=f"{words}, 95 %",
            )
    panel.set_ylim(len(lines) - 0.5, -0.5)
    panel.set_yticks(range(len(lines)), list(lines), fontsize=9)
    panel.grid(axis="y", visible=False)


def _draw_differences(panel: plots.Axes, differences: Mapping[str, Any]) -> None:
    lines = {f"{ROLES[role]}, {control}": x for role, by in differences.items() for control, x in by.items()}
    _draw_lines(panel, lines, (MEAN, WORST, CVAR))
    panel.axvline(0, color="0.3", linewidth=1)
    panel.axhline(len(lines) / 2 - 0.5, color="0.8", linewidth=0.8)
    panel.set(title="ensemble less control: right of 0 is more robust", xlabel="difference in return")


def _draw_table(plot: plots.Plot, panel: plots.Axes, kinds: Sequence[str], table: Sequence[Sequence[float]]) -> None:
    values = np.array(table)
    low, high = float(values.min()), float(np.percentile(values, 75))  # what the weakest prey pays shall not take all
    plots.heat_map(plot, panel, values, (low, high), digits=1, dark=0.5, extend="max")
    panel.set_xticks(range(len(kinds)), kinds, rotation=35, ha="right", rotation_mode="anchor", fontsize=8)
    panel.set_yticks(range(len(kinds)), kinds, fontsize=8)
    panel.set(title="return of a predator, strangers", ylabel="predators", xlabel="prey")


FIGURE = PolicyEnsembles()

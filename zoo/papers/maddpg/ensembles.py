"""Are policy ensembles more robust? Predator and prey, against one policy, a longer one, and a mixture of them.

Lowe et al. 2017 train K sub-policies a seat together, one drawn per team and episode, so that a team does not fit
itself to one opponent. Whether that leaves it more robust is asked here of strangers, who come from other training
runs: the ensemble against one policy of the same number of steps, one of K times the steps, and a mixture of K policies
that were trained independently and are drawn the same way. Only the last shows whether training them together helps.

All entries meet the same opponents for K of the n training seeds: every run, of whatever algorithm, whose seed is none
of them, and the scripts. `leaderboard.statistics.robustness` defines the figures. Intervals are by the jackknife over
batches of episodes, training seeds and kinds of opponents. Nothing is trained here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from leaderboard.report import plots
from leaderboard.report.layout import number
from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.robustness import ALPHA, MEAN, WORST
from zoo.entry.declared import BEST, Anchors, anchors_for
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Figure, FigureRow, Part, Reproduction, Results
from zoo.papers.maddpg import games
from zoo.papers.maddpg.ensemble_games import ARENA, ROLES, SINGLE, WAYS, alone, hunt, watch
from zoo.papers.maddpg.ensemble_returns import ENSEMBLE, SCRIPTS, EnsembleReturns, lineup

CVAR = "CVaR"
EPISODES, QUICK_EPISODES = 1000, 200
WATCHED, QUICK_WATCHED = 20, 4  # episodes of every run's own game whose observations show the diversity
CLUSTERS = {
    "single v single": (SINGLE, SINGLE),
    "ensemble v single": (ENSEMBLE, SINGLE),
    "single v ensemble": (SINGLE, ENSEMBLE),
    "ensemble v ensemble": (ENSEMBLE, ENSEMBLE),
}
GAIN = "gain over single v single"
MORE, LESS, UNKNOWN = "more robust", "less robust", "no difference shown"
#: Column or name -> estimate, in one line of a table.
Line = Mapping[str, Estimate]


def verdict(differences: Line) -> str:
    """In words what the intervals of the differences in mean, worst case and CVaR show."""
    more = [name for name, x in differences.items() if x.low is not None and x.low > 0]
    less = [name for name, x in differences.items() if x.high is not None and x.high < 0]
    if more and less:
        return ", ".join([*(f"+{name}" for name in more), *(f"-{name}" for name in less)])
    for words, names in ((MORE, more), (LESS, less)):
        if names:
            return words if len(names) == len(differences) else f"{words}: {', '.join(names)}"
    return UNKNOWN


def _cells(line: Line, *, sign: bool = False) -> dict[str, str]:
    cells = {}
    for name, x in line.items():
        half = "" if x.high is None else f" ±{number(x.high - x.mean, 2)}"
        cells[name] = f"{'+' if sign and x.mean > 0 else ''}{number(x.mean, 2)}{half}"
    return cells


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
        figures = {role: returns.figures(role) for role in ROLES}
        apart = {
            role: {
                control: {
                    name: (of_entry[ENSEMBLE][name] - of_entry[control][name]).estimate()
                    for name in (MEAN, WORST, CVAR)
                }
                for control in returns.controls
            }
            for role, of_entry in figures.items()
        }
        entries = {
            role: {entry: {name: x.estimate() for name, x in line.items()} for entry, line in of_entry.items()}
            for role, of_entry in figures.items()
        }
        anchors = anchors_for(Venue(ArenaChoice(ARENA)))
        clusters = _clusters(returns, anchors)
        diversity = {way: _diversity(returns, way) for way in WAYS}
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
            *_robustness_rows(apart, entries),
            *_cluster_rows(clusters, anchors),
            *_sub_policies(returns),
            *_diversity_rows(diversity),
        ]
        hunts = [(part, result) for part, result in done if part.function is hunt]
        notes = _notes(returns, apart, clusters)
        return Reproduction(rows, games.settings(ARENA, hunts), games.seeds_of(hunts), notes, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Entries as both roles, what the ensemble has more than its controls, and who does what with whom."""
        plot, axes = plots.panels(2, 2, width=5.4, height=3.7)
        for panel, (role, words) in zip(axes, ROLES.items(), strict=False):
            _draw_lines(panel, report.data["entries"][role], (MEAN, WORST))
            panel.set(title=f"as {words}, with strangers", xlabel="return of a seat an episode")
        _draw_differences(axes[2], report.data["differences"])
        _draw_table(plot, axes[3], report.data["kinds"], report.data["table"])
        plots.legend_below(plot, axes[:3], 3)
        return plot


def _robustness_rows(
    apart: Mapping[str, Mapping[str, Line]], entries: Mapping[str, Mapping[str, Line]]
) -> list[FigureRow]:
    """The ensemble less its controls, with the verdict; then every entry by itself."""
    rows = []
    for role, words in ROLES.items():
        heading = f"Is it more robust? As {words}: {ENSEMBLE} less control, ±95 %"
        for control, line in apart[role].items():
            cells = _cells(line, sign=True) | {"verdict": verdict(line)}
            rows.append(FigureRow(control, line[WORST], None, heading, "higher", exact=cells))
    for role, words in ROLES.items():
        heading = f"As {words}, with strangers: return of a seat an episode ±95 %"
        for entry, line in entries[role].items():
            rows.append(FigureRow(entry, line[MEAN], None, heading, "higher", exact=_cells(line)))
    return rows


def _low(anchors: Anchors) -> str:
    return anchors.low or SCRIPTS[-1]


def _clusters(returns: EnsembleReturns, anchors: Anchors) -> dict[str, Line]:
    scores = {role: returns.scores(role, _low(anchors), anchors.high) for role in ROLES}
    clusters: dict[str, Line] = {
        label: {
            "agents": returns.cluster(scores["agent"], agents, adversaries),
            "adversaries": returns.cluster(scores["adversary"], adversaries, agents),
        }
        for label, (agents, adversaries) in CLUSTERS.items()
    }
    clusters[GAIN] = {
        "agents": returns.cluster(scores["agent"], ENSEMBLE, SINGLE, SINGLE),
        "adversaries": returns.cluster(scores["adversary"], ENSEMBLE, SINGLE, SINGLE),
    }
    return clusters


def _cluster_rows(clusters: Mapping[str, Line], anchors: Anchors) -> list[FigureRow]:
    high = "best of these" if anchors.high == BEST else anchors.high
    heading = f"Figure 3 (bars only), agents v adversaries: score, 0 {_low(anchors)}, 1 {high}"
    return [
        FigureRow(label, line["agents"], None, heading, "higher", exact=_cells(line, sign=label not in CLUSTERS))
        for label, line in clusters.items()
    ]


def _sub_policies(returns: EnsembleReturns) -> list[FigureRow]:
    """By training seed the mean with strangers of the ensemble, and of each of its sub-policies by itself."""
    heading = "Every ensemble, and each of its sub-policies alone: mean with strangers"
    seeds, run_of = returns.who.seeds, returns.who.run_of
    rows = []
    for role, words in ROLES.items():
        parts = returns.alone[role].mean(0)  # [n, K, C]
        lines = {"whole": returns.values[role].mean(0)[returns.rows(ENSEMBLE)]}  # [n, C]
        lines |= {f"sub-policy {k}": parts[:, k] for k in range(returns.who.k)}
        for line, values in lines.items():
            means = [float(row[[run != at for run in run_of]].mean()) for at, row in enumerate(values)]
            cells = {f"seed {seed}": number(x, 2) for seed, x in zip(seeds, means, strict=True)}
            rows.append(FigureRow(f"{words}, {line}", estimate.t(means), None, heading, "higher", exact=cells))
    return rows


def _diversity(returns: EnsembleReturns, way: str) -> dict[str, Line]:
    inside, between = {}, {}
    for role, words in ROLES.items():
        inside[words] = estimate.t([float(np.mean(pairs)) for pairs in returns.watched[way]["inside"][role]])
        square = np.array(returns.watched[way]["between"][role])
        without = [np.delete(np.delete(square, s, 0), s, 1) for s in range(len(square))]
        value, *left = (float(x[~np.eye(len(x), dtype=bool)].mean()) for x in (square, *without))
        between[words] = estimate.jackknife(value, left)
    return {"sub-policies of one ensemble": inside, f"{SINGLE} of different seeds": between}


def _diversity_rows(diversity: Mapping[str, Mapping[str, Line]]) -> list[FigureRow]:
    return [
        FigureRow(
            label,
            line["predators"],
            None,
            f"Diversity {words}: total variation distance, 0 the same, 1 never",
            exact=_cells(line),
        )
        for way, words in WAYS.items()
        for label, line in diversity[way].items()
    ]


def _notes(
    returns: EnsembleReturns, apart: Mapping[str, Mapping[str, Line]], clusters: Mapping[str, Line]
) -> list[str]:
    who, strangers = returns.who, returns.who.selection(mixed=True).held_out
    n, k = len(who.seeds), who.k
    robust = [
        words for role, words in ROLES.items() if all((line[WORST].low or 0.0) > 0 for line in apart[role].values())
    ]
    halves = {
        words: max(x.high - x.mean for line in apart[role].values() for x in line.values() if x.high is not None)
        for role, words in ROLES.items()
    }
    gain = clusters[GAIN]["agents"]
    beat = "are shown to" if gain.low is not None and gain.low > 0 else "are not shown to"
    everybody = ", ".join([*who.runs, *(run.rule for run in who.scripts)])
    widths = " and ".join(f"{number(half, 1)} as {words}" for words, half in halves.items())
    return [
        f"Answer: as {' and as '.join(robust)} the ensemble's worst case is shown to be better than all controls'."
        if robust
        else "Answer: in neither role is the ensemble's worst case shown to be better than all three controls'.",
        f"Strangers of {k} seeds: everybody of the other seeds ({everybody}), {strangers[0].sum()}, the same for all"
        f" entries; mean over all {len(strangers)} choices of {k} of {n} seeds. worst: the least; CVaR: mean of the"
        f" worst {ALPHA:.0%}; both chosen on one half of the episodes and estimated on the other, both ways, averaged;"
        " gap: with the own run's other side less mean.",
        f"{returns.mixture}: {k} {SINGLE} of different seeds, one drawn per team and episode. Its return is exactly"
        " its members' mean: so it has the mean and gap of one, and in truth never less in worst case and CVaR.",
        "Intervals are over seeds (with all mixtures that hold one), episodes, and for mean and gap kinds of"
        f" opponents; none is corrected for the {len(ROLES) * len(returns.controls) * 3} comparisons. {n} seeds"
        f" leave half-widths of up to {widths}: smaller differences cannot be ruled out.",
        f"The paper: ensemble agents beat single adversaries by a large margin. Here agents {beat} score more"
        " against single adversaries if they are an ensemble.",
        f"K = {k}{', as in the paper' if k == 2 else ' (paper 2)'}. Discrete actions, executed hard (its code:"
        f" soft); mpe2's world; a sub-policy gets 1/{k} of the steps and updates; a shared critic; TV over"
        f" {returns.watched['observations']:,} observations of a seat in the runs' own games.",
        "Not run: continuous actions, K = 3, the paper's keep-away and navigation; for trained exploiters see"
        f" `zoo exploit {ENSEMBLE} --arena {ARENA}`.",
    ]


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
                color=plots.COLOURS[list(_MARKS).index(name)],
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

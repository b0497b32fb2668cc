"""Rows and notes about ensembles in tag: are they more robust, by how much, and what is inside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from leaderboard.report.layout import number
from leaderboard.report.sheet import spreads
from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.robustness import ALPHA, MEAN, WORST
from zoo.entry.declared import BEST, Anchors
from zoo.papers.figure import FigureRow
from zoo.papers.maddpg.ensemble_games import ARENA, ROLES, SINGLE, WAYS
from zoo.papers.maddpg.ensemble_returns import ENSEMBLE, SCRIPTS, EnsembleReturns

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
    texts = spreads("", list(line.values()), 2).cells
    pairs = zip(line.items(), texts, strict=True)
    return {name: f"{'+' if sign and x.mean > 0 else ''}{text}" for (name, x), text in pairs}


def _rows(heading: str, lines: Mapping[str, Line], column: str, better: Literal["", "higher"] = "") -> list[FigureRow]:
    """A row for every line, whose number is that of the column; a gain has its sign."""
    return [
        FigureRow(label, line[column], None, heading, better, exact=_cells(line, sign=label == GAIN))
        for label, line in lines.items()
    ]


def robustness_rows(
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
        rows += _rows(f"As {words}, with strangers: return of a seat an episode ±95 %", entries[role], MEAN, "higher")
    return rows


def _low(anchors: Anchors) -> str:
    return anchors.low or SCRIPTS[-1]


def clusters_of(returns: EnsembleReturns, anchors: Anchors) -> dict[str, Line]:
    """The paper's comparison: the scores of agents and of adversaries by who met whom, and what the ensemble gains."""
    agents, adversaries = (returns.scores(role, _low(anchors), anchors.high) for role in ("agent", "adversary"))
    clusters: dict[str, Line] = {
        label: {
            "agents": returns.cluster(agents, one, other),
            "adversaries": returns.cluster(adversaries, other, one),
        }
        for label, (one, other) in CLUSTERS.items()
    }
    gains = [returns.cluster(scores, ENSEMBLE, SINGLE, SINGLE) for scores in (agents, adversaries)]
    return clusters | {GAIN: dict(zip(("agents", "adversaries"), gains, strict=True))}


def cluster_rows(clusters: Mapping[str, Line], anchors: Anchors) -> list[FigureRow]:
    """A row for everything that `clusters_of` gives."""
    high = "best of these" if anchors.high == BEST else anchors.high
    heading = f"Figure 3 (bars only), agents v adversaries: score, 0 {_low(anchors)}, 1 {high}"
    return _rows(heading, clusters, "agents", "higher")


def sub_policy_rows(returns: EnsembleReturns) -> list[FigureRow]:
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


def diversity_of(returns: EnsembleReturns, way: str) -> dict[str, Line]:
    """How much the policies inside an ensemble differ, and those of different training seeds; `way` is of `WAYS`."""
    inside, between = {}, {}
    for role, words in ROLES.items():
        inside[words] = estimate.t([float(np.mean(pairs)) for pairs in returns.watched[way]["inside"][role]])
        square = np.array(returns.watched[way]["between"][role])
        without = [np.delete(np.delete(square, s, 0), s, 1) for s in range(len(square))]
        value, *left = (float(x[~np.eye(len(x), dtype=bool)].mean()) for x in (square, *without))
        between[words] = estimate.jackknife(value, left)
    return {"sub-policies of one ensemble": inside, f"{SINGLE} of different seeds": between}


def diversity_rows(diversity: Mapping[str, Mapping[str, Line]]) -> list[FigureRow]:
    """By way of looking at policies the rows of `diversity_of`."""
    heading = "Diversity {}: total variation distance, 0 the same, 1 never"
    return [row for way, words in WAYS.items() for row in _rows(heading.format(words), diversity[way], "predators")]


def notes_of(
    returns: EnsembleReturns, apart: Mapping[str, Mapping[str, Line]], clusters: Mapping[str, Line]
) -> list[str]:
    """The answer in words, what the figures mean, and what was not run."""
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

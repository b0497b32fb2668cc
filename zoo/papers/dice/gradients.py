"""How well estimated derivatives agree with exact ones, against the number of episodes: the estimator figure of DiCE.

A seed is a pair of memory-one policies of the iterated prisoner's dilemma, logits N(0, 1); the value is the row
player's discounted return over T = 150 steps. Its gradient [10] and Hessian [10, 10] in the logits of both are known
exactly from the arena. 100,000 episodes are drawn from the pair, and each estimator is differentiated once and twice on
every 8 of them; the estimate from n episodes is the mean over n / 8 such sets, and the 100,000 episodes hold several
disjoint samples of n. LOLA uses only the mixed block [5, 5]: the derivatives in a logit of the row player and one of
the column player.

The baseline of "DiCE + baseline" and the values of "loaded DiCE, exact values" are the exact values of the two
policies, as good as a critic can be. "Loaded DiCE, fitted values" takes generalised advantages (lambda .95) from a
table that was fitted to the returns of 64 other episodes, which is what a learner may have.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.randomness import derive, generator
from leaderboard.report import plots
from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate
from zoo.entry.registry import load_arena
from zoo.papers.dice.derivatives import (
    GAMMA,
    LAMBDA,
    PAY,
    SET,
    STEPS,
    Pair,
    correlation,
    estimates,
    exact,
    fitted_values,
    play,
)
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell, seed_words

CHUNK = 2000  # episodes in memory at once
FITTED = 64  # other episodes, to whose returns the fitted values are fitted
SIZES = (64, 128, 256, 1_000, 4_000, 10_000, 40_000, 100_000)
QUICK = (64, 256, 1_000, 4_000, 10_000)
#: Kinds of derivatives that are compared.
KINDS = {"gradient": "gradient", "hessian": "Hessian", "mixed": "mixed block"}
#: Estimator -> what it is called in the picture, and in the table, where width is scarce.
ESTIMATORS = {
    "surrogate": ("surrogate loss", "SL"),
    "dice": ("DiCE", "DiCE"),
    "baseline": ("DiCE + baseline", "DiCE+b"),
    "loaded": ("loaded DiCE, exact values", "loaded"),
    "loaded_fitted": ("loaded DiCE, fitted values", "loaded, fitted"),
}


def one_pair(tell: Tell, seed: int, sizes: list[int]) -> Json:
    """Estimator -> kind -> mean correlation and relative error at each size, for the pair of this seed."""
    logits = torch.randn(2, 5, dtype=torch.float64, generator=generator(derive(seed, "logits")))
    pair = Pair(logits)
    gradient, hessian = exact(load_arena("ipd").make(1), logits)
    states, joints = play(pair, derive(seed, "fit"), 0, FITTED)
    fitted = fitted_values(states, PAY[joints])
    episodes = max(sizes)
    samples: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in ESTIMATORS}
    for start in range(0, episodes, CHUNK):
        count = min(CHUNK, episodes - start)
        sampled = play(pair, derive(seed, "sample"), start, count)
        for name, derivatives in estimates(pair, fitted, *sampled).items():
            samples[name].append(derivatives)
        tell(start + count, episodes)
    truth = _kinds(gradient, hessian)
    result: dict[str, Any] = {}
    for name, chunks in samples.items():
        kinds = _kinds(*map(torch.cat, zip(*chunks, strict=True)))
        result[name] = {kind: _agreement(sets, truth[kind], sizes) for kind, sets in kinds.items()}
    return result


def _kinds(gradient: Tensor, hessian: Tensor) -> dict[str, Tensor]:
    """The derivatives [..., D] of every kind, from gradients [..., 10] and Hessians [..., 10, 10]."""
    return {"gradient": gradient, "hessian": hessian.flatten(-2), "mixed": hessian[..., :5, 5:].flatten(-2)}


def _agreement(sets: Tensor, truth: Tensor, sizes: Sequence[int]) -> Json:
    """At each size: mean correlation and mean relative error over the disjoint samples, and whether all are 0."""
    agreement: dict[str, list[float | None]] = {"correlation": [], "error": []}
    for size in sizes:
        width = size // SET
        samples = sets[: len(sets) // width * width].view(-1, width, sets.shape[1]).mean(1)
        nothing = not samples.any()
        agreement["correlation"].append(None if nothing else float(correlation(samples, truth).mean()))
        agreement["error"].append(float(((samples - truth).norm(dim=1) / truth.norm()).mean()))
    return agreement | {"zero": not sets.any()}


class DiceGradients(Figure):
    """Correlation of estimated with exact derivatives against the number of episodes."""

    name = "dice-gradients"
    unit = "episodes"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """One for each pair of policies."""
        sizes = list(QUICK if quick else SIZES)
        return [Part(f"pair {seed}", one_pair, {"seed": seed, "sizes": sizes}) for seed in range(seeds)]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Correlations at the largest sample and at 1,000 episodes."""
        sizes = done[0][0].settings["sizes"]
        results = [result for _, result in done]
        curves: dict[str, Any] = {
            name: {kind: _curves([result[name][kind] for result in results], len(sizes)) for kind in KINDS}
            for name in ESTIMATORS
        }
        # the table has two sizes; the rest is in the files
        rows = [row for size in sorted({1_000, max(sizes)} & set(sizes)) for row in _rows(curves, sizes, size)]
        zero = all(result["surrogate"]["mixed"]["zero"] for result in results)
        notes = [
            *self.remarks,
            f"The mixed block of the surrogate loss is {'exactly 0 in every set' if zero else 'NOT 0'}"
            " of episodes, so that its correlation does not exist.",
            "Exact values, of the baseline too: of the two policies. Fitted values: means per state over"
            f" {FITTED} other episodes, generalised advantages with lambda {LAMBDA:g}.",
        ]
        settings = {"game": "ipd, row's value", "T": STEPS, "gamma": GAMMA, "logits": "N(0, 1)", "episodes": sizes}
        return Reproduction(rows, settings, seed_words(seeds), notes, {"sizes": sizes, "curves": curves, "zero": zero})

    def plot(self, report: Reproduction) -> plots.Plot:
        """A panel for each kind, correlation against episodes."""
        sizes = report.data["sizes"]
        plot, axes = plots.panels(3, share_y=True)
        for panel, (kind, name) in zip(axes, KINDS.items(), strict=True):
            # the surrogate loss and DiCE have the same gradient: DiCE is dashed, so that both lines are seen
            for number, (estimator, (label, _)) in enumerate(ESTIMATORS.items()):
                shown = report.data["curves"][estimator][kind]
                if None in shown["mean"]:
                    continue  # all 0: there is no correlation
                ends = {word: shown[word] for word in ("mean", "low", "high")}
                look: Any = {"style": "--" if estimator == "dice" else "-", "marker": "osD^v"[number]}
                plots.curve(panel, sizes, **ends, label=label, colour=plots.COLOURS[number], **look)
            if kind in PUBLISHED:
                plots.published(panel, PUBLISHED[kind].value, "paper, DiCE at 100,000")
            panel.set(xscale="log", xlabel="episodes", title=name, ylim=(-0.35, 1.03))
        axes[0].set_ylabel("correlation with the exact derivative")
        if report.data["zero"]:
            axes[2].text(0.97, 0.04, "surrogate loss: exactly 0", transform=axes[2].transAxes, ha="right", fontsize=9)
        plots.legend_below(plot, axes, 3)
        return plot


#: The paper's correlations for DiCE, at 100,000 samples.
PUBLISHED = {
    "gradient": Published(0.999, 0.9985, 1.0, "rounded"),
    "hessian": Published(0.97, 0.965, 1.0, "rounded"),
}
#: (estimator, kind, episodes) -> the least correlation that ours should have.
TARGETS = {
    ("dice", "gradient", 100_000): 0.998,
    ("dice", "hessian", 100_000): 0.96,
    ("loaded", "mixed", 1_000): 0.95,
    ("loaded_fitted", "mixed", 1_000): 0.95,
}


def _correlation(values: Sequence[float]) -> Estimate:
    """Mean over pairs, with an interval that ends at 1, as a correlation does."""
    mean = estimate.t(values)
    return mean if mean.high is None else replace(mean, high=min(mean.high, 1.0))


def _rows(curves: Mapping[str, Any], sizes: Sequence[int], size: int) -> list[FigureRow]:
    rows = []
    for (kind, word), (estimator, (_, name)) in itertools.product(KINDS.items(), ESTIMATORS.items()):
        values = curves[estimator][kind]["values"][sizes.index(size)]
        if values is not None:
            published = PUBLISHED.get(kind) if estimator == "dice" and size == 100_000 else None
            label, at_least = f"{word.removesuffix(' block')}: {name}", TARGETS.get((estimator, kind, size))
            rows.append(FigureRow(label, _correlation(values), published, f"{size:,} episodes", "higher", at_least))
    return rows


def _curves(results: Sequence[Json], count: int) -> Json:
    """The pairs' correlations at each size, with their mean and interval; None where no correlation exists."""
    at_sizes = [[result["correlation"][at] for result in results] for at in range(count)]
    values = [None if None in pairs else pairs for pairs in at_sizes]
    means = [pairs and _correlation(pairs) for pairs in values]
    return {
        "values": values,
        **{word: [mean and getattr(mean, word) for mean in means] for word in ("mean", "low", "high")},
        "error": [float(np.mean([result["error"][at] for result in results])) for at in range(count)],
    }


FIGURE = DiceGradients()

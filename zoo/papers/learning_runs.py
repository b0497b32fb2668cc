"""What figures about two learners share: the runs of many seeds in one part, curves over runs, rows and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from leaderboard.report import plots
from leaderboard.report.plots import line_of
from leaderboard.statistics.estimate import merged, pooled, wilson
from zoo.entry.venue import ArenaChoice
from zoo.papers.figure import FigureRow, Json, Tell, over_runs
from zoo.play.replicas import run_replicas

POINTS = 100  # of a kept curve


def learn_together(
    tell: Tell, arena: str, row: str, column: str, updates: int, replicas: int, copies: int = 1, seed: int = 0
) -> Json:
    """What came out of `replicas` runs of two learners with memoryless policies.

    With one copy the learners must be exact and nothing is sampled; with more each update sees so many whole episodes.
    Seat -> `tail` and `all`, [R], the mean of (1 - gamma) V over the last tenth of the updates and over all; `curve`,
    means over the runs with standard errors at no more than `POINTS` updates; `policy` [R, O], the final probability of
    action 0 at each observation.
    """
    texts = {"row": row, "column": column}
    runs = run_replicas(
        ArenaChoice(arena),
        texts,
        rounds=updates,
        replicas=replicas,
        seed=seed,
        copies=copies,
        length=1 if copies == 1 else None,
        watch=lambda done: tell(done, updates),
    )
    assert runs.exact  # values are computed, not sampled, however the learners learn
    whole, tail = runs.mean(), runs.tail()
    return {
        seat: {
            "tail": tail[seat].tolist(),
            "all": whole[seat].tolist(),
            "curve": thinned(runs.values[seat]),
            "policy": runs.probabilities(seat)[..., 0].tolist(),
        }
        for seat in texts
    }


def thinned(values: np.ndarray) -> Json:
    """Mean over runs with its standard error for stretches of the updates, from [updates, R]; one run has no error."""
    stretches = np.array_split(np.arange(len(values)), min(POINTS, len(values)))
    means = np.array([values[stretch].mean(0) for stretch in stretches])  # [points, R]
    runs = means.shape[1]
    return {
        "update": [float(stretch.mean() + 1) for stretch in stretches],
        "mean": means.mean(1).tolist(),
        "error": (means.std(1, ddof=1) / runs**0.5).tolist() if runs > 1 else [None] * len(means),
        "runs": runs,
    }


def joined(results: Sequence[Json]) -> Json:
    """The runs of several parts as one result; all parts have equally many updates."""
    whole: dict[str, Json] = {}
    for seat in results[0]:
        mine = [result[seat] for result in results]
        whole[seat] = {name: [x for one in mine for x in one[name]] for name in ("tail", "all", "policy")}
        whole[seat]["curve"] = _merged([one["curve"] for one in mine])
    return whole


def _merged(curves: Sequence[Json]) -> Json:
    """The curve of all runs from the curves of parts."""
    runs, points = sum(curve["runs"] for curve in curves), []
    for at in range(len(curves[0]["update"])):
        parts = [(curve["mean"][at], curve["error"][at] or 0.0, curve["runs"]) for curve in curves]
        mean, error, _ = merged(parts)
        points.append((mean, error if runs > 1 else None))
    means, errors = map(list, zip(*points, strict=True))
    return {"update": curves[0]["update"], "mean": means, "error": errors, "runs": runs}


def seat_rows(label: str, seats: Sequence[np.ndarray], group: str) -> list[FigureRow]:
    """A row for the higher seat of every run and one for the lower, as a mean over both hides who is exploited.

    `seats` are what both earned, [R] each; `group` has {} where "higher" or "lower" stands.
    """
    both = {"higher": np.maximum(*seats), "lower": np.minimum(*seats)}
    return [over_runs(label, x, None, group.format(word)) for word, x in both.items()]


def share_of_runs(label: str, values: np.ndarray, least: float, group: str, **more: Any) -> FigureRow:
    """How many of the runs earned at least `least`, with Wilson's interval; `values` [R], `more` as a row takes it.

    Where runs end in a few outcomes the mean hides them, and its interval holds the truth too rarely.
    """
    return FigureRow(label, wilson(int((values >= least).sum()), len(values)), group=group, **more)


def band(curve: Json) -> dict[str, Any]:
    """A thinned curve as `plots.curve` takes it: updates, means, and the ends of Student's 95 % interval over runs."""
    points = zip(curve["mean"], curve["error"], strict=True)
    return {"x": curve["update"], **line_of([pooled([(mean, error or 0.0, curve["runs"])]) for mean, error in points])}


def draw_rows(panel: plots.Axes, rows: Sequence[FigureRow], source: str) -> None:
    """Our means as dots with their intervals, and what was published as a dash, from left to right."""
    for at, row in enumerate(rows):
        ours = row.ours
        if ours.low is not None and ours.high is not None:
            panel.plot([at, at], [ours.low, ours.high], color=plots.COLOURS[0], linewidth=4, alpha=0.35)
        panel.plot(at, ours.mean, "o", color=plots.COLOURS[0], label="ours, 95 % interval", markersize=5)
        if row.published is not None:
            plots.published_mark(panel, at, row.published.value, source, half=0.35, colour="0.25")
    panel.set_xticks(range(len(rows)), [row.label for row in rows])
    panel.grid(axis="x", visible=False)

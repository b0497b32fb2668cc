"""A part that several figures share: two learners with tables for policies meet, many seeds in one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zoo.entry.venue import ArenaChoice
from zoo.play.replicas import run_replicas
from zoo.reproduce.report import Json, Tell

POINTS = 100  # of a kept curve


def learn_together(
    tell: Tell, arena: str, row: str, column: str, updates: int, replicas: int, copies: int = 1, seed: int = 0
) -> Json:
    """What `replicas` runs of two learners gave, both of which have memoryless policies.

    With one copy the learners must be exact and nothing is sampled; with more each update sees so many whole episodes.
    By seat: `tail` and `all`, [R], the mean of (1 - gamma) V over the last tenth of the updates and over all; `curve`,
    means with standard errors over the runs at most `POINTS` times; `policy` [R, O], the probability of action 0 in the
    end at each observation.
    """
    texts = {"row": row, "column": column}
    runs = run_replicas(
        ArenaChoice(arena, (), ()),
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
    """Mean over runs and its standard error over stretches of the updates, from [updates, R]."""
    parts = np.array_split(np.arange(len(values)), min(POINTS, len(values)))
    means = np.array([values[part].mean(0) for part in parts])  # [points, R]
    runs = means.shape[1]
    error = means.std(1, ddof=1) / runs**0.5 if runs > 1 else np.full(len(means), np.nan)
    return {
        "update": [float(part.mean() + 1) for part in parts],
        "mean": means.mean(1).tolist(),
        "error": [None if np.isnan(e) else float(e) for e in error],
        "runs": runs,
    }


def joined(results: Sequence[Json]) -> Json:
    """Runs of several parts as one result; curves must be of equally many updates."""
    found: dict[str, Json] = {}
    for seat in results[0]:
        mine = [result[seat] for result in results]
        found[seat] = {name: [x for one in mine for x in one[name]] for name in ("tail", "all", "policy")}
        found[seat]["curve"] = _pooled([one["curve"] for one in mine])
    return found


def _pooled(curves: Sequence[Json]) -> Json:
    """The curve of all runs from the curves of parts: their means, and errors from the spread within and between."""
    runs = np.array([curve["runs"] for curve in curves])[:, None]
    means = np.array([curve["mean"] for curve in curves])
    total = runs.sum()
    middle = (runs * means).sum(0) / total
    # sums of squares about the common mean: within a part (runs - 1) runs error^2, and between the parts
    errors = np.array([[0.0 if e is None else e for e in curve["error"]] for curve in curves])
    squares = ((runs - 1) * runs * errors**2 + runs * (means - middle) ** 2).sum(0)
    error = np.sqrt(squares / (total - 1) / total) if total > 1 else np.full(len(middle), np.nan)
    return {
        "update": curves[0]["update"],
        "mean": middle.tolist(),
        "error": [None if np.isnan(e) else float(e) for e in error],
        "runs": int(total),
    }


def band(curve: Json) -> tuple[Sequence[float], Sequence[float], list[float | None], list[float | None]]:
    """Updates, means, and the 95 % band of a thinned curve."""
    pairs = list(zip(curve["mean"], curve["error"], strict=True))
    low = [None if e is None else m - 1.96 * e for m, e in pairs]
    high = [None if e is None else m + 1.96 * e for m, e in pairs]
    return curve["update"], curve["mean"], low, high

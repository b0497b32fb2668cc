"""Learning curves of the entrants of a page: read from the folders in which they were trained, where these are kept."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard.records import ArenaRecord, EntrantRecord
from leaderboard.store.store import Store
from leaderboard.views.learning import LearningCurve, curve
from zoo.training.curve import RETURN
from zoo.training.run_folder import CURVE

_SEATS = 2  # up to which each seat has a curve of its own


@dataclass(frozen=True)
class TrainingCurves:
    """How the entrants of a page were trained: the curves that are found, and who was trained but has none, by id."""

    curves: Sequence[LearningCurve]
    without: Sequence[str]


def training_curves(store: Store, arena: ArenaRecord, entrants: Mapping[str, EntrantRecord]) -> TrainingCurves:
    """A curve for each plan of training behind the entrants, over all of its seeds that are found.

    The seeds of a plan lie side by side in one folder, as `zoo train --seeds` writes them. Folders that were moved or
    removed are passed over, as are the house's checkpoints, which come without a curve.
    """
    wanted = {who: record.weights for who, record in entrants.items() if record.weights is not None}
    paths = {record.id: Path(record.path) for record in store.checkpoints() if record.arena == arena.id}
    folders = {paths[weights] for weights in wanted.values() if weights in paths}
    beside = {other for folder in folders for other in _beside(folder)}
    plans: dict[str, dict[int, list[dict[str, float]]]] = defaultdict(dict)
    for folder in sorted(beside):
        found = _read(folder / CURVE)
        if found is not None:
            run, rows = found
            seed = run.pop("seed", 0)
            plans[json.dumps(run, sort_keys=True)].setdefault(seed, rows)
    without = [who for who, weights in wanted.items() if weights not in paths or _read(paths[weights] / CURVE) is None]
    return TrainingCurves(
        [one for plan, seeds in sorted(plans.items()) for one in _curves(json.loads(plan), seeds)], sorted(without)
    )


def _beside(folder: Path) -> list[Path]:
    """The folder, and those of other seeds of its plan."""
    with suppress(OSError):
        if folder.name.startswith("seed-"):
            return sorted(path for path in folder.parent.glob("seed-*") if path.is_dir())
    return [folder]


def _read(file: Path) -> tuple[dict[str, Any], list[dict[str, float]]] | None:
    """Which run a curve is of, and its rows; None where there is no such file, or it is broken."""
    try:
        whole = json.loads(file.read_text())
        return dict(whole["run"]), list(whole["rows"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _curves(run: Mapping[str, Any], seeds: Mapping[int, list[dict[str, float]]]) -> list[LearningCurve]:
    """The return of every seat, or where there are many of all together, over the steps."""
    runs = [rows for _, rows in sorted(seeds.items())]
    shortest = min(map(len, runs))
    if not shortest:
        return []
    names = [name for name in runs[0][0] if name.endswith(f"/{RETURN}") and not name.startswith("learn/")]
    group = f"training of {run.get('agent', 'an agent')}"
    x = [row["steps"] for row in runs[0][:shortest]]
    if len(names) > _SEATS:
        together = [[sum(row.get(n, 0.0) for n in names) / len(names) for row in rows[:shortest]] for rows in runs]
        return [curve(group, "mean over seats", x, "steps", together)]
    made = []
    for name in names:
        values = [[row.get(name, 0.0) for row in rows[:shortest]] for rows in runs]
        made.append(curve(group, name.partition("/")[0], x, "steps", values))
    return made

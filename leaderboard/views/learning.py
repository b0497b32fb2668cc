"""Learning curves in the records: what learners earned while they played learning matches, over independent runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from leaderboard.records import STATUSES, BlockRecord, SeatResult, Status
from leaderboard.statistics.estimate import Estimate, t

#: How the metrics are called in which a run's result keeps its curve, before "FIRST_to_LAST", numbers of rounds.
CURVE = "return_rounds_"
_POINTS = 60  # of a curve as it is shown


@dataclass(frozen=True)
class LearningCurve:
    """Return per step while learning: the mean over runs with Student's 95 % interval.

    Attributes:
        group: what is drawn together, such as one match or one arena's training.
        label: who learned, and in which seat where it matters.
        x: rounds or steps at the end of each stretch; unit: which of the two.
        points: of each stretch.
        runs: independent runs, each from a seed of its own.
    """

    group: str
    label: str
    x: tuple[float, ...]
    unit: str
    points: tuple[Estimate, ...]
    runs: int


def curve_of(result: SeatResult) -> tuple[list[float], list[float]]:
    """The last round of each stretch of a recorded run, and what it paid per step; empty where nothing was kept."""
    points = {name.removeprefix(CURVE): part[0] for name, part in result.metrics.items() if name.startswith(CURVE)}
    order = sorted(points, key=lambda name: int(name.partition("_")[0]))
    return [float(name.rpartition("_")[2]) for name in order], [points[name] for name in order]


def learning_curves(blocks: Iterable[BlockRecord], labels: Mapping[str, str]) -> list[LearningCurve]:
    """The curves of learning matches of one arena.

    Args:
        blocks: of learning matches, in any order; each is one run. Trainings that a fault spoiled are left out.
        labels: of the learners, by id.
    """
    runs: dict[tuple[tuple[str, ...], str, str], list[tuple[list[float], list[float]]]] = defaultdict(list)
    for block in sorted(blocks, key=lambda block: (block.entrants, block.seed, block.first_episode)):
        spoiled = {r.rotation for r in block.results if STATUSES[int(r.statuses[0])] is not Status.DONE}
        for result in block.results:
            drawn = curve_of(result)
            if result.rotation not in spoiled and drawn[0]:
                runs[block.entrants, result.entrant, result.seat].append(drawn)
    made = []
    for (pair, who, seat), some in sorted(runs.items()):
        alike = [one for one in some if one[0] == some[0][0]]
        names = [labels.get(one, one) for one in pair]
        group = f"{names[0]} with {'its like' if pair[0] == pair[1] else names[1]}"
        label = f"{labels.get(who, who)} as {seat}"
        made.append(curve(group, label, alike[0][0], "rounds", [values for _, values in alike]))
    return made


def curve(group: str, label: str, x: Sequence[float], unit: str, runs: Sequence[Sequence[float]]) -> LearningCurve:
    """A curve of runs [R][points] over the same x, thinned to what a picture shows."""
    step = max(1, -(-len(x) // _POINTS))
    kept = range(len(x) - 1 - step * ((len(x) - 1) // step), len(x), step)
    points = tuple(t([run[k] for run in runs]) for k in kept)
    return LearningCurve(group, label, tuple(float(x[k]) for k in kept), unit, points, len(runs))

"""Games by who met whom and by the training seeds of both, and intervals over these seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from leaderboard.statistics import estimate
from leaderboard.statistics.estimate import Estimate
from zoo.papers.maddpg.games import Outcome, Value

#: Training seeds of the first and of the second role.
Pair = tuple[int, int]


class Cell(NamedTuple):
    """Games of one rule in the first role with one in the second; `own`: both of the same training run."""

    first: str
    second: str
    own: bool

    @property
    def label(self) -> str:
        """As a row's label."""
        return f"{self.first} v own run" if self.own else f"{self.first} v {self.second}"


#: What came out, by who met whom and in a cell by both training seeds.
Cells = dict[Cell, dict[Pair, Outcome]]


def over_pairs(values: Mapping[Pair, float]) -> Estimate:
    """Mean over pairs of training seeds with its 95 % interval; the unit is the seed, of either role.

    The variance of the mean is that of the means over the first of a pair, divided by their number, and that of the
    means over the second in the same way; a role with one seed adds nothing.
    """
    levels: list[tuple[float, float]] = []
    for role in (0, 1):
        seeds = sorted({pair[role] for pair in values})
        means = [np.mean([value for pair, value in values.items() if pair[role] == seed]) for seed in seeds]
        if len(means) > 1:
            levels.append((float(np.var(means, ddof=1)) / len(means), len(means) - 1))
    return estimate.combined(float(np.mean(list(values.values()))), levels, len(values), "seeds of both roles")


def between(
    one: Mapping[int, Outcome], other: Mapping[int, Outcome], compare: Callable[[Outcome, Outcome], float]
) -> Estimate:
    """`compare` of every run of one rule with every run of another."""
    return over_pairs({(a, b): compare(mine, theirs) for a, mine in one.items() for b, theirs in other.items()})


def exchanged(cells: Cells, one: str, other: str, value: Value) -> Estimate | None:
    """How much less `value` becomes where a run of rule `one` and one of `other` exchange their roles.

    `one` has the first role before and the second after; None where the two have not met.
    """
    there, back = cells.get(Cell(one, other, False)), cells.get(Cell(other, one, False))
    if there is None or back is None:
        return None
    return over_pairs({(a, b): value(there[a, b]) - value(back[b, a]) for a, b in there})

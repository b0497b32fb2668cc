"""Learning curves: the figures of many rounds averaged over a few hundred intervals, kept as plain numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.play.table import Round

ROWS = 200  # at most so many intervals in a curve
RETURN = "return_per_step"

#: One interval: "steps" at its end, and by "SEAT/METRIC" or "learn/SEATS/METRIC" the mean over its rounds.
Row = dict[str, float]


class Curve:
    """Averages over intervals of equally many rounds, whatever the wall clock says.

    Args:
        rounds: rounds that are to come.
    """

    def __init__(self, rounds: int) -> None:
        self.every = max(1, math.ceil(rounds / ROWS))
        self.rows: list[Row] = []
        self._steps, self._rounds = 0, 0
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def add(self, played: Round) -> None:
        """Take in the figures of the next round."""
        self._steps += played.steps
        self._rounds += 1
        for name, value in _figures(played):
            if math.isfinite(value):
                self._sums[name] = self._sums.get(name, 0.0) + value
                self._counts[name] = self._counts.get(name, 0) + 1
        if self._rounds == self.every:
            self.rows.append(self._row())
            self._rounds, self._sums, self._counts = 0, {}, {}

    def _row(self) -> Row:
        return {"steps": self._steps} | {name: total / self._counts[name] for name, total in self._sums.items()}

    def all_rows(self) -> list[Row]:
        """The rows, the interval begun included."""
        return [*self.rows, self._row()] if self._rounds else list(self.rows)

    def series(self, name: str) -> list[float]:
        """One figure over time, the intervals that say nothing about it left out."""
        return [row[name] for row in self.all_rows() if name in row]

    def last_tenth(self) -> Row:
        """Means over the last tenth of the intervals (at least one); without "steps"."""
        rows = self.all_rows()
        rows = rows[-max(1, len(rows) // 10) :]
        means: Row = {}
        for name in dict.fromkeys(name for row in rows for name in row if name != "steps"):
            values = [row[name] for row in rows if name in row]
            means[name] = sum(values) / len(values)
        return means

    def state(self) -> dict[str, Any]:
        """Everything as JSON."""
        return {
            "rows": self.rows, "steps": self._steps, "rounds": self._rounds, "sums": self._sums, "counts": self._counts
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Take over `state()` of a curve of as many rounds."""
        self.rows, self._steps, self._rounds = list(state["rows"]), state["steps"], state["rounds"]
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])


def _figures(played: Round) -> Iterator[tuple[str, float]]:
    for seat, value in played.per_step.items():
        yield f"{seat}/{RETURN}", value
    for seat, metrics in played.metrics.items():
        for name, value in metrics.items():
            yield f"{seat}/{name}", value
    for seats, metrics in played.learning.items():
        for name, value in metrics.items():
            yield f"learn/{'+'.join(seats)}/{name}", value

"""Comparisons summed up: how often each player beat and drew with each other one."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Counts:
    """What the batch fit needs of any number of comparisons.

    Attributes:
        players: n names, in any order.
        wins: float [n, n]; wins[i, j] = (weighted) number of times that i beat j.
        draws: float [n, n], symmetric; draws[i, j] = draws[j, i] = number of draws between i and j.

    Raises:
        ValueError: a name occurs twice, a shape is wrong, a number is negative or not finite, somebody plays against
            itself, or `draws` is not symmetric.
    """

    players: tuple[str, ...]
    wins: NDArray[np.float64]
    draws: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = len(self.players)
        if len(set(self.players)) != n:
            raise ValueError("a player's name occurs twice")
        for name, matrix in (("wins", self.wins), ("draws", self.draws)):
            if matrix.shape != (n, n):
                raise ValueError(f"{name} has shape {matrix.shape}, not {(n, n)}")
            if not np.isfinite(matrix).all() or (matrix < 0).any() or np.diagonal(matrix).any():
                raise ValueError(f"{name} must be finite, not negative, and 0 on the diagonal")
        if (self.draws != self.draws.T).any():
            raise ValueError("draws must be symmetric")

    @classmethod
    def of(
        cls, results: Iterable[tuple[str, str, int] | tuple[str, str, int, float]], players: Iterable[str] = ()
    ) -> "Counts":
        """Counts of results (first, second, outcome[, weight]); outcome 1: the first won, 0: a draw, -1: it lost.

        The counts are the same to the last bit for any order of the results, so that every view of them is.

        Args:
            results: the results.
            players: further players, who may have none.
        """
        rows = [(r[0], r[1], r[2], r[3] if len(r) > 3 else 1.0) for r in results]
        names = tuple(sorted({row[0] for row in rows} | {row[1] for row in rows} | set(players)))
        number = {name: i for i, name in enumerate(names)}
        n = len(names)
        first = np.array([number[row[0]] for row in rows], dtype=np.intp)
        second = np.array([number[row[1]] for row in rows], dtype=np.intp)
        outcome = np.array([row[2] for row in rows], dtype=np.intp)
        weight = np.array([row[3] for row in rows], dtype=np.float64)
        better, worse = np.where(outcome < 0, second, first), np.where(outcome < 0, first, second)

        def summed(row: NDArray[np.intp], column: NDArray[np.intp], chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
            cell = (row * n + column)[chosen]
            # Adding up in order of size, not of arrival, gives the same bits whatever the order of arrival was.
            order = np.lexsort((weight[chosen], cell))
            total = np.bincount(cell[order], weights=weight[chosen][order], minlength=n * n)
            return total.astype(np.float64).reshape(n, n)

        draws = summed(np.minimum(first, second), np.maximum(first, second), outcome == 0)
        return cls(names, summed(better, worse, outcome != 0), draws + draws.T)

    def sorted(self) -> "Counts":
        """The same counts with the players in the order of their names."""
        order = sorted(range(len(self.players)), key=lambda i: self.players[i])
        names = tuple(self.players[i] for i in order)
        square = np.ix_(order, order)
        return Counts(names, self.wins[square], self.draws[square])

    @property
    def draw_share(self) -> float:
        """Share of draws among all comparisons; NaN without any."""
        draws = float(self.draws.sum()) / 2.0
        total = draws + float(self.wins.sum())
        return draws / total if total else float("nan")

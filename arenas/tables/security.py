"""What a seat can secure in a game that is a table, against every play of the others: the value of a zero-sum game.

The others act as one and may know the strategy; both sides mix. In a repeated game nothing that was played changes
what can be played, so the value is that of the stage game; positions that matter need an iteration over them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from arenas.tables.finite import FiniteGame
from arenas.tables.response import Control, Floats, Whole, best_choice, discounted

_NEWTON, _SHAPLEY = 25, 200  # steps at most


@dataclass(frozen=True)
class Security:
    """What a seat can secure per step: between `low`, which a strategy guarantees, and `high`, which the others do."""

    low: float
    high: float


class _ZeroSum:
    """One seat's return as a zero-sum game against all others: Q [S, A, B] for its actions A and theirs B."""

    def __init__(self, game: FiniteGame, seat: str, gamma: float | None) -> None:
        control = Control(game, {}, gamma)
        self.gamma, self.start = control.gamma, control.start
        widths = [game.spec.seats[s].actions for s in control.seats]
        place = control.seats.index(seat)
        self.n, self.own = control.states, widths[place]
        self.others = control.actions // self.own
        order = np.arange(control.actions).reshape(widths)
        order = np.moveaxis(order, place, 0).reshape(-1)  # own action slowest
        rows = (np.arange(self.n)[:, None] * control.actions + order).reshape(-1)
        self.move = control.move[rows]  # [(S A B), S]
        self.pay: Floats = control.pay[:, order, place].reshape(self.n, self.own, self.others)

    def stage(self, value: Floats) -> Floats:
        """Q [S, A, B] where the game goes on with `value` [S]."""
        ahead: Floats = (self.move @ value).reshape(self.pay.shape)
        return self.pay + self.gamma * ahead

    @cached_property
    def _inequalities(self) -> tuple[Whole, Whole]:
        """Rows (s, b) and columns (s, a) of the coefficients of the mixed actions in the linear programme."""
        s, a, b = np.indices((self.n, self.own, self.others))
        return (s * self.others + b).ravel(), (s * self.own + a).ravel()

    def solve_stages(self, q: Floats) -> tuple[Floats, Floats, Floats]:
        """The value [S] and both optimal mixtures [S, A], [S, B] of every stage game, by one linear programme."""
        from scipy.optimize import linprog

        n, own, others = self.n, self.own, self.others
        rows, columns = self._inequalities
        # u_s - sum_a sigma_sa q_sab <= 0 for every b; sum_a sigma_sa = 1; maximise sum_s u_s
        pairs = np.arange(n * others)
        upper = sparse.csr_matrix(
            (
                np.concatenate((-q.ravel(), np.ones(n * others))),
                (np.concatenate((rows, pairs)), np.concatenate((columns, n * own + pairs // others))),
            ),
            shape=(n * others, n * (own + 1)),
        )
        mixed = np.arange(n * own)
        equal = sparse.csr_matrix((np.ones(n * own), (mixed // own, mixed)), shape=(n, n * (own + 1)))
        cost = np.concatenate((np.zeros(n * own), -np.ones(n)))
        bounds = [(0, None)] * (n * own) + [(None, None)] * n
        solution = linprog(cost, upper, np.zeros(n * others), equal, np.ones(n), bounds, method="highs")
        if solution.status != 0:
            raise ArithmeticError(f"the stage games could not be solved: {solution.message}")
        mine = _mixture(solution.x[: n * own].reshape(n, own))
        theirs = _mixture(-np.asarray(solution.ineqlin.marginals).reshape(n, others))
        return solution.x[n * own :], mine, theirs

    def together(self, mine: Floats, theirs: Floats) -> Floats:
        """The value [S] of two stationary strategies."""
        move, pay = self._played(mine[:, :, None] * theirs[:, None, :], np.indices(self.pay.shape)[0].ravel(), self.n)
        return discounted(move, pay, self.gamma)

    def _played(self, weight: Floats, row: np.ndarray, rows: int) -> tuple[sparse.csr_matrix, Floats]:
        """Where play leads and what it pays, in `rows` rows: (s, a, b) counts in its `row` with weight [S, A, B]."""
        columns = np.arange(self.pay.size)
        gather = sparse.csr_matrix((weight.ravel(), (row, columns)), shape=(rows, len(columns)))
        return gather @ self.move, gather @ self.pay.ravel()

    def held_to(self, mixture: Floats, *, own: bool) -> float:
        """The return per step of an optimal reply to a stationary strategy: the least where it is ours, else the most.

        The strategy is one's own mixture [S, A] with `own`, else the others' [S, B].
        """
        s, a, b = np.indices(self.pay.shape)
        actions = self.others if own else self.own
        weight = np.broadcast_to(mixture[:, :, None] if own else mixture[:, None, :], self.pay.shape)
        move, pay = self._played(weight, (s * actions + (b if own else a)).ravel(), self.n * actions)
        sign = -1.0 if own else 1.0
        _, value = best_choice(move, sign * pay.reshape(self.n, actions), self.gamma)
        return float((1 - self.gamma) * (self.start @ (sign * value)))


def security(game: FiniteGame, seat: str, gamma: float | None = None, tolerance: float = 1e-6) -> Security:
    """What `seat` can secure against all others, as bounds at most `tolerance` apart where that was reached.

    Pollatschek and Avi-Itzhak 1969: solve every stage game, value the two strategies exactly, and begin again from
    that value; where this does not close the gap, Shapley's iteration (1953), which always does, goes on.

    Raises:
        ValueError: see `Control`.
    """
    table = _ZeroSum(game, seat, gamma)
    low, high = -np.inf, np.inf
    for step in _values(table):
        low, high = max(low, step[0]), min(high, step[1])
        if high - low <= tolerance:
            break
    return Security(low, high)


def _values(table: _ZeroSum) -> Iterator[tuple[float, float]]:
    """Guarantees of both sides after every step."""
    value = np.zeros(table.n)
    for step in range(_NEWTON + _SHAPLEY):
        stages, mine, theirs = table.solve_stages(table.stage(value))
        yield table.held_to(mine, own=True), table.held_to(theirs, own=False)
        value = table.together(mine, theirs) if step < _NEWTON else stages


def _mixture(weights: Floats) -> Floats:
    positive = np.clip(weights, 0, None)
    return np.asarray(positive / positive.sum(-1, keepdims=True))

"""Ratings from equilibria, which clones cannot move: Nash averaging and the deviation rating.

Games are given as in `game`: U float [n, n] of own returns, or two matrices [n, m] for two sides. All linear programs
are solved by HiGHS.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, minimize

Floats = NDArray[np.float64]

_EXACT = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
_EQUAL = 1e-9  # relative to the span of the payoffs: what counts as the same
_FORCED = 1e-7  # a multiplier above this holds its constraint tight in every optimum


class Averaging(NamedTuple):
    """Weights [n] of the fairest equilibrium, and what each entrant [n] gets against it."""

    weights: Floats
    rating: Floats


def checked(U: Floats, *, square: bool = False, like: Floats | None = None) -> Floats:
    """U as a finite matrix.

    Raises:
        ValueError: U is no matrix, not square where it should be, not of the other one's shape, or not finite.
    """
    U = np.asarray(U, dtype=np.float64)
    if U.ndim != 2 or (square and U.shape[0] != U.shape[1]):
        raise ValueError(f"payoffs of shape {U.shape} are no {'square ' if square else ''}matrix")
    if like is not None and U.shape != np.shape(like):
        raise ValueError(f"two sides have payoffs of shapes {np.shape(like)} and {U.shape}")
    if not np.isfinite(U).all():
        raise ValueError("some payoffs are not known")
    return U


def _span(U: Floats) -> float:
    return max(float(U.max() - U.min()) if U.size else 0.0, 1e-300)


def is_constant_sum(U: Floats) -> bool:
    """Whether U[i, j] + U[j, i] is the same for all pairs, apart from rounding."""
    total = U + U.T
    return bool(total.size == 0 or total.max() - total.min() <= _EQUAL * max(_span(U), float(np.abs(U).max())))


def nash_averaging(U: Floats) -> Averaging:
    """Nash averaging (Balduzzi et al. 2018): returns against the equilibrium of greatest entropy, which is unique.

    Clones share one weight, so that a clone changes nobody's rating. Members of the equilibrium share the best rating.

    Raises:
        ValueError: the game is not of constant sum; the deviation rating has a meaning there.
    """
    U = checked(U, square=True)
    if not is_constant_sum(U):
        raise ValueError("Nash averaging needs a game of constant sum")
    weights = _most_even((U - U.T) / _span(U))
    return Averaging(weights, U @ weights)


def nash_averaging_sides(U: Floats) -> tuple[Averaging, Averaging]:
    """The same for two sides, where the first gets U [n, m] and the second loses it (agents and tasks).

    Returns:
        Weights and ratings of the first side, in its own returns, and of the second, in its own returns -U.
    """
    U = checked(U)
    if not U.size:
        return Averaging(np.ones(len(U)), np.zeros(len(U))), Averaging(np.ones(U.shape[1]), np.zeros(U.shape[1]))
    scaled = (U - U.min()) / _span(U)
    n, m = U.shape
    # The value v: the first side's best guarantee.
    guarantee = linprog(
        np.r_[np.zeros(n), -1.0],
        A_ub=np.c_[-scaled.T, np.ones(m)],
        b_ub=np.zeros(m),
        A_eq=np.r_[np.ones(n), 0.0][None, :],
        b_eq=[1.0],
        bounds=[(0, None)] * n + [(None, None)],
        options=_EXACT,
    )
    value = -float(guarantee.fun)
    p, q = _most_even(value - scaled.T - _EQUAL), _most_even(scaled - value - _EQUAL)
    return Averaging(p, U @ q), Averaging(q, -(U.T @ p))


def _most_even(G: Floats) -> Floats:
    """The distribution p [k] of greatest entropy with G p <= 0; there is one with G p = 0 where G is antisymmetric."""
    rows, k = G.shape
    if k < 2:
        return np.ones(k)
    # Who can have weight at all: the solutions form a cone, so all that can be positive can be at least 1 at once.
    widest = linprog(
        np.r_[np.zeros(k), -np.ones(k)],
        A_ub=np.block([[G, np.zeros((rows, k))], [-np.eye(k), np.eye(k)]]),
        b_ub=np.zeros(rows + k),
        bounds=[(0, 1e6)] * k + [(0, 1)] * k,
        options=_EXACT,
    )
    support = np.flatnonzero(widest.x[k:] > 0.5) if widest.x is not None else np.arange(k)
    H = G[:, support]

    # The dual problem: p = exp(-H' y) / sum, with the multipliers y >= 0 that minimise the logarithm of that sum.
    def weights(y: Floats) -> tuple[float, Floats]:
        exponent = -(y @ H)
        top = float(exponent.max())
        grown = np.exp(exponent - top)
        return top + float(np.log(grown.sum())), grown / grown.sum()

    def dual(y: Floats) -> tuple[float, Floats]:
        value, p = weights(y)
        return value, -(H @ p)

    options: dict[str, Any] = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-10}
    y = minimize(dual, np.zeros(rows), jac=True, method="L-BFGS-B", bounds=[(0, None)] * rows, options=options).x
    p = weights(y)[1]
    # Newton's steps on the constraints that hold tightly bring the last digits.
    tight = (y > 1e-8) | (np.abs(H @ p) < 1e-7)
    z = np.where(tight, y, 0.0)
    for _ in range(20):
        q = weights(z)[1]
        bend = (H[tight] * q) @ H[tight].T - np.outer(H[tight] @ q, H[tight] @ q)
        z[tight] += np.linalg.lstsq(bend, H[tight] @ q, rcond=1e-12)[0]
    q = weights(z)[1]
    if np.isfinite(q).all() and (H @ q).max() <= max(float((H @ p).max()), 1e-12):
        p = q
    whole = np.zeros(k)
    whole[support] = p
    return whole


def deviation_rating(U: Floats) -> Floats:
    """Deviation rating (Marris et al. 2025) of n strategies of a symmetric game of two; 0 is best, less is worse.

    Among the coarse correlated equilibria s, the strictest is chosen: first the largest gain from deviating, the
    expected U[a, other] - U[own, other] of always playing a instead of what s says, is made as small as can be, then
    the next largest, and so on. These gains are unique; a strategy's gain is its rating, in the payoffs' unit.
    Clones have the same gain, and they change nobody else's. Ties are common: what belongs together in an equilibrium
    is rated alike.

    Raises:
        ValueError: U is not square or not finite.
    """
    U = checked(U, square=True)
    if len(U) == 0:
        return np.zeros(0)
    kinds, which = _distinct(U)
    V = U[np.ix_(kinds, kinds)] / _span(U)
    # A symmetric game has a symmetric strictest equilibrium: half of the joint distribution is enough.
    i, j = np.triu_indices(len(V))
    gains = (V[:, i] + V[:, j] - V[i, j] - V[j, i]) / 2.0
    return _strictest(gains)[which] * _span(U) + 0.0  # no -0


def deviation_rating_sides(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """The same for two sides: ratings [n] and [m]; each side's gains are measured in the span of its own payoffs.

    Raises:
        ValueError: the shapes differ, or a number is not finite.
    """
    first, second = checked(first), checked(second, like=first)
    n, m = first.shape
    A, B = first / _span(first), second / _span(second)
    own = (A[:, None, :] - A[None, :, :]).reshape(n, n * m)
    other = (B.T[:, :, None] - B[None, :, :]).reshape(m, n * m)
    rating = _strictest(np.concatenate([own, other]))
    return rating[:n] * _span(first), rating[n:] * _span(second)


def _distinct(U: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """One of each kind, and the kind of each [n]: entrants whose rows and columns are equal are of one kind."""
    kinds: list[int] = []
    which = np.zeros(len(U), dtype=np.intp)
    for i in range(len(U)):
        same = [
            number
            for number, k in enumerate(kinds)
            if max(np.abs(U[i] - U[k]).max(), np.abs(U[:, i] - U[:, k]).max()) <= 1e-12 * _span(U)
        ]
        which[i] = same[0] if same else len(kinds)
        if not same:
            kinds.append(i)
    return np.array(kinds, dtype=np.intp), which


def _strictest(gains: Floats) -> Floats:
    """The least possible values [k] of linear functions [k, s] over distributions on s outcomes: largest one first.

    Each linear program begins with the outcomes that earlier ones used; the multipliers tell which others would help.
    """
    k, s = gains.shape
    value, open_, reached = np.zeros(k), np.ones(k, dtype=bool), np.full(s, 1.0 / s)
    used = np.argsort(gains.max(axis=0), kind="stable")[: 4 * k]
    while open_.any():
        program = _least(gains[:, used], value, open_)
        while program is not None:
            # What one more unit of each outcome would change: its own constraints' price less that of the sum.
            price = -program.ineqlin.marginals @ gains - program.eqlin.marginals[0]
            price[used] = 0.0
            better = np.argsort(price, kind="stable")[: 4 * k]
            better = better[price[better] < -1e-11]
            if not better.size:
                break
            used = np.union1d(used, better)
            program = _least(gains[:, used], value, open_)
        if program is None:  # only rounding can leave no room below values that have just been reached
            value[open_] = (gains @ reached)[open_]
            return value
        reached = np.zeros(s)
        reached[used] = program.x[:-1]
        forced = open_ & (-program.ineqlin.marginals > _FORCED)
        forced = forced if forced.any() else open_.copy()
        value[forced] = program.x[-1]
        open_ &= ~forced
    return value


def _least(gains: Floats, value: Floats, open_: NDArray[np.bool_]) -> Any:
    """The program for the least bound t of the open functions, the others at most their value; None without room."""
    s = gains.shape[1]
    program = linprog(
        np.r_[np.zeros(s), 1.0],
        A_ub=np.c_[gains, -open_.astype(np.float64)],
        b_ub=np.where(open_, 0.0, value + 1e-12),
        A_eq=np.r_[np.ones(s), 0.0][None, :],
        b_eq=[1.0],
        bounds=[(0, None)] * s + [(None, None)],
        method="highs-ds",
        options=_EXACT,
    )
    return program if program.x is not None else None

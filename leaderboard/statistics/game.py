"""The game behind the numbers: what happens when entrants are strategies, and what pays spreads.

All functions are pure and deterministic. A game of one side is a matrix U float [n, n], where U[i, j] is the own
return of entrant i against j. A game of two sides is a pair of matrices [n, m] of own returns: of the first side's
member i, and of the second side's member j, where the two meet. Functions of two sides end in `_sides`.

    replicator_mutator   the weights of a panel: the rest point of imitation with a little random change
    replicator_shares    who survives pure imitation
    alpha_rank           how much time imitation by single mutants spends with each entrant (Omidshafiei et al. 2019)
    places               each entrant's place under uniform, survivors' and clone-proof weights

Nash averaging and the deviation rating are in `equilibria`, the detector of cycles in `cycles`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import spsolve

from leaderboard.statistics.equilibria import checked, deviation_rating, is_constant_sum, nash_averaging

Floats = NDArray[np.float64]

MUTATION = 0.05
#: A survivor's least share.
LEAST = 1e-3
_STEP, _STEPS, _REST = 0.5, 20_000, 1e-13
# What infinitely strong selection leaves to chance, so that there is one stationary distribution.
_PERTURBED = 0.01


def replicator_mutator(U: Floats, mutation: float = MUTATION) -> Floats:
    """Weights [n] of a panel: where x' = x (f - mean f) + mutation (1/n - x), f = U x, comes to rest from uniform x.

    The matrix is scaled to [0, 1] first, so that units do not matter. Where the dynamics go round for ever, the weights
    are their mean over the second half of the time.

    Args:
        U: own returns [n, n].
        mutation: how much of the population changes at random in a unit of time.

    Raises:
        ValueError: U is not square or not finite.
    """
    U = checked(U, square=True)
    return _rest([U], mutation)[0]


def replicator_mutator_sides(first: Floats, second: Floats, mutation: float = MUTATION) -> tuple[Floats, Floats]:
    """The same for two sides: weights [n] and [m] of the members of each, which meet the other side's members.

    Args:
        first: own returns [n, m] of the first side.
        second: own returns [n, m] of the second side.
        mutation: see `replicator_mutator`.

    Raises:
        ValueError: the shapes differ, or a number is not finite.
    """
    x, y = _rest([checked(first), checked(second, like=first).T], mutation)
    return x, y


def replicator_shares(U: Floats) -> Floats:
    """Shares [n] of the survivors of imitation without mutation, from uniform; 0 for who ends below `LEAST`."""
    return _survivors(replicator_mutator(U, 0.0))


def replicator_shares_sides(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """The same for two sides, [n] and [m]."""
    x, y = replicator_mutator_sides(first, second, 0.0)
    return _survivors(x), _survivors(y)


def _survivors(x: Floats) -> Floats:
    kept = np.where(x < LEAST, 0.0, x)
    return np.asarray(kept / kept.sum())


def _scaled(U: Floats) -> Floats:
    """U moved and stretched into [0, 1]; 0 where all of it is equal."""
    span = float(U.max() - U.min()) if U.size else 0.0
    return (U - U.min()) / span if span > 0 else np.zeros_like(U)


def _rest(payoffs: list[Floats], mutation: float) -> list[Floats]:
    """Where one population with itself, or two with each other, come to rest (Runge and Kutta's fourth order)."""
    sizes = [len(U) for U in payoffs]
    if 0 in sizes:
        return [np.zeros(size) for size in sizes]
    ends = np.cumsum(sizes)[:-1]
    scaled = [_scaled(U) for U in payoffs]
    uniform = np.concatenate([np.full(size, 1.0 / size) for size in sizes])

    def slope(x: Floats) -> Floats:
        parts = np.split(x, ends)
        fitness = [U @ other for U, other in zip(scaled, parts[::-1], strict=True)]
        growth = [part * (f - part @ f) for part, f in zip(parts, fitness, strict=True)]
        return np.concatenate(growth) + mutation * (uniform - x)

    x, total = uniform, np.zeros_like(uniform)
    for step in range(_STEPS):
        a = slope(x)
        if np.abs(a).max() < _REST:
            return np.split(x, ends)
        b = slope(x + _STEP / 2 * a)
        c = slope(x + _STEP / 2 * b)
        d = slope(x + _STEP * c)
        x = np.maximum(x + _STEP / 6 * (a + 2 * b + 2 * c + d), 0.0)
        if step >= _STEPS // 2:
            total += x
    return [part / part.sum() for part in np.split(total, ends)]


def alpha_rank(U: Floats) -> Floats:
    """Alpha-rank of one population in the limit of strong selection: shares of time [n], the sum of which is 1.

    A population of equals j meets a mutant i; the mutant takes over where it gets more from them than they get from
    it, by a coin's toss where both get the same. So in a social dilemma always-defect comes first: the published rule.
    `alpha_rank_sides(U, U.T)` asks instead whether a change pays for the one who makes it.

    Raises:
        ValueError: U is not square or not finite.
    """
    U = checked(U, square=True)
    n = len(U)
    if n < 2:
        return np.ones(n)
    chance = _taken(U.T - U, _scale(U)) / (n - 1)  # [j, i]: U[i, j] against U[j, i]
    np.fill_diagonal(chance, 0.0)
    np.fill_diagonal(chance, 1.0 - chance.sum(axis=1))
    return _stationary(csc_matrix(chance))


def alpha_rank_sides(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Alpha-rank of two populations in the limit of strong selection: each side's shares of time, [n] and [m].

    In each state one member of each side plays; a mutant on one side takes over where it gets more than the present
    member against the same other one.

    Raises:
        ValueError: the shapes differ, or a number is not finite.
    """
    first, second = checked(first), checked(second, like=first)
    n, m = first.shape
    if n + m <= 2 or not first.size:
        return np.full(n, 1.0 / max(n, 1)), np.full(m, 1.0 / max(m, 1))
    state = np.arange(n * m).reshape(n, m)
    rows, columns, chances = [], [], []
    for own, number in ((first, state), (second.T, state.T)):
        # [i, other, k]: from member i to k while the other side stays
        change = _taken(own.T[:, None, :] - own.T[:, :, None], _scale(own)).transpose(1, 0, 2) / (n + m - 2)
        rows.append(np.broadcast_to(number[:, :, None], change.shape).reshape(-1))
        columns.append(np.broadcast_to(number.T[None, :, :], change.shape).reshape(-1))
        chances.append(change.reshape(-1))
    row, column, chance = (np.concatenate(part) for part in (rows, columns, chances))
    off = row != column
    stays = 1.0 - np.bincount(row[off], weights=chance[off], minlength=n * m)
    every = np.arange(n * m)
    matrix = csc_matrix(
        (np.r_[chance[off], stays], (np.r_[row[off], every], np.r_[column[off], every])), shape=(n * m, n * m)
    )
    share = _stationary(matrix).reshape(n, m)
    return share.sum(axis=1), share.sum(axis=0)


def _scale(U: Floats) -> float:
    return 1e-9 * float(np.abs(U).max(initial=0.0))


def _taken(gain: Floats, least: float) -> Floats:
    """Probability that a mutant with this advantage takes over."""
    return np.where(np.abs(gain) <= least, 0.5, np.where(gain > 0, 1.0 - _PERTURBED, _PERTURBED))


def _stationary(matrix: csc_matrix) -> Floats:
    """The distribution p [k] with p M = p of an irreducible chain [k, k]."""
    k = matrix.shape[0]
    system = (matrix.T - csc_matrix((np.ones(k), (np.arange(k), np.arange(k))), shape=(k, k))).tolil()
    system[-1, :] = 1.0  # one of the equations follows from the others; instead the sum is 1
    right = np.zeros(k)
    right[-1] = 1.0
    p = np.maximum(np.asarray(spsolve(system.tocsc(), right)), 0.0)
    return np.asarray(p / p.sum())


@dataclass(frozen=True)
class WeightedPlaces:
    """What each of n entrants gets, and its place (1 is best, equal values share a place), under three weightings.

    Attributes:
        uniform, survivors, clone_proof: float [n]: mean own return with all entrants alike; with the survivors of
            imitation; and the clone-proof rating: the return under Nash averaging where the game is of constant sum,
            else the deviation rating.
        constant_sum: which of the two it is.
        shares: float [n], the survivors' shares.
    """

    uniform: Floats
    survivors: Floats
    clone_proof: Floats
    constant_sum: bool
    shares: Floats

    def place(self, column: str) -> list[int]:
        """Places by "uniform", "survivors" or "clone_proof"."""
        return ranks(getattr(self, column))


def ranks(value: Floats) -> list[int]:
    """Places [n] by a value, 1 is the highest; values that differ by rounding alone share one."""
    least = 1e-9 * max(float(np.abs(value).max(initial=0.0)), 1e-300)
    return [1 + int((value > own + least).sum()) for own in value]


def places(U: Floats) -> WeightedPlaces:
    """Each entrant's value and place under uniform, survivors' and clone-proof weights.

    Raises:
        ValueError: U is not square or not finite.
    """
    U = checked(U, square=True)
    shares = replicator_shares(U)
    constant = is_constant_sum(U)
    clone_proof = nash_averaging(U).rating if constant else deviation_rating(U)
    return WeightedPlaces(U.sum(axis=1) / max(len(U), 1), U @ shares, clone_proof, constant, shares)

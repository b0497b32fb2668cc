"""An order of entrants in which those who are alike stand together, for matrices that people read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_DIGITS = 9  # of a distance; what differs by less is equal, and names decide


def clustered(mean: Floats, names: Sequence[str]) -> list[int]:
    """Positions in an order that keeps alike entrants together, read from the end whose half has the higher mean.

    Two entrants are alike if they get the same from each partner and leave the same to each, as far as both have met
    it. Clusters are joined by the mean distance between their members (average linkage; Sokal and Michener 1958). Of
    all orders that keep every cluster in one piece it is the one whose neighbours are most alike, the sum of their
    distances being the least (Bar-Joseph, Gifford and Jaakkola 2001, "Fast optimal leaf ordering for hierarchical
    clustering", Bioinformatics 17).

    Args:
        mean: float [n, n], what the row got with the column; NaN where the two have not met.
        names: of the entrants, which decide where figures are equal.
    """
    n = len(names)
    rows = np.array([_mean(row) for row in mean])
    by_name = sorted(range(n), key=lambda i: (-round(float(rows[i]), _DIGITS), names[i]))
    if n < 3:
        return by_name
    distance = np.round(distances(mean[np.ix_(by_name, by_name)]), _DIGITS)
    order = [by_name[k] for k in leaf_order(distance)]
    first, last = rows[order[: n // 2]].mean(), rows[order[-(n // 2) :]].mean()
    return order if round(float(first - last), _DIGITS) >= 0 else order[::-1]


def distances(mean: Floats) -> Floats:
    """How much two entrants differ, float [n, n]: root mean square over what both have got and left.

    Args:
        mean: float [n, n], what the row got with the column; NaN where the two have not met. Two who have no partner
            in common are as far from each other as others are on average.
    """
    profile = np.hstack([mean, mean.T])
    both = np.isfinite(profile)[:, None] & np.isfinite(profile)[None, :]
    square = np.where(both, (profile[:, None] - profile[None, :]) ** 2, 0.0).sum(axis=2)
    count = both.sum(axis=2)
    apart = np.sqrt(square / np.maximum(count, 1))
    others = (count > 0) & ~np.eye(len(mean), dtype=np.bool_)
    apart[count == 0] = apart[others].mean() if others.any() else 0.0
    np.fill_diagonal(apart, 0.0)
    return np.asarray(apart)


@dataclass(frozen=True)
class _Branch:
    """A cluster: its members, those of its two halves, and the cost of its best order by the members at its ends.

    Attributes:
        leaves: int [k]; cost: float [k, k], infinite where no order ends in these two.
        halves: the two clusters that it is joined from, none for one entrant.
    """

    leaves: Ints
    cost: Floats
    halves: tuple[_Branch, _Branch] | None = None


def leaf_order(distance: Floats) -> list[int]:
    """The order of least cost that keeps every cluster of average linkage in one piece.

    Args:
        distance: float [n, n], symmetric. Where several orders cost the same, the positions decide.
    """
    tree = _linked(distance)
    costs = np.where(np.eye(len(tree.leaves)) > 0, np.inf, tree.cost)
    if len(tree.leaves) == 1:
        return [int(tree.leaves[0])]
    first, last = np.unravel_index(int(np.argmin(np.round(costs, _DIGITS))), costs.shape)
    return _between(tree, int(tree.leaves[first]), int(tree.leaves[last]), distance)


def _linked(distance: Floats) -> _Branch:
    """All entrants in one tree, by average linkage."""
    apart = distance.copy()
    np.fill_diagonal(apart, np.inf)
    branches = {i: _Branch(np.array([i]), np.zeros((1, 1))) for i in range(len(distance))}
    while len(branches) > 1:
        a, b = sorted(int(k) for k in np.unravel_index(int(np.argmin(np.round(apart, _DIGITS))), apart.shape))
        sizes = [float(len(branches[k].leaves)) for k in (a, b)]
        apart[a] = (sizes[0] * apart[a] + sizes[1] * apart[b]) / sum(sizes)
        apart[:, a] = apart[a]
        apart[a, a] = apart[b] = apart[:, b] = np.inf
        branches[a] = _joined(branches[a], branches.pop(b), distance)
    return branches.popitem()[1]


def _joined(left: _Branch, right: _Branch, distance: Floats) -> _Branch:
    """Two clusters as one, with what its best order costs from each member of the one to each of the other."""
    across = distance[np.ix_(left.leaves, right.leaves)]
    half = (left.cost[:, :, None] + across[None]).min(axis=1)  # from a member of the left to where the right begins
    cost = (half[:, :, None] + right.cost[None]).min(axis=1)
    k, m = cost.shape
    whole = np.full((k + m, k + m), np.inf)
    whole[:k, k:], whole[k:, :k] = cost, cost.T
    return _Branch(np.concatenate([left.leaves, right.leaves]), whole, (left, right))


def _between(branch: _Branch, first: int, last: int, distance: Floats) -> list[int]:
    """The best order of a cluster that begins and ends with these members."""
    if branch.halves is None:
        return [first]
    left, right = branch.halves
    if first not in left.leaves:
        left, right = right, left
    begin, end = left.leaves.tolist().index(first), right.leaves.tolist().index(last)
    across = distance[np.ix_(left.leaves, right.leaves)]
    cost = left.cost[begin][:, None] + across + right.cost[:, end][None]
    i, j = np.unravel_index(int(np.argmin(np.round(cost, _DIGITS))), cost.shape)
    ends = int(left.leaves[i]), int(right.leaves[j])
    return _between(left, first, ends[0], distance) + _between(right, ends[1], last, distance)


def _mean(row: Floats) -> float:
    return float(np.nanmean(row)) if np.isfinite(row).any() else 0.0

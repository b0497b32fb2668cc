"""Alike entrants stand together, whatever the order in which they are named."""

from itertools import groupby, pairwise, permutations

import numpy as np

from leaderboard.statistics.clusters import clustered, distances, leaf_order


def test_those_who_play_alike_stand_together():
    rng = np.random.default_rng(0)
    kinds = ["taker", "giver", "taker", "alone", "giver", "taker"]
    pays = {"taker": {"taker": 0, "giver": 9, "alone": 2}, "giver": {"taker": -3, "giver": 5, "alone": 1}}
    pays["alone"] = {"taker": 1, "giver": 1, "alone": -8}
    mean = np.array([[pays[a][b] for b in kinds] for a in kinds]) + 0.01 * rng.normal(size=(6, 6))
    names = [f"{kind}-{i}" for i, kind in enumerate(kinds)]
    shown = [kinds[i] for i in clustered(mean, names)]
    assert shown[0] == "taker" and [kind for kind, _ in groupby(shown)] in (
        ["taker", "giver", "alone"],
        ["taker", "alone", "giver"],
    )
    other = rng.permutation(6)
    again = clustered(mean[np.ix_(other, other)], [names[i] for i in other])
    assert [kinds[other[i]] for i in again] == shown


def test_everybody_stands_somewhere_once():
    mean = np.array([[np.nan, 1.0, np.nan], [0.0, np.nan, np.nan], [np.nan, np.nan, np.nan]])
    assert sorted(clustered(mean, ["a", "b", "c"])) == [0, 1, 2]
    assert clustered(mean[:2, :2], ["a", "b"]) == [0, 1]
    assert clustered(np.zeros((0, 0)), []) == []


def clusters(distance):
    """The clusters of average linkage, as sets of positions, by the definition: means over all pairs of members."""
    groups = [frozenset([i]) for i in range(len(distance))]
    found = []
    while len(groups) > 1:
        pairs = [(a, b) for a in groups for b in groups if min(a) < min(b)]
        a, b = min(pairs, key=lambda pair: np.mean([distance[i, j] for i in pair[0] for j in pair[1]]))
        groups = [group for group in groups if group not in (a, b)] + [a | b]
        found.append(a | b)
    return found


def cost(distance, order):
    return sum(distance[a, b] for a, b in pairwise(order))


def test_no_order_that_keeps_the_clusters_has_neighbours_more_alike():
    rng = np.random.default_rng(1)
    differs = 0
    for n in (2, 3, 4, 5, 6, 6, 6):
        place = rng.normal(size=(n, 3))
        distance = np.sqrt(((place[:, None] - place[None]) ** 2).sum(axis=2))
        sets = clusters(distance)
        kept = [
            order
            for order in permutations(range(n))
            if all(max(at) - min(at) < len(at) for at in ([order.index(i) for i in group] for group in sets))
        ]
        assert len(kept) == 2 ** (n - 1)
        found = leaf_order(distance)
        assert tuple(found) in kept
        costs = [cost(distance, order) for order in kept]
        np.testing.assert_allclose(cost(distance, found), min(costs))
        differs += min(costs) < max(costs) - 1e-9
    assert differs >= 5


def test_what_was_not_played_makes_nobody_alike_or_unlike():
    mean = np.array([[0.0, 1.0, 5.0], [0.0, 1.0, np.nan], [9.0, 9.0, 9.0]])
    apart = distances(mean)
    # in common: what either got from the first two, and what it left to all three
    np.testing.assert_allclose(apart[0, 1], np.sqrt((0 + 0 + 1 + 1 + 0) / 5))
    alone = np.full((3, 3), np.nan)
    alone[0, 1], alone[1, 0] = 1.0, 3.0
    assert distances(alone)[0, 2] == distances(alone)[0, 1] == 0.0  # nothing in common with anybody

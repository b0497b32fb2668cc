"""Alike entrants stand together, whatever the order in which they are named."""

from itertools import groupby

import numpy as np

from leaderboard.statistics.clusters import clustered


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

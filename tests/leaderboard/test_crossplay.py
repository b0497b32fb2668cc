"""Cross-play matrices, by hand."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from leaderboard.crossplay import crossplay, read_crossplay
from leaderboard.store import Store

GAIN = {("a", "a"): 1.0, ("a", "b"): 2.0, ("b", "a"): 3.0, ("b", "b"): 4.0}


def own(who, partner, seat, rotation):
    # Four episodes; seat 0 is worth 1 more.
    return GAIN[who, partner] * 10 + (10.0 if seat == "seat_0" else 0.0) + np.array([-10.0, 0.0, 0.0, 10.0])


@pytest.fixture
def blocks(make):
    return [make.block(pair, own) for pair in combinations_with_replacement("ab", 2)]


def test_cells_are_means_per_step_with_the_episode_as_unit(blocks):
    matrix = crossplay(blocks[::-1], ["b", "a", "c"], labels={"a": "alice"})
    assert matrix.labels == ("b", "alice", "c")
    assert matrix.mean[:2, :2].tolist() == pytest.approx(np.array([[4.5, 3.5], [2.5, 1.5]]))
    assert matrix.n.tolist() == [[4, 4, 0], [4, 4, 0], [0, 0, 0]]
    assert matrix.standard_error[0, 1] == pytest.approx(np.std([-1, 0, 0, 1], ddof=1) / 2)
    assert np.isnan(matrix.mean[2]).all()
    assert np.isnan(matrix.standard_error[:, 2]).all()


def test_blocks_of_other_entrants_and_later_episodes(make, blocks):
    more = [make.block(("a", "b"), own, first=4), make.block(("a", "c"), lambda *_: [99.0])]
    matrix = crossplay([*blocks, *more], ["a", "b"])
    assert matrix.n.tolist() == [[4, 8], [8, 4]]
    assert matrix.mean[0, 1] == pytest.approx(2.5)


def test_sides_apart(blocks):
    sides = {"seat_0": "predator", "seat_1": "prey"}
    predator = crossplay(blocks, ["a", "b"], sides=sides, side="predator")
    prey = crossplay(blocks, ["a", "b"], sides=sides, side="prey")
    assert predator.mean.tolist() == pytest.approx(np.array([[2.0, 3.0], [4.0, 5.0]]))
    assert (predator.mean - prey.mean).tolist() == pytest.approx(np.ones((2, 2)))
    with pytest.raises(ValueError, match="no seat is on side 'judge'"):
        crossplay(blocks, ["a", "b"], sides=sides, side="judge")


def test_one_episode_has_no_standard_error(make):
    matrix = crossplay([make.block(("a", "b"), lambda *_: [5.0])], ["a", "b"])
    assert matrix.mean[0, 1] == pytest.approx(0.5)
    assert np.isnan(matrix.standard_error).all()
    assert crossplay([], []).mean.shape == (0, 0)


def test_from_the_store(tmp_path, make, blocks):
    with Store(tmp_path / "records.db") as store:
        store.add_arena(make.arena())
        store.add_entrant(make.entrant("a", "zoe"))
        store.add_entrant(make.entrant("b", "adam"))
        for block in [*blocks, make.block(("a", "b"), own, first=4, rules_version=9)]:
            store.add_block(block)
        matrix = read_crossplay(store, "coin-v1")
        assert (matrix.entrants, matrix.labels, matrix.arena) == (("b", "a"), ("adam", "zoe"), "coin-v1")
        assert matrix.n.tolist() == [[4, 4], [4, 4]]
        assert read_crossplay(store, "coin-v1", entrants=["a"]).mean.tolist() == [[pytest.approx(1.5)]]
        assert read_crossplay(store, "coin-v1", seed=3).entrants == ()

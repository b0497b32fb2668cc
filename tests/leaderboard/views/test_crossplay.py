"""Cross-play matrices, by hand."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from leaderboard.records import RULES_VERSION, BlockRecord, SeatResult, Status, block_id
from leaderboard.store.store import Store
from leaderboard.views.crossplay import crossplay, episode_returns, read_crossplay

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
        store.add(make.arena())
        store.add(make.entrant("a", "zoe"))
        store.add(make.entrant("b", "adam"))
        for block in [*blocks, make.block(("a", "b"), own, first=4, rules_version=9)]:
            store.add(block)
        matrix = read_crossplay(store, "coin-v1")
        assert (matrix.entrants, matrix.labels, matrix.arena) == (("b", "a"), ("adam", "zoe"), "coin-v1")
        assert matrix.n.tolist() == [[4, 4], [4, 4]]
        assert read_crossplay(store, "coin-v1", entrants=["a"]).mean.tolist() == [[pytest.approx(1.5)]]
        assert read_crossplay(store, "coin-v1", seed=3).entrants == ()


def three_seats(one: str, rest: str, first: int, value: float) -> list[SeatResult]:
    """A rotation in which `one` has seat 0, and `rest` the two others; returns say who sits where."""
    results = []
    for number in range(3):
        who = one if number == 0 else rest
        returns = np.full(2, value + number)
        results.append(SeatResult(first, f"seat_{number}", who, returns, np.full(2, 5), np.zeros(2)))
    return results


def test_on_one_side_the_partners_fill_the_rest() -> None:
    what = ("trio", ("a", "b"), "play", 0, 0, 2, RULES_VERSION)
    results = [*three_seats("a", "b", 0, 10.0), *three_seats("b", "a", 1, 20.0)]
    block = BlockRecord(block_id(*what), *what, tuple(results))
    roles = {"player": ("seat_0", "seat_1", "seat_2")}
    found = episode_returns([block], ["a", "b"], ["a", "b"], roles, 2)["player"]
    assert found[:, 0, 1].tolist() == [10.0, 10.0] and found[:, 1, 0].tolist() == [20.0, 20.0]
    assert np.isnan(found[:, 0, 0]).all()
    steps = episode_returns([block], ["a"], ["b"], roles, 2, max_steps=5)["player"]
    assert steps.ravel().tolist() == [2.0, 2.0]


def test_roles_have_returns_of_their_own_in_any_order_of_blocks(make) -> None:
    def own(who: str, partner: str, seat: str, rotation: int) -> list[float]:
        return [10.0 * "abc".index(who) + "abc".index(partner), 100.0 + (seat == "seat_1")]

    blocks = [make.block(pair, own) for pair in (("a", "b"), ("a", "c"), ("b", "c"))]
    blocks += [make.block(("a", "b"), lambda *_: [7.0], first=2)]
    roles = {"predator": ("seat_0",), "prey": ("seat_1",)}
    found = episode_returns(blocks[::-1], ["c", "a"], ["b", "c"], roles, 3)
    assert found["predator"].shape == (3, 2, 2)
    assert found["predator"][:, 1, 0].tolist() == [1.0, 100.0, 7.0]
    assert found["prey"][:2, 0, 0].tolist() == [21.0, 101.0]
    assert np.isnan(found["prey"][2, 0, 0]) and np.isnan(found["prey"][:, 0, 1]).all()
    later = episode_returns(blocks, ["a"], ["b"], roles, 2, first=1)["prey"]
    assert later[:, 0, 0].tolist() == [101.0, 7.0]


def test_a_spoiled_episode_stands_for_all_of_it_per_step(make) -> None:
    block = make.block(("a", "b"), lambda *_: [-9.0], steps=1, statuses={"a": Status.CRASH})
    roles = {"player": ("seat_0", "seat_1")}
    found = episode_returns([block], ["a", "b"], ["a", "b"], roles, 1, max_steps=10)["player"][0]
    assert (found[0, 1], found[1, 0]) == (-0.9, -9.0)

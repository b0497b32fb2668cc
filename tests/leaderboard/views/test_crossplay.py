"""Cross-play matrices, by hand."""

from itertools import combinations_with_replacement

import numpy as np
import pytest

from leaderboard.records import RULES_VERSION, BlockRecord, SeatResult, Status, block_id
from leaderboard.store.store import Store
from leaderboard.views.crossplay import Crossplay, crossplay, episode_returns, read_crossplay

GAIN = {("a", "a"): 1.0, ("a", "b"): 2.0, ("b", "a"): 3.0, ("b", "b"): 4.0}


def own(who, partner, seat, rotation):
    # Four episodes; seat 0 is worth 1 more.
    return GAIN[who, partner] * 10 + (10.0 if seat == "seat_0" else 0.0) + np.array([-10.0, 0.0, 0.0, 10.0])


@pytest.fixture
def blocks(make):
    return [make.block(pair, own) for pair in combinations_with_replacement("ab", 2)]


def matrix_of(make, blocks, entrants, arena=None, **terms) -> Crossplay:
    arena = arena or make.arena()
    return crossplay(make.tallies(blocks, arena), arena, entrants, **terms)


def test_cells_are_mean_own_returns_with_the_episode_as_unit(make, blocks):
    matrix = matrix_of(make, blocks[::-1], ["b", "a", "c"], labels={"a": "alice"})
    assert (matrix.labels, matrix.quantity) == (("b", "alice", "c"), "own return")
    assert matrix.mean[:2, :2].tolist() == pytest.approx(np.array([[45.0, 35.0], [25.0, 15.0]]))
    assert matrix.n.tolist() == [[4, 4, 0], [4, 4, 0], [0, 0, 0]]
    assert matrix.standard_error[0, 1] == pytest.approx(np.std([-10, 0, 0, 10], ddof=1) / 2)
    assert np.isnan(matrix.mean[2]).all()
    assert np.isnan(matrix.standard_error[:, 2]).all()


def test_blocks_of_other_entrants_and_later_episodes(make, blocks):
    more = [make.block(("a", "b"), own, first=4), make.block(("a", "c"), lambda *_: [99.0])]
    matrix = matrix_of(make, [*blocks, *more], ["a", "b"])
    assert matrix.n.tolist() == [[4, 8], [8, 4]]
    assert matrix.mean[0, 1] == pytest.approx(25.0)
    first, last = (make.tallies([block], make.arena()) for block in (blocks[1], more[0]))
    orders = [crossplay(tallies, make.arena(), ["a", "b"]).plain() for tallies in (first + last, last + first)]
    assert orders[0] == orders[1]


def test_sides_apart(make, blocks):
    arena = make.arena("competitive", sides=("predator", "prey"))
    predator, prey = (matrix_of(make, blocks, ["a", "b"], arena, side=side) for side in ("predator", "prey"))
    assert predator.mean.tolist() == pytest.approx(np.array([[20.0, 30.0], [40.0, 50.0]]))
    assert (predator.mean - prey.mean).tolist() == pytest.approx(10.0 * np.ones((2, 2)))
    with pytest.raises(ValueError, match="no seat is on side 'judge'"):
        matrix_of(make, blocks, ["a", "b"], arena, side="judge")
    with pytest.raises(ValueError, match="name a side"):
        matrix_of(make, blocks, ["a", "b"], arena)


def test_opponents_on_one_side_have_games_won(make):
    arena = make.arena("competitive")
    blocks = [
        make.block(("a", "b"), lambda who, *_: [1.0, 1.0] if who == "a" else [0.0, 1.0]),
        make.block(("a", "b"), lambda who, partner, seat, rotation: [float(seat == "seat_0")] * 6, first=2),
        make.block(("a", "a"), lambda *_: [3.0]),
    ]
    matrix = matrix_of(make, blocks, ["a", "b"], arena)
    assert matrix.quantity == "games won"
    assert matrix.mean[0, 1] == pytest.approx((1 + 0.5 + 6 * 0.5) / 8)
    assert matrix.mean[0, 1] + matrix.mean[1, 0] == 1.0
    assert matrix.n.tolist() == [[0, 8], [8, 0]] and np.isnan(matrix.mean[0, 0])
    # Each of six episodes was won once and lost once, which says more than eight games between equals would.
    games = np.array([1, 1, 0.5, 0.5, *[1, 0] * 6])
    assert matrix.standard_error[0, 1] == pytest.approx(games.std(ddof=1) / 8**0.5)
    assert matrix.standard_error[0, 1] > np.std([1, 0.5, *[0.5] * 6], ddof=1) / 8**0.5


def test_one_episode_has_no_standard_error(make):
    for kind in ("mixed", "competitive"):
        matrix = matrix_of(make, [make.block(("a", "b"), lambda *_: [5.0])], ["a", "b"], make.arena(kind))
        assert matrix.mean[0, 1] == (5.0 if kind == "mixed" else 0.5)
        assert matrix.n[0, 1] == 1
        assert np.isnan(matrix.standard_error).all()
    assert matrix_of(make, [], []).mean.shape == (0, 0)


def test_an_episode_that_the_partner_spoiled_does_not_count(make):
    spoiled = make.block(("a", "b"), lambda who, *_: [-9.0 * (who == "b")], first=4, statuses={"b": Status.CRASH})
    matrix = matrix_of(make, [make.block(("a", "b"), lambda *_: [1.0] * 4), spoiled], ["a", "b"])
    assert matrix.mean[0, 1] == 1.0 and matrix.mean[1, 0] == pytest.approx((4 - 9) / 5)
    assert matrix.n.tolist() == [[0, 4], [5, 0]]


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
        assert read_crossplay(store, "coin-v1", entrants=["a"]).mean.tolist() == [[pytest.approx(15.0)]]
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


def test_games_won_in_the_place_of_returns(make) -> None:
    def own(who: str, partner: str, seat: str, rotation: int) -> list[float]:
        return [9.0 * (who == "a"), 5.0, float(seat == "seat_0")]

    blocks, roles = [make.block(pair, own) for pair in ("ab", "aa")], {"player": ("seat_0", "seat_1")}
    won = episode_returns(blocks, ["a", "b"], ["a", "b"], roles, 3, arena=make.arena("competitive"))["player"]
    assert won[:, 0, 1].tolist() == [1.0, 0.5, 0.5] and won[:, 1, 0].tolist() == [0.0, 0.5, 0.5]
    assert won[:, 0, 0].tolist() == [0.5] * 3  # with itself
    returns = episode_returns(blocks, ["a"], ["b"], roles, 3, arena=make.arena("mixed"))["player"]
    assert returns.ravel().tolist() == [9.0, 5.0, 0.5]

"""What the entrants of a pairing got from each other, worked out by hand, for each kind of game."""

from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest

from leaderboard.records import SeatResult, Status
from leaderboard.statistics.tally import disjoint, games_won, joined, own_returns, scores, sides_of, tallies

PAIR = ("a", "b")


def count(first: int, episodes: int):
    """The episode's number, as own return."""
    return lambda who, partner, seat, rotation: [float(e) for e in range(first, first + episodes)]


def same(one, other) -> bool:
    """Whether two tallies hold the same, to the last bit."""
    ours, theirs = vars(one), vars(other)
    return all(
        np.array_equal(x, theirs[name], equal_nan=True) if name == "own" else np.array_equal(x, theirs[name])
        for name, x in ours.items()
    )


# Competitive, one side.


def test_a_game_is_one_episode_under_one_rotation(make):
    # Seat 0 is worth 5. In seat 0 a gets 6 and b 5; in seat 1 a gets 1 and b 0: the seat wins all games.
    def own(who, partner, seat, rotation):
        return [(5.0 if seat == "seat_0" else 0.0) + (1.0 if who == "a" else 0.0)] * 3

    tally = make.tally(make.block(PAIR, own), make.arena("competitive", draw_band=0.5))
    assert (tally.won, tally.games, tally.episodes, tally.blocks) == ((3, 0, 3), 6, 3, 1)
    assert tally.own.tolist() == [[3.5, 2.5]] * 3
    assert (tally.total, tally.counted) == ((10.5, 7.5), (3, 3))
    block = make.block(PAIR, own)
    assert scores(block, "a", make.arena("competitive")).tolist() == [0.5] * 3


@pytest.mark.parametrize(("gap", "won"), [(0.49, 1), (0.5, 1), (0.51, 0), (-0.5, 1), (-0.51, 2)])
def test_the_draw_band_is_a_difference_of_returns_per_episode(make, gap, won):
    block = make.block(PAIR, lambda who, *_: [gap if who == "a" else 0.0] * 4)
    tally = make.tally(block, make.arena("competitive", draw_band=0.5))
    assert tally.won == tuple(8 * (outcome == won) for outcome in range(3))


def test_equal_play_is_a_draw_however_its_sum_was_rounded(make):
    # Rewards added up in two orders.
    rewards = np.random.default_rng(0).normal(size=50) * 1e3
    sums = {"a": float(sum(rewards)), "b": float(sum(sorted(rewards)))}
    assert sums["a"] != sums["b"]  # in the last bits
    block = make.block(PAIR, lambda who, *_: [sums[who]])
    assert games_won(block.results, "a", "b", 0.0) == (0, 2, 0)


def test_games_are_counted_where_opponents_are_compared_and_nowhere_else(make):
    block, alone = (make.block(pair, lambda who, *_: [float(who == "a")]) for pair in (PAIR, ("a", "a")))
    for arena in (make.arena("mixed"), make.arena("cooperative"), make.arena("competitive", sides=("x", "y"))):
        assert {tally.won for tally in tallies(block, arena)} == {(0, 0, 0)}
    assert make.tally(block, make.arena("competitive")).won == (2, 0, 0)
    assert make.tally(alone, make.arena("competitive")).won == (0, 0, 0)
    assert scores(block, "a", make.arena("competitive")).tolist() == [1.0]
    assert scores(block, "b", make.arena("competitive")).tolist() == [0.0]
    assert scores(alone, "a", make.arena("competitive")).tolist() == [0.5]


# Own returns.


def test_own_return_is_the_mean_over_the_rotations(make):
    with_p = {"seat_0": [1.0, 3.0], "seat_1": [2.0, 6.0]}
    block = make.block(("a", "p"), lambda w, c, seat, r: with_p[seat])
    assert own_returns(block.results, "a").tolist() == [1.5, 4.5]
    assert own_returns(block.results, "nobody") is None


def test_own_return_with_oneself_is_the_mean_over_all_seats(make):
    block = make.block(("a", "a"), lambda w, c, seat, r: [4.0, 4.0] if seat == "seat_0" else [0.0, 2.0])
    tally = make.tally(block, make.arena())
    assert tally.own.tolist() == [[2.0, 2.0], [3.0, 3.0]]
    assert (tally.first, tally.second) == ("a", "a")


def test_an_entrant_in_several_seats_counts_where_it_fills_the_fewest(make):
    # Three seats; in rotation 0 a takes one (3) and p two (5 and 7); in rotation 1 a takes two and p one (1).
    results = [
        SeatResult(0, "x", "a", [3.0], [1], [0]),
        SeatResult(0, "y", "p", [5.0], [1], [0]),
        SeatResult(0, "z", "p", [7.0], [1], [0]),
        SeatResult(1, "x", "a", [0.0], [1], [0]),
        SeatResult(1, "y", "a", [2.0], [1], [0]),
        SeatResult(1, "z", "p", [1.0], [1], [0]),
    ]
    assert (own_returns(results, "a").tolist(), own_returns(results, "p").tolist()) == ([3.0], [1.0])
    assert own_returns(results[:3], "p").tolist() == [6.0]
    block = replace(make.block(("a", "p"), lambda *_: [0.0]), results=tuple(results))
    arena = replace(make.arena(), seats=(("x", "player"), ("y", "player"), ("z", "player")))
    tally = make.tally(block, arena)
    assert (tally.own.tolist(), tally.games, tally.faults.sum()) == ([[3.0, 1.0]], 2, 0)


# Several sides.


def test_each_side_has_a_tally_of_its_own(make):
    arena = make.arena("competitive", sides=("predator", "prey"))
    assert sides_of(arena) == {"predator": ["seat_0"], "prey": ["seat_1"]}
    own = {("a", "seat_0"): 1.0, ("b", "seat_0"): 2.0, ("a", "seat_1"): 3.0, ("b", "seat_1"): 4.0}
    block = make.block(PAIR, lambda who, partner, seat, rotation: [own[who, seat]] * 2)
    predator, prey = (make.tally(block, arena, side) for side in ("predator", "prey"))
    assert predator.own.tolist() == [[1.0, 2.0]] * 2
    assert prey.own.tolist() == [[3.0, 4.0]] * 2
    assert (predator.games, prey.games, predator.blocks) == (4, 4, 1)


@pytest.mark.parametrize("kind", ["mixed", "cooperative"])
def test_sides_that_do_not_compete_are_taken_together(make, kind):
    arena = make.arena(kind, sides=("row", "column"))
    assert sides_of(arena) == {"": ["seat_0", "seat_1"]}
    block = make.block(PAIR, lambda who, partner, seat, rotation: [float(seat == "seat_0")])
    assert make.tally(block, arena).own.tolist() == [[0.5, 0.5]]


# Faults.


def spoil(block, who: str, *episodes: int, status: Status = Status.CRASH):
    """The block in which an entrant spoils these episodes under both rotations."""
    results = []
    for result in block.results:
        statuses = result.statuses.copy()
        if result.entrant == who:
            statuses[list(episodes)] = status.code
        results.append(replace(result, statuses=statuses))
    return replace(block, results=tuple(results))


def test_an_episode_that_the_partner_spoiled_does_not_count_and_an_own_fault_does(make):
    block = spoil(make.block(PAIR, count(0, 4)), "b", 1, 2)
    tally = make.tally(block, make.arena())
    assert np.isnan(tally.own[:, 0]).tolist() == [False, True, True, False]
    assert tally.own[:, 1].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert (tally.total, tally.counted) == ((3.0, 6.0), (2, 4))
    assert tally.faulty.tolist() == [[False, False], [False, True], [False, True], [False, False]]
    assert tally.faults[:, Status.CRASH.code].tolist() == [0, 4]
    assert tally.faults.sum() == 4  # what ended as it should is no fault


def test_where_both_spoil_an_episode_it_counts_for_both(make):
    block = spoil(spoil(make.block(PAIR, count(0, 2)), "b", 1), "a", 1, status=Status.TIMEOUT)
    tally = make.tally(block, make.arena())
    assert tally.own.tolist() == [[0.0, 0.0], [1.0, 1.0]]
    assert tally.faulty[1].tolist() == [True, True]


def test_a_fault_on_one_side_ends_the_episode_on_all(make):
    arena = make.arena("competitive", sides=("predator", "prey"))
    block = make.block(PAIR, count(0, 2))
    results = [
        replace(result, statuses=[0, Status.CRASH.code]) if (result.entrant, result.seat) == ("b", "seat_1") else result
        for result in block.results
    ]
    for side in ("predator", "prey"):
        tally = make.tally(replace(block, results=tuple(results)), arena, side)
        assert np.isnan(tally.own[:, 0]).tolist() == [False, True]
        assert tally.faults[1, Status.CRASH.code] == (side == "prey")


def fault(block, *places):
    """The block with a crash in every episode of some (rotation, seat), which has the forfeit -9."""
    k = block.episodes
    crashed = {"statuses": [Status.CRASH.code] * k, "returns": [-9.0] * k}
    results = [replace(r, **crashed) if (r.rotation, r.seat) in places else r for r in block.results]
    return replace(block, results=tuple(results))


def test_who_spoils_a_game_has_lost_it_however_little_the_other_got(make):
    # a sits in seat 0 first; the forfeit -9 is more than the -20 that everybody else gets.
    block = fault(make.block(PAIR, lambda *_: [-20.0, -20.0]), (0, "seat_0"))
    assert games_won(block.results, "a", "b", 0.0) == (0, 2, 2)
    assert games_won(block.results, "b", "a", 0.0) == (2, 2, 0)
    assert scores(block, "a", make.arena("competitive")).tolist() == [0.25, 0.25]
    both = fault(block, (0, "seat_0"), (0, "seat_1"))
    assert games_won(both.results, "a", "b", 0.0) == (0, 4, 0)


def test_in_self_play_the_forfeit_counts_for_all_seats(make):
    block = fault(make.block(("a", "a"), lambda *_: [-1.0, -1.0]), (0, "seat_1"), (1, "seat_1"))
    assert make.tally(block, make.arena()).own[:, 0].tolist() == [-9.0, -9.0]


def test_a_partners_fault_in_another_rotation_does_not_make_an_own_one_cheaper(make):
    # a spoils the first rotation and b the second, where a has 0: of a only its forfeit counts, and the same of b.
    block = fault(make.block(PAIR, lambda *_: [0.0, 0.0]), (0, "seat_0"), (1, "seat_0"))
    assert make.tally(block, make.arena()).own.tolist() == [[-9.0, -9.0]] * 2


# Blocks of one pairing.


def test_episodes_of_overlapping_blocks_count_once(make):
    long, short, inside, after = (
        make.block(PAIR, count(first, k), first=first) for first, k in ((0, 8), (0, 7), (5, 6), (8, 2))
    )
    other_seed, learning = make.block(PAIR, count(0, 7), seed=1), make.block(PAIR, count(0, 3), mode="learn")
    everything = [short, long, inside, after, other_seed, learning]
    for blocks in (everything, everything[::-1]):
        assert {block.id for block in disjoint(blocks)} == {long.id, after.id, other_seed.id, learning.id}
    assert disjoint([short]) == [short]
    assert disjoint([inside, short]) == [short]
    for blocks in permutations([short, long, inside, after]):
        (tally,) = make.tallies(blocks, make.arena())
        assert (tally.start, tally.end, tally.blocks, tally.repeated) == (0, 10, 2, 2)
        assert tally.own[:, 0].tolist() == list(range(10))


def test_tallies_that_follow_each_other_are_put_together_to_the_same_digits(make):
    arena, returns = make.arena("competitive"), np.random.default_rng(0).normal(size=(40, 2)) * 1e3

    def cut(first, end):
        return make.block(PAIR, lambda who, *_: returns[first:end, int(who == "b")], first=first, steps=first + 1)

    whole = make.tally(cut(0, 40), arena)
    for cuts in ([0, 40], [0, 3, 40], [0, 1, 2, 17, 23, 40]):
        blocks = [cut(first, end) for first, end in pairwise(cuts)]
        for order in (blocks, blocks[::-1]):
            (tally,) = make.tallies(order, arena)
            assert same(tally, replace(whole, blocks=len(blocks), steps=(1, cuts[-2] + 1)))
    apart = joined([*tallies(cut(0, 3), arena), *tallies(cut(4, 9), arena)])
    assert [(tally.start, tally.end) for tally in apart] == [(0, 3), (4, 9)]
    parts = [tally for first in range(4) for tally in tallies(cut(first, first + 1), arena)]
    assert [tally.episodes for tally in joined(parts, longest=3)] == [3, 1]


def test_pairings_sides_and_seeds_stay_apart(make):
    arena = make.arena("competitive", sides=("predator", "prey"))
    blocks = [make.block(pair, count(0, 2), seed=seed) for pair in (PAIR, ("a", "a")) for seed in (0, 1)]
    blocks += [make.block(PAIR, count(2, 2), first=2)]
    made = make.tallies(blocks, arena)
    places = [(tally.first, tally.second, tally.side, tally.seed, tally.episodes) for tally in made]
    assert places == [
        (*pair, side, seed, 4 if (pair, seed) == (PAIR, 0) else 2)
        for pair in (("a", "a"), PAIR)
        for side in ("predator", "prey")
        for seed in (0, 1)
    ]

"""Who did better than whom, worked out by hand, for each kind of game."""

import time
from itertools import combinations_with_replacement

import numpy as np
import pytest

from leaderboard.records import PanelRecord, SeatResult, Status
from leaderboard.statistics.comparison import Comparison, observations, rounds
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.rating import fit
from leaderboard.statistics.returns import disjoint, own_return, performances
from leaderboard.views.board import make_board


def told(comparisons):
    return sorted((c.first, c.second, c.outcome, round(c.weight, 6), c.partner) for c in comparisons)


# Competitive, one side.


def test_a_block_is_one_observation_over_both_rotations(make):
    # Seat 0 is worth 5. In seat 0 a gets 6 and b 5; in seat 1 a gets 1 and b 0: a's mean is 3.5, b's 2.5.
    def own(who, partner, seat, rotation):
        return [(5.0 if seat == "seat_0" else 0.0) + (1.0 if who == "a" else 0.0)] * 3

    arena = make.arena("competitive", draw_band=0.5)
    blocks = [make.block(("a", "b"), own), make.block(("a", "a"), own)]
    (found,) = observations(arena, blocks, ["b"])
    assert found == Comparison("a", "b", 1, 1.0, None, (0, 0, 3), blocks[0].id)


def test_episodes_of_overlapping_blocks_count_once(make):
    def own(first, episodes):
        return lambda who, partner, seat, rotation: [float(e) for e in range(first, first + episodes)]

    pair = ("a", "b")
    long, short, inside, after = (
        make.block(pair, own(first, k), first=first) for first, k in ((0, 8), (0, 7), (5, 6), (8, 2))
    )
    other_seed = make.block(pair, own(0, 7), seed=1)
    for blocks in ([short, long, inside, after, other_seed], [other_seed, after, inside, long, short]):
        table = performances(blocks)
        assert set(table.blocks) == {long.id, after.id, other_seed.id}
    assert disjoint([short]) == [short]
    assert disjoint([inside, short]) == [short]


@pytest.mark.parametrize(("gap", "outcome"), [(0.49, 0), (0.5, 0), (0.51, 1), (-0.5, 0), (-0.51, -1)])
def test_the_draw_band_is_a_difference_of_returns_per_episode(make, gap, outcome):
    block = make.block(("a", "b"), lambda who, *_: [gap if who == "a" else 0.0] * 4)
    (found,) = observations(make.arena("competitive", draw_band=0.5), [block], None)
    assert found.outcome == outcome


def test_equal_play_is_a_draw_however_its_sum_was_rounded(make):
    luck = np.random.default_rng(0).normal(size=50) * 1e3
    block = make.block(("a", "b"), lambda who, *_: luck if who == "a" else np.sort(luck))
    a, b = performances([block]).mean
    assert a != b  # in the last bits
    (found,) = observations(make.arena("competitive"), [block], None)
    assert found.outcome == 0


# Duplicate comparison.


OWN = {  # mean own return of the row with the column, worked through below
    ("a", "a"): 1.0,
    ("a", "b"): 5.0,
    ("a", "p"): 2.0,
    ("b", "a"): 3.0,
    ("b", "b"): 0.0,
    ("b", "p"): 2.0,
    ("p", "a"): 9.0,
    ("p", "b"): 1.0,
    ("p", "p"): 4.0,
}


def by_hand(make, pairs=None):
    pairs = pairs or combinations_with_replacement("abp", 2)
    # The seat is worth 100, which duplicate comparison must not see.
    return [make.block(pair, lambda w, c, s, r: [OWN[w, c] + 100 * (s == "seat_0")] * 2) for pair in pairs]


def test_duplicate_comparison_by_hand(make):
    # Panel {p}. With partner p:   a 2, b 2, p 4   -> a = b, p > a, p > b, three compared, so each weighs 2/3.
    # With partner a (a itself):   a 1, b 3, p 9   -> b > a, p > a; b and p are not compared, as a is no member.
    # With partner b (b itself):   a 5, b 0, p 1   -> a > b, p > b.
    found = observations(make.arena("mixed"), by_hand(make), ["p"])
    weight = round(2 / 3, 6)
    assert told(found) == sorted(
        [
            ("a", "b", 0, weight, "p"),
            ("a", "p", -1, weight, "p"),
            ("b", "p", -1, weight, "p"),
            ("a", "b", -1, weight, "a"),
            ("a", "p", -1, weight, "a"),
            ("a", "b", 1, weight, "b"),
            ("b", "p", -1, weight, "b"),
        ]
    )
    counts = Counts.of([(c.first, c.second, c.outcome, c.weight) for c in found])
    assert counts.wins.tolist() == pytest.approx(np.array([[0, 2, 0], [2, 0, 0], [4, 4, 0]]) / 3)
    assert counts.draws[0, 1] == pytest.approx(2 / 3)


def test_without_a_panel_everybody_is_a_partner(make):
    found = observations(make.arena("cooperative"), by_hand(make), None)
    assert len(found) == 9
    assert {c.weight for c in found} == {2 / 3}
    assert ("b", "p", -1, round(2 / 3, 6), "a") in told(found)


def test_without_self_play_nothing_can_be_said_about_a_bare_pairing(make):
    assert observations(make.arena("mixed"), by_hand(make, [("a", "b")]), ["p"]) == []
    found = observations(make.arena("mixed"), by_hand(make, [("a", "b"), ("a", "a")]), [])
    assert told(found) == [("a", "b", -1, 1.0, "a")]


def test_only_the_same_episodes_are_compared(make):
    def flat(value):
        return lambda *_: [value, value]

    blocks = [make.block(("a", "p"), flat(1.0), first=0), make.block(("b", "p"), flat(2.0), first=2)]
    blocks += [make.block(("a", "p"), flat(3.0), seed=5), make.block(("b", "p"), flat(2.0), seed=6)]
    assert observations(make.arena("mixed"), blocks, ["p"]) == []  # p has not played itself, nor a and b the same
    blocks.append(make.block(("b", "p"), flat(9.0), seed=5))
    found = [c for c in observations(make.arena("mixed"), blocks, ["p"]) if {c.first, c.second} == {"a", "b"}]
    assert [(c.outcome, c.series) for c in found] == [(-1, (5, 0, 2))]


def test_always_defect_does_not_come_first_under_duplicate_comparison(make):
    """The exact iterated prisoner's dilemma: "who got more" puts the worst partner on top, own return does not."""
    blocks = make.ipd_blocks()
    panel = PanelRecord("ipd-v1/panel-1", "coin-v1", ("grim", "soft-tit-for-tat", "tit-for-tat"))
    who_got_more = make_board(make.arena("competitive"), blocks, panel)
    duplicate = make_board(make.arena("mixed"), blocks, panel)
    assert who_got_more.rows[0].entrant == "always-defect"
    by_mu = sorted(duplicate.rows, key=lambda row: -row.record["mu"])
    place = [row.entrant for row in by_mu].index("always-defect") + 1
    assert place > 3
    assert duplicate.rows[0].entrant in {"grim", "tit-for-tat", "always-cooperate", "win-stay-lose-shift"}
    assert [row.entrant for row in duplicate.rows].index("always-defect") > 3


def test_all_orders_of_blocks_give_the_same_comparisons(make):
    blocks = make.noisy_blocks({"a": 0.0, "b": 0.3, "c": 0.1, "d": 0.2})
    for kind in ("mixed", "competitive"):
        expected = observations(make.arena(kind), blocks, ["c"])
        assert observations(make.arena(kind), blocks[::-1] + blocks[:3], ["c"]) == expected
        assert expected == sorted(expected, key=lambda c: c.block)


# Several sides.


def test_sides_are_rated_apart_in_one_fit(make):
    # a is the better predator, b the better prey, whoever the partner is.
    def own(who, partner, seat, rotation):
        return [1.0 if (who == "a") == (seat == "seat_0") else 0.0] * 2

    arena = make.arena("competitive", sides=("predator", "prey"))
    blocks = [make.block(pair, own) for pair in (("a", "a"), ("a", "b"), ("b", "b"))]
    found = observations(arena, blocks, [])
    assert told(found) == sorted(
        (f"a|{side}", f"b|{side}", outcome, 1.0, partner)
        for side, outcome in (("predator", 1), ("prey", -1))
        for partner in ("a", "b")
    )
    board = make_board(arena, blocks, PanelRecord("p", "coin-v1", ("a", "b")))
    assert [(row.side, row.rank, row.label) for row in board.rows] == [
        ("predator", 1, "a"),
        ("predator", 2, "b"),
        ("prey", 1, "b"),
        ("prey", 2, "a"),
    ]
    assert sum(row.record["mu"] for row in board.rows if row.side == "prey") == pytest.approx(50.0)


# Classical rounds.


def test_rounds_add_up_a_series_over_the_partners():
    def won(first, second, outcome, weight, partner, series, block):
        return Comparison(first, second, outcome, weight, partner, series, block)

    one, two = (0, 0, 4), (0, 4, 4)
    comparisons = [
        won("a", "b", 1, 0.5, "p", one, "f"),
        won("a", "b", 1, 0.5, "q", one, "e"),
        won("a", "b", -1, 1.0, "b", one, "d"),  # 0.5 + 0.5 - 1: a draw
        won("a", "c", -1, 1.0, "p", one, "a"),
        won("a", "b", 1, 1.0, "p", two, "c"),
    ]
    assert rounds(comparisons) == [("a", "c", -1), ("a", "b", 1), ("a", "b", 0)]
    assert rounds(comparisons[::-1]) == rounds(comparisons)


# Own returns.


def test_own_return_counts_partners_equally_and_episodes_as_units(make):
    # With p: 1, 3 in seat 0 and 2, 6 in seat 1, so 1.5 and 4.5 per episode. With q: 10, 20, in either seat.
    with_p = {"seat_0": [1.0, 3.0], "seat_1": [2.0, 6.0]}
    blocks = [
        make.block(("a", "p"), lambda w, c, seat, r: with_p[seat]),
        make.block(("a", "q"), lambda *_: [10.0, 20.0]),
    ]
    own = own_return(performances(blocks, max_steps=10), ["p", "q", "unknown"])
    i = own.entrants.index("a")
    per_episode = np.array([(1.5 + 10) / 2, (4.5 + 20) / 2]) / 10  # 10 steps an episode
    half = 12.706204736 * per_episode.std(ddof=1) / np.sqrt(2)  # t with one degree of freedom
    assert own.value[i] == pytest.approx(per_episode.mean())
    assert (own.low[i], own.high[i]) == pytest.approx((per_episode.mean() - half, per_episode.mean() + half))
    assert (own.n[i], own.met[i], own.partners[i]) == (2, 2, 3)
    assert own.covariance[i, i] == pytest.approx(per_episode.var(ddof=1) / 2)


def test_own_return_with_oneself_is_the_mean_over_all_seats(make):
    blocks = [make.block(("a", "a"), lambda w, c, seat, r: [4.0, 4.0] if seat == "seat_0" else [0.0, 2.0])]
    table = performances(blocks)
    assert table.mean.tolist() == [2.5]
    assert own_return(table, ["a"]).value[0] == pytest.approx(0.25)
    apart = own_return(table, ["a"], with_oneself=False)
    assert np.isnan(apart.value[0])
    assert (apart.met[0], apart.partners[0]) == (0, 0)


def test_one_episode_gives_no_interval_and_a_stranger_nothing(make):
    table = performances([make.block(("a", "p"), lambda *_: [1.0])])
    own = own_return(table, ["p"])
    a, p = own.entrants.index("a"), own.entrants.index("p")
    assert own.value[a] == pytest.approx(0.1)
    assert np.isnan([own.low[a], own.high[a], own.value[p]]).all()


def test_intervals_of_own_return_cover_the_truth(make):
    inside = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        luck = rng.normal(size=8)
        noise = {p: 0.5 * rng.normal(size=8) for p in "apqr"}
        blocks = [make.block(("a", p), lambda w, c, s, r, luck=luck, noise=noise: luck + noise[c]) for p in "pqr"]
        own = own_return(performances(blocks), "pqr")
        i = own.entrants.index("a")
        inside.append(own.low[i] <= 0.0 <= own.high[i])
    assert 0.90 <= np.mean(inside) <= 0.99


def test_a_forfeit_is_spread_over_the_whole_episode(make):
    crash = {"a": Status.CRASH}
    block = make.block(("a", "p"), lambda who, *_: [-9.0, -9.0] if who == "a" else [1.0, 1.0], steps=1, statuses=crash)
    table = performances([block], max_steps=10)
    own = own_return(table, ["p", "a"])
    assert own.value.tolist() == pytest.approx([-0.9, 1.0])
    spoiled = {table.entrants[w]: row.tolist() for w, row in zip(table.who, table.faults, strict=True)}
    assert spoiled == {"a": [0, 0, 0, 0, 4, 0], "p": [4, 0, 0, 0, 0, 0]}


def test_an_entrant_in_several_seats_counts_once(make):
    # Three seats; a takes one, p the other two. Rotation 0: a gets 3. Rotation 1 (roles swapped): a gets 0 and 2.
    results = [
        SeatResult(0, "x", "a", [3.0], [1], [0]),
        SeatResult(0, "y", "p", [5.0], [1], [0]),
        SeatResult(0, "z", "p", [7.0], [1], [0]),
        SeatResult(1, "x", "a", [0.0], [1], [0]),
        SeatResult(1, "y", "a", [2.0], [1], [0]),
        SeatResult(1, "z", "p", [1.0], [1], [0]),
    ]
    template = make.block(("a", "p"), lambda *_: [0.0])
    table = performances([type(template)(**vars(template) | {"results": tuple(results)})])
    assert {table.entrants[w]: m for w, m in zip(table.who, table.mean, strict=True)} == {"a": 2.0, "p": 3.5}
    assert table.games.tolist() == [2, 2]


def test_thousands_of_blocks_take_well_under_a_second(make):
    names = [f"e{i:02}" for i in range(50)]
    rng = np.random.default_rng(0)
    blocks = [
        make.block(pair, lambda *_: rng.normal(size=4), first=first)
        for first in (0, 4)
        for pair in combinations_with_replacement(names, 2)
    ]
    started = time.process_time()
    comparisons = observations(make.arena("mixed"), blocks, names[:5])
    spent = time.process_time() - started
    assert len(blocks) == 2550
    assert len(comparisons) == 2 * (5 * 1225 + 45 * 49)
    assert sum(c.weight for c in comparisons) == pytest.approx(2 * (5 * 49 + 45 * 49 * 2 / 50))  # k - 1 per member
    assert spent < 1.0
    fit(Counts.of([(c.first, c.second, c.outcome, c.weight) for c in comparisons]))

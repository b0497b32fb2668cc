"""Everybody on one side, worked out by hand: who met whom, headlines over a panel, and whom others cannot move."""

import random
import time
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from leaderboard.records import Status
from leaderboard.seeds import SECRET_SEEDS
from leaderboard.statistics.field import MOST_SERIES, SERIES, field_of
from leaderboard.statistics.tally import Tally

OWN = {  # mean own return of the row with the column
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


def blocks_by_hand(make, pairs=None, k: int = 2):
    pairs = pairs or combinations_with_replacement("abp", 2)
    # The seat is worth 100, which the comparison must not see: both sit in either.
    return [make.block(pair, lambda w, c, s, r: [OWN[w, c] + 100 * (s == "seat_0") - 50] * k) for pair in pairs]


def field(make, blocks, partners, weights=None, *, with_oneself=True, arena=None, side=""):
    weights = weights or [1.0 / max(len(partners), 1)] * len(partners)
    return field_of(make.tallies(blocks, arena or make.arena()), side, partners, weights, with_oneself=with_oneself)


def headlines(field) -> dict[str, float]:
    return dict(zip(field.entrants, field.headline.value.tolist(), strict=True))


# Headlines.


def test_headlines_by_hand(make):
    blocks = blocks_by_hand(make)
    everybody = field(make, blocks, "ap", [0.25, 0.75])
    assert headlines(everybody) == pytest.approx({"a": 0.25 + 1.5, "b": 0.75 + 1.5, "p": 2.25 + 3.0})
    others = field(make, blocks, "ap", [0.25, 0.75], with_oneself=False)
    assert headlines(others) == pytest.approx({"a": 2.0, "b": 2.25, "p": 9.0})
    assert others.wanted.tolist() == [[False, True], [True, True], [True, False]]
    assert everybody.wanted.all()
    assert everybody.mean.tolist() == pytest.approx(np.array([[1, 5, 2], [3, 0, 2], [9, 1, 4]]))
    assert everybody.with_partners.tolist() == pytest.approx(np.array([[1, 2], [3, 2], [9, 4]]))
    assert np.isnan(others.with_partners).tolist() == [[True, False], [False, False], [False, True]]
    assert everybody.reweighted(np.array([1.0, 1.0])).tolist() == pytest.approx([1.5, 2.5, 6.5])
    assert others.reweighted(np.array([1.0, 1.0])).tolist() == pytest.approx([2.0, 2.5, 9.0])
    assert (everybody.games.tolist(), everybody.blocks.tolist()) == ([12] * 3, [3] * 3)


def test_who_has_not_met_all_partners_is_not_whole(make):
    bare = field(make, blocks_by_hand(make, [("a", "b"), ("b", "p"), ("p", "p")]), "pq")
    assert bare.whole.tolist() == [False, False, False]  # nobody has met q
    one = field(make, blocks_by_hand(make, [("a", "b"), ("b", "p"), ("p", "p")]), "p")
    assert (one.entrants, one.whole.tolist()) == (("a", "b", "p"), [False, True, True])
    assert np.isnan(one.headline.value[0])
    alone = field(make, blocks_by_hand(make, [("b", "p"), ("p", "p")]), "p", with_oneself=False)
    assert alone.whole.tolist() == [True, False]  # the only partner has nobody to meet
    nobody = field(make, blocks_by_hand(make), ())
    assert nobody.whole.tolist() == [False] * 3 and np.isnan(nobody.headline.value).all()


def test_episodes_are_units_and_partners_are_weighted(make):
    # With p: 1, 3 in seat 0 and 2, 6 in seat 1, so 1.5 and 4.5 per episode. With q: 10, 20, in either seat.
    with_p = {"seat_0": [1.0, 3.0], "seat_1": [2.0, 6.0]}
    blocks = [
        make.block(("a", "p"), lambda w, c, seat, r: with_p[seat]),
        make.block(("a", "q"), lambda *_: [10.0, 20.0]),
    ]
    means = field(make, blocks, ["p", "q"]).headline
    per_episode = np.array([(1.5 + 10) / 2, (4.5 + 20) / 2])
    half = 12.706204736 * per_episode.std(ddof=1) / np.sqrt(2)  # t with one degree of freedom
    own = means.estimate(0)
    assert own.mean == pytest.approx(per_episode.mean())
    assert (own.low, own.high) == pytest.approx((per_episode.mean() - half, per_episode.mean() + half))
    assert own.n == 2
    assert means.of_episode[0].tolist() == pytest.approx(per_episode.tolist())


def test_one_episode_gives_no_interval_and_a_stranger_nothing(make):
    means = field(make, [make.block(("a", "p"), lambda *_: [1.0])], "p").headline
    assert means.value[0] == 1.0 and not means.estimate(0).known
    assert np.isnan(means.value[1])


def test_intervals_cover_the_truth_to_the_nominal_share(make):
    inside = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        luck = rng.normal(size=8)
        noise = {p: 0.5 * rng.normal(size=8) for p in "apqr"}
        blocks = [make.block(("a", p), lambda w, c, s, r, luck=luck, noise=noise: luck + noise[c]) for p in "pqr"]
        inside.append(field(make, blocks, "pqr").headline.estimate(0).contains(0.0))
    assert 0.90 <= np.mean(inside) <= 0.99  # .95, with a standard error of .018


def test_only_the_same_episodes_are_paired(make):
    rng = np.random.default_rng(0)
    luck = 10 * rng.normal(size=8)

    def own(seed):
        return lambda who, *_: luck[:: 1 - 2 * seed] + (1.0 if who == "a" else 0.0)

    paired = field(make, [make.block((who, "p"), own(0)) for who in "ab"], "p").headline
    assert paired.probability_above(0, 1) == 1.0  # the luck is the same, and leaves a difference of 1
    apart = [make.block(("a", "p"), own(0), seed=0), make.block(("b", "p"), own(1), seed=1)]
    unpaired = field(make, apart, "p").headline
    assert 0.01 < unpaired.probability_above(0, 1) < 0.99
    assert unpaired.influence.shape[1] == 16
    gap = [make.block(("a", "p"), own(0)), make.block(("b", "p"), own(0), first=100)]
    assert field(make, gap, "p").headline.influence.shape[1] == 16  # what nobody played takes no place


def test_a_partners_faults_leave_the_row_alone_and_own_faults_count(make):
    def own(who, *_):
        return [-9.0] * 2 if who == "c" else [2.0] * 2

    crash = {"c": Status.CRASH}
    blocks = [make.block(pair, lambda *_: [1.0] * 2) for pair in ("ap", "cp", "pp", "ac")]
    blocks += [make.block(pair, own, first=2, statuses=crash) for pair in ("ac", "cp")]
    result = field(make, blocks, "pc")
    assert headlines(result) == pytest.approx({"a": 1.0, "c": -4.0, "p": 1.0})
    assert result.faults[:, Status.CRASH.code].tolist() == [0, 8, 0]
    sound = dict(zip(result.entrants, result.without_faults().value.tolist(), strict=True))
    assert sound == pytest.approx({"a": 1.0, "c": 1.0, "p": 1.0})
    assert result.counted.tolist() == [[0, 2, 2], [4, 0, 4], [2, 2, 2]]


# Order, and clones.


def round_robin(make, series: int = 3, k: int = 5):
    return make.noisy_blocks({"a": 0.0, "b": 0.3, "c": 0.1, "d": 0.2}, series=series, k=k)


def test_blocks_in_any_order_and_twice_give_the_same_figures(make):
    blocks = round_robin(make)
    expected = field(make, blocks, "bc", [0.3, 0.7])
    for seed in range(3):
        mixed = random.Random(seed).sample(blocks, len(blocks))
        again = field(make, mixed + blocks[:3], "bc", [0.3, 0.7])
        for name in ("value", "influence", "of_episode"):
            np.testing.assert_array_equal(getattr(again.headline, name), getattr(expected.headline, name))
        np.testing.assert_array_equal(again.mean, expected.mean)


@pytest.mark.parametrize("original", "abcd")
def test_thirty_clones_move_no_digit_of_others(make, original):
    blocks = round_robin(make)
    names = [f"{original}-{i:02}" for i in range(30)]
    more = make.clones(blocks, original, names)
    few, many = (field(make, some, "bc", [0.3, 0.7]) for some in (blocks, blocks + more))
    for i, who in enumerate(few.entrants):
        j = many.entrants.index(who)
        assert few.headline.estimate(i) == many.headline.estimate(j)
        assert few.headline.error[i] == many.headline.error[j]
    copies = [many.entrants.index(name) for name in names]
    assert np.ptp(many.headline.value[copies]) == 0.0


# Games.


def test_an_episode_counts_once_however_many_rotations(make):
    arena = make.arena("competitive")
    seat_wins = make.block(("a", "b"), lambda w, c, seat, r: [float(seat == "seat_0")] * 3)
    a_wins = make.block(("a", "b"), lambda w, *_: [float(w == "a")] * 2, first=3)
    drawn = make.block(("b", "c"), lambda *_: [1.0] * 4)
    made = field(make, [seat_wins, a_wins, drawn], (), arena=arena)
    assert made.won.tolist() == pytest.approx(np.array([[0, 3.5, 0], [1.5, 0, 0], [0, 0, 0]]))
    assert made.drawn.tolist() == pytest.approx(np.array([[0, 0, 0], [0, 0, 4], [0, 4, 0]]))
    counts = made.counts()
    assert counts.wins.tolist() == made.won.tolist() and counts.draws.tolist() == made.drawn.tolist()


def test_sides_are_apart(make):
    # a is the better predator, b the better prey, whoever the partner is.
    def own(who, partner, seat, rotation):
        return [1.0 if (who == "a") == (seat == "seat_0") else 0.0] * 2

    arena = make.arena("competitive", sides=("predator", "prey"))
    blocks = [make.block(pair, own) for pair in ("aa", "ab", "bb")]
    predator, prey = (
        field(make, blocks, "ab", arena=arena, side=side, with_oneself=False) for side in ("predator", "prey")
    )
    assert (headlines(predator), headlines(prey)) == ({"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 1.0})


# Series.


def test_a_series_is_the_mean_of_consecutive_panel_means(make):
    episodes = np.arange(2.0 * SERIES)
    blocks = [make.block((who, "p"), lambda who, *_: episodes + (who == "a")) for who in "ab"]
    series = field(make, blocks, "p").series()
    first, second = episodes[:SERIES].mean(), episodes[SERIES:].mean()
    assert series[:2].tolist() == pytest.approx(np.array([[first + 1, second + 1], [first, second]]))
    assert np.isnan(series[2]).all()  # p has not met itself
    many = np.arange(float(SERIES * MOST_SERIES + 7))
    assert field(make, [make.block(("a", "p"), lambda *_: many)], "p").series().shape[1] <= MOST_SERIES
    assert field(make, [], "p").series().shape == (0, 0)


def test_time_grows_no_faster_than_the_number_of_episodes(make):
    def spent(names: int) -> float:
        entrants, partners = [f"e{i:03}" for i in range(names)], [f"e{i:03}" for i in range(4)]
        blocks = [make.block(pair, lambda *_: np.arange(64.0)) for pair in product(partners, entrants)]
        tallies = make.tallies(blocks, make.arena())
        times = []
        for _ in range(3):
            started = time.process_time()
            field_of(tallies, "", partners, [0.25] * 4, with_oneself=True)
            times.append(time.process_time() - started)
        return min(times)

    spent(10)
    assert spent(80) < 40 * spent(10)  # about 8 times: 5 are left for luck, and 64 were quadratic


def test_differences_of_entrants_with_other_luck_are_unpaired_and_cover():
    """On two seeds nothing is paired: intervals of the difference must cover as often as they say."""
    rng, runs, covered, paired_covered = np.random.default_rng(11), 1500, 0, 0
    weights, secret = np.array([0.7, 0.3]), SECRET_SEEDS + 1
    for _ in range(runs):
        tallies = []
        luck = {0: rng.normal(scale=3.0, size=24), secret: rng.normal(scale=3.0, size=15)}  # the same for all on a seed
        for who, seed, spread in (("a", 0, 1.0), ("b", 0, 0.6), ("x", secret, 2.0)):
            for partner in ("p", "q"):
                own = luck[seed] + spread * rng.standard_t(4, size=len(luck[seed]))
                tallies.append(tally_of((who, partner), seed, own))
        means = field_of(tallies, "", ("p", "q"), weights, with_oneself=True)
        a, b, x = (means.entrants.index(who) for who in "abx")
        apart, beside = means.headline.difference(a, x), means.headline.difference(a, b)
        assert (apart.method, beside.method) == ("t, unpaired", "t, paired by episode")
        covered += apart.contains(0.0)
        paired_covered += beside.contains(0.0)
    # the one with fewer episodes decides the degrees of freedom, so it covers a little more than it says
    assert 0.94 < covered / runs < 0.985
    assert 0.93 < paired_covered / runs < 0.97


def tally_of(pair: tuple[str, str], seed: int, own: np.ndarray) -> Tally:
    """Own returns of the first of a pairing; the second is not looked at."""
    both = np.column_stack([own, np.full(len(own), np.nan)])
    sums = ((float(own.sum()), 0.0), (len(own), 0), (0, 0, 0), len(own), 1, np.zeros((2, 6), dtype=int), (1, 1))
    return Tally(*pair, "", seed, 0, len(own), *sums, both, np.zeros(both.shape, dtype=bool))


def test_episodes_of_secret_seeds_stand_beside_those_of_the_public_one():
    parts = [(("a", "p"), 0, [1, 2, 3, 4]), (("x", "p"), SECRET_SEEDS + 1, [5, 6]), (("x", "p"), SECRET_SEEDS + 2, [7])]
    tallies = [tally_of(pair, seed, np.array(own, dtype=float)) for pair, seed, own in parts]
    made = field_of(tallies, "", ("p",), (1.0,), with_oneself=True)
    rows = {who: made.in_turn[made.entrants.index(who)].tolist() for who in "ax"}
    assert rows["a"] == [1, 2, 3, 4]
    assert rows["x"][:2] == [6, 6]  # two episodes of that number, each under its own luck
    assert np.isnan(rows["x"][2:]).all()
    assert made.headline.of_episode.shape == (3, 4 + 2 + 1)
    plain = field_of(tallies[:1], "", ("p",), (1.0,), with_oneself=True)
    assert plain.in_turn is plain.headline.of_episode

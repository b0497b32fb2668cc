"""The batch fit: right derivatives, the right maximum, honest intervals, no order, and sense where data are few."""

import random
import time
from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri
from scipy.stats import spearmanr

from leaderboard.statistics.classical import trueskill_online
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.estimate import Z95
from leaderboard.statistics.likelihood import Data, maximise, terms
from leaderboard.statistics.rating import BETA, Rating, fit, rank_intervals

C = np.sqrt(2.0) * BETA
FIELDS = {"A": (25 / 3, 0.10, 0.99), "B": (25 / 12, 0.30, 0.96)}  # skill sd, draws between equals, Spearman's bar


def field(seed: int, spread: float, draws: float, n: int = 50, games: int = 5000):
    """Skills of exactly this spread, the draw margin, and random games between them."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(size=n)
    skill = spread * (skill - skill.mean()) / skill.std()
    margin = ndtri((1 + draws) / 2) * C
    i = rng.integers(0, n, games)
    j = (i + rng.integers(1, n, games)) % n
    difference = skill[i] - skill[j] + C * rng.normal(size=games)
    outcome = np.where(np.abs(difference) < margin, 0, np.sign(difference)).astype(int)
    return skill, margin, [(f"p{a:02}", f"p{b:02}", o) for a, b, o in zip(i, j, outcome.tolist(), strict=True)]


@pytest.mark.parametrize("name", FIELDS)
def test_intervals_cover_the_truth_and_ranks_follow_it(name):
    spread, draws, bar = FIELDS[name]
    covered, correlation, spent = [], [], []
    for seed in range(10):
        skill, margin, results = field(seed, spread, draws)
        started = time.process_time()
        rating = fit(Counts.of(results))
        spent.append(time.process_time() - started)
        assert rating.players == tuple(f"p{number:02}" for number in range(50))
        i, j = np.triu_indices(50, 1)
        _, low, high = rating.differences()
        covered.append(np.mean((low <= skill[i] - skill[j]) & (skill[i] - skill[j] <= high)))
        correlation.append(spearmanr(rating.skill, skill).statistic)
        assert rating.spread == pytest.approx(spread, rel=0.25)
        assert rating.margin == pytest.approx(margin, rel=0.2)
    assert 0.93 <= np.mean(covered) <= 0.97
    assert np.mean(correlation) >= bar
    assert min(spent) < 0.05


def test_all_differences_at_once_are_each_by_itself():
    rating = fit(Counts.of(field(1, *FIELDS["B"][:2], n=4, games=60)[2]))
    alone = [rating.difference(a, b) for a, b in combinations(rating.players, 2)]
    assert np.transpose(rating.differences()) == pytest.approx(np.array(alone))


def as_bytes(rating: Rating) -> bytes:
    ranks = repr(sorted(rating.rank_intervals().items()))
    skills = repr(sorted(rating.skills().items()))
    return b"|".join([rating.skill.tobytes(), rating.covariance.tobytes(), ranks.encode(), skills.encode()])


@pytest.mark.parametrize("weighted", [False, True])
def test_any_order_gives_the_same_bytes(weighted):
    results = field(0, *FIELDS["B"][:2], games=2000)[2]
    if weighted:  # thirds do not add up exactly, so the order of adding could show
        results = [(*result, 2 / (3 + i % 5)) for i, result in enumerate(results)]
    expected = as_bytes(fit(Counts.of(results)))
    for seed in range(5):
        shuffled = [
            (result[1], result[0], -result[2], *result[3:]) if (seed + i) % 2 else result
            for i, result in enumerate(random.Random(seed).sample(results, len(results)))
        ]
        assert as_bytes(fit(Counts.of(shuffled))) == expected


def test_the_order_of_players_in_the_counts_does_not_matter():
    counts = Counts.of(field(1, *FIELDS["A"][:2], n=10, games=300)[2])
    order = np.random.default_rng(0).permutation(10)
    other = Counts(
        tuple(counts.players[i] for i in order), counts.wins[np.ix_(order, order)], counts.draws[np.ix_(order, order)]
    )
    assert as_bytes(fit(other)) == as_bytes(fit(counts))


# The mathematics, against something independent.


@pytest.mark.parametrize("d", [-7.0, -0.4, 0.0, 1.3, 30.0])
@pytest.mark.parametrize("e", [0.01, 0.5, 4.0])
def test_derivatives_of_the_likelihood_by_finite_differences(d, e):
    counts = (np.array([2.0]), np.array([1.5]), np.array([0.7]))

    def value(d, e):
        return terms(np.array([d]), e, *counts).value

    def slope(d, e):
        found = terms(np.array([d]), e, *counts)
        return np.array([found.d[0], found.e[0]])

    h = 1e-5 * max(e, 0.1)
    found = terms(np.array([d]), e, *counts)
    by_d, by_e = (slope(d + h, e) - slope(d - h, e)) / (2 * h), (slope(d, e + h) - slope(d, e - h)) / (2 * h)
    assert found.d[0] == pytest.approx((value(d + h, e) - value(d - h, e)) / (2 * h), rel=1e-5, abs=1e-5)
    assert found.e[0] == pytest.approx((value(d, e + h) - value(d, e - h)) / (2 * h), rel=1e-5, abs=1e-5)
    assert [found.dd[0], found.de[0]] == pytest.approx(by_d.tolist(), rel=1e-4, abs=1e-5)
    assert [found.de[0], found.ee[0]] == pytest.approx(by_e.tolist(), rel=1e-4, abs=1e-5)


def test_the_probabilities_add_up_to_one():
    for d in (-3.0, 0.0, 0.2, 5.0):
        one, none = np.ones(1), np.zeros(1)
        each = [
            terms(np.array([d]), 0.3, *who).value for who in ((one, none, none), (none, one, none), (none, none, one))
        ]
        assert np.exp(each).sum() == pytest.approx(1.0, abs=1e-12)


def test_newton_finds_what_a_general_optimiser_finds():
    wins = np.array([[0, 9, 4], [2, 0, 5], [1, 1, 0]], float)
    i, j = np.triu_indices(3, 1)
    data = Data(3, i, j, wins[i, j], wins[j, i], np.array([3.0, 1.0, 2.0]))

    def loss(x):
        z, e = x[:3], np.exp(x[3])
        equals = terms(np.zeros(1), e, np.array([0.45]), np.array([0.45]), np.array([0.1])).value
        return -(terms(z[i] - z[j], e, data.won, data.lost, data.drawn).value + equals - z @ z / 2 / 1.5**2)

    general = minimize(
        loss, np.zeros(4), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 9999}
    )
    peak = maximise(data, 1.5, np.array([8.0, -8.0, 3.0]), 5.0, (0.9, 0.1))  # from a bad start
    assert peak.skill == pytest.approx(general.x[:3], abs=1e-5)
    assert peak.margin == pytest.approx(np.exp(general.x[3]), abs=1e-5)
    assert peak.value == pytest.approx(-general.fun, abs=1e-9)


def test_the_spread_has_the_highest_evidence():
    results = field(3, 6.0, 0.2, n=12, games=200)[2]
    rating = fit(Counts.of(results))
    counts = Counts.of(results)
    i, j = np.nonzero(np.triu(counts.wins + counts.wins.T + counts.draws, 1))
    data = Data(12, i, j, counts.wins[i, j], counts.wins[j, i], counts.draws[i, j])

    def evidence(spread):
        peak = maximise(data, spread / C, np.zeros(12), 0.1, (0.9, 0.1))
        prior = 0.5 * np.log(spread / (25 / 3)) ** 2
        return peak.value - 12 * np.log(spread / C) - 0.5 * np.linalg.slogdet(peak.precision)[1] - prior

    best = evidence(rating.spread)
    assert all(evidence(rating.spread * factor) < best for factor in (0.5, 0.9, 0.98, 1.02, 1.1, 2.0))


def test_two_draw_prone_equals_by_hand():
    # 30 draws and 10 decided games each way between equals: P(draw) = 30.1 / 51 with the imagined game.
    rating = fit(Counts.of([("a", "b", 0)] * 30 + [("a", "b", 1)] * 10 + [("a", "b", -1)] * 10))
    assert rating.skill == pytest.approx([0.0, 0.0], abs=1e-9)
    assert rating.margin == pytest.approx(ndtri((1 + 30.1 / 51) / 2) * C, rel=1e-6)


def test_weights_make_comparisons_of_common_results_honest():
    """k entrants compared on the same results, over and over: 2/k covers, 1 does not."""
    spread, k = 25 / 6, 10
    covered = {weight: [] for weight in (2 / k, 1.0)}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        skill = rng.normal(0, spread, k)
        performances = skill + BETA * rng.normal(size=(20, k))
        i, j = np.triu_indices(k, 1)
        truth = skill[i] - skill[j]
        for weight, found in covered.items():
            results = [
                (f"p{a}", f"p{b}", int(np.sign(row[a] - row[b])), weight)
                for row in performances
                for a, b in combinations(range(k), 2)
            ]
            rating = fit(Counts.of(results))
            assert rating.players == tuple(f"p{number}" for number in range(k))
            _, low, high = rating.differences()
            found.append(np.mean((low <= truth) & (truth <= high)))
    assert 0.93 <= np.mean(covered[2 / k]) <= 0.995
    assert np.mean(covered[1.0]) < 0.85


# Few data, odd data.


def test_nobody_and_a_newcomer():
    assert fit(Counts.of([])).players == ()
    assert fit(Counts.of([])).rank_intervals() == {}
    alone = fit(Counts.of([], ["a"])).skills()["a"]
    assert (alone.mu, alone.sigma) == (25.0, pytest.approx(25 / 3))  # TrueSkill's own newcomer
    assert alone.conservative == pytest.approx(0.0)
    two = fit(Counts.of([], ["a", "b"]))
    assert two.skills()["a"].sigma == pytest.approx(25 / 3 / np.sqrt(2))  # relative to the mean of two
    assert two.rank_intervals() == {"a": (1, 2), "b": (1, 2)}
    assert two.probability_above("a", "b") == pytest.approx(0.5)


@pytest.mark.parametrize(
    "results",
    [
        [("a", "b", 1)],
        [("a", "b", 1)] * 500 + [("b", "c", 1)] * 500,
        [("a", "b", 1, 1e6)],
        [(x, y, 0) for x, y in combinations("abcdef", 2)] * 200,
        [("a", "b", 0)],
        [("a", "b", 1)] * 5 + [("c", "d", 1)] * 50,
    ],
    ids=["one win", "always the same", "a million wins", "draws only", "one draw", "two islands"],
)
def test_odd_data_give_finite_ratings_with_room_for_doubt(results):
    rating = fit(Counts.of(results))
    assert np.isfinite(rating.skill).all()
    assert np.linalg.eigvalsh(rating.covariance).min() > 0
    assert 0.05 < rating.spread < 100
    assert 0 < rating.margin < 100
    assert rating.skill[0] >= rating.skill[1] - 1e-6
    assert all(skill.high - skill.low > 0.5 for skill in rating.skills().values())


def test_islands_are_centred_and_hardly_comparable():
    rating = fit(Counts.of([("a", "b", 1)] * 5 + [("c", "d", 1)] * 50))
    within, across = rating.difference("c", "d"), rating.difference("a", "c")
    assert within[1] > 0
    assert across[1] < 0 < across[2]
    assert across[2] - across[1] > within[2] - within[1]


def test_skills_relative_to_a_group_or_an_anchor():
    rating = fit(Counts.of([("a", "b", 1)] * 8 + [("b", "a", 1)] * 3 + [("b", "c", 1)] * 9))
    all_mu = [skill.mu for skill in rating.skills().values()]
    assert np.mean(all_mu) == pytest.approx(25.0)
    pair = rating.skills(["a", "b"])
    assert pair["a"].mu + pair["b"].mu == pytest.approx(50.0)
    anchored = rating.skills(anchor="c")
    assert (anchored["c"].mu, anchored["c"].sigma) == (25.0, 0.0)
    value, low, high = rating.difference("a", "c")
    assert (anchored["a"].mu - 25, anchored["a"].low - 25, anchored["a"].high - 25) == pytest.approx((value, low, high))
    with pytest.raises(KeyError, match="no player 'z'"):
        rating.skills(anchor="z")


def test_the_probability_to_be_above_agrees_with_the_difference():
    rating = fit(Counts.of(field(2, 5.0, 0.2, n=6, games=200)[2]))
    value, low, _ = rating.difference("p01", "p04")
    above = rating.probability_above("p01", "p04")
    assert above == pytest.approx(ndtr(value / ((value - low) / Z95)), abs=1e-6)  # it leans a little
    assert above + rating.probability_above("p04", "p01") == pytest.approx(1.0)


def test_rank_intervals_come_from_the_joint_distribution():
    value = np.array([3.0, 2.0, 0.0])
    assert rank_intervals(value, np.eye(3) * 1e-9) == [(1, 1), (2, 2), (3, 3)]
    assert rank_intervals(value, np.eye(3) * 100.0) == [(1, 3)] * 3
    # Errors that move everybody together change no rank.
    assert rank_intervals(value, np.full((3, 3), 100.0)) == [(1, 1), (2, 2), (3, 3)]
    nothing_known = np.diag([1e-9, 1e-9, np.nan])
    assert rank_intervals(value, nothing_known) == [(1, 2), (2, 3), (1, 3)]


def test_rank_intervals_cover_the_true_ranks():
    covered = []
    for seed in range(5):
        skill, _, results = field(seed, *FIELDS["B"][:2])
        rank = np.argsort(np.argsort(-skill)) + 1
        found = fit(Counts.of(results)).rank_intervals()
        covered += [low <= rank[i] <= high for i, (low, high) in enumerate(found.values())]
    assert np.mean(covered) >= 0.93


# Counts.


def test_counts_add_up():
    counts = Counts.of([("b", "a", 1), ("a", "b", -1, 0.5), ("a", "b", 0, 2.0), ("c", "a", 0)], ["d"])
    assert counts.players == ("a", "b", "c", "d")
    assert counts.wins[1, 0] == 1.5
    assert counts.wins.sum() == 1.5
    assert counts.draws[0, 1] == counts.draws[1, 0] == 2.0
    assert counts.draw_share == pytest.approx(3.0 / 4.5)
    assert np.isnan(Counts.of([]).draw_share)


@pytest.mark.parametrize(
    ("players", "wins", "draws", "words"),
    [
        (("a", "a"), np.zeros((2, 2)), np.zeros((2, 2)), "occurs twice"),
        (("a",), np.zeros((2, 2)), np.zeros((1, 1)), "shape"),
        (("a", "b"), np.eye(2), np.zeros((2, 2)), "diagonal"),
        (("a", "b"), -np.ones((2, 2)), np.zeros((2, 2)), "not negative"),
        (("a", "b"), np.zeros((2, 2)), np.array([[0.0, 1.0], [0.0, 0.0]]), "symmetric"),
    ],
)
def test_counts_refuse_nonsense(players, wins, draws, words):
    with pytest.raises(ValueError, match=words):
        Counts(players, wins, draws)


# Classical TrueSkill.


def test_classical_trueskill_gives_its_published_first_game():
    rated = trueskill_online([("a", "b", 1)], 0.10)
    assert rated["a"] == pytest.approx((29.396, 7.171), abs=2e-3)
    assert rated["b"] == pytest.approx((20.604, 7.171), abs=2e-3)
    assert trueskill_online([("b", "a", -1)], 0.10)["a"] == pytest.approx(rated["a"])
    drawn = trueskill_online([("a", "b", 0)], 0.10)
    assert drawn["a"] == pytest.approx((25.0, 6.458), abs=2e-3)


def test_classical_trueskill_never_loses_certainty_by_a_draw():
    for share in (0.0, 1.0, float("nan")):
        assert trueskill_online([("a", "b", 0)], share)["a"][1] < 25 / 3
    assert trueskill_online([], 0.1) == {}


def test_classical_trueskill_depends_on_the_order_and_the_fit_does_not():
    results = field(0, *FIELDS["B"][:2], n=10, games=300)[2]
    assert trueskill_online(results, 0.3) != trueskill_online(results[::-1], 0.3)
    assert as_bytes(fit(Counts.of(results))) == as_bytes(fit(Counts.of(results[::-1])))

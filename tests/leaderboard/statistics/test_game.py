"""Games whose answers are known by hand, and what DESIGN claims of weights, clones and places."""

import time

import numpy as np
import pytest

from leaderboard.statistics import equilibria
from leaderboard.statistics.equilibria import (
    deviation_rating,
    deviation_rating_sides,
    nash_averaging,
    nash_averaging_sides,
)
from leaderboard.statistics.game import (
    alpha_rank,
    alpha_rank_sides,
    places,
    replicator_mutator,
    replicator_mutator_sides,
    replicator_shares,
    replicator_shares_sides,
)

ROCK = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0.0]])
DILEMMA = np.array([[3, 0], [5, 1.0]])  # cooperate, defect
STAG = np.array([[4, 0], [3, 2.0]])  # stag, hare
CHAIN = np.array([[0, 1, 1], [-1, 0, 1], [-1, -1, 0.0]])


def cloned(U, which, copies):
    index = np.r_[np.arange(len(U)), np.full(copies, which)]
    return U[np.ix_(index, index)]


def memory_one(p, q, discount=0.96, noise=0.01):
    """Mean payoffs a step of the first of two memory-one policies; each is (start, after CC, CD, DC, DD)."""
    p, q = ((1 - noise) * np.array(x) + noise * 0.5 for x in (p, q))
    mirrored = q[[0, 1, 3, 2, 4]]

    def joint(a, b):
        return np.array([a * b, a * (1 - b), (1 - a) * b, (1 - a) * (1 - b)])

    steps = np.array([joint(p[k], mirrored[k]) for k in range(1, 5)])
    visits = (1 - discount) * np.linalg.solve((np.eye(4) - discount * steps).T, joint(p[0], q[0]))
    return visits @ np.array([-1.0, -3.0, 0.0, -2.0])


POLICIES = {
    "always-defect": (0, 0, 0, 0, 0),
    "extortioner": (0, 0.9, 0.5, 0.5, 0),
    "random": (0.5, 0.5, 0.5, 0.5, 0.5),
    "grim": (1, 1, 0, 0, 0),
    "win-stay-lose-shift": (1, 1, 0, 0, 1),
    "tit-for-tat": (1, 1, 0, 1, 0),
    "always-cooperate": (1, 1, 1, 1, 1),
}
PRISONERS = np.array([[memory_one(p, q) for q in POLICIES.values()] for p in POLICIES.values()])


# Replicator dynamics.


def test_the_panels_rest_point_by_hand():
    # With x for defect: growth x (1 - x) (payoff difference) + .05 (1/2 - x) = 0 in the scaled matrix.
    x = replicator_mutator(DILEMMA)[1]
    difference = (x * 1 / 5 + (1 - x) * 1) - (1 - x) * 3 / 5
    assert x * (1 - x) * difference + 0.05 * (0.5 - x) == pytest.approx(0.0, abs=1e-12)
    assert replicator_mutator(ROCK) == pytest.approx([1 / 3] * 3)


def test_units_and_clones_of_the_rest_point():
    expected = replicator_mutator(PRISONERS)
    assert replicator_mutator(100.0 * PRISONERS - 7.0) == pytest.approx(expected, abs=1e-9)
    assert (replicator_mutator(PRISONERS) == expected).all()  # the same bits
    assert replicator_mutator(np.full((4, 4), 3.0)) == pytest.approx([0.25] * 4)


def test_the_design_s_weights_put_always_defect_behind_every_reciprocator():
    names = list(POLICIES)
    value = dict(zip(names, PRISONERS @ replicator_mutator(PRISONERS), strict=True))
    for reciprocator in ("grim", "win-stay-lose-shift", "tit-for-tat"):
        assert value[reciprocator] > value["always-defect"]
    uniform = dict(zip(names, PRISONERS.mean(axis=1), strict=True))
    assert uniform["always-defect"] > uniform["win-stay-lose-shift"]  # a panel of prey puts the predator first


def test_survivors():
    assert replicator_shares(DILEMMA) == pytest.approx([0, 1])
    assert replicator_shares(STAG) == pytest.approx([0, 1])  # from half and half hare earns 2.5, stag 2
    assert replicator_shares(CHAIN) == pytest.approx([1, 0, 0])
    shares = dict(zip(POLICIES, replicator_shares(PRISONERS), strict=True))
    assert shares["always-defect"] == shares["extortioner"] == shares["random"] == 0.0


def test_two_sides():
    # The first side's second member is better against everybody; the second side is then served by its first.
    first, second = np.array([[0, 0], [1, 2.0]]), np.array([[0, 1], [1, 0.0]])
    x, y = replicator_shares_sides(first, second)
    assert (x, y) == (pytest.approx([0, 1]), pytest.approx([1, 0]))
    x, y = replicator_mutator_sides(PRISONERS, PRISONERS.T)
    assert x == pytest.approx(y)
    assert x == pytest.approx(replicator_mutator(PRISONERS), abs=1e-9)
    x, y = replicator_mutator_sides(np.zeros((2, 3)), np.zeros((2, 3)))
    assert (len(x), len(y)) == (2, 3)


# Alpha-rank.


def test_alpha_rank_by_hand():
    assert alpha_rank(ROCK) == pytest.approx([1 / 3] * 3)
    # Two states: the rare perturbation, .01, leads from defect to cooperate, .99 back.
    assert alpha_rank(DILEMMA) == pytest.approx([0.01, 0.99])
    assert alpha_rank(CHAIN).argsort().tolist() == [2, 1, 0]
    assert alpha_rank_sides(DILEMMA, DILEMMA.T)[0] == pytest.approx([0.01, 0.99])
    x, y = alpha_rank_sides(STAG, STAG.T)  # both equilibria are held equally long
    assert x == pytest.approx([0.5, 0.5])
    assert y == pytest.approx(x)
    pennies = np.array([[1, -1], [-1, 1.0]])
    assert alpha_rank_sides(pennies, -pennies)[0] == pytest.approx([0.5, 0.5])
    assert alpha_rank_sides(np.zeros((2, 3)), np.zeros((2, 3)))[1] == pytest.approx([1 / 3] * 3)


# Equilibria.


def test_nash_averaging_by_hand():
    assert nash_averaging(ROCK).weights == pytest.approx([1 / 3] * 3)
    best = nash_averaging(CHAIN)
    assert best.weights == pytest.approx([1, 0, 0], abs=1e-9)
    assert best.rating == pytest.approx([0, -1, -1], abs=1e-9)
    shares = nash_averaging(cloned(ROCK, 1, 1)).weights  # the clones share what the one had
    assert shares == pytest.approx([1 / 3, 1 / 6, 1 / 3, 1 / 6], abs=1e-9)
    with pytest.raises(ValueError, match="constant sum"):
        nash_averaging(DILEMMA)
    # Agents on tasks: an agent that is as good on both tasks and two that are good on one.
    agents, tasks = nash_averaging_sides(np.array([[1, 0], [0, 1], [0.5, 0.5]]))
    assert agents.weights == pytest.approx([1 / 3] * 3, abs=1e-6)
    assert tasks.weights == pytest.approx([0.5, 0.5], abs=1e-6)
    assert agents.rating == pytest.approx([0.5] * 3)


def test_nash_averaging_is_an_equilibrium_and_has_the_greatest_entropy():
    rng = np.random.default_rng(0)
    U = rng.normal(size=(9, 9))
    U -= U.T
    found = nash_averaging(U)
    assert found.rating.max() <= 1e-9
    weak = np.zeros((4, 4))  # everything is an equilibrium, and the most even one is uniform
    assert nash_averaging(weak).weights == pytest.approx([0.25] * 4)


def test_deviation_ratings_by_hand():
    assert deviation_rating(ROCK) == pytest.approx([0] * 3)
    assert deviation_rating(DILEMMA) == pytest.approx([-1, 0])  # against defectors cooperation loses 1
    # Stag: with s on both at stag, and 1 - s at hare, the gains are 2 (1-s)... equal at -2/3 where s = 1/3.
    assert deviation_rating(STAG) == pytest.approx([-2 / 3, -2 / 3])
    assert deviation_rating(CHAIN) == pytest.approx([0, -1, -1])


def test_a_stag_hunt_s_deviation_rating_by_search():
    """All symmetric joint distributions of two strategies on a grid: none has a smaller largest gain."""
    best = np.inf
    for stag in np.linspace(0, 1, 101):
        for hare in np.linspace(0, 1 - stag, 101):
            mixed = (1 - stag - hare) / 2
            joint = np.array([[stag, mixed], [mixed, hare]])
            gain = STAG @ joint.sum(axis=0) - (joint * STAG).sum()
            best = min(best, gain.max())
    assert deviation_rating(STAG).max() == pytest.approx(best, abs=0.01)


@pytest.mark.parametrize("game", ["random", "constant sum", "prisoners"])
def test_thirty_clones_move_nobody(game, monkeypatch):
    rng = np.random.default_rng(1)
    U = rng.normal(size=(8, 8)) if game != "prisoners" else PRISONERS
    U = U - U.T if game == "constant sum" else U
    expected = deviation_rating(U)
    span = U.max() - U.min()
    # Without the shortcut that merges equal entrants, the programs themselves have to stand it.
    monkeypatch.setattr(equilibria, "_distinct", lambda U: (np.arange(len(U)), np.arange(len(U))))
    for which in (0, int(expected.argmax()), int(expected.argmin())):
        found = deviation_rating(cloned(U, which, 30))
        assert found == pytest.approx(np.r_[expected, np.full(30, expected[which])], abs=1e-6 * span)
        if game == "constant sum":
            rating = nash_averaging(cloned(U, which, 30)).rating[:8]
            assert rating == pytest.approx(nash_averaging(U).rating, abs=1e-6 * span)


def test_the_deviation_rating_is_nash_averaging_where_the_game_is_zero_sum():
    U = np.random.default_rng(2).normal(size=(7, 7))
    U -= U.T
    assert deviation_rating(U) == pytest.approx(nash_averaging(U).rating, abs=1e-7)


def test_the_deviation_rating_of_two_sides():
    U = np.random.default_rng(3).normal(size=(5, 5))
    mine, yours = deviation_rating_sides(U, U.T)
    assert mine == pytest.approx(deviation_rating(U), abs=1e-7)
    assert yours == pytest.approx(mine, abs=1e-7)
    first, second = np.array([[0, 0], [1, 2.0]]), np.array([[0, 1], [1, 0.0]])
    mine, yours = deviation_rating_sides(first, second)
    assert mine == pytest.approx([-1, 0])
    assert yours == pytest.approx([0, -1])


def test_the_deviation_rating_of_sixty_takes_about_a_second():
    U = np.random.default_rng(0).normal(size=(60, 60))
    started = time.process_time()
    deviation_rating(U)
    assert time.process_time() - started < 8.0  # half a second on an idle machine


# Places.


def test_places_under_three_weightings():
    found = places(PRISONERS)
    names = list(POLICIES)
    place = {column: dict(zip(names, found.place(column), strict=True)) for column in ("uniform", "survivors")}
    assert place["survivors"]["always-defect"] > place["uniform"]["always-defect"]
    assert not found.constant_sum
    many = places(cloned(PRISONERS, names.index("always-cooperate"), 30))
    assert many.place("clone_proof")[: len(names)] != found.place("uniform")
    assert many.clone_proof[: len(names)] == pytest.approx(found.clone_proof, abs=1e-9)
    assert many.place("uniform")[0] < found.place("uniform")[0]  # thirty more to prey on
    rock = places(ROCK)
    assert rock.constant_sum
    assert rock.place("clone_proof") == rock.place("uniform") == [1, 1, 1]


@pytest.mark.parametrize("function", [replicator_mutator, alpha_rank, nash_averaging, deviation_rating, places])
def test_nonsense_is_refused(function):
    with pytest.raises(ValueError, match="square"):
        function(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="not known"):
        function(np.array([[0.0, np.nan], [0.0, 0.0]]))


@pytest.mark.parametrize("n", [0, 1])
def test_few_entrants(n):
    U = np.zeros((n, n))
    for function in (replicator_mutator, replicator_shares, alpha_rank, deviation_rating):
        assert len(function(U)) == n
    assert len(nash_averaging(U).weights) == n
    assert places(U).place("uniform") == [1] * n

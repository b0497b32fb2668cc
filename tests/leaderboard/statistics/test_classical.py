"""Classical TrueSkill repeats the package's numbers, by batches of disjoint pairs; Elo those of a plain loop."""

import time
from itertools import combinations

import numpy as np
import pytest
import trueskill as package

from leaderboard.statistics.classical import elo, round_robin, trueskill, trueskill_online


def games(seed, n, m, draws=0.3):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, n, m)
    second = (first + rng.integers(1, n, m)) % n
    score = rng.choice([0.0, 0.5, 1.0], m, p=[(1 - draws) / 2, draws, (1 - draws) / 2])
    return first, second, score


@pytest.mark.parametrize(("seed", "n", "share"), [(0, 5, 0.3), (1, 9, 0.02), (2, 2, 0.5)])
def test_the_numbers_are_the_packages(seed, n, share):
    first, second, score = games(seed, n, 300)
    rated = trueskill(n, first, second, score, share)
    game = package.TrueSkill(tau=0.0, draw_probability=share)
    ratings = [game.create_rating() for _ in range(n)]
    for i, j, s in zip(first, second, score, strict=True):
        a, b = (i, j) if s >= 0.5 else (j, i)
        ratings[a], ratings[b] = package.rate_1vs1(ratings[a], ratings[b], drawn=s == 0.5, env=game)
    assert rated.mu == pytest.approx([r.mu for r in ratings], abs=1e-9)
    assert rated.sigma == pytest.approx([r.sigma for r in ratings], abs=1e-9)


def test_expectations_come_before_their_results():
    first, second, score = games(3, 6, 40)
    rated = trueskill(6, first, second, score)
    changed = score.copy()
    changed[20:] = 1.0 - changed[20:]
    other = trueskill(6, first, second, changed)
    assert (rated.expected[:21] == other.expected[:21]).all()
    assert (rated.expected[21:] != other.expected[21:]).any()
    assert rated.expected[0] == pytest.approx(0.5)
    turned = trueskill(6, second, first, 1.0 - score)
    assert turned.expected == pytest.approx(1.0 - rated.expected)
    assert turned.mu == pytest.approx(rated.mu)


def test_elo_is_the_plain_loop():
    first, second, score = games(4, 7, 200)
    rated = elo(7, first, second, score)
    rating = [1500.0] * 7
    for k, (i, j, s) in enumerate(zip(first, second, score, strict=True)):
        chance = 1 / (1 + 10 ** ((rating[j] - rating[i]) / 400))
        assert rated.expected[k] == pytest.approx(chance)
        rating[i] += 32 * (s - chance)
        rating[j] -= 32 * (s - chance)
    assert rated.mu == pytest.approx(rating)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 7, 10])
def test_a_round_robin_has_every_pair_once_in_disjoint_rounds(n):
    first, second = round_robin(n)
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == list(combinations(range(n), 2))
    a_round = n // 2
    for start in range(0, len(first), max(a_round, 1)):
        players = np.concatenate([first[start : start + a_round], second[start : start + a_round]])
        assert len(set(players.tolist())) == len(players)


def test_an_upset_beyond_all_numbers_is_no_error():
    n, m = 2, 60
    first, second = np.zeros(m, int), np.ones(m, int)
    rated = trueskill(n, first, second, np.r_[np.ones(m - 1), 0.0], 0.001)
    assert np.isfinite(rated.mu).all()
    assert (rated.sigma > 0).all()


def test_nobody_and_names():
    assert trueskill_online([], 0.1) == {}
    assert trueskill(3, *games(0, 3, 0)).mu.tolist() == [25.0] * 3


@pytest.mark.slow
def test_500_players_with_all_pairs_in_20_series_take_about_a_second():
    first, second = round_robin(500)
    first, second = np.tile(first, 20), np.tile(second, 20)
    rng = np.random.default_rng(0)
    score = rng.choice([0.0, 0.5, 1.0], len(first))
    started = time.process_time()
    trueskill(500, first, second, score, 0.3)
    assert time.process_time() - started < 4.0  # about one second on an idle machine

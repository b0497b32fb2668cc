"""The self-check measures what it says: honest intervals pass, dishonest ones are found."""

from dataclasses import replace

import numpy as np
import pytest

from leaderboard.statistics import calibration, raters
from leaderboard.statistics.calibration import (
    BOARD,
    FIELD,
    Coverage,
    Missing,
    Simulation,
    board,
    field,
    holds,
    selfcheck,
)
from leaderboard.statistics.estimate import t
from leaderboard.statistics.raters import OURS, RATERS, Intervals, Rated, batch_fit, classical_trueskill

SMALL = Simulation(episodes=(5,), games=(100,), boards=30, fields=2)


def ran(plan):
    steps = list(selfcheck(plan))
    assert sum(step for step in steps if isinstance(step, int)) == plan.units
    return [step for step in steps if isinstance(step, Coverage)], [s.method for s in steps if isinstance(s, Missing)]


def test_a_small_check_holds_and_repeats():
    rows, missing = ran(SMALL)
    again, _ = ran(SMALL)
    assert [(row.name, row.method, row.pairs, row.ranks, row.swing) for row in rows] == [
        (row.name, row.method, row.pairs, row.ranks, row.swing) for row in again
    ]
    assert {row.group for row in rows} == {BOARD, FIELD}
    boards = [row for row in rows if row.group == BOARD]
    assert all(0.93 <= row.pairs.mean <= 0.97 and row.ranks.mean >= 0.93 for row in boards)
    assert all(row.swing == 0.0 for row in rows if row.method == OURS)
    assert all(row.swing > 0.0 for row in rows if row.method == "trueskill")
    assert set(missing) <= {"openskill", "arena-rank"}


def test_another_seed_is_another_truth():
    one, other = (ran(replace(SMALL, episodes=(5,), games=(), boards=3, seed=seed))[0] for seed in (0, 1))
    assert [row.pairs for row in one] != [row.pairs for row in other]


def test_intervals_that_are_too_narrow_do_not_hold(monkeypatch):
    def narrow(n, first, second, score):
        rated = batch_fit(n, first, second, score)
        low, high, ranks = rated.intervals()
        middle = (low + high) / 2
        return Rated(rated.value, lambda: Intervals((low + 3 * middle) / 4, (high + 3 * middle) / 4, ranks))

    monkeypatch.setitem(raters.RATERS, OURS, narrow)
    for name in ("openskill", "arena-rank", "trueskill"):
        monkeypatch.delitem(raters.RATERS, name)
    rows, _ = ran(replace(SMALL, episodes=(), games=(400,), fields=5))
    assert {row.name: holds(row) for row in rows} == {"wide": False, "tight": False, "uneven": True, "cyclic": True}


def test_what_holds():
    row = Coverage(BOARD, "close", "panel means", 5, t([0.95] * 9), t([0.99] * 9), 3.0, None, 0.1, None)
    assert holds(row)
    assert not holds(replace(row, pairs=t([0.98] * 9)))
    assert not holds(replace(row, ranks=t([0.92] * 9)))
    assert holds(replace(row, ranks=t([0.80, 1.0])))  # two boards do not prove a fault


def test_the_truth_of_boards_and_fields():
    truth, weights, returns = board(np.random.default_rng(0), "apart", 4000)
    assert weights.sum() == pytest.approx(1.0)
    measured = returns.mean(axis=2) @ weights
    assert np.corrcoef(truth, measured)[0, 1] > 0.9
    true, mean, (first, second, score) = field(np.random.default_rng(0), "wide", 100_000)
    assert true + true.T == pytest.approx(np.ones_like(true))
    assert mean.argmax() == true.sum(axis=1).argmax()
    assert score.mean() == pytest.approx(true[first, second].mean(), abs=0.01)


def test_raters_agree_on_an_easy_field():
    true, mean, results = field(np.random.default_rng(1), "wide", 5000)
    for rater in (batch_fit, classical_trueskill):
        rated = rater(calibration.PLAYERS, *results)
        assert np.corrcoef(np.argsort(np.argsort(rated.value)), np.argsort(np.argsort(mean)))[0, 1] > 0.98
        low, high, ranks = rated.intervals()
        score = true[np.triu_indices(calibration.PLAYERS, 1)]
        assert ((low <= score) & (score <= high)).mean() > 0.85
        assert all(a <= b for a, b in ranks)


@pytest.mark.parametrize("name", [name for name in RATERS if name not in (OURS, "trueskill")])
def test_others_where_they_are_installed(name):
    pytest.importorskip(name.replace("-", "_"))
    _, mean, results = field(np.random.default_rng(1), "wide", 2000)
    rated = RATERS[name](calibration.PLAYERS, *results)
    assert np.corrcoef(rated.value, mean)[0, 1] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("episodes", [2, 5, 100])
def test_rank_intervals_of_boards_cover(spread, episodes, monkeypatch):
    """Also in fields a quarter of a standard error wide, where draws of all headlines together cover .7 to .8."""
    monkeypatch.setitem(calibration.BOARDS, "close", spread / 2)
    rows, _ = ran(Simulation(episodes=(episodes,), games=(), boards=60, fields=0))
    assert rows[0].ranks.mean >= (0.93 if spread > 1.0 else 0.88)

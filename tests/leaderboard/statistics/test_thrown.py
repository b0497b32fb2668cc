"""Thrown games: planted pairs are found, and honest seasons are left alone in 95 of 100."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from leaderboard.statistics.thrown import FEWEST, thrown_games

Floats = NDArray[np.float64]
PAY = np.array([-1.0, -3.0, 0.0, -2.0])  # of the row after CC, CD, DC, DD
STEPS = 50
CLASSICS = (
    (1, 1, 1, 1, 1),
    (0, 0, 0, 0, 0),
    (1, 1, 0, 1, 0),
    (1, 1, 0, 0, 0),
    (1, 1, 0, 0, 1),
    (0.5, 0.5, 0.5, 0.5, 0.5),
)


def memory_one(players: Floats) -> Floats:
    """Expected returns [n, n] of memory-one strategies [n, 5] in the iterated prisoner's dilemma; exact."""
    mine, theirs = players[:, None, :], players[None, :, [0, 1, 3, 2, 4]]

    def joint(p: Floats, q: Floats) -> Floats:
        return np.stack([p * q, p * (1 - q), (1 - p) * q, (1 - p) * (1 - q)], axis=-1)

    now, total = joint(mine[..., 0], theirs[..., 0]), np.zeros((len(players), len(players)))
    then = np.stack([joint(mine[..., k], theirs[..., k]) for k in range(1, 5)], axis=-2)
    for _ in range(STEPS):
        total += now @ PAY
        now = np.einsum("ijs,ijst->ijt", now, then)
    return total


def strategies(rng: np.random.Generator, entrants: int) -> tuple[Floats, int]:
    """A class of memory-one players behind a panel of the classics: near-classics, deterministic ones, and any."""
    players = [np.array(classic, dtype=float) for classic in CLASSICS]
    for _ in range(entrants):
        kind = rng.random()
        if kind < 0.4:
            near = np.array(CLASSICS[rng.integers(len(CLASSICS))]) + (rng.random(5) < 0.4) * rng.normal(0, 0.2, 5)
            players.append(near.clip(0, 1))
        else:
            players.append(rng.beta(0.3, 0.3, 5) if kind < 0.7 else rng.random(5))
    returns = memory_one(np.array(players))
    return returns + rng.normal(0, 0.3, returns.shape), len(CLASSICS)


def interactions(rng: np.random.Generator, entrants: int) -> tuple[Floats, int]:
    """Rows and columns that add up, two hidden traits that interact, and noise with heavy tails."""
    n, traits = entrants + 7, (rng.normal(0, 20, (entrants + 7, 2)), rng.normal(0, 1, (2, entrants + 7)))
    returns = rng.normal(0, 30, (n, 1)) + rng.normal(0, 30, (1, n)) + traits[0] @ traits[1]
    return returns + 8 * rng.standard_t(4, (n, n)), 7


FIELDS = {"strategies": strategies, "interactions": interactions}


def throw(returns: Floats, members: int, how_much: float) -> None:
    """The first entrant throws its games to the second."""
    returns[members + 1, members] += how_much
    returns[members, members + 1] -= how_much


@pytest.mark.slow
@pytest.mark.parametrize("entrants", [12, 30])
@pytest.mark.parametrize("field", FIELDS)
def test_honest_seasons_are_left_alone(field: str, entrants: int) -> None:
    rng = np.random.default_rng(3)
    flagged = sum(bool(thrown_games(*FIELDS[field](rng, entrants))) for _ in range(400))
    assert flagged <= 0.05 * 400, flagged


def test_a_few_honest_seasons_are_left_alone() -> None:
    rng = np.random.default_rng(3)
    assert sum(bool(thrown_games(*interactions(rng, 20))) for _ in range(20)) == 0


@pytest.mark.parametrize("field", FIELDS)
def test_planted_pairs_are_found(field: str) -> None:
    rng, found = np.random.default_rng(4), 0
    for _ in range(40):
        returns, members = FIELDS[field](rng, 30)
        if field == "strategies":  # all that there is: one always defects, the other always cooperates
            returns[members + 1, members], returns[members, members + 1] = 0.0, -3.0 * STEPS
        else:
            throw(returns, members, 150.0)
        pairs = thrown_games(returns, members)
        found += (0, 1) in {(pair.giver, pair.taker) for pair in pairs}
    assert found >= 30, found


def test_a_pair_is_told_with_what_it_moved() -> None:
    returns, members = interactions(np.random.default_rng(5), 20)
    throw(returns, members, 300.0)
    pair = thrown_games(returns, members)[0]
    assert (pair.giver, pair.taker) == (0, 1)
    assert 200 < pair.gain < 400
    assert 200 < pair.loss < 400


def test_few_entrants_cannot_be_judged() -> None:
    returns, members = interactions(np.random.default_rng(6), FEWEST - 1)
    throw(returns, members, 1000.0)
    assert thrown_games(returns, members) == []


def test_pairs_that_have_not_met_are_not_flagged() -> None:
    returns, members = interactions(np.random.default_rng(7), 20)
    throw(returns, members, 300.0)
    returns[members, members + 1] = np.nan
    assert all((pair.giver, pair.taker) != (0, 1) for pair in thrown_games(returns, members))


def test_equals_throw_nothing() -> None:
    assert thrown_games(np.full((30, 30), -50.0), 6) == []

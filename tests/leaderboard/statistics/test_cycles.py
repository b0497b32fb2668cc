"""The detector of cycles: rock-paper-scissors and disc games are found, transitive fields are not called cyclic."""

import numpy as np
import pytest
from scipy.special import ndtr

from leaderboard.statistics.cycles import CYCLES, OPEN, ORDER, cycles

ROCK = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0.0]])


def parts(truth, noise, seed=0, k=2):
    rng = np.random.default_rng(seed)
    error = rng.normal(size=(k, *truth.shape)) * noise
    return truth + error - error.transpose(0, 2, 1)


def disc(n, seed, turn):
    rng = np.random.default_rng(seed)
    r, u, v = rng.normal(size=(3, n))
    return r[:, None] - r[None, :] + turn * (u[:, None] * v[None, :] - v[:, None] * u[None, :])


def shares(truth, games, seed):
    """Shares won [2, n, n] of so many games of each pair in each half, by performances with unit noise."""
    rng = np.random.default_rng(seed)
    won = rng.binomial(games, np.repeat(np.triu(ndtr(truth), 1)[None], 2, axis=0)) / games
    return won, np.full(won.shape, float(games))


def test_rock_paper_scissors_is_a_cycle():
    found = cycles(parts(ROCK, 0.1))
    assert found.verdict == CYCLES
    assert found.triples == 1.0
    assert found.scalar == pytest.approx(1.0, abs=0.2)  # a scalar says nothing here
    assert found.rank2 < 0.1


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_a_chain_is_no_cycle(noise):
    found = cycles(parts(disc(12, 1, 0.0), noise))
    assert found.verdict == ORDER
    assert found.loss == "squared error"


def test_a_disc_game_in_a_field_of_returns():
    found = cycles(parts(disc(12, 2, 1.0), 0.3))
    assert found.verdict == CYCLES
    assert found.gain.low > 0
    assert found.triples > 0


@pytest.mark.parametrize("spread", [0.3, 1.5, 4.0])
def test_no_field_of_one_number_is_called_cyclic(spread):
    """Also where shares are close to 0 and 1, which bends what a linear model would see."""
    for seed in range(3):
        found = cycles(*shares(spread * disc(12, seed, 0.0), 6, seed))
        assert found.loss == "log-loss"
        assert found.verdict == ORDER
        assert found.gain.mean < 0.02


def test_cycles_among_wins_and_losses():
    found = cycles(*shares(disc(12, 3, 1.5), 10, 3))
    assert found.verdict == CYCLES
    assert found.rank2 < found.scalar < np.log(2.0)


def test_pairs_that_have_not_met_and_too_few():
    holes = parts(disc(12, 2, 1.0), 0.3)
    holes[:, 0, 1:4] = np.nan
    assert cycles(holes).verdict == CYCLES
    assert cycles(np.zeros((2, 2, 2))).verdict == OPEN
    assert cycles(np.zeros((2, 5, 5))).verdict == ORDER
    assert cycles(np.full((2, 5, 5), np.nan)).verdict == OPEN
    with pytest.raises(ValueError, match="two or more"):
        cycles(np.zeros((1, 3, 3)))
    with pytest.raises(ValueError, match="numbers of games"):
        cycles(np.zeros((2, 3, 3)), np.zeros((2, 2, 2)))


def test_the_same_figures_again():
    assert cycles(parts(disc(8, 2, 1.0), 0.3)) == cycles(parts(disc(8, 2, 1.0), 0.3))

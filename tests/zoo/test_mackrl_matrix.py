"""The matrix game of MACKRL, figure 4.5: exact returns against enumeration by hand, and what each method may do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.parts.pairs import DELEGATE
from arenas.common_knowledge import A, B
from zoo.papers.mackrl import matrix

LOGITS = {"pair": (3, 26), "row": (5, 5), "column": (5, 5)}


def tables(seed: int) -> dict[str, torch.Tensor]:
    """One run's tables, the same at every p."""
    luck = torch.Generator().manual_seed(seed)
    one = {name: torch.randn(1, *size, generator=luck, dtype=torch.float64) for name, size in LOGITS.items()}
    return {name: table.repeat(len(matrix.GRID), 1, 1) for name, table in one.items()}


def softmax(x: np.ndarray) -> np.ndarray:
    weights = np.exp(x - x.max())
    shares: np.ndarray = weights / weights.sum()
    return shares


def by_hand(method: str, p: float, pair: np.ndarray, row: np.ndarray, column: np.ndarray) -> float:
    """The expected return, situation by situation and action by action, in no other way than the paper's words."""
    total = 0.0
    for number, payoffs in enumerate((A, B)):
        cases = [(p, 1 + number, number, number)]
        for sees_1 in (False, True):
            for sees_2 in (False, True):
                views = [3 + number if sees else 2 for sees in (sees_1, sees_2)]
                cases.append(((1 - p) / 4, 0, views[0], views[1]))
        for weight, known, view_1, view_2 in cases:
            logits = pair[known].copy()
            if method == matrix.JAL:
                logits[DELEGATE] = -np.inf
            if method == matrix.IAC or (method == matrix.FORCED and known == 0):
                logits[DELEGATE + 1 :] = -np.inf
            chosen, one, two = softmax(logits), softmax(row[view_1]), softmax(column[view_2])
            for a in range(5):
                for b in range(5):
                    probability = chosen[1 + 5 * a + b] + chosen[DELEGATE] * one[a] * two[b]
                    total += 0.5 * weight * probability * 0.2 * payoffs[a][b]
    return total


@pytest.mark.parametrize("method", matrix.METHODS)
def test_the_exact_return_is_that_of_enumeration(method: str) -> None:
    mine = tables(3)
    found = matrix.returns(method)(mine)
    assert found.shape == (len(matrix.GRID), 1)
    arrays = [mine[name][0].numpy() for name in LOGITS]
    for p, value in zip(matrix.GRID, found[:, 0].tolist(), strict=True):
        assert value == pytest.approx(by_hand(method, p, *arrays), abs=1e-7)  # payoffs are float32


def test_forced_delegation_without_common_knowledge_is_iac_and_jal_can_get_half() -> None:
    learned = {m: np.array(matrix.learn(lambda *_: None, m, 4, 0)) for m in (matrix.FORCED, matrix.IAC, matrix.JAL)}
    assert np.array_equal(learned[matrix.FORCED][0], learned[matrix.IAC][0])
    assert (learned[matrix.JAL] <= np.array([[0.5 + 0.5 * p] for p in matrix.GRID])).all()
    assert (learned[matrix.FORCED] <= np.array([[0.75 + 0.25 * p] for p in matrix.GRID])).all()
    assert learned[matrix.JAL][-1].mean() > 0.97


def test_a_crossing_is_found_between_two_points() -> None:
    rising = np.array([[p - 0.25] for p in matrix.GRID])
    assert matrix.crossing(rising, np.zeros_like(rising)) == pytest.approx(0.25)
    assert matrix.crossing(rising + 1, np.zeros_like(rising)) is None


@pytest.mark.slow
def test_the_published_curve_within_two_hundredths() -> None:
    for method, curve in matrix.CURVES.items():
        mean = np.array(matrix.learn(lambda *_: None, method, 200, 0)).mean(1)
        for p, value in curve.items():
            assert abs(mean[matrix.GRID.index(p)] - value) <= 0.02

"""How much of what they are asked several entrants answer alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: In the place of an answer that did not come; no action is negative by so much.
UNANSWERED = -1e9
#: Actions that are numbers in [-1, 1] are the same where they differ by no more than that.
_CLOSE = 0.01


@dataclass(frozen=True)
class Likeness:
    """Of n entrants.

    Attributes:
        share: float [n, n], share of the questions that both answered, on which their answers were the same; NaN where
            both answered less than half of all.
        first: float [n, n], the same at the first step of games alone.
        asked: number of questions.
    """

    share: NDArray[np.float64]
    first: NDArray[np.float64]
    asked: int


def likeness(answers: NDArray[np.float32], asked: NDArray[np.bool_]) -> Likeness:
    """Compare answers.

    Args:
        answers: float32 [n, seats, T, B, D], of n entrants to the same questions; `UNANSWERED` where there is none.
        asked: bool [seats, T, B], which of them count.
    """
    n = len(answers)
    share, first = np.full((n, n), np.nan), np.full((n, n), np.nan)
    answered = (answers > UNANSWERED / 2).all(axis=-1) & asked
    for i in range(n):
        both = answered[i] & answered[i:]  # [n - i, seats, T, B]
        same = (np.abs(answers[i] - answers[i:]) <= _CLOSE).all(axis=-1) & both
        whole = both.sum(axis=(1, 2, 3))
        with np.errstate(invalid="ignore", divide="ignore"):
            of_all = np.where(whole * 2 >= asked.sum(), same.sum(axis=(1, 2, 3)) / whole, np.nan)
            at_first = same[:, :, 0].sum(axis=(1, 2)) / both[:, :, 0].sum(axis=(1, 2))
        share[i, i:] = share[i:, i] = of_all
        first[i, i:] = first[i:, i] = np.where(np.isnan(of_all), np.nan, at_first)
    return Likeness(share, first, int(asked.sum()))

"""Answers are compared where both gave one."""

from __future__ import annotations

import numpy as np

from leaderboard.statistics.likeness import UNANSWERED, likeness


def test_shares_count_the_questions_that_both_answered() -> None:
    answers = np.zeros((3, 1, 4, 5, 1), dtype=np.float32)
    answers[1, 0, 0, 0] = 1  # differs once, at the first step
    answers[2, 0, 2:] = UNANSWERED  # answered half
    asked = np.ones((1, 4, 5), dtype=bool)
    made = likeness(answers, asked)
    assert made.asked == 20
    assert made.share[0, 1] == made.share[1, 0] == 19 / 20
    assert made.first[0, 1] == 4 / 5
    assert made.share[0, 2] == 1.0
    assert made.share[1, 2] == 9 / 10


def test_who_answered_less_than_half_is_not_compared() -> None:
    answers = np.zeros((2, 1, 4, 5, 1), dtype=np.float32)
    answers[1, 0, 1:] = UNANSWERED
    made = likeness(answers, np.ones((1, 4, 5), dtype=bool))
    assert np.isnan(made.share[0, 1])
    assert np.isnan(made.first[0, 1])


def test_questions_that_were_not_put_do_not_count() -> None:
    answers = np.zeros((2, 1, 4, 5, 1), dtype=np.float32)
    answers[1, 0, 3] = 1
    asked = np.ones((1, 4, 5), dtype=bool)
    asked[0, 3] = False
    assert likeness(answers, asked).share[0, 1] == 1.0


def test_continuous_answers_may_differ_by_a_little() -> None:
    answers = np.zeros((2, 1, 2, 2, 2), dtype=np.float32)
    answers[1] += 0.005
    answers[1, 0, 0, 0, 1] = 0.5
    assert likeness(answers, np.ones((1, 2, 2), dtype=bool)).share[0, 1] == 3 / 4

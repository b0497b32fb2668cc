"""The figure of the two-card game: values are exact, and parts become rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.bad import Bad, BadConfig
from arenas.two_card import SEATS, TwoCard
from zoo.papers import load
from zoo.papers.bad import two_card


def test_a_value_is_the_mean_over_all_deals_of_what_the_plan_earns() -> None:
    arena = TwoCard(1)
    agent = Bad.make(arena.spec, SEATS, BadConfig(first=3.0, hidden=8), seed=5, replicas=3)
    found = two_card.values(agent, TwoCard(3 * two_card.DEALS), 3)
    for run in range(3):  # four deals of equal weight, each payment a whole number
        assert float(found[run]) * 4 == pytest.approx(round(float(found[run]) * 4))
    assert bool((found <= 10).all())


def test_shares_say_where_runs_end() -> None:
    assert two_card.shares(np.array([10.0, 10.0, 9.0, 7.5])) == "50% at 10, 25% at 9, 25% elsewhere"


def test_parts_become_rows_beside_the_thesis() -> None:
    figure = load("bad-two-card")
    parts = figure.parts(True, 2)
    done = [(part, [[8.0, 9.0]] * two_card.POINTS) for part in parts]
    report = figure.assemble(done, True, 2)
    assert len(report.rows) == len(parts) == 2 * len(two_card.METHODS) + 5
    first = report.rows[0]
    assert (first.label, first.ours.mean) == (two_card.PLAIN, 8.5)
    assert first.published is not None
    assert (first.published.value, first.at_least) == (9.07, 8.8)
    assert report.rows[3].published is None  # with entropy


@pytest.mark.learning
def test_a_part_learns_all_its_runs_at_once() -> None:
    found = torch.tensor(two_card.learn(lambda done, total: None, "A", "belief=v2", 0.5, 2, 10, 0))
    assert found.shape == (two_card.POINTS, 2)
    assert bool((found <= 2.25).all())

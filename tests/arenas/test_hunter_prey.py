"""Tan's hunters and prey: random hunters against the solved chain, catches, and what hunters sense."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from arenas.hunter_prey import MOVES, SIZE, HunterPrey
from arenas.protocol import Action


def begun(cells: list[list[tuple[int, int]]], **settings: Any) -> HunterPrey:
    """A game whose rows have hunters, prey and scout in these cells."""
    arena = HunterPrey(len(cells), **settings)
    arena.reset(torch.arange(len(cells)))
    arena.restore({**arena.snapshot(), "cells": torch.tensor(cells)})
    return arena


def act(arena: HunterPrey, *actions: int) -> dict[str, Action]:
    return {s: Action(torch.full((arena.batch_size,), a)) for s, a in zip(arena.spec.seats, actions, strict=True)}


def steps_of_random_hunters() -> float:
    """Expected steps of one hunter and one prey at random in turn, from uniform cells, by the linear system."""
    cells = SIZE * SIZE
    walk = torch.zeros(cells, cells, dtype=torch.float64)
    for x in range(SIZE):
        for y in range(SIZE):
            for dx, dy in MOVES:
                a, b = min(max(x + dx, 0), SIZE - 1), min(max(y + dy, 0), SIZE - 1)
                walk[x * SIZE + y, a * SIZE + b] += 1 / len(MOVES)
    # h(hunter, prey) = 1 + sum over both moves, where a meeting after either ends it; by iteration
    apart = 1 - torch.eye(cells, dtype=torch.float64)
    expected = torch.zeros(cells, cells, dtype=torch.float64)
    for _ in range(4000):
        after_hunter = (expected * apart) @ walk.T  # the prey walks
        expected = 1 + walk @ (after_hunter * apart)
    return float(expected.mean())


def test_random_hunters_take_as_long_as_the_chain_says_and_as_tan_measured() -> None:
    expected = steps_of_random_hunters()
    assert expected == pytest.approx(122.96, abs=0.01)
    assert abs(expected - 123.08) < 1  # his table 1, 200 trials
    arena = HunterPrey(512, hunters=1)
    arena.reset(torch.arange(512))
    luck, moved, ends = torch.Generator().manual_seed(0), 0, 0
    for _ in range(1500):
        steps, _ = arena.step({"hunter_0": Action(torch.randint(4, (512,), generator=luck))})
        moved += int((~steps["hunter_0"].first).sum())
        ends += int((steps["hunter_0"].discount == 0).sum())
    # cut trials are rare at 1,000 steps; each catch has a spread of about its mean
    assert moved / ends == pytest.approx(expected, abs=5 * expected / ends**0.5)


def test_who_catches_is_paid_and_the_trial_ends() -> None:
    arena = begun([[(2, 2), (9, 9), (3, 2)], [(2, 2), (9, 9), (7, 2)]])
    steps, _ = arena.step(act(arena, 3, 0))  # right, up
    assert steps["hunter_0"].reward.tolist() == pytest.approx([1.0, -0.1])
    assert steps["hunter_1"].reward.tolist() == pytest.approx([-0.1, -0.1])
    assert steps["hunter_0"].last.tolist() == [True, False] and steps["hunter_0"].discount.tolist() == [0, 1]
    steps, _ = arena.step(act(arena, 0, 0))
    assert steps["hunter_1"].first.tolist() == [True, False] and not steps["hunter_1"].reward[0]


def test_a_joint_task_needs_two_beside_the_same_prey() -> None:
    rows = [[(4, 4), (6, 5), (5, 4)], [(4, 4), (9, 9), (4, 5)], [(3, 4), (6, 5), (5, 5)]]  # the first one diagonally
    arena = begun(rows, joint=True)
    caught = arena._caught(torch.tensor(rows))
    assert caught.tolist() == [[True, True], [False, False], [False, False]]
    two = begun([[(4, 4), (9, 9), (4, 5), (9, 8)]], joint=True, prey=2)
    assert not two._caught(torch.tensor([[(4, 4), (9, 9), (4, 5), (9, 8)]])).any()


def state(arena: HunterPrey, seat: int = 0) -> Tensor:
    return arena._state_of(seat)


def test_what_a_hunter_senses() -> None:
    rows = [[(5, 5), (0, 0), (3, 7)], [(5, 5), (0, 0), (1, 5)], [(5, 5), (0, 0), (4, 5)]]
    arena = begun(rows, depth=2)
    assert arena.spec.seats["hunter_0"].observation == (26,)
    assert state(arena).tolist() == [0 * 5 + 4, 25, 1 * 5 + 2]
    scouted = begun([[(1, 1), (8, 8), (9, 8)]], hunters=1, depth=2, sense="shared", scout=3)
    # the prey at (8, 8) is out of the hunter's field and in the scout's, at (9, 8)
    assert state(scouted).tolist() == [(7 + 9) * 19 + 7 + 9]
    mutual = begun([[(1, 1), (8, 8), (7, 8)]], depth=2, sense="shared")
    assert state(mutual, 0).tolist() == [(6 + 9) * 19 + 7 + 9] and state(mutual, 1).tolist() == [(-1 + 9) * 19 + 9]
    partner = begun([[(5, 5), (6, 5), (0, 0)]], depth=2, sense="partner")
    assert state(partner).tolist() == [25 * 26 + 3 * 5 + 2]
    both = begun([[(5, 5), (6, 5), (8, 5)]], depth=2, sense="both")  # the prey is in the second hunter's field alone
    assert state(both).tolist() == [((3 + 9) * 19 + 9) * 26 + 3 * 5 + 2]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hunters": 1, "joint": True}, "two hunters"),
        ({"hunters": 1, "sense": "shared"}, "needs a scout"),
        ({"scout": 2}, "sense=shared"),
        ({"prey": 3}, "prey"),
    ],
)
def test_what_makes_no_game_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HunterPrey(1, **settings)

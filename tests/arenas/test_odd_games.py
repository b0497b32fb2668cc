"""Generated games: what a foreign arena pays is what PettingZoo's own loop pays, or the game is refused by name."""

from functools import partial

import numpy as np
import pytest
import torch

from arenas.foreign.arena import Foreign
from arenas.protocol import ArenaError
from tests.arenas.arena_play import play
from tests.arenas.odd_games import BROKEN, Plan, game, official

BATCH = 50  # games of one test
GAMES = 300  # of each form
SAID = {"kind": "mixed", "forfeit": -1000.0}  # so that no sample of play is needed to recognise them


def played(plan: Plan, rows: int = 1):
    """A whole episode in every row, and the game's actions as PettingZoo's loop is to take them."""
    arena = Foreign(rows, env=partial(game, plan), **SAID)
    segment = play(arena, torch.arange(rows) + 40, plan.length, autoreset=False)
    assert all(bool(step.last[-1].all()) for step in segment.steps.values())
    return arena, segment


def replayed(segment, row: int, turns: bool):
    """`action(agent, t)` of the segment; in a parallel game whoever is not on turn plays 0."""

    def action(agent: str, t: int) -> int:
        on = turns or bool(segment.steps[agent].active[t, row])
        return int(segment.actions[agent].value[t, row]) if on else 0

    return action


@pytest.mark.parametrize("form", ["turn", "all"])
@pytest.mark.parametrize("first", range(0, GAMES, BATCH))
def test_totals_are_those_of_the_official_loop(form, first):
    for seed in range(first, first + BATCH):
        plan = Plan.drawn(seed, form)
        rows = 1 + (seed % 10 == 0)
        _, segment = played(plan, rows)
        for row in range(rows):
            totals, turns = official(game(plan), 40 + row, replayed(segment, row, form == "turn"))
            mine = {seat: float(step.reward[:, row].sum()) for seat, step in segment.steps.items()}
            length = int((~next(iter(segment.steps.values())).last[:, row]).sum())
            assert (mine, length) == (totals, turns), plan


@pytest.mark.parametrize(("form", "mistake"), [(form, mistake) for form in BROKEN for mistake in BROKEN[form]])
def test_a_broken_contract_is_the_environments_fault(form, mistake):
    for seed in range(4):
        plan = Plan.drawn(seed, form, mistake)
        with pytest.raises(ArenaError) as refused:
            played(plan)
        line = str(refused.value)
        assert "\n" not in line and line.startswith("functools:partial"), line
        if mistake in ("one name twice", "nobody", "old reset"):
            continue  # found before the first step
        assert refused.value.step >= 3 or mistake in ("info None", "infos None"), line
        assert refused.value.method in ("step", "last") and f"step {refused.value.step}" in line


@pytest.mark.parametrize("form", ["turn", "all"])
def test_the_same_mistakes_are_made_by_a_plan_that_plays(form):
    """What makes a broken plan break is the mistake and nothing else."""
    for seed in range(12):
        for mistake in ("raises", "sees nan"):
            played(Plan(**{**vars(Plan.drawn(seed, form, mistake)), "breaks": ""}))


def test_cut_games_are_counted_by_cycles():
    for seed in range(12):
        for form in ("turn", "all"):
            plan = Plan.drawn(seed, form)
            plan = Plan(**{**vars(plan), "length": 30, "deaths": (99,) * plan.agents})
            arena = Foreign(2, env=partial(game, plan), **SAID, max_cycles=3)
            segment = play(arena, torch.arange(2) + 40, arena.spec.max_steps, autoreset=False)
            turns = {seat: step.active[:, 0].sum() for seat, step in segment.steps.items()}
            assert all(bool(step.last[-1].all()) for step in segment.steps.values())
            assert max(turns.values()) == 3 or (plan.sleeps and form == "all")
            assert all((step.discount == 1).all() for step in segment.steps.values())
            told = arena.metrics(segment.steps, segment.actions)
            assert {float(share) for of in told.values() for share in of["cut"]} == {1.0}
            whole = Foreign(2, env=partial(game, plan), **SAID, max_cycles=40)
            segment = play(whole, torch.arange(2) + 40, 30, autoreset=False)
            assert {float(x) for of in whole.metrics(segment.steps, segment.actions).values() for x in of["cut"]} == {0}


def test_later_episodes_of_a_row_are_those_of_fresh_games():
    plan = Plan.drawn(4, "turn")
    arena = Foreign(1, env=partial(game, plan), **SAID)
    segment = play(arena, torch.tensor([40]), 60)
    firsts = next(iter(segment.steps.values())).first[:, 0]
    assert firsts.sum() > 2 and np.isfinite(next(iter(segment.steps.values())).reward.numpy()).all()

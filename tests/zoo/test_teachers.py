"""Opponents that adapt to a learning rule: the timetable, exact replies, windows, and the search."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from arenas.tables.finite import FiniteGame
from arenas.tables.replies import best_replies
from arenas.tables.response import Control
from tests.zoo.command_line import Zoo
from zoo.entry.venue import ArenaChoice, Venue
from zoo.exploit.committed import Committed
from zoo.exploit.grid import MeetingTerms
from zoo.exploit.lessons import Course, SearchBudget, search, timetable
from zoo.exploit.meetings import Meetings
from zoo.exploit.rule_game import measure_rule
from zoo.exploit.teach_then_harvest import TeachThenHarvestConfig
from zoo.exploit.windows import ALL, LAST, UNKNOWN, weights
from zoo.play.replicas import run_replicas

IPD = ArenaChoice("ipd")
VENUE = Venue(IPD)
QUICK = SearchBudget(
    lessons=4,
    grid_seeds=1,
    kept=1,
    times_seeds=1,
    generations=1,
    children=2,
    seeds=1,
    final_seeds=2,
    shapers=2,
    shaper_steps=200,
)
ONCE = "teach-then-harvest,lessons=[[18,0,1,0,0.667,0]],harvest=none,loop=0"


def test_a_timetable_teaches_harvests_and_goes_on_with_the_lesson_of_its_loop() -> None:
    def phases(text: TeachThenHarvestConfig, updates: int) -> list[int]:
        table = text.timetable(1)
        return [int(table.phase(update)) for update in range(updates)]

    two = [[2, 0, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]]
    assert phases(TeachThenHarvestConfig(two, 2, 1), 9) == [0, 0, 1, 2, 2, 1, 2, 2, 1]
    assert phases(TeachThenHarvestConfig(two, 2, 0), 8) == [0, 0, 1, 2, 2, 0, 0, 1]
    assert phases(TeachThenHarvestConfig(two, None, 0), 6) == [0, 0, 1, 2, 2, 2]
    assert phases(TeachThenHarvestConfig(two, 0, 1), 6) == [0, 0, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("lessons", "loop"), [([], 0), ([[1, 0, 0, 0, 0]], 0), ([[0, 0, 0, 0, 0, 0]], 0), ([[1, 0, 0, 0, 0, 2]], 0)]
)
def test_lessons_that_are_none_are_refused(lessons: list[list[float]], loop: int) -> None:
    with pytest.raises(ValueError, match="lesson"):
        TeachThenHarvestConfig(lessons, 1, loop)


@pytest.mark.parametrize("arena", ["ipd", "imp", "stag-hunt", "chicken"])
def test_replies_to_many_tables_are_the_best_responses_to_each(arena: str) -> None:
    game = Venue(ArenaChoice(arena)).arena()
    assert isinstance(game, FiniteGame)
    share = torch.rand(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    table = torch.stack((share, 1 - share), dim=-1)
    for seat, other in (("row", "column"), ("column", "row")):
        reply, value = best_replies(game, seat, table)
        for r in range(len(table)):
            fixed = Committed(game.spec, other, table[r : r + 1]).policies[other]
            assert value[r].item() == pytest.approx(Control(game, {other: fixed}).best({seat: 1}).objective, abs=1e-9)
            answer = Committed(game.spec, seat, reply[r : r + 1]).policies[seat]
            earned = game.value({seat: answer, other: fixed})[seat]
            assert (1 - game.spec.gamma) * earned.item() == pytest.approx(value[r].item(), abs=1e-9)


def test_windows_add_up_and_an_unknown_horizon_is_the_mean_over_all_horizons() -> None:
    count, paid = weights(30), np.random.default_rng(0).normal(size=30)
    assert count.sum(1) == pytest.approx(1)
    tails = [paid[horizon - max(1, horizon // 10) : horizon].mean() for horizon in range(1, 31)]
    assert count[UNKNOWN] @ paid == pytest.approx(np.mean(tails))
    assert count[ALL] @ paid == pytest.approx(paid.mean()) and count[LAST] @ paid == pytest.approx(paid[-3:].mean())


def test_courses_side_by_side_are_each_of_them_alone() -> None:
    courses = [Course(((2, 0, 1, 0, 0.5, 0),), None), Course(((1, 0, 0, 0, 0, 0), (2, 1, 1, 1, 1, 1)), 3, 1)]
    together = timetable(courses, 2)
    for number, course in enumerate(courses):
        entrant = VENUE.entrant(f"teach-then-harvest,{course.settings}", learning=True)
        alone = TeachThenHarvestConfig(**entrant.settings).timetable(1)
        width = len(course.lessons)
        for update in range(12):
            mine, whole = int(alone.phase(update)), together.phase(update)[2 * number]
            assert int(whole) == (2 if mine == width else mine)  # 2 lessons at most: harvest is number 2


def test_the_lesson_is_learned_and_the_harvest_pays() -> None:
    runs = run_replicas(IPD, {"row": "lola-exact", "column": ONCE}, rounds=20, replicas=8)
    paid = runs.values["column"].mean(1)
    assert paid[18] > paid[17] + 0.3  # the best response to what was taught
    assert runs.exact


def test_a_search_finds_teachers_and_schedules_that_can_be_entered(zoo: Zoo) -> None:
    terms = MeetingTerms(rounds=4, seeds=2, seed=0, copies=1, length=1)
    found = search(Meetings(VENUE, "naive-exact", terms), "teach-then-harvest", QUICK)
    assert {kind.split(",")[0] for kind in found.values()} == {"best teacher", "best schedule"}
    measured = measure_rule(VENUE, "naive-exact", terms, with_grid=False, budget=QUICK)
    lines = {line.other: line for line in measured.lines}
    assert found.keys() <= lines.keys()
    kinds_met = [line.kind for line in measured.lines]
    assert kinds_met.count("learned shaper 1") == kinds_met.count("learned shaper 2") == 1
    kinds = ("incentive_to_deviate", "gain_all_updates", "gain_unknown_horizon")
    assert all(measured.figures[kind].other in lines for kind in kinds)
    text = next(iter(found))
    said = zoo("match", "naive-exact", text, "--arena", "ipd", "--learn", "--rounds", 2, "--runs", 1, "--no-record")
    assert "teach-then-harvest" in said.out


@pytest.mark.slow
@pytest.mark.learning
def test_lola_and_the_naive_learner_can_be_taught_and_harvested() -> None:
    once = "teach-then-harvest,lessons=[[180,0,1,0,0.667,0]],harvest=none,loop=0"
    alone = run_replicas(IPD, {"row": "lola-exact", "column": "lola-exact"}, rounds=200, replicas=50).tail()["row"]
    taught = run_replicas(IPD, {"row": "lola-exact", "column": once}, rounds=200, replicas=50)
    # .78 [.74, .81] over 100 other seeds, so .025 is the standard error of 50
    assert taught.tail()["column"].mean() - alone.mean() > 0.6
    assert taught.tail()["row"].mean() < -2.4
    often = run_replicas(IPD, {"row": "lola-exact", "column": "teach-then-harvest"}, rounds=200, replicas=50)
    gain = weights(200)[UNKNOWN] @ often.values["column"].mean(1)
    assert gain - alone.mean() > 0.2  # it does not know when the end is

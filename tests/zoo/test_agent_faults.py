"""Faults of agents: whose they are, what is recorded, and what they cost whom. The agents here fail in this process."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from agents.protocol import Memory, Policy, Seating
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep
from leaderboard.records import Status
from leaderboard.store.store import Store
from tests.zoo.command_line import Refused, Zoo
from zoo import home
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.matches.learning import LearningMatch, Schedule
from zoo.play.blocks import Task, play_block
from zoo.play.referee import NEVER, Refereed, seat_under_referees
from zoo.play.verify import difference
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.levels import at
from zoo.work.progress import unwatched

FAILING = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action
from leaderboard.records import Status
from zoo.sandbox.fault import AgentFault

deaths = []


class Plain(Agent):
    needs = frozenset()

    def act(self, timestep, memory):
        return Action(torch.ones(len(timestep.reward), dtype=torch.long)), {**memory, "step": memory["step"] + 1}


class Crashes(Plain):
    def act(self, timestep, memory):
        if memory["step"] == 3:
            raise AgentFault(Status.CRASH, "RuntimeError: oops", "a line\\nanother\\n", seats=self.seats)
        return super().act(timestep, memory)


class Unmade(Plain):
    def build(self, seed):
        raise AgentFault(Status.TIMEOUT, "too slow", seats=self.seats)


class DiesOnce(Plain):
    def act(self, timestep, memory):
        if memory["step"] == 2 and not deaths:
            deaths.append(1)
            raise AgentFault(Status.CRASH, "killed", retry=True, seats=self.seats)
        return super().act(timestep, memory)


class Dies(Plain):
    def act(self, timestep, memory):
        deaths.append(1)
        raise AgentFault(Status.CRASH, "killed", retry=True, seats=self.seats)


class Learns(Plain):
    learns = True

    def learn(self, joint, context):
        if context.update == 1:
            raise AgentFault(Status.CRASH, "RuntimeError: oops", "learned\\n", seats=self.seats)
        return {}


class DiesLearning(Plain):
    learns = True

    def learn(self, joint, context):
        if context.update == 1 and not deaths:
            deaths.append(1)
            raise AgentFault(Status.CRASH, "killed", retry=True, seats=self.seats)
        return {}
"""


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in, with `failing.py`, whose agents are trusted."""
    monkeypatch.chdir(tmp_path)
    # a file of its own each time, so that nobody has died in it before
    Path("failing.py").write_text(f"# {tmp_path}\n{textwrap.dedent(FAILING)}")
    monkeypatch.setenv("ZOO_ISOLATION", "trusted")
    return tmp_path


def venue(arena: str = "ipd", steps: int = 10) -> Venue:
    return Venue(ArenaChoice(arena, (f"max_steps={steps}",)))


def task(where: Venue, a: str, b: str, episodes: int = 6) -> Task:
    low, high = sorted((a, b), key=where.id)
    return Task((low, high), 0, 0, episodes)


# the referee


class Failing(Policy):
    """Plays 1 and fails at a step."""

    def __init__(self, step: int, *, retry: bool = False) -> None:
        self.step, self.retry, self.asked = step, retry, 0

    def begin(self, seating: Seating) -> Memory:
        if self.step < 0:
            raise AgentFault(Status.MEMORY, "too much")
        return {"step": 0}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        self.asked += 1
        if memory["step"] == self.step:
            raise AgentFault(Status.CRASH, "RuntimeError: oops", "log", self.retry)
        return Action(torch.ones(len(timestep.reward), dtype=torch.long)), {"step": memory["step"] + 1}


def moment(active: list[bool], last: list[bool] | None = None) -> TimeStep:
    one, on = torch.ones(len(active)), torch.tensor(active)
    over = torch.tensor(last) if last else torch.zeros_like(on)
    mask = torch.tensor([[False, True, True]]).expand(len(active), 3)
    return TimeStep(one[:, None], mask, one, one, ~on, over, on)


def test_an_agent_that_has_gone_spoils_each_row_when_it_should_act_next() -> None:
    player = Failing(1)
    referee = Refereed(player, SeatSpec((1,), 3))
    memory: Memory = {"step": 0}
    for active in ([True, True, True], [True, False, True], [False, True, False], [True, True, True]):
        action, memory = referee.act(moment(active), memory)
        assert action.value.tolist() == [1, 1, 1]  # the first legal one, where the agent gives none
    fouls = referee.fouls
    assert fouls is not None
    assert fouls.step.tolist() == [1, 2, 1] and fouls.code.tolist() == [Status.CRASH.code] * 3
    assert fouls.messages == {Status.CRASH: "step 1: RuntimeError: oops"} and fouls.log == "log"
    assert player.asked == 2  # not again


def test_a_row_in_which_it_never_acts_again_is_not_spoiled() -> None:
    referee = Refereed(Failing(0), SeatSpec((1,), 3))
    for active in ([True, False], [True, False]):
        referee.act(moment(active), {"step": 0})
    assert referee.fault is not None and referee.fault.tolist() == [0, NEVER]


def test_one_that_fails_at_the_beginning_has_spoiled_the_first_step() -> None:
    referee = Refereed(Failing(-1), SeatSpec((1,), 3))
    memory = referee.begin(Seating("a", torch.zeros(2).long(), torch.zeros(2).long()))
    referee.act(moment([True, True]), memory)
    fouls = referee.fouls
    assert fouls is not None and fouls.step.tolist() == [0, 0] and fouls.code.tolist() == [Status.MEMORY.code] * 2


def test_a_patient_referee_lets_another_try_be_made() -> None:
    with pytest.raises(AgentFault):
        Refereed(Failing(0, retry=True), SeatSpec((1,), 3), patient=True).act(moment([True]), {"step": 0})
    referee = Refereed(Failing(0, retry=True), SeatSpec((1,), 3))
    referee.act(moment([True]), {"step": 0})
    assert referee.fault is not None and referee.fault.tolist() == [0]


def test_nobody_is_asked_once_every_episode_is_spoiled_or_over() -> None:
    seats = {name: SeatSpec((1,), 3) for name in "ab"}
    fails, honest = Failing(0), Failing(99)
    table = seat_under_referees({"a": fails, "b": honest}, ArenaSpec("x", seats, "mixed", 5, 1.0, frozenset()))
    memories: dict[str, Memory] = {"a": {"step": 0}, "b": {"step": 0}}
    for step in (moment([True, True]), moment([True, True])):
        for seat, player in table.items():
            _, memories[seat] = player.act(step, memories[seat])
    assert (fails.asked, honest.asked) == (1, 1)  # b is asked at the step at which a fails, and not later


# blocks


def test_a_crash_is_its_own_entrants_and_the_block_is_played_to_its_end(failing: Path) -> None:
    where = venue()
    block = play_block(where, task(where, "failing.py:Crashes", "tit-for-tat"))
    guilty = where.id("failing.py:Crashes")
    assert len(block.results) == 4
    for result in block.results:
        mine = result.entrant == guilty
        assert set(result.statuses) == {(Status.CRASH if mine else Status.DONE).code}
        assert set(result.lengths) == {4}
        assert set(result.returns) == {where.spec.forfeit} if mine else result.returns.max() <= 0
    assert {(log.entrant, log.status, log.episodes, log.tail) for log in block.logs} == {
        (guilty, "CRASH", 6, "a line\nanother\n")
    }
    assert len(block.logs) == 2  # one a rotation


def test_logs_are_no_part_of_a_block_and_are_kept_with_it(failing: Path) -> None:
    where = venue()
    block = play_block(where, task(where, "failing.py:Crashes", "tit-for-tat"))
    assert play_block(where, task(where, "failing.py:Crashes", "tit-for-tat")) == block
    from zoo.matches.plan import register
    from zoo.matches.tournament import prepare

    with Store(":memory:") as store:
        register(prepare(where, ("failing.py:Crashes", "tit-for-tat"), store, None, 6, 0), store)
        assert store.add(block) and not store.add(block)
        assert store.blocks(where.identity) == [block]
        assert store.logs([block.id]) == sorted(block.logs, key=lambda log: log.rotation)
        assert store.logs([block.id], where.id("tit-for-tat")) == []
        assert store.unsound() == []


def test_an_agent_that_cannot_be_made_forfeits_from_the_first_step(failing: Path) -> None:
    where = venue()
    block = play_block(where, task(where, "failing.py:Unmade", "tit-for-tat"))
    for result in block.results:
        assert set(result.lengths) == {1}
        expected = Status.TIMEOUT if result.entrant == where.id("failing.py:Unmade") else Status.DONE
        assert set(result.statuses) == {expected.code}


def test_a_process_ended_from_outside_is_tried_again_once(failing: Path) -> None:
    where = venue()
    once, honest = (
        play_block(where, task(where, f"failing.py:{name}", "tit-for-tat")) for name in ("DiesOnce", "Plain")
    )
    assert not any(result.statuses.any() for result in once.results) and not once.logs
    for a, b in zip(sorted(once.results, key=_place), sorted(honest.results, key=_place), strict=True):
        assert list(a.returns) == list(b.returns) or a.entrant != b.entrant
    twice = play_block(where, task(where, "failing.py:Dies", "tit-for-tat"))
    assert sum(bool(result.statuses.any()) for result in twice.results) == 2


def _place(result: object) -> tuple[int, str]:
    return result.rotation, result.seat  # type: ignore[attr-defined]


def test_a_partners_fault_pays_nobody(failing: Path, zoo: Zoo) -> None:
    told = zoo("match", "failing.py:Crashes", "tit-for-tat", "--arena", "ipd", "--episodes", 5, "--json").json
    by_name = {line["entrant"]: line for line in told["seats"]}
    assert by_name["failing.py:Crashes"]["own_return"]["mean"] == -450.0
    assert by_name["tit-for-tat"]["own_return"] == {
        **by_name["tit-for-tat"]["own_return"],
        "mean": None,
        "low": None,
        "high": None,
        "n": 0,
    }
    assert "tit-for-tat earned more" in told["comparisons"][0]["verdict"]
    alone = zoo("match", "tit-for-tat", "grim", "--arena", "ipd", "--episodes", 5, "--json").json
    ours, theirs = told["comparisons"][0]["second"], alone["comparisons"][0]["first"]
    assert ours["mean"] == pytest.approx(theirs["mean"])


def test_what_depends_on_the_machine_is_not_held_against_a_record(failing: Path) -> None:
    from dataclasses import replace

    where = venue()
    block = play_block(where, task(where, "failing.py:Unmade", "tit-for-tat"))
    later = replace(block, results=tuple(replace(r, lengths=np.full(6, 3), metrics={}) for r in block.results))
    assert difference(block, later) == ""
    crash = play_block(where, task(where, "failing.py:Crashes", "tit-for-tat"))
    wrong = replace(crash, results=tuple(replace(r, lengths=np.full(6, 3)) for r in crash.results))
    assert "lengths" in difference(crash, wrong)


# learning matches


def test_a_learner_that_fails_ends_its_training_and_says_nothing_of_the_other(failing: Path) -> None:
    where, schedule = venue(steps=5), Schedule(4, 8, 5, "actions")
    with Store(":memory:") as store:
        match = LearningMatch(where, ("failing.py:Learns", "naive,hidden=0"), schedule, 2, 0)
        summary = match.play(store, "", unwatched, recorded=False)
        (block, _) = store.blocks(where.identity)
        assert {log.tail for log in store.logs([block.id])} == {"learned\n"}
    guilty = [line for line in summary.seats if line.entrant == "failing.py:Learns"]
    assert [line.faults for line in guilty] == [{"CRASH": 2}] * 2
    assert {line.last_tenth.mean for line in guilty} == {where.spec.forfeit / 5}
    assert all(line.last_tenth.n == 0 and not line.faults for line in summary.seats if line not in guilty)
    assert summary.verdict == "failing.py:Learns spoiled 4 of 4 trainings"
    with at("trusted"):
        from zoo.matches.screen import learning_screen

        assert learning_screen(summary)


def test_a_learner_whose_process_is_killed_is_trained_again(failing: Path) -> None:
    where, schedule = venue(steps=5), Schedule(4, 8, 5, "actions")
    with Store(":memory:") as store:
        match = LearningMatch(where, ("failing.py:DiesLearning", "naive,hidden=0"), schedule, 1, 0)
        summary = match.play(store, "", unwatched, recorded=False)
    assert not any(line.faults for line in summary.seats)


# zoo log


def test_log_lists_the_faults_and_what_was_printed(failing: Path, zoo: Zoo, refused: Refused) -> None:
    key = zoo("match", "failing.py:Crashes", "tit-for-tat", "--arena", "ipd", "--episodes", 5, "--json").json["match"]
    out = zoo("log", key[:6], "failing.py:Crashes").out
    assert "step 3: RuntimeError: oops" in out and "| another" in out and "CRASH" in out
    listed = zoo("log", key, "failing.py:Crashes", "--json").json
    assert len(listed) == out.count("CRASH") and {log["episodes"] for log in listed} == {5}
    assert zoo("log", key, "tit-for-tat").out == f"tit-for-tat has no fault in match {key}.\n"
    assert zoo("log", key, "tit-for-tat", "--json").json == []
    assert "nobody is called 'grimm'; did you mean grim" in refused("log", key, "grimm")
    assert "no match 'ffff'" in refused("log", "ffff", "grim")
    with Store(home.records(), read_only=True) as store:
        assert store.unsound() == []


def test_who_is_somebody_else_in_a_worker_is_named() -> None:
    task = Task(("grim", "tit-for-tat"), 0, 0, 2, ids=("0" * 16, "1" * 16))
    with pytest.raises(UserError, match=r"^grim is not the same in each process"):
        play_block(Venue(ArenaChoice("ipd")), task)

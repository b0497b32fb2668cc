"""The attacks: they are stopped where a process is confined, succeed where it is not, and the stage sees both."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.zoo.sandbox.conftest import CONTAINER
from zoo.errors import UserError
from zoo.sandbox.attacks import run
from zoo.sandbox.attacks.files import FollowLink, ReadEntrant, WriteFiles
from zoo.sandbox.attacks.forked import forked
from zoo.sandbox.attacks.honest import Works
from zoo.sandbox.attacks.native import OldInterrupt
from zoo.sandbox.attacks.processes import Fork, RaiseLimits, SendSignals
from zoo.sandbox.attacks.run import Attempt, as_common_user, attacks, attempts
from zoo.sandbox.attacks.stage import Stage
from zoo.sandbox.confine import supported

pytestmark = pytest.mark.skipif(supported("strict") is not None, reason=str(supported("strict")))
ALL = attacks()
#: One for each kind of target; the others are among the slow tests.
SOME = (
    "ReadEntrant",
    "SendSignals",
    "Fork",
    "SendUdp",
    "LockFiles",
    "OldInterrupt",
    "Leave",
    "EarlyAnswers",
    "NameEndlessFile",
    "CountOthers",
    "WakeByEnding",
    "ImpossibleShape",
)


@pytest.fixture(scope="module")
def stage():
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize("kind", [ReadEntrant, WriteFiles, SendSignals, RaiseLimits, Fork], ids=lambda k: k.__name__)
def test_the_stage_sees_what_an_unconfined_attack_does(stage, kind):
    assert stage.evidence("") == []
    log, _ = forked(stage.prepared(kind), kind.__name__, None)
    assert stage.evidence(log) != []
    stage.reset()
    assert stage.evidence("") == []


def test_the_stage_is_not_misled_by_an_attack_that_only_prints(stage):
    assert stage.evidence("PermissionError: zoo-secret-of-somebody-else\nI won: nothing") == []
    assert stage.evidence(f"content: {stage.secret}") == [f"printed content: {stage.secret}"]
    assert stage.evidence("won: a shell\n") == ["won: a shell"]


def test_a_link_to_another_entrants_file_leads_nowhere_even_where_it_was_let_in(stage):
    folder = stage.prepared(FollowLink)
    (folder / "link").symlink_to(stage.aims["secrets"][0])
    assert stage.secret in forked(folder, "FollowLink", None)[0]
    log, _ = forked(folder, "FollowLink", "strict")
    assert stage.evidence(log) == []
    assert "PermissionError" in log


def test_numpy_torch_and_threads_work_in_a_confined_process(stage):
    assert forked(stage.prepared(Works), "Works", "strict")[0].endswith("works\n")


def test_a_foreign_system_call_ends_the_process(stage):
    log, status = forked(stage.prepared(OldInterrupt), "OldInterrupt", "strict")
    assert (log, status) == ("", -31)


@pytest.mark.parametrize("level", ["strict", CONTAINER])
def test_attacks_of_each_kind_are_stopped(level):
    done = list(attempts(attacks(SOME), level, compare=False))
    assert {a.name for a in done} == set(SOME)
    assert {a.name: a.evidence for a in done if not a.stopped} == {}
    ends = {a.name: a.end.partition(":")[0] for a in done}
    assert ends["ReadEntrant"] == "plays on"
    assert ends["Leave"] == "CRASH"
    assert ends["EarlyAnswers"] == ends["ImpossibleShape"] == "INVALID"
    assert ends["NameEndlessFile"] == "refused"


@pytest.mark.slow
@pytest.mark.parametrize("level", ["strict", CONTAINER])
@pytest.mark.parametrize("quick", [True, False], ids=["harmless", "waiting"])
def test_all_attacks_are_stopped(quick, level):
    kinds = [kind for kind in ALL if (kind in attacks(quick=True)) == quick]
    done = list(attempts(kinds, level, compare=level == "strict"))
    assert {a.name: a.evidence for a in done if not a.stopped} == {}
    assert len(done) == len(kinds)


@pytest.mark.slow
@pytest.mark.parametrize("level", ["strict", CONTAINER])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes a common user")
def test_all_attacks_by_a_common_user_are_stopped(level):
    done = list(as_common_user([], level))
    if isinstance(done[0], str):
        pytest.skip(done[0])
    assert {a.name: a.evidence for a in done if not a.stopped} == {}
    assert {a.name for a in done} == {kind.__name__ for kind in ALL}


def test_an_unknown_attack_is_named():
    with pytest.raises(UserError, match="no attack Nothing"):
        attacks(["Nothing"])


@pytest.mark.parametrize("kind", ALL, ids=lambda k: k.__name__)
def test_an_attack_says_what_it_does_what_stops_it_and_what_success_is(kind):
    assert kind.__doc__.endswith(".")
    assert "\n" not in kind.__doc__
    assert kind.defence
    assert kind.strike.__doc__ not in (None, "")
    assert set(kind.faults) <= {"TIMEOUT", "CRASH", "MEMORY", "INVALID"}


def test_every_attack_is_in_the_document():
    text = (Path(run.__file__).parents[3] / "docs" / "sandbox.md").read_text()
    named = set(re.findall(r"^\| `([A-Z]\w+)` \|", text, re.MULTILINE))
    assert named == {kind.__name__ for kind in ALL}


STOPPED = Attempt("Fork", "processes", "Starts a child.", "seccomp", (), "plays on", True, 0.1)


def test_the_command_shows_what_was_stopped(zoo, monkeypatch):
    monkeypatch.setattr(run, "attempts", lambda kinds, level, compare: iter([STOPPED]))
    monkeypatch.setattr(run, "as_common_user", lambda names, level, quick: iter(["there is no other user"]))
    monkeypatch.setattr(run, "supported", lambda level: "bubblewrap is not installed")
    root = os.geteuid() == 0
    said = zoo("selfcheck", "sandbox", "Fork", code=3 if root else 0)
    assert "1 of 1 attempts stopped" in said.out
    assert "container: not tried, bubblewrap is not installed; matches at this level are refused here" in said.out
    assert "succeeds" in said.out
    if root:
        assert "As user: not tried, there is no other user" in said.out


def test_a_column_that_was_not_tried_is_no_success(zoo, monkeypatch):
    """Root's attempts as a common user are half of what the command promises; without them it says 3, and which."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(run, "attempts", lambda kinds, level, compare: iter([STOPPED]))
    monkeypatch.setattr(run, "as_common_user", lambda names, level, quick: iter([STOPPED, "it ended with -9"]))
    monkeypatch.setattr(run, "supported", lambda level: None)
    told = zoo("selfcheck", "sandbox", "Fork", "--json", code=3).json
    assert [one["who"] for one in told["not_tried"]] == ["user", "user, container"]
    monkeypatch.setattr(run, "as_common_user", lambda names, level, quick: iter([STOPPED]))
    assert zoo("selfcheck", "sandbox", "Fork", "--json").json["not_tried"] == []


def test_the_command_fails_where_an_attack_succeeds(zoo, monkeypatch):
    broken = replace(STOPPED, evidence=("won: the child 7 lives",))
    monkeypatch.setattr(run, "attempts", lambda kinds, level, compare: iter([broken]))
    monkeypatch.setattr(run, "as_common_user", lambda names, level, quick: iter([STOPPED]))
    monkeypatch.setattr(run, "supported", lambda level: None)
    said = zoo("selfcheck", "sandbox", "Fork", code=1)
    assert "SUCCEEDED" in said.out
    assert "the child 7 lives" in said.out
    tried = json.loads(zoo("selfcheck", "sandbox", "Fork", "--json", code=1).out)["attempts"]
    assert [a["stopped"] for a in next(iter(tried.values()))] == [False]
    assert sum(name.endswith("container") for name in tried) == len(tried) / 2


def test_the_command_refuses_an_attack_that_it_does_not_know(zoo):
    assert "no attack Nothing" in zoo("selfcheck", "sandbox", "Nothing", code=2).err

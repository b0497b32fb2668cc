"""`zoo check --all`: every pair once, kept across calls, counted, and told with the reasons of those that fail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents.bad import Bad
from agents.protocol import CannotLearn, Memory
from arenas.protocol import Action, TimeStep
from tests.zoo.command_line import Refused, Zoo
from zoo.check import pairs
from zoo.check.learning import act_changes_nothing
from zoo.check.subject import subject
from zoo.check.verdict import Failed, Finding, Passed
from zoo.entry.checkpoint import HOUSE

ENTRANTS = [("random", "1"), ("qmix", "1"), ("iql", "1")]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Three entrants, of which one breaks a law; the list of the pairs that were checked."""
    asked: list[tuple[str, str]] = []

    def laws(agent: str, arena: str) -> Iterator[Finding]:
        asked.append((agent, arena))
        yield Finding("2", "Memory", Failed("it keeps a diary") if agent == "qmix" else Passed())

    monkeypatch.setattr(pairs, "_entrants", lambda venue: iter(ENTRANTS))
    monkeypatch.setattr(pairs, "check_agent", laws)
    monkeypatch.setattr(pairs, "check_arena", lambda arena: iter([Finding("1", "Spec", Passed())]))
    return asked


def test_pairs_are_counted_and_those_that_fail_are_explained(zoo: Zoo, few: list[Any]) -> None:
    said = zoo("check", "--all", "--arena", "two-step", "--json", code=1)
    told = said.json
    assert (told["pairs"], told["checked"], told["passed"]) == (3, 3, 2)
    assert told["failed"] == [{"entrant": "qmix", "arena": "two-step", "laws": {"2": "it keeps a diary"}}]
    assert told["passed_by_kind"] == {"registered": 2}
    assert "3 pairs in 1 arena" in said.err
    screen = zoo("check", "--all", "--arena", "two-step", code=1).out
    assert "qmix in two-step: law 2: it keeps a diary" in screen
    assert "2 of 3 pairs pass" in screen


def test_what_was_checked_is_not_checked_again(zoo: Zoo, few: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = pairs.check_agent

    def stopped(agent: str, arena: str) -> Iterator[Finding]:
        if len(few) == 2:
            raise KeyboardInterrupt
        return plain(agent, arena)

    monkeypatch.setattr(pairs, "check_agent", stopped)
    said = zoo("check", "--all", "--arena", "two-step", code=130)
    assert "every pair that was checked is kept, and the same command goes on" in said.err
    assert len(few) == 2
    monkeypatch.setattr(pairs, "check_agent", plain)
    told = zoo("check", "--all", "--arena", "two-step", code=1)
    assert "2 were checked before" in told.err
    assert sorted(few) == sorted((entrant, "two-step") for entrant, _ in ENTRANTS)


def test_a_broken_arena_spoils_its_pairs(zoo: Zoo, few: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "check_arena", lambda arena: iter([Finding("3", "Rows", Failed("rows whisper"))]))
    told = zoo("check", "--all", "--arena", "two-step", "--json", code=1).json
    assert told["passed"] == 0
    assert {"arena 3": "rows whisper"}.items() <= told["failed"][0]["laws"].items()


def test_who_plays_where() -> None:
    """The house's own checkpoints are entrants of the arena for which they were trained, and of no other."""
    said = pairs.survey(None, "common-knowledge")  # type: ignore[arg-type]  # it tells nothing on the way
    entrants = [text for text, _ in said["entrants"]]
    assert said["broken"] == {}
    assert "random" in entrants
    assert any(text.startswith("mackrl@common-knowledge-v1/mackrl") for text in entrants)
    assert not any("@" in text and "common-knowledge" not in text for text in entrants)
    assert pairs.survey(None, "pettingzoo:classic/chess_v99")["left_out"]  # type: ignore[arg-type]


def test_a_checkpoint_of_the_house_is_held_against_the_laws() -> None:
    assert pairs.check_pair(None, "mackrl@common-knowledge-v1/mackrl", "common-knowledge") == {}  # type: ignore[arg-type]


def test_a_checkpoint_is_held_against_its_play_where_its_rule_cannot_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default game has nothing to rename: what was trained by other-play elsewhere plays here, and that is checked.

    A fresh agent of that rule is to be trained here, and fails; so does a checkpoint whose play changes its weights.
    """
    elsewhere = HOUSE / "two-card-v1(game=symmetric)/bad/other-play-seed-0"
    trained, fresh = subject(f"bad@{elsewhere}", "two-card"), subject("bad,other_play=true", "two-card")
    assert trained.only_plays and not list(act_changes_nothing(trained))
    assert not subject(f"bad@{elsewhere}", "two-card", ["game=symmetric"]).only_plays
    with pytest.raises(CannotLearn, match="other_play"):
        list(act_changes_nothing(fresh))
    play = Bad.act

    def spoilt(self: Bad, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        for weight in self.acting_state().values():
            weight.add_(0.1)
        return play(self, timestep, memory)

    monkeypatch.setattr(Bad, "act", spoilt)
    assert "changed the weights" in next(iter(act_changes_nothing(trained)))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("check", "--all", "lola"), "--all checks everybody: leave out lola"),
        (("check", "--all", "--set", "arena.size=3"), "--set cannot go with --all"),
        (("check", "--all", "--trust"), "--trust cannot go with --all"),
        (("check", "--all", "--arena", "nowhere"), "unknown arena 'nowhere'"),
        (("check", "lola", "--workers", 2), "--workers is for --all"),
        (("check",), "name an agent or an arena to check, or all of them with --all"),
        (("check", "lola@seed-1"), "a checkpoint needs an --arena"),
        (("check", "lola@seed-9", "--arena", "coin"), "seed-9 is no checkpoint"),
    ],
)
def test_what_cannot_be_asked(words: tuple[object, ...], line: str, refused: Refused) -> None:
    assert line in refused(*words)

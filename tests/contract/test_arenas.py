"""Every registered arena keeps the laws for arenas, and so do environments of PettingZoo's; broken ones do not."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest

import arenas.foreign.face
from arenas.foreign.face import ArenaEnv
from tests.contract import broken_arenas
from zoo.check import ARENA_LAWS, Failed, Finding, NotApplicable, check_arena
from zoo.check.rules import strangers, watch
from zoo.entry.registry import ARENAS, load_arena, names

HERE = Path(__file__).parent
BROKEN = [name for name, found in vars(broken_arenas).items() if hasattr(found, "LAW")]
#: What an arena needs to be made, where it has no default.
NEEDED = {"matrix": ["payoffs=[[[1, 0], [0, 2], [3, 3]], [[0, 1], [2, 0], [1, 1]]]"]}
FOREIGN = ["pettingzoo:classic/connect_four_v3", "mpe2:simple_tag_v3"]


def faults(findings: list[Finding]) -> dict[str, str]:
    return {f"{f.number} {f.title}": f.verdict.reason for f in findings if isinstance(f.verdict, Failed)}


#: Every arena; `slow` are world-comm, which is tag with more seats, and full Hanabi, which is mini-Hanabi with more
#: cards: each takes as long as all matrix games.
SLOW = {"world-comm", "hanabi"}
HELD = [pytest.param(arena, marks=pytest.mark.slow if arena in SLOW else ()) for arena in names(ARENAS)]


@pytest.mark.parametrize("arena", HELD)
def test_every_arena_keeps_the_laws(arena: str) -> None:
    findings = list(check_arena(arena, NEEDED.get(arena, [])))
    assert faults(findings) == {}
    assert [f.number for f in findings] == [law.number for law in ARENA_LAWS]


@pytest.mark.parametrize(("arena", "setting"), [("hanabi", "variant=mini"), ("trade-comm", "speech=action")])
def test_other_settings_keep_the_laws(arena: str, setting: str) -> None:
    assert faults(list(check_arena(arena, [setting]))) == {}


@pytest.mark.parametrize("arena", FOREIGN)
def test_foreign_environments_keep_the_laws_that_apply(arena: str) -> None:
    findings = list(check_arena(arena))
    assert faults(findings) == {}
    idle = {f.number for f in findings if isinstance(f.verdict, NotApplicable)}
    assert idle <= {"5", "6", "9", "10"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_arena_is_caught_by_its_law(name: str) -> None:
    findings = list(check_arena(f"{HERE / 'broken_arenas.py'}:{name}"))
    caught = [f.number for f in findings if isinstance(f.verdict, Failed)]
    assert caught == [getattr(broken_arenas, name).LAW], faults(findings)


def test_every_law_has_somebody_who_breaks_it() -> None:
    broken = {getattr(broken_arenas, name).LAW for name in BROKEN}
    assert broken | {"4"} == {law.number for law in ARENA_LAWS}  # all arenas have the same face: see below


class Generous(ArenaEnv):
    """A face that pays double."""

    def step(self, actions: dict[str, Any]) -> Any:
        seen, rewards, *rest = super().step(actions)
        return seen, {agent: 2 * reward for agent, reward in rewards.items()}, *rest


class Forgetful(ArenaEnv):
    """A face that does not know its agents before the first reset."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.possible_agents = []

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        self.possible_agents = list(self.seats)
        return super().reset(seed, options)


@pytest.mark.parametrize("face", [Generous, Forgetful])
def test_a_broken_face_is_caught(face: type[ArenaEnv], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arenas.foreign.face, "ArenaEnv", face)
    assert [f.number for f in check_arena("ipd") if isinstance(f.verdict, Failed)] == ["4"]


def test_watching_many_copies_keeps_no_moment() -> None:
    arena = load_arena("skirmish", ["limit=9"]).make(4)
    moments = watch(arena, 1, strangers(arena))
    old = [weakref.ref(next(moments)["marine_0"].observation) for _ in range(9)]
    assert [ref() is not None for ref in old[:-2]] == [False] * 7


@pytest.mark.parametrize("settings", [["scenario=2s3z", "opponent=team", "limit=6"], ["scenario=5m_vs_6m", "sight=0"]])
@pytest.mark.slow
def test_skirmish_keeps_the_laws_under_other_settings(settings: list[str]) -> None:
    assert faults(list(check_arena("skirmish", settings))) == {}

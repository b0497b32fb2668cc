"""Every registered agent keeps the ten laws in every registered arena that it can play; broken agents do not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from agents.protocol import Agent
from arenas.protocol import Arena
from tests.contract import broken
from zoo.check import AGENT_LAWS, Failed, Finding, NotApplicable, Passed, check_agent
from zoo.entry.catalogue import refusal
from zoo.entry.registry import AGENTS, ARENAS, load_agent, load_arena, names
from zoo.errors import UserError

HERE = Path(__file__).parent


def games() -> dict[str, Arena]:
    """The registered arenas that can be made without settings, each made once."""
    made = {}
    for name in names(ARENAS):
        with suppress(UserError):
            made[name] = load_arena(name).make(1)
    return made


GAMES = games()
PLAYABLE = {
    agent: [name for name, game in GAMES.items() if not refusal(load_agent(agent), game)] for agent in names(AGENTS)
}


#: A learner for every game that has not two seats, as the laws take seconds where they are more, and for games that
#: the turn of the others leaves out.
CROWDED = {
    "adversary": "lola",
    "colour-digit": "digit-protocol",
    "common-knowledge": "maddpg",
    "contribution": "ddpg",
    "crypto": "maddpg-inferred",
    "hanabi": "ippo",
    "hunter-prey": "independent-q",
    "meta": "actor-critic",
    "penalty": "phc",
    "reference": "iac",
    "rrps": "wolf-phc",
    "skirmish": "advantage-alignment",
    "spread": "maddpg-ensemble",
    "switch": "qmix",
    "tag": "iql",
    "tandem": "mappo",
    "two-step": "naive",
    "world-comm": "reinforce",
}


def pairs() -> Iterator[ParameterSet]:
    """Every agent in every arena; `slow` but for one arena an agent: by `CROWDED`, or in turn one of two seats."""
    for number, (agent, arenas) in enumerate(PLAYABLE.items()):
        crowded = [arena for arena in arenas if CROWDED.get(arena) == agent]
        usual = crowded or [arena for arena in arenas if len(GAMES[arena].spec.seats) == 2] or arenas
        for arena in arenas:
            held = arena == usual[(number + 2) % len(usual)]
            yield pytest.param(agent, arena, marks=() if held else pytest.mark.slow)


PAIRS = list(pairs())
BROKEN = [name for name, found in vars(broken).items() if hasattr(found, "LAW")]


def faults(findings: list[Finding]) -> dict[str, str]:
    return {f"{f.number} {f.title}": f.verdict.reason for f in findings if isinstance(f.verdict, Failed)}


@pytest.mark.parametrize(("agent", "arena"), PAIRS)
def test_every_agent_keeps_the_laws(agent: str, arena: str) -> None:
    findings = list(check_agent(agent, arena))
    assert faults(findings) == {}
    assert [f.number for f in findings] == [law.number for law in AGENT_LAWS]
    idle = [f.number for f in findings if isinstance(f.verdict, NotApplicable)]
    assert idle == [] if load_agent(agent).agent.learns else set(idle) <= {"7", "8"}


def test_every_agent_can_play_somewhere() -> None:
    assert {agent for agent, arenas in PLAYABLE.items() if arenas} == set(names(AGENTS))


def test_every_agent_and_every_game_is_among_the_usual_pairs() -> None:
    usual = [pair.values for pair in PAIRS if not pair.marks]
    assert {agent for agent, _ in usual} == set(names(AGENTS))
    assert {arena for _, arena in usual} == set(GAMES)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_agent_is_caught_by_its_law(name: str) -> None:
    findings = list(check_agent(f"{HERE / 'broken.py'}:{name}", "ipd"))
    caught = [f.number for f in findings if isinstance(f.verdict, Failed)]
    assert caught == [getattr(broken, name).LAW], faults(findings)


def test_every_law_has_somebody_who_breaks_it() -> None:
    assert {getattr(broken, name).LAW for name in BROKEN} == {law.number for law in AGENT_LAWS}


@pytest.mark.parametrize("name", ["Sound", "Mute"])
def test_what_they_are_made_of_is_sound(name: str) -> None:
    found = getattr(broken, name)
    assert issubclass(found, Agent)
    findings = list(check_agent(f"{HERE / 'broken.py'}:{name}", "ipd"))
    assert faults(findings) == {}
    assert sum(isinstance(f.verdict, Passed) for f in findings) == len(AGENT_LAWS) - (0 if found.learns else 2)


def test_the_laws_hold_where_actions_are_continuous(tmp_path: Path) -> None:
    file = tmp_path / "spread.py"
    file.write_text(
        "from mpe2 import simple_spread_v3\n\n\n"
        "def env():\n    return simple_spread_v3.parallel_env(continuous_actions=True, max_cycles=6)\n"
    )
    findings = list(check_agent("random", f"{file}:env"))
    assert faults(findings) == {}
    assert {f.number for f in findings if isinstance(f.verdict, NotApplicable)} == {"7", "8"}


def test_settings_that_are_given_are_not_cut() -> None:
    from zoo.check.subject import LARGEST, subject

    small, given = subject("lola", "ipd"), subject("lola,hidden=40", "ipd", ["max_steps=9"])
    assert (small.config.hidden, small.spec.max_steps) == (LARGEST, 5)
    assert (given.config.hidden, given.spec.max_steps) == (40, 9)

"""Behaviour does not change without a new number: what every agent plays with fixed seeds is kept in `golden.json`.

Kept are digests of actions alone, fresh and after learning, so that noise of the last digits changes nothing. When an
agent is meant to play otherwise, raise its `behaviour` and write the file anew:

    python -m tests.contract.test_golden
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zoo.check.elsewhere import fingerprint
from zoo.check.subject import subject
from zoo.entry.catalogue import playable
from zoo.entry.registry import AGENTS, load_agent, names

GOLDEN = Path(__file__).parent / "golden.json"
#: Settings under which slow learners show within a round what they learned.
SOONER = {
    "cooperate-then-take": ["lesson=1"],
    "independent-q": ["alpha=1", "epsilon=0.5"],
    "phc": ["delta=0.05"],
    "qmix": ["warmup=64", "rate=0.05"],
    "rial": ["lr=0.3"],
    "vdn": ["warmup=64", "rate=0.05"],
}


def observed(agent: str) -> dict[str, Any]:
    """What an agent plays in the first arena that it can play."""
    arena = playable(agent, {})[0]
    text = ",".join([agent, *SOONER.get(agent, [])])
    found = fingerprint(subject(text, arena), copies=256)  # so many that one step of learning shows
    return {
        "arena": arena,
        "behaviour": load_agent(agent).agent.behaviour,
        "fresh": found.fresh,
        "taught": found.taught,
    }


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(GOLDEN.read_text())
    return kept


@pytest.mark.parametrize("agent", names(AGENTS))
@pytest.mark.learning
def test_behaviour_is_what_it_was(agent: str, golden: dict[str, dict[str, Any]]) -> None:
    now = observed(agent)
    assert now["behaviour"] == golden[agent]["behaviour"], "a new behaviour: python -m tests.contract.test_golden"
    assert now == golden[agent], f"{agent} plays otherwise than behaviour {now['behaviour']} did: raise the number"


def test_nobody_is_kept_who_has_left(golden: dict[str, dict[str, Any]]) -> None:
    assert set(golden) == set(names(AGENTS))


def test_learning_shows(golden: dict[str, dict[str, Any]]) -> None:
    learners = [agent for agent in golden if load_agent(agent).agent.learns]
    assert learners
    assert all(golden[agent]["fresh"] != golden[agent]["taught"] for agent in learners)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({agent: observed(agent) for agent in names(AGENTS)}, indent=1) + "\n")

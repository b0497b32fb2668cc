"""What an agent's process declares of its class is bounded, and nothing of it controls a terminal."""

from __future__ import annotations

from typing import Any

import pytest

from agents.protocol import Agent
from zoo.check import apart
from zoo.entry.settings import ConfigField
from zoo.sandbox.declare import declared, describe
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.plain import to_plain


def says(fields: Any = (), **said: Any) -> list[Any]:
    """A declaration with some lies in it."""
    words: dict[str, Any] = {"doc": "", "needs": frozenset(), "needs_to_learn": frozenset(), "owns": "seat"}
    honest = words | {"behaviour": 1, "learns": False, "departed": {}}
    return ["Mine", to_plain(honest | said), [list(field) for field in fields], []]


def test_what_an_agent_declares_comes_back() -> None:
    kind: Any = Agent
    assert declared(describe(kind, ())).attributes["owns"] == Agent.owns
    assert declared(says([("lr", "float", 0.1)])).config(lambda _: None)().lr == 0.1


@pytest.mark.parametrize(
    "lie",
    [
        says(needs=frozenset({"\x1b[2J"})),
        says(departed={"\x1b[2J": 1}),
        says([("a", ["literal", "\x1b[2J"], "")]),
        says(departed={"lr": float("nan")}),
        says(behaviour=2**63),  # more than a column of the records holds
        says([("lr", "float", float("inf"))]),
        says([("class", "int", 1)]),
        says([("lr", "int", 1), ("lr", "int", 2)]),
        says([("ﬁeld", "int", 1)]),  # Python reads this letter as two
    ],
    ids=["word", "departed", "choice", "nan", "behaviour", "infinite", "keyword", "twice", "another name"],
)
def test_lies_that_would_reach_the_screen_or_break_the_referee_are_refused(lie: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"setting|needs|departed|behaviour|default"):
        declared(lie)


def test_a_default_is_shown_without_control_characters() -> None:
    assert ConfigField("a", str, "\x1b[2J\n").default_text == '"\\u001b[2J\\n"'
    assert [ConfigField("a", str, text).default_text for text in ("plain", "")] == ["plain", '""']


def test_a_verdict_in_the_agents_own_words_is_one_line() -> None:
    assert apart._said(["failed", "\x1b[2Jall\nwell"]) == ("failed", "[2Jall well")
    for answer in (None, [], ["failed"], ["failed", 3], [{}, ""], "ok"):
        with pytest.raises(AgentFault):
            apart._said(answer)


@pytest.mark.parametrize("name", ["two-card", "hanabi", "switch"])
def test_the_rules_of_a_game_arrive_as_they_were(name: str) -> None:
    """Also of games with hidden cards; the renamings of a game stay here."""
    from dataclasses import replace

    from zoo.entry.venue import ArenaChoice, Venue
    from zoo.sandbox.plain import spec_from_plain, spec_to_plain

    spec = Venue(ArenaChoice(name)).spec
    expected = replace(spec, symmetries=(), offers=spec.offers - {"symmetries"})
    assert spec_from_plain(spec_to_plain(spec)) == expected

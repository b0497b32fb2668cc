"""Entrants stay who they are: house checkpoints, members of panels and anchors, whatever fields leave a config."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import pytest

import zoo
from agents.parts.departed import DEPARTED
from arenas.protocol import Arena
from zoo.entry.checkpoint import CARD, HOUSE
from zoo.entry.entrant import read_entrant
from zoo.entry.registry import load_agent
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError

IDS: dict[str, str] = json.loads((Path(__file__).parent / "house_ids.json").read_text())
#: Panels hold member -> id; anchors "low" and "high" -> the same.
FILES = sorted(file for kind in ("panel", "anchors") for file in Path(zoo.__file__).parent.rglob(f"*.{kind}-*.json"))


@cache
def arena(identity: str) -> Arena:
    return Venue(ArenaChoice(identity)).arena(1)


def test_every_house_checkpoint_is_listed() -> None:
    assert set(IDS) == {str(card.parent.relative_to(HOUSE)) for card in HOUSE.rglob(CARD)}


@pytest.mark.parametrize("identity", sorted({place.partition("/")[0] for place in IDS}))
def test_every_house_card_is_the_entrant_that_it_was(identity: str) -> None:
    for place in (place for place in IDS if place.startswith(f"{identity}/")):
        card = json.loads((HOUSE / place / CARD).read_text())
        entrant = read_entrant(f"{card['agent']}@{HOUSE / place}", arena(identity), identity)
        assert entrant.id == IDS[place], place
        assert card["config"].items() <= entrant.settings.items(), place  # a card may be older than a field
        assert entrant.record({"mode": "play"}).config == entrant.settings, place


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_every_panel_and_anchor_holds_who_plays(file: Path) -> None:
    identity = file.stem.partition(".")[0]
    content = json.loads(file.read_text())
    for members in content.values() if "anchors" in file.stem else [content.get("members", content)]:
        for name, one in members.items():
            assert read_entrant(name, arena(identity), identity).id == one


@pytest.mark.parametrize("name", sorted(DEPARTED))
def test_a_departed_field_is_in_no_config(name: str) -> None:
    agent = load_agent(name).agent
    assert agent.departed == DEPARTED[name]
    assert not agent.departed.keys() & vars(agent.Config()).keys()


@pytest.mark.parametrize(("field", "value"), [("k", 2), ("inferred", True), ("model_lr", 0.1)])
def test_a_card_may_hold_a_departed_field_with_its_old_value_alone(tmp_path: Path, field: str, value: object) -> None:
    place = tmp_path / "changed"
    shutil.copytree(HOUSE / "push-v1" / "maddpg", place)
    card = json.loads((place / CARD).read_text())
    card["config"][field] = value
    (place / CARD).write_text(json.dumps(card))
    with pytest.raises(UserError, match=f"{field}={value}, and maddpg now always has {field}="):
        read_entrant(f"maddpg@{place}", arena("push-v1"), "push-v1")
    del card["config"][field]  # a card that was written without it
    (place / CARD).write_text(json.dumps(card))
    assert read_entrant(f"maddpg@{place}", arena("push-v1"), "push-v1").id == IDS["push-v1/maddpg"]

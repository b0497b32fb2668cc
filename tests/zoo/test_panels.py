"""Panels: each member is still who it was when the panel was frozen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from zoo.entry import declared
from zoo.entry.declared import Panel, panel_for
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError

FILES = sorted(declared.FOLDER.glob("*.panel-*.json"))


def panel(choice: ArenaChoice) -> Panel:
    return panel_for(Venue(choice))


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_every_member_has_its_id(file: Path) -> None:
    identity, _, number = file.stem.partition(".")
    newest = sorted(FILES, key=lambda f: int(f.stem.rpartition("-")[2]))
    if file != [f for f in newest if f.stem.partition(".")[0] == identity][-1]:
        pytest.skip("an older panel, whose members may be gone")
    found = panel(ArenaChoice(identity.rpartition("-v")[0]))
    assert found == Panel(f"{identity}/{number}", tuple(json.loads(file.read_text())))
    assert "random" in found.members and len(set(found.members)) == len(found.members)


def test_arena_without_a_panel_is_judged_by_the_random_agent() -> None:
    assert panel(ArenaChoice("coin", ("size=4",))) == Panel("coin-v1(size=4)/panel-0", ("random",))
    named = ArenaChoice("matrix", ("payoffs=[[[1,1],[1,1]],[[0,0],[0,0]]]",))
    assert panel(named).members == ("random",)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(declared, "FOLDER", tmp_path)
    return tmp_path


def write(folder: Path, name: str, **members: str) -> None:
    (folder / f"{name}.json").write_text(json.dumps(members))


def test_newest_panel_is_the_one_with_the_highest_number(folder: Path) -> None:
    for number in (1, 2, 10):
        write(folder, f"coin-v1.panel-{number}", random=ids()["random"])
    assert panel(ArenaChoice("coin")).id == "coin-v1/panel-10"


def test_member_that_is_no_longer_who_it_was(folder: Path) -> None:
    write(folder, "coin-v1.panel-1", random="0000000000000000")
    with pytest.raises(UserError, match=r"panel coin-v1/panel-1: random is now .*, the panel holds 0000000000000000"):
        panel(ArenaChoice("coin"))


def ids() -> dict[str, str]:
    found: dict[str, str] = json.loads(next(file for file in FILES if "coin-v1" in file.name).read_text())
    return found

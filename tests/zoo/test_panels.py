"""Declared panels: each member is still who it was when the panel was frozen, and has a weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leaderboard.statistics.game import replicator_mutator
from zoo.entry import declarations
from zoo.entry.declared import Panel, family, panel_for
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError

FILES = sorted(declarations.FOLDER.glob("*.panel-*.json"))


def panel(choice: ArenaChoice) -> Panel | None:
    return panel_for(Venue(choice))


def read(file: Path) -> dict[str, Any]:
    """The content of a file; the oldest versions hold members alone."""
    content: dict[str, Any] = json.loads(file.read_text())
    return content if "members" in content else {"members": content}


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_every_member_has_its_id(file: Path) -> None:
    identity, _, number = file.stem.partition(".")
    newest = sorted(FILES, key=lambda f: int(f.stem.rpartition("-")[2]))
    if file != [f for f in newest if f.stem.partition(".")[0] == identity][-1]:
        pytest.skip("an older panel, whose members may be gone")
    game, _, settings = identity.rstrip(")").partition("(")
    chosen = ArenaChoice(game.rpartition("-v")[0], tuple(settings.split(",")) if settings else ())
    declared_panel, content = panel(chosen), read(file)
    assert declared_panel is not None
    assert (declared_panel.id, declared_panel.number) == (f"{identity}/{number}", int(number.rpartition("-")[2]))
    assert declared_panel.members == tuple(content["members"])
    assert "random" in declared_panel.members and len(declared_panel.members) >= 3


@pytest.mark.parametrize("file", [f for f in FILES if "weights" in read(f)], ids=lambda file: file.stem)
def test_weights_and_scale_of_every_side(file: Path) -> None:
    content = read(file)
    assert content["weights"].keys() == content["scale"].keys() == content["details"]["matrix"].keys()
    assert content["anchors"].keys() <= content["weights"].keys()
    for side, weights in content["weights"].items():
        assert len(weights) == len(content["members"]) == len(content["details"]["matrix"][side])
        assert min(weights) > 0 and sum(weights) == pytest.approx(1, abs=1e-3)
        assert content["scale"][side][1] > 0
    for low, high in content["anchors"].values():
        assert low < high
    assert "rule" in content["details"] and "zoo panel" in content["details"]["command"]


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if read(f).get("details", {}).get("rule", "").startswith("rest point of replicator")],
    ids=lambda file: file.stem,
)
def test_declared_weights_follow_from_the_declared_matrix(file: Path) -> None:
    content = read(file)
    assert content["weights"][""] == pytest.approx(
        replicator_mutator(np.array(content["details"]["matrix"][""])).tolist(), abs=2e-4
    )


def test_arena_without_a_file_has_no_declared_panel() -> None:
    assert panel(ArenaChoice("coin", ("size=4",))) is None
    assert panel(ArenaChoice("matrix", ("payoffs=[[[1,1],[1,1]],[[0,0],[0,0]]]",))) is None


def test_other_settings_of_a_game_inherit_its_members() -> None:
    usual = panel(ArenaChoice("ipd"))
    assert usual is not None
    assert family(Venue(ArenaChoice("ipd", ("max_steps=100",)))) == usual.members
    assert family(Venue(ArenaChoice("matrix", ("payoffs=[[[1,1],[1,1]],[[0,0],[0,0]]]",)))) == ()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(declarations, "FOLDER", tmp_path)
    return tmp_path


def write(folder: Path, name: str, **members: str) -> None:
    (folder / f"{name}.json").write_text(json.dumps(members))


def test_newest_panel_is_the_one_with_the_highest_number(folder: Path) -> None:
    for number in (1, 2, 10):
        write(folder, f"coin-v1.panel-{number}", random=ids()["random"])
    newest = panel(ArenaChoice("coin"))
    assert newest is not None and newest.id == "coin-v1/panel-10"


def test_member_that_is_no_longer_who_it_was(folder: Path) -> None:
    write(folder, "coin-v1.panel-1", random="0000000000000000")
    with pytest.raises(UserError, match=r"panel coin-v1/panel-1: random is now .*, the panel holds 0000000000000000"):
        panel(ArenaChoice("coin"))


def ids() -> dict[str, str]:
    members: dict[str, str] = read(next(file for file in FILES if "coin-v1" in file.name))["members"]
    return members

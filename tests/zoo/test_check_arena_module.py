"""A stranger's agent is checked in an arena of a module without trust: the module's file goes along, and is not run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from zoo.check.subject import files_of_arena
from zoo.errors import UserError


def test_a_module_of_one_file_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yard_of_mine.py").write_text("import fence_of_mine\nraise SystemExit('this was run')\n")
    (tmp_path / "fence_of_mine.py").write_text("posts = 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    source = files_of_arena("yard_of_mine:Game")
    assert source is not None
    assert source.entry == "yard_of_mine.py:Game"
    assert set(source.files) == {"yard_of_mine.py", "fence_of_mine.py"}
    assert "yard_of_mine" not in sys.modules


def test_a_package_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "yards_of_mine").mkdir()
    (tmp_path / "yards_of_mine" / "__init__.py").write_text("")
    (tmp_path / "yards_of_mine" / "game.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert files_of_arena("yards_of_mine.game:Game") is None
    assert files_of_arena("coin") is None


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="no module 'nowhere_at_all'"):
        files_of_arena("nowhere_at_all:Game")


@pytest.mark.slow
def test_an_agent_is_checked_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zoo.check import Failed, check_agent

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("yard_of_mine.py").write_text(
        "from arenas.matrix import IteratedPrisonersDilemma\n"
        "class Game(IteratedPrisonersDilemma):\n    name = 'yard-v1'\n"
    )
    Path("mine.py").write_text(
        "import torch\nfrom agents.protocol import Agent\nfrom arenas.protocol import Action\n"
        "class Mine(Agent):\n    needs = frozenset({'discrete'})\n    def act(self, timestep, memory):\n"
        "        return Action(timestep.action_mask.long().argmax(-1)), {**memory, 'step': memory['step'] + 1}\n"
    )
    findings = list(check_agent("mine.py:Mine", "yard_of_mine:Game"))
    assert [f.verdict.reason for f in findings if isinstance(f.verdict, Failed)] == []

"""A season of three students that was played, shared by tests that only look at it, and fresh ones to change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.zoo.season.thirty import HONEST
from zoo.matches.plan import Work
from zoo.season.entries import submit
from zoo.season.games import run_season
from zoo.season.place import Season, at_home, begin
from zoo.season.rules import Rules, parse_rules
from zoo.submission.submission import Asked

DEADLINE = datetime(2027, 3, 1, 12, tzinfo=UTC)
BEFORE, AFTER = DEADLINE - timedelta(days=3), DEADLINE + timedelta(seconds=1)
TOML = """\
name = "{name}"
arena = "ipd"
settings = ["max_steps=5"]
deadline = 2027-03-01T12:00:00Z
entries_a_day = 2
episodes = 3
partners = ["tit-for-tat", "always-defect", "random"]
hidden = ["grim"]
"""
RAISES = """
from agents.protocol import Agent

class Raises(Agent):
    \"\"\"Fails.\"\"\"

    def act(self, timestep, memory):
        raise RuntimeError("oops")
"""


def rules_of(name: str, *changes: tuple[str, str]) -> Rules:
    """Rules of a small season, with changes of their text."""
    text = TOML.format(name=name)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_rules(text, "season.toml")


def enter(season: Season, folder: Path, name: str, text: str, now: datetime = BEFORE, author: str = "") -> None:
    """Enter a program."""
    file = folder / f"{name}.py"
    file.write_text(text)
    with at_home(season) as store:
        submit(season, store, str(file), now, Asked("", author, ""))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Season]:
    """A season of ada, bela and rae, who fails; all is played."""
    folder = tmp_path_factory.mktemp("class")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(tmp_path_factory.mktemp("home")))
        season = begin(rules_of("small"), Work(), BEFORE)
    for name, text in {"ada": HONEST["ada"], "bela": HONEST["bela"], "rae": RAISES}.items():
        enter(season, folder, name, text)
    with at_home(season) as store:
        ran = run_season(season, store, Work(), AFTER)
    assert ran.whole
    assert ran.broken == ("rae",)
    yield season

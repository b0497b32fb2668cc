"""A stranger's agent, seated: its class, and an object that has begun a game."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from agents.protocol import Memory, Seating
from arenas.protocol import ArenaSpec, SeatSpec, TimeStep, moment
from zoo.sandbox import levels
from zoo.sandbox.confine import supported
from zoo.sandbox.remote import Remote, remote_file

SPEC = ArenaSpec("g-v1", {"a": SeatSpec((3,), 2), "b": SeatSpec((3,), 2)}, "mixed", 10, 0.9, frozenset({"discrete"}))
#: A level as a parameter of tests that are skipped where there are no containers.
CONTAINER = pytest.param(
    "container", marks=pytest.mark.skipif(supported("container") is not None, reason=str(supported("container")))
)
Kind = Callable[[str], type[Remote]]


def seat(rows: int = 2, training: bool = False) -> Seating:
    return Seating("a", torch.arange(rows), torch.arange(rows), training)


def step(number: int, rows: int = 2) -> TimeStep:
    return moment(torch.full((rows, 3), float(number)), 2, torch.full((rows,), -float(number)))


def played(agent: Remote, memory: Memory, steps: int = 4) -> Memory:
    """The memory after some steps."""
    for number in range(steps):
        _, memory = agent.act(step(number), memory)
    return memory


@pytest.fixture(scope="session")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of all tests in containers: a container shows one home's copies, and takes seconds to start."""
    return tmp_path_factory.mktemp("containers")


@pytest.fixture(params=["strict"])
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one_home: Path) -> str:
    wanted: str = request.param
    if levels.refusal(wanted):
        wanted = "process"
    monkeypatch.setenv("ZOO_ISOLATION", wanted)
    monkeypatch.setenv("ZOO_HOME", str(one_home if wanted == "container" else tmp_path / "home"))
    return wanted


@pytest.fixture
def kind(level: str, tmp_path: Path) -> Kind:
    """The class `Mine` of a file with this text."""

    def load(text: str) -> type[Remote]:
        file = tmp_path / "mine.py"
        file.write_text(text)
        return remote_file(file, "Mine")

    return load

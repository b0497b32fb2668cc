"""Level `container`: what an agent still finds of the machine, and what is said where there are no containers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo.sandbox.conftest import CONTAINER, SPEC, Kind, played, seat
from tests.zoo.sandbox.strangers import stranger
from zoo.errors import UserError
from zoo.sandbox import confine, container, levels, spawn
from zoo.sandbox.levels import refusal

contained = pytest.mark.parametrize("level", [CONTAINER], indirect=True)
LOOKS = """
import json
found = {}
for path in PATHS:
    try:
        os.stat(path)
        found[path] = sorted(os.listdir(path))
    except OSError as error:
        found[path] = type(error).__name__
print(json.dumps([found, os.getpid(), os.getuid(), os.uname().nodename]), flush=True)
"""


def looks(kind: Kind, paths: list[str]) -> tuple[dict[str, object], int, int, str]:
    """What an agent finds at paths, and who and where it says that it is."""
    agent = kind(stranger(LOOKS.replace("PATHS", repr(paths)).strip())).make(SPEC, ("a",))
    played(agent, agent.begin(seat()), 3)
    found, number, user, host = json.loads(agent.log().splitlines()[0])
    assert agent._far.watch.pid != number
    return found, number, user, host


@contained
def test_an_agent_finds_its_own_files_and_cannot_ask_for_others(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    paths = [str(tmp_path), str(tmp_path / "secret"), str(tmp_path / "home"), str(tmp_path / "home/sandbox")]
    found, _, _, host = looks(kind, [*paths, "/etc/passwd", "/agent"])
    assert found.pop("/agent") == ["mine.py"]
    assert found == dict.fromkeys(found, "FileNotFoundError")
    assert host == "agent"


@contained
@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes other users")
def test_no_two_agents_are_one_user_though_their_processes_have_one_number(kind: Kind) -> None:
    def counted_anew(paths: list[str]) -> tuple[dict[str, object], int, int, str]:
        spawn._close()
        spawn._running.clear()  # the next container begins to count anew
        return looks(kind, paths)

    first, second = counted_anew([]), counted_anew(["/"])
    assert first[1] == second[1]
    assert first[2] != second[2]


@contained
def test_it_says_that_it_lies_in_a_container(kind: Kind) -> None:
    agent = kind(stranger("pass")).make(SPEC, ("a",))
    assert agent.isolation.startswith("container (landlock-abi")
    assert agent.isolation.endswith("bubblewrap)")
    assert agent.log() == ""


def test_users_of_workers_are_apart() -> None:
    numbers = {container.who(process, count) for process in (1, 2, 4_000_000) for count in range(63)}
    assert len(numbers) == 3 * 63
    assert max(numbers) < 1 << 28
    assert min(numbers) >= 1 << 22  # those below are for workers of level strict


def test_paths_in_other_ones_are_left_out() -> None:
    paths = [Path("/a/b/c"), Path("/a/b"), Path("/a/bc"), Path("/d")]
    assert container.outermost(paths) == [Path("/a/b"), Path("/a/bc"), Path("/d")]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A machine that has `strict`, and no other programs than those in this folder."""
    if levels.refusal("strict"):
        pytest.skip("level strict is not available here")
    monkeypatch.setenv("PATH", str(tmp_path))
    container.lacking.cache_clear()
    yield tmp_path
    container.lacking.cache_clear()


def test_without_bubblewrap_it_is_refused_in_one_line_with_the_way_out(machine: Path) -> None:
    said = str(refusal("container"))
    assert "bubblewrap (the program `bwrap`) is not installed; `--isolation strict` confines them" in said
    assert "\n" not in said
    with pytest.raises(UserError, match="--isolation strict"):
        spawn.check_level("container")


def test_where_namespaces_are_forbidden_it_is_refused_with_what_bubblewrap_says(machine: Path) -> None:
    program = machine / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    said = str(confine.supported("container"))
    assert "user namespaces may be forbidden (bwrap: No permissions to create new namespace)" in said
    program.write_text("#!/bin/sh\nexit 0\n")
    container.lacking.cache_clear()
    assert refusal("container") is None

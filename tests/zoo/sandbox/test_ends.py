"""Whoever is killed, at whatever moment, takes what stands on him along, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo.sandbox.conftest import CONTAINER
from tests.zoo.sandbox.strangers import stranger

HERE = Path(__file__).resolve().parents[3]
#: A referee that plays for ever, and prints the processes of its zygote and its agent.
REFEREE = """
import sys, os
from pathlib import Path
from tests.zoo.sandbox.conftest import SPEC, seat, step
from zoo.sandbox import spawn
from zoo.sandbox.remote import remote_file
agent = remote_file(Path(sys.argv[1]), "Mine").make(SPEC, ("a",))
print(next(iter(spawn._running.values()))._process.pid, agent._far.watch.pid, flush=True)
memory = agent.begin(seat())
while True:
    _, memory = agent.act(step(0), memory)
"""


@pytest.fixture(params=["process", CONTAINER])
def referee(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    file = tmp_path / "mine.py"
    file.write_text(stranger("pass"))
    environment = os.environ | {
        "ZOO_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(HERE),
        "ZOO_ISOLATION": request.param,
    }
    command = [sys.executable, "-c", REFEREE, str(file)]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, text=True, stdout=-1, stderr=-1) as process:
        yield process
        process.kill()


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked about yet counts."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def all_gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if all(map(gone, pids)):
            return True
        time.sleep(0.02)
    return False


def test_nothing_outlives_a_referee_that_is_killed(referee: subprocess.Popen[str]) -> None:
    assert referee.stdout is not None
    pids = list(map(int, referee.stdout.readline().split()))
    assert not any(map(gone, pids))
    referee.kill()
    assert all_gone(pids)


def test_an_agent_does_not_outlive_its_zygote(referee: subprocess.Popen[str]) -> None:
    assert referee.stdout is not None
    assert referee.stderr is not None
    zygote, worker = map(int, referee.stdout.readline().split())
    os.kill(zygote, signal.SIGKILL)
    assert all_gone([worker])
    said = referee.stderr.read()
    assert referee.wait() == 1
    assert "AgentFault: the process that agents are started from has ended" in said

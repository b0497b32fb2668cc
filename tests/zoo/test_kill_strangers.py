"""kill -9 of the referee, the process that agents are forked from, or an agent: the records are the same."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from leaderboard.errors import StoreError
from leaderboard.store.store import Store
from tests.zoo.command_line import contents

AGENTS = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action


class Defect(Agent):
    def act(self, timestep, memory):
        return Action(torch.ones_like(timestep.reward).long()), {**memory, "step": memory["step"] + 1}


class Crash(Defect):
    def act(self, timestep, memory):
        if memory["step"] == 3:
            raise RuntimeError("oops")
        return super().act(timestep, memory)
"""
KILLS = 6


def started(home: Path) -> subprocess.Popen[bytes]:
    entrants = ("mine.py:Defect", "mine.py:Crash", "tit-for-tat")
    game = ("--arena", "ipd", "--set", "arena.max_steps=10", "--episodes", "1000", "--no-panel")
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", "tournament", *entrants, *game],
        env={**os.environ, "ZOO_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def recorded(home: Path) -> dict[str, list[tuple[object, ...]]]:
    with Store(home / "records.sqlite", read_only=True) as store:
        assert store.unsound() == []
        return contents(store.blocks("ipd-v1(max_steps=10)"))


def blocks(home: Path) -> int:
    with suppress(StoreError), Store(home / "records.sqlite", read_only=True) as store:
        return len(store.block_ids("ipd-v1(max_steps=10)", "play"))
    return 0


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(n) for task in Path(f"/proc/{pid}/task").iterdir() for n in (task / "children").read_text().split()]
    return []


@pytest.mark.slow
def test_records_are_the_same_after_kill_9_of_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(AGENTS)
    plain, hurt = tmp_path / "plain", tmp_path / "hurt"
    assert started(plain).wait() == 0
    shutil.copytree(plain / "secrets", hurt / "secrets")  # strangers play on a seed that each home makes for itself
    luck, killed, before = random.Random(0), {"referee": 0, "zygote": 0, "agent": 0}, 0
    process = started(hurt)
    while process.poll() != 0:
        if process.poll() is not None:
            assert process.returncode == -signal.SIGKILL
            process = started(hurt)
        time.sleep(luck.uniform(0.01, 0.1))
        # two ends in one block are the agent's own doing
        if sum(killed.values()) == KILLS or blocks(hurt) < before + 2:
            continue
        zygotes = children(process.pid)
        victims = {"referee": [process.pid], "zygote": zygotes, "agent": [n for z in zygotes for n in children(z)]}
        who = min(killed, key=lambda name: killed[name])
        if victims[who]:
            with suppress(ProcessLookupError):
                os.kill(luck.choice(victims[who]), signal.SIGKILL)
                killed[who] += 1
                before = blocks(hurt)
    assert recorded(hurt) == recorded(plain)
    assert sum(killed.values()) >= 3, killed

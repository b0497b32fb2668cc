"""Small training runs for the tests, and looks into their folders."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

from zoo.entry import checkpoint
from zoo.entry.venue import ArenaChoice
from zoo.training.plan import Plan
from zoo.training.run_folder import RunFolder

COIN, IPD = ArenaChoice("coin", ("max_steps=20",)), ArenaChoice("ipd")
AGENTS = ("naive", "lola", "maddpg,batch=32,warmup=32,rate=0.05,capacity=300")
#: What is stopped and resumed: the above in two games, and learners with more that time changes.
RESUMED = [
    *((agent, arena) for arena in (COIN, IPD) for agent in AGENTS),
    ("maddpg,batch=32,warmup=32,rate=0.05,capacity=300,noise_steps=150", ArenaChoice("spread", ("continuous=true",))),
    ("maddpg,batch=32,warmup=32,rate=0.05,capacity=300,anneal=150", COIN),
    ("maddpg-ensemble,k=2,batch=32,warmup=32,rate=0.05,capacity=300", COIN),
    ("iql,batch=32,warmup=32,rate=0.05,capacity=300", COIN),
    ("reinforce,baseline=0.9", COIN),
    ("actor-critic,parts=2", COIN),
]
#: A learner in a file of its own whose weights are spoiled in the third round.
SPOILT = """
from agents.naive import Naive

class Spoilt(Naive):
    def learn(self, joint, context):
        metrics = super().learn(joint, context)
        if context.update == 2:
            self.actor.parameters["w0"][0, 0, 0] = float("nan")
        return metrics
"""


def plan(agent: str = "naive", arena: ArenaChoice = COIN, **more: Any) -> Plan:
    """Six rounds of 4 copies x 8 steps unless told otherwise."""
    return Plan(agent, arena, **{"steps": 192, "copies": 4, "length": 8, **more})


def weights(folder: Path) -> bytes:
    return (folder / checkpoint.WEIGHTS).read_bytes()


def after(rounds: int) -> Any:
    """A `stop` that says so after so many rounds."""
    asked = iter(range(1, 10**6))
    return lambda: next(asked) >= rounds


def saved_rounds(folder: Path) -> int:
    """How many rounds the run in `folder` would go on from; 0 where there is none."""
    if not (folder / "resume" / "state.safetensors").exists():
        return 0
    try:
        return RunFolder(folder, {}).load().notes["rounds"]
    except RuntimeError:  # safetensors opens a file twice, and a run that is on has replaced it between
        return saved_rounds(folder)


def wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.01)

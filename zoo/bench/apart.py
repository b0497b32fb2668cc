"""What it costs to ask an agent that runs in a process of its own, in wall time.

Two processes take turns, so CPU time of one says nothing, and on a busy machine neither does a mean: every figure is
the lowest median of many blocks. Both ends have tensors; the agent is a small linear policy.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from agents.protocol import Agent, Seating
from arenas.protocol import ArenaSpec, SeatSpec, moment
from zoo.sandbox import levels
from zoo.sandbox.remote import Remote, remote_agent
from zoo.sandbox.source import Source

ROWS = (1, 256)  # observations in one act
_WIDTH, _ACTIONS = 36, 5
_SPEC = ArenaSpec("bench-v1", {"one": SeatSpec((_WIDTH,), _ACTIONS)}, "mixed", 100, 1.0, frozenset({"discrete"}))
_STEPS = 16  # time steps made beforehand

#: The policy, as a stranger would write it; it is also what is measured in this process.
CODE = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action

class Linear(Agent):
    \"\"\"The best of some linear functions of the observation.\"\"\"

    def build(self, seed):
        self.weights = torch.linspace(-1, 1, 36 * 5).view(36, 5).sin()

    def act(self, timestep, memory):
        return Action((timestep.observation @ self.weights).argmax(-1)), memory
"""


def count() -> int:
    """How many lines `measure` has."""
    return len(ROWS) + 1


def measure(quick: bool) -> Iterator[tuple[str, dict[str, float]]]:
    """(name, figures): asking an agent at the strictest level of this machine, and starting one."""
    level = "process" if levels.refusal(levels.DEFAULT) else levels.DEFAULT
    with levels.at(level):
        far = remote_agent(Source({"linear.py": CODE.encode()}, "linear.py:Linear"))
    module: dict[str, Any] = {"__name__": "linear"}
    exec(CODE, module)
    near: type[Agent] = module["Linear"]
    blocks = 10 if quick else 50
    for rows in ROWS:
        own, asked = (1e6 * _best(_acting(kind, rows), blocks) for kind in (near, far))
        beyond = {"us / act, in process": own, "us / act, apart": asked, "us beyond its own work": asked - own}
        yield f"{rows} observations" if rows > 1 else "1 observation", beyond
    starts = [_start(far) for _ in range(3 if quick else 10)]
    yield "fork to first answer", {"ms": 1e3 * statistics.median(starts), "ms, lowest": 1e3 * min(starts)}


def _acting(kind: type[Agent], rows: int) -> Callable[[], object]:
    agent = kind.make(_SPEC, ("one",))
    memory = agent.begin(Seating("one", torch.arange(rows), torch.arange(rows)))
    first = moment(torch.zeros(rows, _WIDTH), _ACTIONS)
    seen = torch.linspace(-1, 1, _STEPS * rows * _WIDTH).view(_STEPS, rows, _WIDTH).cos()
    steps = itertools.cycle([first._replace(observation=o.clone(), reward=o[:, 0].clone()) for o in seen])

    def act() -> None:
        nonlocal memory
        _, memory = agent.act(next(steps), memory)

    return act


@torch.no_grad()
def _best(work: Callable[[], object], blocks: int, calls: int = 100) -> float:
    """Seconds of one call: the lowest median of a block of calls."""
    clock, medians = time.perf_counter, []
    for _ in range(blocks):
        taken = []
        for _ in range(calls):
            started = clock()
            work()
            taken.append(clock() - started)
        medians.append(statistics.median(taken))
    return min(medians)


def _start(kind: type[Remote]) -> float:
    """Seconds from the wish for an agent to its first action."""
    started = time.perf_counter()
    agent = kind.make(_SPEC, ("one",))
    memory = agent.begin(Seating("one", torch.arange(1), torch.arange(1)))
    agent.act(moment(torch.zeros(1, _WIDTH), _ACTIONS), memory)
    taken = time.perf_counter() - started
    agent.close()
    return taken

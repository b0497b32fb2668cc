"""What it costs to ask an agent that runs in a process of its own, in wall time.

Two processes take turns, so CPU time of one says nothing, and on a busy machine neither does a mean: every figure is
the lowest median of many blocks. Both ends have tensors; the agent is a small linear policy.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from agents.protocol import Agent, Seating
from arenas.protocol import ArenaSpec, SeatSpec, moment
from zoo.entry.venue import ArenaChoice, Venue
from zoo.play.blocks import Task, play_block
from zoo.sandbox import levels
from zoo.sandbox.remote import Remote, remote_agent
from zoo.sandbox.source import Source

ROWS = (1, 256)  # observations in one act
_WIDTH, _ACTIONS = 36, 5
_SPEC = ArenaSpec("bench-v1", {"one": SeatSpec((_WIDTH,), _ACTIONS)}, "mixed", 100, 1.0, frozenset({"discrete"}))
_STEPS = 16  # time steps made beforehand
_EPISODES, _PARTNER = 250, "random"  # of the match: a block, and with whom

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


#: An agent of ipd that repeats what paid, as a stranger would write it.
PLAYER = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action

class Mine(Agent):
    def act(self, timestep, memory):
        return Action(torch.tensor([0, 0, 1, 1, 0])[timestep.observation.argmax(-1)]), memory
"""


def count() -> int:
    """How many lines `measure` has."""
    return len(ROWS) + 2


def measure(quick: bool) -> Iterator[tuple[str, str, dict[str, float]]]:
    """(group, name, figures): asking an agent at the default level of isolation, starting one, and a match with one."""
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
        yield "apart", f"{rows} observations" if rows > 1 else "1 observation", beyond
    starts = [_start(far) for _ in range(3 if quick else 10)]
    yield "start", "fork to first answer", {"ms": 1e3 * statistics.median(starts), "ms, lowest": 1e3 * min(starts)}
    near_s, far_s = (_match(at, 3 if quick else 12) for at in ("trusted", level))
    figures = {"CPU ms, in process": 1e3 * near_s, "CPU ms, apart": 1e3 * far_s, "times": far_s / near_s}
    yield "match apart", f"a block of {_EPISODES} episodes", figures


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


def _match(level: str, blocks: int) -> float:
    """The least CPU seconds that a block with a partner of the zoo's in ipd takes, on both sides of the pipe."""
    with tempfile.TemporaryDirectory() as folder, levels.at(level):
        file = Path(folder, "player.py")
        file.write_text(PLAYER)
        venue, text = Venue(ArenaChoice("ipd")), f"{file}:Mine"
        own = venue.entrant(text)
        spent = []
        for number in range(blocks):
            before = time.process_time()
            block = play_block(venue, Task((text, _PARTNER), 0, number * _EPISODES, _EPISODES))
            beyond = sum(result.cpu_s for result in block.results if result.entrant == own.id)
            spent.append(time.process_time() - before + beyond * (level != "trusted"))
    return min(spent)

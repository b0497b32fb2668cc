"""Agents that act in a process of their own: `Remote` is the referee's end, and speaks as any agent does.

    kind = remote_agent(Source.of_file(Path("students.py"), "Mine"))
    agent = kind.make(spec, seats, kind.Config(), seed)

A memory here is a token; the memory itself stays on the far side until its token is forgotten.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, Seating, State, Trajectory
from arenas.protocol import Action, ArenaSpec, TimeStep
from zoo.errors import UserError
from zoo.sandbox import frames
from zoo.sandbox.clock import Allowances
from zoo.sandbox.declare import Declared, declared
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.frames import ACT, BEGIN, CALL, CHECK, LEARN, LOAD, MAKE, Malformed, as_data, as_tensors, tensors_as_data
from zoo.sandbox.levels import isolation
from zoo.sandbox.plain import spec_to_plain, to_plain
from zoo.sandbox.source import Source
from zoo.sandbox.spawn import FarEnd, check_level

#: Words that only objects of this process can give a learner.
OBJECTS = frozenset({"policies", "simulator", "value"})
#: Bytes that an agent's side may answer at most.
SMALL, DECLARATION, NOTES, STATE, RESULT = 1 << 12, 1 << 18, 1 << 20, 1 << 29, 1 << 24
_ITEMS = 10_000  # parameters, metrics, or lines of a report
_EXTRAS = 64  # an action's notes
_NAMES = TimeStep._fields[:-1]  # all leaves but `common`


class Token(dict[str, Any]):
    """What the referee holds of a memory on the far side: its number."""

    __slots__ = ("_dropped", "number", "notes")

    def __init__(self, number: int, notes: bool, dropped: list[int]) -> None:
        super().__init__(token=number)
        self.number, self.notes, self._dropped = number, notes, dropped

    def __del__(self) -> None:
        self._dropped.append(self.number)


class Remote(Agent):
    """An agent whose code runs in a process of its own, one process an object.

    Raises:
        UserError: from `make`, where this machine cannot confine it.
        ValueError: from `make` and the two that load a state, where the agent itself refuses; the text is its own.
        AgentFault: from everything else, where it breaks, is late, or answers what is no answer.
    """

    allowances: ClassVar[Allowances] = Allowances()
    source: ClassVar[Source]
    level: ClassVar[str]

    def build(self, seed: int) -> None:
        """Start the process and make the agent there."""
        self._dropped: list[int] = []
        self._tokens = itertools.count(1)
        self._sent: dict[str, tuple[Any, list[Any]]] = {}
        self._far = _loaded(self.source, self.level, self.allowances)[0]
        config = to_plain({name: getattr(self.config, name) for name in self.config.__dataclass_fields__})
        spec = spec_to_plain(self.spec)
        self._ask(MAKE, spec, list(self.seats), config, seed, limit=SMALL, allowed=self.allowances.make)

    @property
    def isolation(self) -> str:
        """The level, and what enforces it."""
        return self._far.isolation

    @property
    def cpu_s(self) -> float:
        """CPU seconds that the far side has used."""
        return self._far.watch.cpu_s

    def log(self) -> str:
        """The end of what the agent has written to its standard output and error, at most 8 kB."""
        return self._far.log()

    def close(self) -> None:
        """End the process; it also ends when this object is forgotten."""
        self._far.close()

    def _ask(self, operation: int, *arguments: Any, limit: int, allowed: float, items: int = 16) -> list[Any]:
        return self._far.ask(operation, *arguments, limit=limit, allowed=allowed, items=items)

    def begin(self, seating: Seating) -> Memory:
        """A token of the memory; the time reserve of a game is full again."""
        if seating.training:
            self._must_learn_here()
        self._far.watch.new_game()
        token = Token(next(self._tokens), seating.training, self._dropped)
        seeds = as_data(seating.seed), as_data(seating.team_seed)
        asked = (seating.seat, *seeds, seating.training, token.number)
        self._ask(BEGIN, *asked, limit=SMALL, allowed=self.allowances.begin)
        return token

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What the far side does; only the leaves that differ from the seat's last time step are sent."""
        raise NotImplementedError

    def _must_learn_here(self) -> None:
        needed = sorted((self.needs | self.needs_to_learn) & OBJECTS)
        if needed:
            raise UserError(
                f"{self.source.entry} cannot learn in a process of its own: it needs {', '.join(needed)}, which are"
                " objects of the referee's; if you trust its code, add `--isolation trusted`"
            )

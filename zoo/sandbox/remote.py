"""Agents that act in a process of their own: `Remote` is the referee's end, and speaks as any agent does.

    kind = remote_agent(Source.of_file(Path("students.py"), "Mine"))
    agent = kind.make(spec, seats, kind.Config(), seed)

A memory here is a token; the memory itself stays on the far side until its token is forgotten.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch

from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, Seating, State, Trajectory
from arenas.protocol import Action, SeatSpec, TimeStep
from leaderboard.records import Status
from zoo.errors import UserError
from zoo.sandbox.clock import Allowances
from zoo.sandbox.declare import Code, Declared, declarations, declared, know
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.frames import (
    ACT,
    BEGIN,
    CALL,
    CHECK,
    CODES,
    GET,
    LEARN,
    LOAD,
    MAKE,
    SET,
    Malformed,
    as_data,
    as_tensors,
    from_bytes,
    tensors_as_data,
)
from zoo.sandbox.levels import isolation
from zoo.sandbox.log import readable
from zoo.sandbox.plain import spec_to_plain, to_plain
from zoo.sandbox.shown import Shown
from zoo.sandbox.source import Source
from zoo.sandbox.spawn import FarEnd, check_level, there

#: Words that only objects of this process can give a learner.
OBJECTS = frozenset({"policies", "simulator", "value"})
#: Bytes that an agent's side may answer at most.
SMALL, DECLARATION, NOTES, STATE, RESULT = 1 << 12, 1 << 18, 1 << 20, 1 << 28, 1 << 24
NOTE = 1 << 10  # bytes of notes a row
LONG, FLOAT = CODES[torch.long], CODES[torch.float32]
_ITEMS = 10_000  # parameters, metrics, or lines of a report
_EXTRAS = 64  # an action's notes


class Token(dict[str, Any]):
    """What the referee holds of a memory on the far side: its number."""

    __slots__ = ("_dropped", "notes", "number", "shown")

    def __init__(self, number: int, shown: Shown, notes: bool, dropped: list[int]) -> None:
        self.number, self.shown, self.notes, self._dropped = number, shown, notes, dropped

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
    named: ClassVar[tuple[str, ...]]
    says: ClassVar[Declared]
    callees: ClassVar[dict[str, FarEnd]]

    def build(self, seed: int) -> None:
        """Start the process and make the agent there."""
        self._dropped: list[int] = []
        self._tokens = itertools.count(1)
        self._shown = {seat: Shown(seat) for seat in self.seats}
        try:
            self._far, data = _loaded(type(self))
        except AgentFault as fault:
            raise self._blamed(fault) from None
        if declared(data) != self.says:  # its identity, its seats and its settings are those that it declared first
            raise self._invalid("its class declares something else than before")
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
        try:
            return self._far.ask(operation, *arguments, limit=limit, allowed=allowed, items=items)
        except AgentFault as fault:
            raise self._blamed(fault) from None

    def begin(self, seating: Seating) -> Memory:
        """A token of the memory; the time reserve of a game is full again."""
        if seating.training:
            self._must_learn_here()
        self._far.watch.new_game()
        token = Token(next(self._tokens), self._shown[seating.seat], seating.training, self._dropped)
        seeds = as_data(seating.seed), as_data(seating.team_seed)
        asked = (seating.seat, *seeds, seating.training, token.number)
        self._ask(BEGIN, *asked, limit=SMALL, allowed=self.allowances.begin)
        return token

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What the far side does; only the leaves that differ from the seat's last time step are sent."""
        if not isinstance(memory, Token):
            raise TypeError("a memory of an agent in a process of its own is a token that its `begin` or `act` gave")
        shown, rows, notes = memory.shown, timestep.reward.shape[0], memory.notes
        following = Token(next(self._tokens), shown, notes, self._dropped)
        dropped = self._dropped[:]
        del self._dropped[: len(dropped)]  # a token that is dropped meanwhile stays in it
        forms, content = shown.changes(timestep)
        spec = self.spec.seats[shown.seat]
        width = 8 if spec.actions else 4 * spec.action_dim
        limit = rows * (width + 4 * spec.message_dim) + (NOTES + NOTE * rows if notes else 0)
        allowed = self.allowances.act + self.allowances.row * rows
        asked = (ACT, shown.seat, memory.number, following.number, dropped, forms, content, notes)
        try:
            value, message, extras = reply = self._far.ask(*asked, limit=limit, allowed=allowed, items=_EXTRAS)
            if spec.actions and type(value) is bytes and len(value) == width * rows and message is extras is None:
                action = Action(torch.frombuffer(bytearray(value), dtype=torch.long) if rows else torch.empty(0).long())
            else:
                action = self._action(reply, spec, rows)
        except AgentFault as fault:
            raise self._blamed(fault) from None
        except ValueError as error:
            text = str(error) if isinstance(error, Malformed) else "its answer is no action"
            raise self._invalid(text) from None
        if not timestep.reward.is_cpu:
            action = _moved(action, timestep.reward.device)
        return action, following

    @staticmethod
    def _action(reply: list[Any], spec: SeatSpec, rows: int) -> Action:
        if type(reply[0]) is not bytes:
            raise Malformed("its answer is no action")
        code, shape = (LONG, (rows,)) if spec.actions else (FLOAT, (rows, spec.action_dim))
        value = from_bytes(reply[0], code, shape)
        message = None
        if reply[1] is not None:
            if type(reply[1]) is not bytes:
                raise Malformed("its answer holds something else where a message is due")
            message = from_bytes(reply[1], FLOAT, (rows, spec.message_dim))
        extras = {} if reply[2] is None else as_tensors(reply[2])
        if any(note.shape[:1] != (rows,) for note in extras.values()):
            raise Malformed("its answer holds a note that has not one entry a row")
        return Action(value, message, extras)

    def learn(self, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        """One update on the far side; the trajectory is what the learner may see of it.

        Raises:
            UserError: it needs what only this process has: policies, a simulator or exact values.
            AgentFault: it breaks, is late, or returns something other than numbers.
        """
        self._must_learn_here()
        seats = {seat: self._trajectory_as_data(part) for seat, part in joint.seats.items()}
        state = None if joint.state is None else as_data(joint.state)
        asked = (seats, state, [list(context.seats), context.seed, context.update])
        (metrics,) = self._known(LEARN, *asked, limit=NOTES, allowed=self.allowances.learn, items=_ITEMS)
        if type(metrics) is not dict or not all(_names_a_metric(n) and type(v) is float for n, v in metrics.items()):
            raise self._invalid("what it learned is told in something other than numbers by name")
        return metrics

    @staticmethod
    def _trajectory_as_data(part: Trajectory) -> list[Any]:
        steps, done = part.timesteps, part.actions
        leaves = [None if leaf is None else as_data(leaf) for leaf in steps[:9]]
        message = None if done.message is None else as_data(done.message)
        number = part.memory.number if isinstance(part.memory, Token) else None
        return [
            leaves,
            tensors_as_data(steps.common),
            [as_data(done.value), message, tensors_as_data(done.extras)],
            number,
        ]

    def acting_state(self) -> State:
        """The tensors that play, as they are on the far side."""
        return self._state("acting")

    def learning_state(self) -> State:
        """All tensors that the next update depends on, as they are on the far side."""
        return self._state("learning")

    def load_acting_state(self, state: State) -> None:
        """Hand tensors over to the far side."""
        self._load_state("acting", state)

    def load_learning_state(self, state: State) -> None:
        """Hand tensors over to the far side."""
        self._load_state("learning", state)

    def _state(self, which: str) -> State:
        (tensors,) = self._known(GET, which, limit=STATE, allowed=self.allowances.make, items=_ITEMS)
        try:
            return as_tensors(tensors)
        except Malformed as error:
            raise self._invalid(str(error)) from None

    def _load_state(self, which: str, state: State) -> None:
        self._ask(SET, which, tensors_as_data(state), limit=SMALL, allowed=self.allowances.make)

    def _known(self, operation: int, *arguments: Any, limit: int, allowed: float, items: int) -> list[Any]:
        """An answer of one part."""
        reply = self._ask(operation, *arguments, limit=limit, allowed=allowed, items=items)
        if len(reply) != 1:
            raise self._invalid("its answer has another form than was asked for")
        return reply

    def _invalid(self, text: str) -> AgentFault:
        return self._blamed(self._far.end(AgentFault(Status.INVALID, text)))

    def _blamed(self, fault: AgentFault) -> AgentFault:
        fault.seats, fault.who = self.seats, self.source.entry
        return fault

    @classmethod
    def files(cls) -> tuple[Path, ...]:
        """The files that the class names, as they are in its copy."""
        return tuple(cls.source.staged() / name for name in cls.named)

    @classmethod
    def beside(cls, source: Source, folder: str) -> tuple[type[Remote], Path]:
        """The same agent with the files of `source` in a folder beside its own, and where its process finds that."""
        files = {**cls.source.files, **{f"{folder}/{name}": content for name, content in source.files.items()}}
        both = Source(files, cls.source.entry)
        return remote_agent(both), there(cls.level, both.staged()) / folder

    @classmethod
    def call(cls, function: str, *arguments: Any, hash_seed: str = "0") -> Any:
        """What a function of the zoo's returns that runs beside the agent's class, in one process for all calls.

        Args:
            function: "module:name"; it is called with the class and the arguments.
            arguments: plain data.
            hash_seed: the order of sets in that process, as `PYTHONHASHSEED` gives it; one process each.

        Raises:
            AgentFault: it raises, is late, or returns what is no plain data.
        """
        far = cls.callees.get(hash_seed)
        if far is None or far.dead is not None:
            far = cls.callees[hash_seed] = _loaded(cls, hash_seed)[0]
        reply = far.ask(CALL, function, list(arguments), limit=RESULT, allowed=cls.allowances.call, items=_ITEMS)
        if len(reply) != 1:
            raise far.end(AgentFault(Status.INVALID, "its answer has another form than was asked for"))
        return reply[0]

    def _must_learn_here(self) -> None:
        needed = sorted((self.needs | self.needs_to_learn) & OBJECTS)
        if needed:
            raise UserError(
                f"{self.source.entry} cannot learn in a process of its own: it needs {', '.join(needed)}, which are"
                " objects of the referee's; if you trust its code, add `--isolation trusted`"
            )


def _names_a_metric(name: object) -> bool:
    return type(name) is str and len(name) <= 100 and name.isprintable()


def _moved(action: Action, device: torch.device) -> Action:
    message = None if action.message is None else action.message.to(device)
    return Action(action.value.to(device), message, {name: note.to(device) for name, note in action.extras.items()})


_classes: dict[Code, type[Remote]] = {}


def remote_agent(source: Source) -> type[Remote]:
    """The class of an agent that runs at the present level of isolation; it declares what the agent's own class does.

    Raises:
        UserError: the machine cannot confine it, or the files cannot be imported, hold no such class, or one that
            declares what no agent may.
    """
    level = isolation()
    key = (source.digest, source.entry, level)
    if key not in _classes:
        check_level(level)
        if key not in declarations():
            know({key: _first(source, level)})
        _classes[key] = _built(source, level, declared(declarations()[key]))
    return _classes[key]


def _first(source: Source, level: str) -> Any:
    """What a class declares, as data that `declared` reads."""
    bare = type("Bare", (Remote,), {"source": source, "level": level})
    try:
        far, data = _loaded(bare)
    except AgentFault as fault:
        failed = "" if fault.status is Status.INVALID else f"{source.file} cannot be imported: "
        raise UserError(failed + fault.message) from fault
    far.close()
    return data


def remote_file(path: Path, attribute: str) -> type[Remote]:
    """The class of an agent in a file, with the modules and other files that belong to it, see `Source.of_file`.

    Raises:
        UserError: as `remote_agent`, or a file that it names in `files` is not below its folder.
    """
    source = Source.of_file(path, attribute)
    kind = remote_agent(source)
    if missing := set(kind.named) - source.files.keys():
        kind = remote_agent(source.with_files(path.resolve().parent, missing))
    return kind


def _built(source: Source, level: str, says: Declared) -> type[Remote]:
    checked: set[str] = set()  # values that the class's own config has accepted

    def check(values: Mapping[str, Any]) -> None:
        data = to_plain(values)
        if repr(data) not in checked:
            try:
                far, _ = _loaded(kind)
                far.ask(CHECK, data, limit=SMALL, allowed=kind.allowances.make, items=16)
            except AgentFault as fault:
                raise ValueError(f"its class cannot take these settings: {fault}") from fault
            far.close()
            checked.add(repr(data))

    attributes = dict(says.attributes)
    attributes["__doc__"] = readable(attributes.pop("doc").encode())
    own = {
        "source": source,
        "level": level,
        "named": says.files,
        "says": says,
        "callees": {},
        "Config": says.config(check),
    }
    kind: type[Remote] = type(says.name, (Remote,), {**attributes, **own, "__module__": __name__})
    return kind


def _loaded(kind: type[Remote], hash_seed: str = "0") -> tuple[FarEnd, Any]:
    """A new process that has imported the agent's files, and what its class declares, as data that `declared` reads.

    Raises:
        AgentFault: they cannot be imported there.
    """
    folder = kind.source.staged()
    far = FarEnd(kind.level, folder, kind.allowances, hash_seed)
    asked = (str(far.folder), kind.source.file, kind.source.attribute)
    reply = far.ask(LOAD, *asked, limit=DECLARATION, allowed=kind.allowances.load, items=_ITEMS)
    data = reply[0] if len(reply) == 1 else None
    try:
        declared(data)
    except ValueError as error:
        raise far.end(AgentFault(Status.INVALID, str(error))) from None
    return far, data

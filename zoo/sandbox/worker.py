"""What an agent's process does: question after question, until the referee's end of the pipe is closed.

Nothing here protects the referee: the agent can rewrite every line of it. It makes honest mistakes readable.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from agents.protocol import Agent, JointTrajectory, LearningContext, Memory, Seating, Trajectory
from arenas.protocol import Action, SeatSpec, TimeStep
from zoo.errors import nearest, no_memory, place
from zoo.sandbox import frames
from zoo.sandbox.declare import describe
from zoo.sandbox.frames import FAULT, OK, REFUSED, Ended, as_tensor, as_tensors, content_of, like, tensors_as_data
from zoo.sandbox.log import one_line
from zoo.sandbox.plain import from_plain, spec_from_plain

_LOGGED = 6000  # characters of a traceback


class Unfit(Exception):
    """An answer that is no action of this game."""


class _Worker:
    """The far end: the class, the agent, and the memories that the referee still holds a token of."""

    def __init__(self, mechanisms: tuple[str, ...]) -> None:
        self.mechanisms = mechanisms
        self.kind: Any = None
        self.agent: Any = None
        self.memories: dict[int, Memory] = {}
        self.notes: dict[int, bool] = {}  # token -> whether the game is one to learn from
        self.seen: dict[
            str, tuple[list[Any], list[Any], list[str]]
        ] = {}  # seat -> its last time step: shapes, leaves, groups
        self.operations: dict[int, Callable[..., list[Any]]] = {
            frames.HELLO: self.hello,
            frames.LOAD: self.load,
            frames.CHECK: self.check,
            frames.MAKE: self.make,
            frames.BEGIN: self.begin,
            frames.LEARN: self.learn,
            frames.GET: self.get,
            frames.SET: self.set,
            frames.CALL: self.call,
        }

    def answer(self, number: int, operation: int, arguments: list[Any]) -> list[Any]:
        """The reply to a question, whatever happens in the agent."""
        learning = operation != frames.ACT
        if torch.is_grad_enabled() != learning:
            torch.set_grad_enabled(learning)
        try:
            if operation == frames.ACT:
                return [number, OK, *self.act(*arguments)]
            return [number, OK, *self.operations[operation](*arguments)]
        except ValueError as error:
            if operation in (frames.CHECK, frames.MAKE, frames.SET):
                _log(error)
                return [number, REFUSED, one_line(str(error)), ""]
            return [number, FAULT, *_said(error)]
        except BaseException as error:
            return [number, FAULT, *_said(error)]

    def hello(self) -> list[Any]:
        return [list(self.mechanisms)]

    def load(self, folder: str, file: str, attribute: str) -> list[Any]:
        self.kind = _import(Path(folder), file, attribute)
        files = []
        for path in self.kind.files():
            named = Path(path)
            files.append(named.relative_to(folder).as_posix() if named.is_absolute() else named.as_posix())
        return [describe(self.kind, tuple(files))]

    def check(self, values: Any) -> list[Any]:
        self.kind.Config(**from_plain(values))
        return []

    def make(self, spec: Any, seats: list[str], values: Any, seed: int) -> list[Any]:
        config = self.kind.Config(**from_plain(values))
        self.agent = self.kind.make(spec_from_plain(spec), tuple(seats), config, seed)
        return []

    def begin(self, seat: str, seed: Any, team_seed: Any, training: bool, token: int) -> list[Any]:
        self.memories[token] = self.agent.begin(Seating(seat, as_tensor(seed), as_tensor(team_seed), training))
        return []

    def act(
        self, seat: str, token: int, following: int, dropped: list[int], forms: Any, content: list[Any], notes: bool
    ) -> list[Any]:
        for old in dropped:
            self.memories.pop(old, None)
        timestep = self._timestep(seat, forms, content)
        action, self.memories[following] = self.agent.act(timestep, self.memories[token])
        spec = self.agent.spec.seats[seat]
        rows = timestep.reward.shape[0]
        message = None if action.message is None else _floats(action.message, (rows, spec.message_dim), "message")
        extras = tensors_as_data(action.extras) if notes and action.extras else None
        return [_value(action, spec, rows), message, extras]

    def _timestep(self, seat: str, forms: Any, content: list[Any]) -> TimeStep:
        """The time step whose changed leaves are in `content`; the others are as in the seat's last one."""
        if forms is not None:
            each, groups = forms
            models = [form and torch.empty(form[1], dtype=frames.DTYPES[form[0]][1]) for form in each]
            self.seen[seat] = (models, [None] * len(each), groups)
        models, leaves, groups = self.seen[seat]
        for index, fresh in enumerate(content):
            if fresh is not None:
                leaves[index] = like(models[index], fresh)
        if groups:
            return _timestep(leaves[:9], dict(zip(groups, leaves[9:], strict=True)))
        return TimeStep(*leaves)

    def learn(self, joint: Any, state: Any, context: list[Any]) -> list[Any]:
        seats, seed, update = context
        given = JointTrajectory(
            {seat: self._trajectory(*parts) for seat, parts in joint.items()},
            None if state is None else as_tensor(state),
        )
        metrics = self.agent.learn(given, LearningContext(tuple(seats), seed, update))
        return [{str(name): float(value) for name, value in (metrics or {}).items()}]

    def _trajectory(self, timesteps: list[Any], common: Any, action: list[Any], token: int | None) -> Trajectory:
        leaves = [None if leaf is None else as_tensor(leaf) for leaf in timesteps]
        value, message, extras = action
        done = Action(as_tensor(value), None if message is None else as_tensor(message), as_tensors(extras))
        steps = _timestep(leaves, as_tensors(common))
        return Trajectory(steps, done, None if token is None else self.memories[token])

    def get(self, which: str) -> list[Any]:
        state = self.agent.acting_state() if which == "acting" else self.agent.learning_state()
        return [tensors_as_data(state)]

    def set(self, which: str, tensors: Any) -> list[Any]:
        state = as_tensors(tensors)
        (self.agent.load_acting_state if which == "acting" else self.agent.load_learning_state)(state)
        return []

    def call(self, function: str, arguments: list[Any]) -> list[Any]:
        module, _, path = function.partition(":")
        return [attrgetter(path)(importlib.import_module(module))(self.kind, *arguments)]


def _timestep(leaves: list[Any], common: dict[str, Tensor]) -> TimeStep:
    return TimeStep._make([*leaves, common])


def serve(inward: int, outward: int, confine: Callable[[], tuple[str, ...]]) -> None:
    """Confine this process, then answer questions until there are no more.

    Raises:
        NotConfined: it was to no avail; no stranger's code has run.
    """
    worker = _Worker(confine())
    room, awake = bytearray(frames.AT_ONCE), frames.Awake(inward)
    try:
        while True:
            awake.wait()
            number, operation, *arguments = frames.unpack_own(frames.read_exactly(inward, room))
            reply = worker.answer(number, operation, arguments)
            try:
                body = frames.pack(reply)
            except (TypeError, ValueError, OverflowError) as error:
                body = frames.pack([number, FAULT, *_said(error)])
            frames.write_exactly(outward, body)
    except (Ended, BrokenPipeError):
        os._exit(0)  # nobody listens any more, so nothing of the agent's (`atexit`, `__del__`) runs


def _import(folder: Path, file: str, attribute: str) -> type[Agent]:
    """The class in a file of the agent's folder, which its other files can be imported from."""
    sys.path.insert(0, str(folder))
    parts = file.removesuffix(".py").split("/")
    packaged = len(parts) > 1 and all(
        (folder.joinpath(*parts[:n]) / "__init__.py").is_file() for n in range(1, len(parts))
    )
    if packaged:
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    else:
        module = _import_file(folder / file, parts[-1])
    if not hasattr(module, attribute):
        public = [name for name in vars(module) if not name.startswith("_")]
        raise Unfit(f"{file} has no {attribute!r}; {nearest(attribute, public)}")
    kind = getattr(module, attribute)
    if not (isinstance(kind, type) and issubclass(kind, Agent)):
        raise Unfit(f"{file}:{attribute} is not an agent: expected a subclass of agents.protocol.Agent")
    return kind


def _import_file(path: Path, stem: str) -> ModuleType:
    name = stem if stem not in sys.modules else f"agent_{stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # every file *.py has them
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _value(action: Action, spec: SeatSpec, rows: int) -> bytes:
    """The bytes of an action's value: long [B], with -1 for a number that is not whole, or float32 [B, D]."""
    value = action.value
    if not isinstance(value, Tensor):
        raise Unfit(f"an action's value is a {type(value).__name__}, expected a tensor")
    if not spec.actions:
        return _floats(value, (rows, spec.action_dim), "action")
    if value.shape != (rows,):
        raise Unfit(f"an action has shape {list(value.shape)}, expected [{rows}]")
    if value.dtype is not torch.long:
        if value.is_floating_point():
            value = value.where(value == value.floor(), -1.0).clamp(-1, 2**31)
        elif value.is_complex():
            raise Unfit("an action is a complex number")
        value = value.long()
    return content_of(value)


def _floats(value: Tensor, shape: tuple[int, ...], what: str) -> bytes:
    """The bytes of numbers as float32 of this shape."""
    if not isinstance(value, Tensor) or value.shape != shape or value.is_complex():
        got = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise Unfit(f"{'an' if what == 'action' else 'a'} {what} has shape {got}, expected {list(shape)}")
    return content_of(value.float())


def _said(error: BaseException) -> tuple[str, str]:
    """An exception in one line with the place in the agent's own code, and the status that it means."""
    _log(error)
    text = one_line(str(error))
    if isinstance(error, Unfit):
        return text, "INVALID"
    name = type(error).__name__
    return one_line(f"{name}{': ' if text else ''}{text}{place(error)}"), "MEMORY" if no_memory(error) else "CRASH"


def _log(error: BaseException) -> None:
    """The traceback goes where the agent's prints go, past whatever it put in the place of standard error."""
    try:
        text = "".join(traceback.format_exception(error))[-_LOGGED:]
        os.write(2, text.encode("utf-8", "replace"))
    except Exception:  # an exception may refuse to be shown, and the log may be closed
        pass

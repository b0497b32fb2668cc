"""Frames that nobody meant: the referee takes an answer of the right form or calls it a fault, and does not grow."""

from __future__ import annotations

import itertools
import os
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import torch

from agents.protocol import JointTrajectory, LearningContext, NoConfig
from arenas.protocol import ArenaSpec, SeatSpec
from leaderboard.records import Status
from tests.zoo.sandbox.conftest import seat, step
from zoo.sandbox.declare import declared
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.frames import LOAD, Line, Malformed, as_data, as_tensor, as_tensors, pack, unpack
from zoo.sandbox.remote import DECLARATION, Remote, Token
from zoo.sandbox.shown import Shown
from zoo.sandbox.source import Source
from zoo.sandbox.spawn import FarEnd

QUESTION = 77
SPEC = ArenaSpec(
    "f-v1",
    {"a": SeatSpec((3,), 2), "c": SeatSpec((3,), 0, 2, 4)},
    "mixed",
    5,
    0.9,
    frozenset({"discrete", "continuous"}),
)


class Impatient:
    """A clock whose time is up as soon as somebody has to wait."""

    cpu_s = 0.0

    def start(self, allowed: float) -> None: ...

    def stop(self) -> None: ...

    def new_game(self) -> None: ...

    def patience(self) -> float:
        raise AgentFault(Status.TIMEOUT, "it is late")


class Scripted(FarEnd):
    """A far end without a process: what it answers has been written before it is asked."""

    def __init__(self) -> None:
        self.dead = None
        ours, self.feed = os.pipe()
        self.drain, theirs = os.pipe()
        self._line = Line(ours, theirs)
        self.watch: Any = Impatient()
        os.set_blocking(self.drain, False)
        self._ours = ours

    def _draw(self) -> int:
        return QUESTION

    def end(self, fault: AgentFault | None) -> AgentFault:
        self.dead = fault or AgentFault(Status.CRASH, "it has ended")
        return self.dead

    def answer(self, frame: bytes) -> None:
        """Forget what was before, and answer this."""
        self.dead = None
        for fd in (self._ours, self.drain):
            try:
                while os.read(fd, 1 << 16):
                    pass
            except BlockingIOError:
                pass
        os.write(self.feed, frame)

    def close(self) -> None:
        self._line.close()
        os.close(self.feed)
        os.close(self.drain)


def framed(message: Any) -> bytes:
    body: bytes = msgpack.packb(message)
    return struct.pack("<I", len(body)) + body


def good_answers() -> list[tuple[str, bytes]]:
    """(what is asked, a right answer to it)."""
    floats = torch.randn(2, 2)
    said = [["doc", "text"], ["behaviour", 1], ["learns", False], ["owns", "seat"], ["departed", ["dict", []]]]
    words = [["needs", ["frozenset", ["discrete"]]], ["needs_to_learn", ["frozenset", []]]]
    fields = [["lr", "float", 0.1], ["how", ["literal", "a", "b"], "a"], ["n", ["union", "int", "none"], None]]
    return [
        ("act", framed([QUESTION, 0, torch.tensor([0, 1]).numpy().tobytes(), None, None])),
        ("act", framed([QUESTION, 0, torch.tensor([0, 1]).numpy().tobytes(), None, {"note": as_data(floats)}])),
        ("move", framed([QUESTION, 0, floats.numpy().tobytes(), torch.zeros(2, 4).numpy().tobytes(), None])),
        ("act", framed([QUESTION, 1, "RuntimeError: oops", "CRASH"])),
        ("begin", framed([QUESTION, 0])),
        ("state", framed([QUESTION, 0, {"w": as_data(floats), "b": as_data(torch.tensor([True]))}])),
        ("learn", framed([QUESTION, 0, {"loss": 0.5, "steps": 3.0}])),
        ("load", framed([QUESTION, 0, ["Mine", ["dict", [*said, *words]], fields, ["a.bin"]]])),
    ]


def mutated(frame: bytes, draw: random.Random, others: list[bytes]) -> bytes:
    """A frame with some of what a liar might do to it."""
    content = bytearray(frame)
    for _ in range(draw.randint(1, 3)):
        kind = draw.randrange(8)
        at = draw.randrange(len(content) + 1)
        if kind == 0 and content:
            content[draw.randrange(len(content))] = draw.randrange(256)
        elif kind == 1:
            content[at:at] = draw.randbytes(draw.randint(1, 9))
        elif kind == 2:
            del content[at : at + draw.randint(1, 9)]
        elif kind == 3:
            content[:4] = struct.pack("<I", draw.choice([0, len(content), draw.getrandbits(32), len(content) + 1]))
        elif kind == 4:
            content[at : at + 1] = bytes([draw.choice(b"\xc1\xc7\xd4\xdc\xdd\xde\xdf\xc6\xdb\xcb\xca\xc0\xc3\x9f\x8f")])
        elif kind == 5:
            content += draw.choice(others)
        elif kind == 6:
            body = draw.choice([b"\x91", b"\x81\xa1a", b"\xdc\x00\x09"]) * draw.choice([3, 600, 2000])
            content[:] = struct.pack("<I", len(body)) + body
        else:  # what follows the length stays a frame
            content[:4] = struct.pack("<I", max(0, len(content) - 4))
    return bytes(content) or b"\0"


class Questions:
    """An agent whose far end is scripted, and what may be asked of it; each answer that is taken is looked at."""

    def __init__(self) -> None:
        self.far = Scripted()
        kind = type("Fuzzed", (Remote,), {"Config": NoConfig, "needs": frozenset(), "needs_to_learn": frozenset()})
        self.agent = kind.__new__(kind)
        self.agent.spec, self.agent.seats, self.agent._far = SPEC, ("a", "c"), self.far
        self.agent.source = Source({"fuzzed.py": b""}, "fuzzed.py:Fuzzed")
        self.agent._dropped, self.agent._tokens = [], itertools.count(1)
        self.agent._shown = {name: Shown(name) for name in SPEC.seats}
        self.steps = step(0), step(0)._replace(action_mask=None)
        self.ask: dict[str, Callable[[], None]] = {
            "act": lambda: self.act("a", 0),
            "move": lambda: self.act("c", 1),
            "begin": self.begin,
            "state": self.state,
            "learn": self.learn,
            "load": self.load,
        }

    def act(self, name: str, which: int) -> None:
        token = Token(0, self.agent._shown[name], True, self.agent._dropped)
        action, _ = self.agent.act(self.steps[which], token)
        assert action.value.shape == ((2,) if name == "a" else (2, 2))
        assert action.value.dtype is (torch.long if name == "a" else torch.float32)
        assert action.message is None or action.message.shape == (2, SPEC.seats[name].message_dim)
        assert all(note.shape[0] == 2 for note in action.extras.values())

    def begin(self) -> None:
        assert isinstance(self.agent.begin(seat()), Token)

    def state(self) -> None:
        state = self.agent.acting_state()
        assert all(type(name) is str and tensor.nbytes < 1000 for name, tensor in state.items())

    def learn(self) -> None:
        metrics = self.agent.learn(JointTrajectory({}), LearningContext(("a",), 0, 0))
        assert all(type(name) is str and type(value) is float for name, value in metrics.items())

    def load(self) -> None:
        reply = self.far.ask(LOAD, limit=DECLARATION, allowed=1.0, items=10_000)
        said = declared(reply[0] if reply else None)
        assert said.name.isidentifier()
        said.config(lambda values: None)()


def fuzz(frames: int, seed: int) -> dict[str, int]:
    """How many mutated frames were taken, refused as faults, and refused in words."""
    draw, questions = random.Random(seed), Questions()
    answers = good_answers()
    others = [frame for _, frame in answers]
    counts = {"taken": 0, "fault": 0, "refused": 0}
    for what, frame in answers:  # the unharmed ones are right
        questions.far.answer(frame)
        if "oops" not in str(frame):
            questions.ask[what]()
    for _ in range(frames):
        what, frame = draw.choice(answers)
        questions.far.answer(mutated(frame, draw, others))
        try:
            questions.ask[what]()
            counts["taken"] += 1
        except AgentFault as fault:
            assert "\n" not in fault.message
            assert len(fault.message) <= 500
            counts["fault"] += 1
        except ValueError as error:
            assert "\n" not in str(error)
            counts["refused"] += 1
    questions.far.close()
    return counts


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def check(frames: int) -> dict[str, int]:
    fuzz(2000, seed=1)  # what is made once
    before = resident()
    counts = fuzz(frames, seed=0)
    assert resident() - before < 16 << 20
    assert sum(counts.values()) == frames
    assert counts["fault"] > frames // 2  # most lies are noticed; the others changed nothing but values
    assert counts["taken"] > 0
    return counts


@pytest.mark.parametrize("empty", [b"\x90", b"\x80", b"\xc0"], ids=["lists", "maps", "nothings"])
def test_a_long_answer_of_nothing_is_refused_before_it_is_large(empty: bytes) -> None:
    inner = b"\xdc" + (999).to_bytes(2, "big") + empty * 999
    with pytest.raises(Malformed, match="more lists and entries"):
        unpack(b"\xdc" + (999).to_bytes(2, "big") + inner * 999, items=1000)
    honest = {f"weights {number}": as_data(torch.zeros(50)) for number in range(1000)}
    assert as_tensors(unpack(pack([honest])[1:], items=1000)).keys() == honest.keys()


@pytest.mark.parametrize("shape", [[2**31] * 3 + [0], [0] + [2**31] * 7, [2**31, 2**26, 0]])
def test_a_tensor_of_no_element_has_a_shape_that_torch_can_have(shape: list[int]) -> None:
    with pytest.raises(Malformed, match="impossible shape"):
        as_tensor([0, shape, b""])
    assert as_tensor([0, [2**31, 0, 5], b""]).shape == (2**31, 0, 5)


def test_ten_thousand_lies_do_no_harm() -> None:
    check(10_000)


@pytest.mark.slow
def test_a_million_lies_do_no_harm() -> None:
    print(check(1_000_000))

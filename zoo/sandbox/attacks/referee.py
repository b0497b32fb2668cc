"""Attacks on the referee through what it asks for: answers that never come, are no answers, or are something else."""

from __future__ import annotations

import atexit
import builtins
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import torch

from agents.protocol import Agent, State
from zoo.sandbox.attacks.base import Attack, won

#: The end of the pipe through which a worker answers.
OUTWARD = 4


def _forever() -> NoReturn:
    while True:
        pass


class Loop(Attack):
    """Never answers and computes for ever."""

    defence = "clock of CPU time"
    faults = ("TIMEOUT",)

    def strike(self) -> NoReturn:
        """It is a success if the referee waits."""
        _forever()


class LoopInThreads(Attack):
    """Never answers, computes in eight threads and ignores every signal that can be ignored."""

    defence = "clock of CPU time"
    faults = ("TIMEOUT",)

    def strike(self) -> None:
        """It is a success if the referee waits, or if the process stays."""
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        for _ in range(8):
            threading.Thread(target=_forever).start()
        _forever()


class Sleep(Attack):
    """Never answers and sleeps."""

    defence = "clock of wall time"
    faults = ("TIMEOUT",)

    def strike(self) -> None:
        """It is a success if the referee waits."""
        time.sleep(10_000)


class Stop(Attack):
    """Stops its own process with a signal, so that it neither works nor ends."""

    defence = "clock of wall time"
    faults = ("TIMEOUT",)

    def strike(self) -> None:
        """It is a success if the referee waits."""
        os.kill(os.getpid(), signal.SIGSTOP)


class Leave(Attack):
    """Ends its process with the exit code of success."""

    defence = "a process of its own"
    faults = ("CRASH",)

    def strike(self) -> None:
        """It is a success if the referee ends too."""
        os._exit(0)


class KillItself(Attack):
    """Kills its own process, as if the machine had done it, so that the game would be played again for ever."""

    defence = "seccomp, a process of its own"
    faults = ("CRASH",)

    def strike(self) -> None:
        """It is a success if no fault comes of it."""
        os.kill(os.getpid(), signal.SIGKILL)


class ExhaustStack(Attack):
    """Calls itself until the stack is full."""

    defence = "a process of its own, limit on the stack"
    faults = ("CRASH", "MEMORY")

    def strike(self) -> None:
        """It is a success if no fault comes of it."""
        sys.setrecursionlimit(10**9)

        class Endless:
            def __getattr__(self, name: str) -> Any:
                return getattr(self, name)

        print(Endless().x)


class FloodLog(Attack):
    """Prints without end."""

    defence = "log drained and cut, clock"
    faults = ("TIMEOUT",)

    def strike(self) -> NoReturn:
        """It is a success if the referee keeps it all, or waits."""
        while True:
            os.write(1, b"x" * 65536)


class LeaveMines(Attack):
    """Leaves behind what runs at the end: exit handlers, finalizers, collector's callbacks, threads."""

    defence = "process ended without them"

    def strike(self) -> None:
        """It is a success if the process stays, or if any of it runs where the referee is."""

        class Mine:
            again: Any = None

            def __del__(self) -> None:
                won("a finalizer ran")
                time.sleep(10_000)

        atexit.register(Mine.__del__, Mine())
        gc.callbacks.append(lambda *_: time.sleep(0))
        self.mine = Mine()
        self.mine.again = self.mine
        sys.excepthook = lambda *_: time.sleep(10_000)
        threading.Thread(target=time.sleep, args=(10_000,)).start()


class RewriteOthers(Attack):
    """Rewrites every agent's class, imports and built-in functions, as would win where all share one process."""

    defence = "a process of its own"

    def strike(self) -> None:
        """The stage sees whether the referee's own have changed."""
        waiting: list[Any] = [Agent]
        while waiting:
            kind = waiting.pop()
            waiting += kind.__subclasses__()
            if kind is not type(self):
                kind.stolen = True
                kind.act = lambda own, timestep, memory: (torch.zeros(0), memory)
        sys.meta_path.insert(0, _Hook())
        vars(builtins)["stolen"] = True


class _Hook:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        sys.modules[name] = sys


class SearchMemory(Attack):
    """Searches what it inherited from the process that it was forked from: environment, arguments, every object."""

    defence = "forked from a process that knows nothing"

    def strike(self) -> None:
        """It prints the secrets that the referee has in its environment and in its memory."""
        print(dict(os.environ), sys.argv)
        for text in self._texts():
            if "zoo-secret" in text and len(text) < 200:
                print(text)

    @staticmethod
    def _texts() -> Iterator[str]:
        for thing in gc.get_objects():
            try:
                inside = list(thing.values()) if isinstance(thing, dict) else list(thing)
            except Exception:
                continue
            yield from (text for text in inside if type(text) is str)


class Garbage(Attack):
    """Answers with bytes that are no frame."""

    defence = "frames with bounds"
    faults = ("INVALID",)

    def strike(self) -> None:
        """It is a success if the referee takes it for an answer, or breaks."""
        os.write(OUTWARD, os.urandom(4096))


class HugeFrame(Attack):
    """Announces an answer of four gigabytes and sends bytes for ever."""

    defence = "length read before anything is kept"
    faults = ("INVALID", "TIMEOUT")

    def strike(self) -> NoReturn:
        """It is a success if the referee keeps them."""
        os.write(OUTWARD, b"\xff\xff\xff\xff")
        while True:
            os.write(OUTWARD, bytes(65536))


class ShortFrame(Attack):
    """Announces a longer answer than it sends."""

    defence = "clock"
    faults = ("INVALID", "TIMEOUT")

    def strike(self) -> None:
        """It is a success if the referee waits for the rest."""
        os.write(OUTWARD, (200).to_bytes(4, "little") + bytes(100))
        time.sleep(10_000)


class EarlyAnswers(Attack):
    """Sends answers to questions that are not asked yet, by every number that it can guess."""

    defence = "answers carry their question's number"
    faults = ("INVALID",)

    def strike(self) -> None:
        """It is a success if one of them counts."""
        import msgpack

        for number in range(200):
            body = msgpack.packb([number, 0, bytes(8), None, None])
            os.write(OUTWARD, len(body).to_bytes(4, "little") + body)


class CloseAll(Attack):
    """Closes every descriptor, so that its end of the pipe seems dead."""

    defence = "a closed pipe is an end"
    faults = ("CRASH", "TIMEOUT")

    def strike(self) -> None:
        """It is a success if the referee waits or breaks."""
        os.closerange(0, 1024)
        time.sleep(10_000)


class DeepAnswer(Attack):
    """Answers with lists in lists in lists."""

    defence = "depth of answers"
    faults = ("INVALID",)

    def strike(self) -> None:
        """It is a success if the referee's stack overflows."""
        body = b"\x91" * 4000 + b"\xc0"
        os.write(OUTWARD, len(body).to_bytes(4, "little") + body)


class AnswerTwice(Attack):
    """Sends its answer, and a little later once more, as if it were that to the next question."""

    defence = "answers carry their question's number"
    faults = ("INVALID",)

    def strike(self) -> None:
        """It is a success if it counts."""
        number = _question()

        def again() -> None:
            time.sleep(0.05)
            _send([number, 0, bytes(8), None, None])

        threading.Thread(target=again).start()

    def acting_state(self) -> State:
        """No tensors, and time for the thread."""
        time.sleep(0.2)
        return {}


class Drip(Attack):
    """Sends its answer byte by byte and never ends, so that there is always something new."""

    defence = "clock"
    faults = ("TIMEOUT",)

    def strike(self) -> NoReturn:
        """It is a success if the referee waits."""
        os.write(OUTWARD, (4000).to_bytes(4, "little"))
        while True:
            os.write(OUTWARD, b"x")
            time.sleep(1)


class Bloat(Attack):
    """Answers with 40 MB of empty lists, which take sixty times as much memory where they are read."""

    defence = "what an answer holds is counted"
    faults = ("INVALID",)

    def strike(self) -> None:
        """It plays on until its tensors are asked for."""

    def acting_state(self) -> State:
        """No tensors."""
        inner = b"\xdc" + (9999).to_bytes(2, "big") + b"\x90" * 9999
        body = b"\x93" + _number(_question()) + b"\x00" + b"\xdd" + (4000).to_bytes(4, "big") + inner * 4000
        os.write(OUTWARD, len(body).to_bytes(4, "little"))
        sent = 0
        while sent < len(body):
            sent += os.write(OUTWARD, body[sent : sent + (1 << 20)])
        return {}


class ImpossibleShape(Attack):
    """Answers with a tensor of no element, whose other dimensions are larger than any memory."""

    defence = "shapes with bounds"
    faults = ("INVALID",)

    def strike(self) -> None:
        """It plays on until its tensors are asked for."""

    def acting_state(self) -> State:
        """No tensors."""
        _send([_question(), 0, {"weights": [0, [2**31, 2**31, 2**31, 0], b""]}])
        return {}


def _question() -> int:
    """The number of the question that is being answered, from the frames of whoever called."""
    frame = sys._getframe()
    while "number" not in frame.f_locals:
        assert frame.f_back is not None  # whoever is asked has been called
        frame = frame.f_back
    number: int = frame.f_locals["number"]
    return number


def _number(value: int) -> bytes:
    return b"\xcf" + value.to_bytes(8, "big")


def _send(reply: list[Any]) -> None:
    import msgpack

    body = msgpack.packb(reply)
    os.write(OUTWARD, len(body).to_bytes(4, "little") + body)

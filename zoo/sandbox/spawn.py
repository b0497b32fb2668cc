"""The referee's side of the zygote, and of one agent's process: questions go out, answers come back or are faults."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack

import zoo
from leaderboard.records import Status
from zoo.errors import UserError
from zoo.sandbox import container, frames, zygote
from zoo.sandbox.clock import Allowances, Stopwatch
from zoo.sandbox.confine import trusted
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.frames import FAULT, HELLO, OK, REFUSED, Ended, Line, Malformed
from zoo.sandbox.log import one_line, readable

_START = 120.0  # seconds for the zygote to import its libraries on a busy machine
_ANSWER = 30.0  # seconds for any other answer of the zygote
_SAYS = 8192  # bytes that any reply may have: a fault in words
_NUMBERS = 512  # questions for which numbers are drawn at once
_ENVIRONMENT = ("LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ")  # nothing else of the referee's is handed on
#: Memory in large pages, where the system has them: a fork then copies a list of pages that is a fraction as long.
_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


class ZygoteGone(Exception):
    """The process that agents are forked from has ended, and they with it."""


class _Zygote:
    """A running zygote. It belongs to the process that started it; `hash_seed` orders the sets of its children.

    `copies` is the folder of the agents' copies where it lies in a container, which shows that folder, else None.
    """

    def __init__(self, hash_seed: str, copies: Path | None) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._number = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # a thread's end would be taken for its process's
        dies = threading.current_thread() is threading.main_thread()
        self._contained = copies is not None
        referee = os.getpid() if dies and copies is None else 0  # in a container, its processes have other numbers
        code = (
            f"import sys; sys.path[:] = {json.dumps(_path())}\n"
            f"from zoo.sandbox.zygote import main; main({theirs.fileno()}, {referee})"
        )
        command = [sys.executable, "-P", "-s", "-c", code]
        self._process = subprocess.Popen(
            command if copies is None else container.command(command, trusted(), copies, dies),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=_environment(hash_seed),
            cwd="/",
            start_new_session=True,  # deaf to Ctrl-C, which its referee hears
        )
        theirs.close()
        self._patience = _START
        self.gone = False

    def ask(self, what: int, number: int, *rest: Any, fds: Sequence[int] = ()) -> list[Any]:
        """Its answer.

        Raises:
            ZygoteGone: it has ended, or does not answer.
        """
        with self._lock:
            try:
                self._control.settimeout(self._patience)
                socket.send_fds(self._control, [msgpack.packb([what, number, *rest])], fds)
                answer, self._sent, _, _ = socket.recv_fds(self._control, zygote.MESSAGE, 1)
                if not answer:
                    raise OSError
                self._patience = _ANSWER
            except OSError as error:
                self.close()
                raise ZygoteGone from error
            except BaseException:  # Ctrl-C: the answer would be taken for that to the next question
                self.close()
                raise
        said: list[Any] = msgpack.unpackb(answer)
        return said

    def spawn(self, level: str, folders: list[str], fds: tuple[int, int]) -> tuple[int, int]:
        """A new process that talks through two file descriptors: its number here, and its process's."""
        self._number += 1
        who = container.who(self._process.pid, self._number) if self._contained else None
        (pid,) = self.ask(zygote.SPAWN, self._number, level, folders, who, fds=fds)
        if isinstance(pid, str):
            raise UserError(f"this machine cannot start another process for an agent: {pid}")
        for fd in self._sent:
            pid = container.number_here(fd)
            os.close(fd)
        return self._number, pid

    def drop(self, number: int) -> None:
        """End a process and forget it; never waits."""
        if not self.gone and self.owner == os.getpid():
            with suppress(OSError):
                self._control.send(msgpack.packb([zygote.DROP, number]), socket.MSG_DONTWAIT)

    def close(self) -> None:
        """End it and all its processes."""
        self.gone = True
        self._control.close()
        if self.owner == os.getpid():
            with suppress(OSError):
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def _path() -> list[str]:
    """Where the zygote looks for modules: where this process does, but for the folder that a command is typed in."""
    root = str(Path(zoo.__file__).resolve().parent.parent)
    here = {"", os.getcwd()} - {root}
    return [folder for folder in dict.fromkeys([*sys.path, root]) if folder not in here]


def _environment(hash_seed: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**kept, **threads, "PYTHONHASHSEED": hash_seed, **_PAGES, "PYTHONDONTWRITEBYTECODE": "1"}


_running: dict[tuple[str, Path | None], _Zygote] = {}
_starting = threading.Lock()


def _zygote(hash_seed: str, copies: Path | None) -> _Zygote:
    """This process's zygote, started on the first need and again where it has ended."""
    with _starting:
        known = _running.get((hash_seed, copies))
        if known is None or known.gone or known.owner != os.getpid():
            known = _running[hash_seed, copies] = _Zygote(hash_seed, copies)
        return known


@atexit.register
def _close() -> None:
    for known in _running.values():
        if not known.gone and known.owner == os.getpid():
            known.close()


class FarEnd:
    """One agent's process, from its fork to its end.

    Args:
        level: how it is confined.
        folder: the only folder of its own that it may read.
        allowances: what it may use.
        hash_seed: orders the sets of its process.

    Attributes:
        isolation: the level and what enforces it.
        folder: where its process finds the folder.

    Raises:
        UserError: the machine cannot confine it.
        AgentFault: it ended at once.
    """

    def __init__(self, level: str, folder: Path, allowances: Allowances, hash_seed: str = "0") -> None:
        self.dead: AgentFault | None = None
        self._allowances = allowances
        self._numbers: list[int] = []
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        self._line = Line(ours_in, ours_out)
        self.folder = there(level, folder)
        try:
            self._spawn(hash_seed, level, folder, (theirs_in, theirs_out))
        except ZygoteGone:
            self._line.close()
            raise AgentFault(Status.CRASH, "the process that agents are started from has ended", retry=True) from None
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self._finalizer = weakref.finalize(self, _forget, self._zygote, self.number, self._line, self.watch)
        try:
            reply = self.ask(HELLO, limit=_SAYS, allowed=allowances.make, items=32)
        except AgentFault as fault:
            if fault.retry:
                raise
            said = fault.log.strip().splitlines()[-1:] or [fault.message]  # no stranger's code has run yet
            raise UserError(f"this machine cannot isolate agents at level {level}: {one_line(said[0])}") from fault
        mechanisms = reply[0] if len(reply) == 1 and type(reply[0]) is list else []
        self.isolation = f"{level} ({', '.join(map(str, mechanisms))})" if mechanisms else level

    def _spawn(self, hash_seed: str, level: str, folder: Path, fds: tuple[int, int]) -> None:
        copies = folder.parent if level == "container" else None
        self._zygote = _zygote(hash_seed, copies)
        try:
            self.number, pid = self._zygote.spawn(level, [str(folder)], fds)
        except ZygoteGone:  # nothing was lost with it yet, so another one is started
            self._zygote = _zygote(hash_seed, copies)
            self.number, pid = self._zygote.spawn(level, [str(folder)], fds)
        self.watch, self._ended_by_kernel = Stopwatch(pid, self._allowances), _out_of_memory()

    def close(self) -> None:
        """End it."""
        self._finalizer()

    def log(self) -> str:
        """The end of what it has written to its standard output and error."""
        if self.dead is not None:
            return self.dead.log
        try:
            return readable(self._zygote.ask(zygote.LOG, self.number)[0])
        except ZygoteGone:
            return ""

    def ask(self, operation: int, *arguments: Any, limit: int, allowed: float, items: int) -> list[Any]:
        """What the agent's side answers to a question.

        Args:
            operation: see `zoo.sandbox.frames`.
            arguments: data.
            limit: bytes that a good answer may have at most.
            allowed: CPU seconds.
            items: how many elements any list or map in it may have.

        Raises:
            ValueError: the agent's side refuses what it was given; the text is its own.
            AgentFault: anything else; the process is ended, and every later question gets the same answer.
        """
        if self.dead is not None:
            raise self.dead.with_traceback(None)
        number = self._draw()
        try:
            self.watch.start(allowed)
            self._line.send(frames.pack([number, operation, *arguments]), self.watch.patience)
            reply = frames.unpack(self._line.receive(max(limit, _SAYS), self.watch.patience), items)
            self.watch.stop()
            if type(reply) is not list or len(reply) < 2 or type(reply[0]) is not int or reply[0] != number:
                raise Malformed("it answers something that it was not asked")
            if reply[1] == OK and type(reply[1]) is int:
                return reply[2:]
            return self._refused(reply)
        except Malformed as error:
            raise self.end(AgentFault(Status.INVALID, str(error))) from None
        except AgentFault as fault:
            raise self.end(fault) from None
        except Ended:
            raise self.end(None) from None
        except ValueError:
            raise
        except BaseException:  # Ctrl-C: the answer would be taken for that to the next question
            self.end(AgentFault(Status.CRASH, "it was interrupted", retry=True))
            raise

    def _draw(self) -> int:
        """A number that nobody can foresee, so that an answer comes after its question."""
        if not self._numbers:
            luck = os.urandom(8 * _NUMBERS)
            self._numbers = [int.from_bytes(luck[8 * n : 8 * n + 7], "little") for n in range(_NUMBERS)]
        return self._numbers.pop()

    @staticmethod
    def _refused(reply: list[Any]) -> list[Any]:
        if len(reply) != 4 or type(reply[1]) is not int or type(reply[2]) is not str or type(reply[3]) is not str:
            raise Malformed("its answer has another form than was asked for")
        text = one_line(reply[2])
        if reply[1] == REFUSED:
            raise ValueError(text)
        if reply[1] == FAULT and reply[3] in ("CRASH", "MEMORY", "INVALID"):
            raise AgentFault(Status(reply[3]), text)
        raise Malformed("its answer has another form than was asked for")

    def end(self, fault: AgentFault | None) -> AgentFault:
        """End the process for a fault, or find out how it ended by itself; returns the fault with the log."""
        if self.dead is None:
            try:
                how, tail = self._zygote.ask(zygote.BURY, self.number, fault is None)
                log = readable(tail)
                self.dead = _obituary(how, log, _out_of_memory() > self._ended_by_kernel) if fault is None else fault
                self.dead.log = log
            except ZygoteGone:
                gone = AgentFault(Status.CRASH, "the process that agents are started from has ended", retry=True)
                self.dead = gone if fault is None else fault
            self.close()
        return self.dead


def there(level: str, folder: Path) -> Path:
    """Where an agent's process finds its folder."""
    return container.OWN if level == "container" else folder


def _forget(of: _Zygote, number: int, line: Line, watch: Stopwatch) -> None:
    line.close()
    watch.close()
    of.drop(number)


def _out_of_memory() -> int:
    """How many processes the kernel has ended on this machine because memory ran out; 0 where it does not tell."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _obituary(how: int | None, log: str, short: bool = False) -> AgentFault:
    """The fault of a process that ended.

    Args:
        how: its exit code or minus the signal; None where it only fell silent.
        log: what it printed last.
        short: whether the kernel has ended a process meanwhile because memory ran out; agents' are the first to go.
    """
    if how is None:
        return AgentFault(Status.CRASH, "it closed the pipe through which it answers")
    if how >= 0:
        return AgentFault(Status.CRASH, f"its process left with exit code {how}")
    name = signal.Signals(-how).name if -how in set(signal.Signals) else f"signal {-how}"
    if how == -signal.SIGXCPU:
        return AgentFault(Status.TIMEOUT, "its process used up the CPU time that a process may have")
    if how == -signal.SIGKILL and short:
        return AgentFault(Status.MEMORY, "the kernel ended its process as the machine's memory ran out", retry=True)
    if how == -signal.SIGKILL:
        return AgentFault(Status.CRASH, "its process was killed (SIGKILL)", retry=True)
    if how == -signal.SIGSYS:
        return AgentFault(Status.CRASH, "its process asked the system for something that is forbidden (SIGSYS)")
    if how == -signal.SIGABRT and "bad_alloc" in log:
        return AgentFault(Status.MEMORY, "its process ran out of memory (std::bad_alloc)")
    return AgentFault(Status.CRASH, f"its process was ended by {name}")


def check_level(level: str) -> None:
    """Refuse a level that this machine does not have.

    Raises:
        UserError: in one line, with the way out.
    """
    from zoo.sandbox.levels import refusal

    if (why := refusal(level)) is not None:
        raise UserError(why)

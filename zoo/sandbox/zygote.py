"""The process that strangers' agents are forked from: the libraries are imported once, and it has one thread.

    referee -> zygote: [SPAWN, number, level, readable folders, who] with two file descriptors, answered by [process]
                           with a descriptor of it, as numbers differ in a container, or by [text] that says why there
                           is none
                       [BURY, number, patient] ends a process, answered by [how, log]: its exit code, minus the signal
                           that ended it, or None where it had to be ended
                       [LOG, number], answered by [log]
                       [DROP, number] ends and forgets it, without an answer

It ends when its referee does, and its children end with it. It never reads what an agent says, only drains its log.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import os
import random
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgpack

from zoo.sandbox.log import Tail

SPAWN, BURY, LOG, DROP = range(4)
#: Bytes of a message between referee and zygote.
MESSAGE = 1 << 16
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_GRACE = 0.2  # seconds for a process that has closed its pipe to end


@dataclass
class _Child:
    pid: int
    tail: Tail
    how: int | None = None  # its exit code, or minus the signal that ended it
    ended: bool = False

    def reap(self) -> bool:
        """Whether it has ended by itself."""
        if not self.ended:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended, self.how = True, os.waitstatus_to_exitcode(status)
        return self.ended

    def end(self) -> None:
        """End it, whatever it does."""
        if not self.reap():
            os.kill(self.pid, signal.SIGKILL)  # it is ours and not reaped, so the number is still its own
            os.waitpid(self.pid, 0)
            self.ended = True
        self.tail.finish()


class _Zygote:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[int, _Child] = {}

    def serve(self) -> None:
        """Do what the referee asks for until it has gone."""
        while True:
            waiting = select.poll()
            waiting.register(self._control, select.POLLIN)
            pauses = [0.5]
            open_logs = {}
            for child in self._children.values():
                if child.tail.fd < 0:
                    continue
                if pause := child.tail.wait():
                    pauses.append(pause)
                else:
                    waiting.register(child.tail.fd, select.POLLIN)
                    open_logs[child.tail.fd] = child
            for fd, _ in waiting.poll(1000 * min(pauses) + 1):
                if fd == self._control.fileno():
                    if not self._heard():
                        return
                elif (child := open_logs[fd]).tail.fd == fd and not child.tail.drain():  # a message may have closed it
                    child.tail.finish()
                    child.reap()

    def _heard(self) -> bool:
        message, fds, _, _ = socket.recv_fds(self._control, MESSAGE, 2)
        if not message:
            return False
        what, number, *rest = msgpack.unpackb(message)
        if what == SPAWN:
            answer, opened = self._spawn(number, fds, *rest)
            self._answer(answer, opened)
            for fd in opened:
                os.close(fd)
        elif what == LOG:
            self._answer([self._children[number].tail.fresh()])
        elif what == BURY:
            self._answer(self._bury(self._children[number], *rest))
        elif number in self._children:
            self._children.pop(number).end()
        return True

    def _answer(self, answer: list[Any], fds: Sequence[int] = ()) -> None:
        with suppress(OSError):  # the referee has gone: the next look at the socket says so
            socket.send_fds(self._control, [msgpack.packb(answer)], fds)

    def _spawn(
        self, number: int, fds: list[int], level: str, readable: list[str], who: int | None
    ) -> tuple[list[Any], list[int]]:
        zygote = os.getpid()
        opened = [*fds]
        try:
            log, writes = os.pipe()
            opened.append(writes)
            if (pid := os.fork()) == 0:
                _become_worker(zygote, fds, writes, level, [Path(folder) for folder in readable], who)
        except OSError as error:
            return [error.strerror or str(error)], []
        finally:
            for fd in opened:
                os.close(fd)
        self._children[number] = _Child(pid, Tail(log))
        return [pid], [os.pidfd_open(pid)] if level == "container" else []

    @staticmethod
    def _bury(child: _Child, patient: bool) -> list[Any]:
        deadline = time.monotonic() + _GRACE * patient
        while not child.reap() and time.monotonic() < deadline:
            time.sleep(0.002)
        child.end()
        return [child.how, child.tail.content]


def _become_worker(zygote: int, fds: list[int], log: int, level: str, readable: list[Path], who: int | None) -> None:
    """Turn this fork into an agent's process; it never returns."""
    try:
        die_with_parent(zygote)
        nothing = os.open(os.devnull, os.O_RDONLY)
        # 0 to 2 are not the protocol's, or `print` would break it; out of the way first, so that none is overwritten
        aside = [fcntl.fcntl(fd, fcntl.F_DUPFD, 16) for fd in (nothing, log, log, *fds)]
        for target, fd in enumerate(aside):
            os.dup2(fd, target, inheritable=False)
        os.environ.clear()
        random.seed(0)
        from zoo.sandbox import confine, worker

        apart = partial(confine.confine, level, readable, keep=range(5), parent=zygote, who=who)
        worker.serve(3, 4, apart)
    except BaseException:  # nobody may go on in the zygote's name
        import traceback

        with suppress(BaseException):
            traceback.print_exc()
        os._exit(1)
    os._exit(0)


def die_with_parent(parent: int) -> None:
    """End when the parent does, whatever ends it; at once where it has gone already. Linux alone can do it."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def main(control: int, referee: int) -> None:
    """Import what agents use, and serve the referee at the other end of a socket.

    Args:
        control: file descriptor of the socket.
        referee: its process, which this one dies with; 0 where the end of the socket alone says so.
    """
    if referee:
        die_with_parent(referee)
    from zoo.sandbox import confine, imports

    imports.preload()
    confine.prepare()
    sys.dont_write_bytecode = True
    gc.collect()
    gc.freeze()  # a fork shares these pages as long as nobody counts through them
    _Zygote(socket.socket(fileno=control)).serve()

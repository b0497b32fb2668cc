"""How long an agent may take: CPU time is charged, with a bank a game; wall time is only a backstop.

A busy machine makes everybody late, so time that a process spends waiting for a core is not its own.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from leaderboard.records import Status
from zoo.sandbox.fault import AgentFault


@dataclass(frozen=True)
class Allowances:
    """What an agent may use; seconds of CPU time where nothing else is said.

    Attributes:
        load: to import its files.
        make: to be made, once; also for each look at its parameters.
        begin: for the memory of a game.
        act: for one action of all rows.
        row: further, for each row.
        bank: what it may go beyond `act` and `row`, in one game altogether.
        learn: for one update.
        call: for a function of the zoo's that runs on its side.
        sleep: wall seconds in one game in which it neither computes nor waits for a core.
        wall: times its CPU allowance, and then `sleep`, after which it is late whatever the reason.
    """

    load: float = 20.0
    make: float = 5.0
    begin: float = 5.0
    act: float = 0.1
    row: float = 0.001
    bank: float = 2.0
    learn: float = 30.0
    call: float = 600.0
    sleep: float = 5.0
    wall: float = 10.0


_SHORT = 0.001  # seconds: whoever answers faster has neither slept nor used up anything
_UNREAD = 256  # quick answers, after which the clock is looked at nevertheless
_LEAST = 0.01  # seconds between two looks at the clock


class Stopwatch:
    """The time of one process, identified by its number; CPU time is that of all its threads."""

    def __init__(self, pid: int, allowances: Allowances) -> None:
        self.pid, self.allowances = pid, allowances
        self._id = (~pid << 3) | 2  # the kernel's name for the CPU clock of a process
        # how long it, and who asks it, have waited for a core: neither is sleep of its own
        self._queues = [_opened(f"/proc/{pid}/schedstat"), _opened("/proc/thread-self/schedstat")]
        self._blind = not sys.platform.startswith("linux")  # no clock of other processes: wall time is charged
        self._last = 0.0
        self._delay = self._credit = 0.0
        self._unread = 0  # quick answers since the last look at the clock, which took `_credit` seconds
        self._started = time.perf_counter()
        self._allowed = 0.0
        self.new_game()
        self._read()

    def close(self) -> None:
        """Give the files back."""
        for fd in self._queues:
            if fd >= 0:
                os.close(fd)
        self._queues = []

    def new_game(self) -> None:
        """Fill the bank."""
        self._bank, self._sleep = self.allowances.bank, self.allowances.sleep

    def start(self, allowed: float) -> None:
        """A question has been put that may take `allowed` CPU seconds; what was used since the last one counts."""
        self._allowed = allowed
        self._started = time.perf_counter()

    def patience(self) -> float:
        """Seconds for which there is no need to look again.

        Raises:
            AgentFault: TIMEOUT.
        """
        used, slept, wall = self._spent()
        allowed = self._allowed + self._bank
        left = min(allowed - used, self._sleep - slept, self.allowances.wall * allowed + self._sleep - wall)
        if left <= 0:
            raise self._late(used, slept, wall)
        return max(left, _LEAST)

    def stop(self) -> None:
        """The answer has come: charge it.

        Raises:
            AgentFault: TIMEOUT.
        """
        wall = time.perf_counter() - self._started
        if wall < _SHORT and self._unread < _UNREAD:  # it cannot have used much, and looking costs as much as acting
            self._unread += 1
            self._credit += wall
            return
        used, slept, wall = self._spent()
        self._read()
        self._bank -= max(0.0, used - self._allowed)
        self._sleep -= slept
        if self._bank < 0 or self._sleep < 0:
            raise self._late(used, slept, wall)

    def _spent(self) -> tuple[float, float, float]:
        """CPU seconds since the last answer, wall seconds asleep and wall seconds altogether since the question."""
        used = max(0.0, self._cpu() - self._last - self._credit)
        delay = self._queued() - self._delay
        wall = time.perf_counter() - self._started
        return used, max(0.0, wall - used - delay), wall

    def _read(self) -> None:
        self._unread, self._credit = 0, 0.0
        self._last, self._delay = self._cpu(), self._queued()

    @property
    def cpu_s(self) -> float:
        """CPU seconds since the process began."""
        return self._last if self._blind else self._cpu()

    def _cpu(self) -> float:
        if self._blind:
            return time.perf_counter()
        try:
            return time.clock_gettime(self._id)
        except OSError:  # it has ended
            return self._last

    def _queued(self) -> float:
        """Seconds that its first thread and the referee's have waited for a core."""
        total = 0
        for fd in self._queues:
            with suppress(OSError, IndexError, ValueError):
                total += int(os.pread(fd, 128, 0).split()[1])
        return max(self._delay, total * 1e-9)

    def _late(self, used: float, slept: float, wall: float) -> AgentFault:
        allowed = self._allowed
        if used > allowed:
            text = f"it took {used:.2f} s of CPU time where {allowed:.2f} s are allowed, and its reserve is used up"
        elif slept > 0 and slept >= wall - used - slept:
            text = f"it slept for {slept:.2f} s; a game allows {self.allowances.sleep:.2f} s altogether"
        else:
            text = f"it gave no answer for {wall:.2f} s"
        return AgentFault(Status.TIMEOUT, text)


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it has ended already, or this system tells no such thing
        return -1

"""What a command has cost so far, for the last line of its screen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")
_TIMES = slice(11, 15)  # own time and that of children that have ended, in ticks, counted from a process's state


def cpu_s() -> float:
    """CPU seconds of this process so far, and of the workers and agents' processes that it started.

    Those that have ended count, and, where the system has `/proc`, those that live. What the agents' processes of a
    worker have used is not known any more once the worker has ended.
    """
    spent = os.times()
    ticks = sum(sum(map(int, fields[_TIMES])) for fields in _living(os.getpid()))
    return sum(spent[:4]) + ticks / os.sysconf("SC_CLK_TCK")


def cost(since: float = 0.0) -> str:
    """That, in words: "1.2 CPU s"; `since`: an earlier `cpu_s` from which to count."""
    return f"{cpu_s() - since:.1f} CPU s"


def _living(pid: int) -> Iterator[list[str]]:
    """What `/proc` says of each living process below one, from its state on (proc(5))."""
    for told in (_PROCESSES / str(pid) / "task").glob("*/children"):
        with suppress(OSError):  # it ends meanwhile
            for child in map(int, told.read_text().split()):
                with suppress(OSError):
                    yield (_PROCESSES / str(child) / "stat").read_text().rpartition(")")[2].split()
                yield from _living(child)

"""How much of the machine a confined process may use."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

#: The highest of the kernel's ranks by which it ends processes where memory runs out.
_FIRST_TO_GO = b"1000"
#: Seconds between the signal that says that CPU time is used up, by which the end is known, and the one that ends all.
_LAST_WORDS = 5


@dataclass(frozen=True)
class Limits:
    """What one worker may use. The defaults leave room for torch with threads.

    Attributes:
        memory_bytes: address space beyond what is mapped when the limits are set.
        cpu_seconds: processor time of all threads, a last backstop behind the clock of the referee.
        open_files: numbers of open files, from 0 on.
        file_bytes: size of a file that it writes.
        threads: threads of this worker, its first one counted.
        stack_bytes: stack of its first thread.
    """

    memory_bytes: int = 2 << 30
    cpu_seconds: int = 6 * 3600
    open_files: int = 64
    file_bytes: int = 0
    threads: int = 64
    stack_bytes: int = 8 << 20

    def enforce(self, threads: int) -> None:
        """Set the limits, none of which can be raised again; `threads` is the most that this user may have."""
        import resource  # not everywhere, and `supported` must be

        self._set(resource.RLIMIT_CORE, 0)
        self._set(resource.RLIMIT_FSIZE, self.file_bytes)
        self._set(resource.RLIMIT_NOFILE, self.open_files)
        self._set(resource.RLIMIT_STACK, self.stack_bytes)
        self._set(resource.RLIMIT_CPU, self.cpu_seconds, _LAST_WORDS)
        self._set(resource.RLIMIT_NPROC, threads)
        self._set(resource.RLIMIT_MEMLOCK, 0)
        for name in ("RLIMIT_MSGQUEUE", "RLIMIT_RTPRIO", "RLIMIT_NICE", "RLIMIT_SIGPENDING"):
            if hasattr(resource, name):
                self._set(getattr(resource, name), 64 if name.endswith("PENDING") else 0)
        with contextlib.suppress(FileNotFoundError):  # elsewhere, limits on what is mapped are mostly not kept
            pages = int(_read("/proc/self/statm").split()[0])
            self._set(resource.RLIMIT_AS, pages * resource.getpagesize() + self.memory_bytes)
        # where workers together take more than there is, one of them is ended, and not the referee
        with contextlib.suppress(OSError):
            _write("/proc/self/oom_score_adj", _FIRST_TO_GO)

    @staticmethod
    def _set(kind: int, value: int, beyond: int = 0) -> None:
        """Lower a limit to `value`, or leave it where it is lower already; the hard one lies `beyond` it."""
        import resource

        _, hard = resource.getrlimit(kind)
        most = value + beyond if hard == resource.RLIM_INFINITY else min(value + beyond, hard)
        resource.setrlimit(kind, (min(value, most), most))


def threads_of(user: int) -> int:
    """How many threads the processes of a user have now; 0 where /proc does not tell."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == user:
                count += len(os.listdir(folder / "task"))
        except OSError:
            continue  # it ended meanwhile, or is hidden
    return count


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)


def _write(path: str, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, content)
    finally:
        os.close(file)

"""Ways in which the agents of two workers could talk to each other, so that partners collude.

Each attack takes the first step that both ends would have to take.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from zoo.sandbox.attacks.base import Attack, each, system, won


class SharedMemory(Attack):
    """Shares memory, semaphores and messages by number, as System V had it."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any of it is a success; it is removed again."""
        create = 0x200 | 0o600
        each(
            lambda: system(31, system(29, 0, 4096, create), 0, None),
            lambda: system(66, system(64, 0, 1, create), 0, 0),
            lambda: system(71, system(68, 0, create), 0, None),
        )


class NamedMemory(Attack):
    """Shares memory and messages by name, and memory without a name."""

    defence = "seccomp, Landlock"

    def strike(self) -> None:
        """Any of it is a success; the stage removes the file."""
        name = self.aims["litter"][1]
        each(
            lambda: os.open(name, os.O_CREAT | os.O_RDWR, 0o600),
            self._messages,
            lambda: os.memfd_create("zoo-attack"),
            lambda: system(447, 0),  # memfd_secret
        )

    def _messages(self) -> int:
        name = f"zoo-attack-{os.getpid()}".encode()
        file = system(240, name, os.O_CREAT | os.O_RDWR, 0o600, None)
        system(241, name)
        return file


class LockFiles(Attack):
    """Locks files that both workers can read: a bit for each lock."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any lock or question for one is a success."""
        file = os.open(os.__file__, os.O_RDONLY)
        lock = (0).to_bytes(32, "little")
        each(
            lambda: fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB),
            lambda: fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB),
            lambda: fcntl.fcntl(file, fcntl.F_GETLK, lock),
            lambda: fcntl.fcntl(file, 37, lock),  # F_OFD_SETLK
            lambda: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK),
        )


class WatchFiles(Attack):
    """Asks to be told when another process opens a file that both can read."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any watch is a success."""
        each(
            lambda: ctypes.CDLL(None).inotify_init() >= 0 or self._refused(),
            lambda: system(294, 0),
            lambda: system(300, 0, 0),
            lambda: fcntl.fcntl(os.open(os.path.dirname(os.__file__), os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS),
        )

    @staticmethod
    def _refused() -> None:
        raise PermissionError("refused")


class WakeOthers(Attack):
    """Wakes whoever waits on a page of a file that both have mapped."""

    defence = "seccomp"

    def strike(self) -> None:
        """It is a success if the kernel looks for such waiters."""
        page = _mapped(os.__file__)
        each(lambda: system(202, page, 1, 1), lambda: system(202, page, 10, 1, 0, 0, 0xFFFFFFFF))


def _mapped(path: str) -> int:
    """The address of a file's first page."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    file = os.open(path, os.O_RDONLY)
    page: int = library.mmap(None, ctypes.c_size_t(4096), mmap.PROT_READ, mmap.MAP_PRIVATE, file, ctypes.c_long(0))
    os.close(file)
    return page


class WakeByEnding(Attack):
    """Wakes whoever waits on a page of a file by the end of a thread, which the kernel tells where it is asked to."""

    defence = "seccomp"

    def strike(self) -> None:
        """It is a success if somebody who waits there, here the first thread, is woken."""
        page = _mapped(os.__file__)

        def end() -> None:
            time.sleep(0.1)
            system(218, page)  # set_tid_address

        threading.Thread(target=end).start()
        a_second = (1).to_bytes(8, "little") + bytes(8)
        each(lambda: system(202, page, 0, ctypes.c_int.from_address(page).value, a_second))


class CountOthers(Attack):
    """Asks whether another process is there, and how many threads and open files it has, which that one can change."""

    defence = "own view of the files"

    def strike(self) -> None:
        """Any answer is a success."""
        for process in self.aims["others"]:
            each(*(partial(os.stat, f"/proc/{process}{place}") for place in ("", "/task", "/fd")))


class ReadToTell(Attack):
    """Reads a file that both workers can read, so that the other one finds its time of reading changed."""

    defence = "own view of the files"

    def strike(self) -> None:
        """A changed time is a success."""
        for path in _unread():
            before = path.stat().st_atime_ns
            path.read_bytes()
            if path.stat().st_atime_ns != before:
                won(f"{path} was read")
                return


def _unread() -> Iterator[Path]:
    """Files of which systems keep when they are read next."""
    long_ago = time.time() - 100_000
    for path in sorted(Path(os.__file__).parent.glob("*/*.py")):
        about = path.stat()
        if about.st_atime <= max(long_ago, about.st_mtime):
            yield path


class ShareMemory(Attack):
    """Has its pages merged with equal ones of others, puts pages of libraries out, takes large pages from the store."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any of it is a success."""
        page = _mapped(os.__file__)
        own = ctypes.addressof(ctypes.c_char.from_buffer(memory := mmap.mmap(-1, 1 << 16)))
        each(
            lambda: system(28, own, 1 << 16, 12),  # madvise: merge
            lambda: system(28, page, 4096, 21),  # put out
            lambda: system(28, page, 4096, 20),  # put out first
            lambda: system(221, os.open(os.__file__, os.O_RDONLY), 0, 0, 4),  # fadvise64: not needed
            lambda: mmap.mmap(-1, 1 << 21, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000),
        )
        del memory


class KeepKeys(Attack):
    """Leaves a message in the kernel's keyring of its user."""

    defence = "seccomp"

    def strike(self) -> None:
        """Either is a success; the key is removed again."""
        each(self._key, lambda: system(250, 0, -4, 1))

    @staticmethod
    def _key() -> int:
        return system(250, 9, system(248, b"user", b"zoo-attack", b"hello", 5, -4), -4)


class ReadClocks(Attack):
    """Reads how much CPU time another process has used, which that one can change by working or not."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any figure is a success."""
        for process in self.aims["others"]:
            each(partial(time.clock_gettime, (~process << 3) | 2))


class ReadLoad(Attack):
    """Reads how busy the machine is, and how much memory is free."""

    defence = "Landlock, seccomp"

    def strike(self) -> None:
        """Any figure is a success."""
        each(
            *(
                partial(_beginning, f"/proc/{name}")
                for name in ("loadavg", "stat", "meminfo", "vmstat", "sys/fs/file-nr")
            ),
            lambda: system(99, bytes(128)),
            lambda: system(137, b"/", bytes(256)),  # statfs: how full the disk is
        )


class ReadSensors(Attack):
    """Reads how each core and each bank of memory is used, and the machine's other meters."""

    defence = "Landlock"

    def strike(self) -> None:
        """Any figure is a success."""
        places: tuple[str, ...] = (
            "node/node0/meminfo",
            "node/node0/numastat",
            "node/node0/vmstat",
            "cpu/cpu0/cpuidle/state0/time",
        )
        places += ("cpu/cpu0/cpufreq/scaling_cur_freq", "cpu/cpu0/thermal_throttle/core_throttle_count")
        each(
            *(partial(_beginning, f"/sys/devices/system/{name}") for name in places),
            lambda: os.listdir("/sys/class/thermal"),
            lambda: os.listdir("/sys/class/net"),
            lambda: os.listdir("/sys/block"),
        )


def _beginning(path: str) -> bytes:
    return os.read(os.open(path, os.O_RDONLY), 20)


class AskForTools(Attack):
    """Asks the kernel for its tools: programs of its own, counters, memory faults, asynchronous input."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any of them is a success."""
        each(
            lambda: system(321, 0, bytes(128), 48),  # bpf
            lambda: system(298, bytes(128), 0, -1, -1, 0),  # perf_event_open
            lambda: system(323, 1),  # userfaultfd
            lambda: system(206, 1, bytes(8)),  # io_setup
            lambda: system(290, 0, 0),  # eventfd2
            lambda: system(103, 3, bytes(64), 64),  # syslog
            lambda: system(27, 0, 0, 0),  # mincore
        )

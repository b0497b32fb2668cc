"""Attacks on other processes, and on the limits of one's own."""

from __future__ import annotations

import _thread
import ctypes
import fcntl
import os
import resource
import signal
import subprocess
import time
from functools import partial
from pathlib import Path

import torch

from zoo.sandbox.attacks.base import Attack, each, system, won


class FindProcesses(Attack):
    """Looks for other processes in /proc."""

    defence = "Landlock, own view of the files"

    def strike(self) -> None:
        """A process in the list is a success: what lies at /proc may be something else."""
        others = [name for name in os.listdir("/proc") if name.isdigit()]
        (won if others else print)(f"sees {len(others)} processes")


class ReadEnvironment(Attack):
    """Reads the environment of the referee, of the process that it was forked from, and of another agent's."""

    defence = "Landlock, other user"

    def strike(self) -> None:
        """It prints the secret, or any environment."""
        for process in self.aims["others"]:
            each(partial(Path(f"/proc/{process}/environ").read_bytes))


class ReadMemory(Attack):
    """Reads the memory of other processes, through /proc and through the kernel."""

    defence = "seccomp, Landlock, other user"

    def strike(self) -> None:
        """Any byte is a success."""
        for process in self.aims["others"]:
            each(
                partial(os.open, f"/proc/{process}/mem", os.O_RDONLY),
                partial(Path(f"/proc/{process}/maps").read_text),
                partial(self._through_kernel, process),
            )

    @staticmethod
    def _through_kernel(process: int) -> int:
        buffer = ctypes.create_string_buffer(16)
        own = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
        other = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
        return system(310, process, ctypes.addressof(own), 1, ctypes.addressof(other), 1, 0)


class Trace(Attack):
    """Stops another process as a debugger does."""

    defence = "seccomp, Landlock, other user"

    def strike(self) -> None:
        """It is a success if the process lets itself be traced, or if its parent may trace this one."""
        for process in self.aims["others"]:
            each(partial(system, 101, 0x4206, process, 0, 0))  # PTRACE_SEIZE
        each(lambda: system(101, 0, 0, 0, 0))  # PTRACE_TRACEME


class SendSignals(Attack):
    """Sends signals to the referee, to other agents and to everybody, by every call that can."""

    defence = "seccomp, Landlock, other user"

    def strike(self) -> None:
        """It is a success if a process accepts a signal; to everybody goes only the question whether it would."""
        siginfo = bytes(128)
        for process in self.aims["others"]:
            each(
                partial(os.kill, process, 0),
                partial(system, 234, process, process, 0),
                partial(system, 200, process, 0),
                partial(system, 129, process, 0, siginfo),
                partial(system, 297, process, process, 0, siginfo),
                partial(self._by_descriptor, process),
                partial(os.kill, process, signal.SIGUSR1),
            )
        each(lambda: os.kill(-1, 0), lambda: os.kill(0, 0))

    @staticmethod
    def _by_descriptor(process: int) -> int:
        return system(424, system(434, process, 0), 0, None, 0)


class SendSignalsByPipe(Attack):
    """Asks the kernel to signal another process as soon as a pipe of its own can be read."""

    defence = "seccomp"

    def strike(self) -> None:
        """It is a success if another process may be the one that is told."""
        for file in (0, 1, 2):
            each(
                partial(fcntl.fcntl, file, fcntl.F_SETOWN, self.aims["others"][0]),
                partial(fcntl.fcntl, file, 10, signal.SIGUSR1),  # F_SETSIG
            )


class Fork(Attack):
    """Starts a child by every call that can; it would leave its parent and outlive it."""

    defence = "seccomp"

    def strike(self) -> None:
        """It is a success if the child prints something."""
        each(
            lambda: self._born(57),
            lambda: self._born(56, signal.SIGCHLD, 0, 0, 0, 0),
            lambda: self._born(56, signal.SIGCHLD | 0x8000, 0, 0, 0, 0),  # CLONE_PARENT: a brother
            lambda: self._born(435, bytes(32) + signal.SIGCHLD.to_bytes(8, "little") + bytes(48), 88),
            os.forkpty,
        )

    @staticmethod
    def _born(number: int, *arguments: int | bytes) -> str:
        process = system(number, *arguments)
        if process == 0:
            os.setsid()
            won(f"the child {os.getpid()} lives")
            os._exit(0)
        return f"child {process}"


class ForkBomb(Attack):
    """Starts sixty processes."""

    defence = "seccomp"

    def strike(self) -> None:
        """Each one is a success."""
        for _ in range(60):
            if os.fork() == 0:
                time.sleep(1)
                os._exit(0)
            won("one more process")


class Execute(Attack):
    """Runs a program in its own place and beside itself."""

    defence = "seccomp, Landlock"

    def strike(self) -> None:
        """It is a success if the program prints something."""
        command = ["/bin/sh", "-c", "echo won: a shell"]
        each(
            lambda: subprocess.check_output(command),
            lambda: os.posix_spawn("/bin/sh", command, {}),
            lambda: system(322, os.open("/bin/sh", os.O_PATH), b"", 0, 0, 0x1000),
            lambda: os.execv("/bin/sh", command),
        )


class ThreadBomb(Attack):
    """Starts threads without end."""

    defence = "limit on threads"

    def strike(self) -> None:
        """More than a hundred are a success."""
        _thread.stack_size(1 << 16)
        count = 0
        lock = _thread.allocate_lock()
        lock.acquire()
        try:
            for _ in range(1000):
                _thread.start_new_thread(lock.acquire, ())
                count += 1
        except RuntimeError as error:
            print(error)
        (won if count > 100 else print)(f"{count} threads")


class FillMemory(Attack):
    """Takes three gigabytes of memory."""

    defence = "limit on memory"

    def strike(self) -> None:
        """It is a success if it has them."""
        blocks = [torch.empty(1 << 28, dtype=torch.uint8) for _ in range(12)]
        won(f"{sum(map(len, blocks))} bytes")


class OpenFiles(Attack):
    """Opens five hundred files."""

    defence = "limit on open files"

    def strike(self) -> None:
        """It is a success if all open."""
        files = [os.open(__file__, os.O_RDONLY) for _ in range(500)]
        won(f"{len(files)} files")


class RaiseLimits(Attack):
    """Raises its own limits and lowers another process's."""

    defence = "seccomp, hard limits"

    def strike(self) -> None:
        """Either is a success."""
        other = self.aims["others"][0]
        each(
            lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)),
            lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 45, 1 << 45)),
            lambda: resource.prlimit(other, resource.RLIMIT_CORE, (0, 0)),
            lambda: resource.prlimit(other, resource.RLIMIT_NOFILE),
            lambda: system(160, resource.RLIMIT_STACK, (1 << 40).to_bytes(8, "little") * 2),
        )


class Slow(Attack):
    """Changes how the kernel schedules another process, and itself."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any of it is a success."""
        other = self.aims["others"][0]
        each(
            lambda: os.setpriority(os.PRIO_PROCESS, other, 19),
            lambda: os.sched_setaffinity(other, {0}),
            lambda: os.sched_setscheduler(other, os.SCHED_IDLE, os.sched_param(0)),
            lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
            lambda: system(251, 1, other, 3 << 13),  # ioprio_set: idle
        )


class BecomeRoot(Attack):
    """Takes back the user, the groups and the rights that were given up."""

    defence = "seccomp, rights dropped"

    def strike(self) -> None:
        """Any of it is a success."""
        header, all_sets = (0x20080522).to_bytes(4, "little") + bytes(4), b"\xff" * 24
        each(
            lambda: os.setuid(0),
            lambda: os.setresuid(0, 0, 0),
            lambda: os.setresgid(0, 0, 0),
            lambda: os.setgroups([0]),
            lambda: system(126, header, all_sets),
            lambda: system(123, 0),  # setfsuid answers the old one and never an error
        )


class Unbind(Attack):
    """Undoes what ties it to its parent and hides its memory, and puts its own filter in force."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any of it is a success."""
        each(
            lambda: system(157, 1, 0, 0, 0, 0),  # no signal when the parent ends
            lambda: system(157, 4, 1, 0, 0, 0),  # memory to be seen
            lambda: system(157, 8, 1, 0, 0, 0),  # keep rights
            lambda: system(157, 36, 1, 0, 0, 0),  # be the parent of orphans
            lambda: system(157, 0x59616D61, -1, 0, 0, 0),  # be traced by anybody
            lambda: system(157, 22, 0, 0, 0, 0),
            lambda: system(317, 1, 0, bytes(16)),
            lambda: system(135, 0x0400000),  # executable memory for all that can be read
            lambda: os.setsid(),
        )


class NewNamespaces(Attack):
    """Moves into a world of its own, where it would be root, or into another process's."""

    defence = "seccomp"

    def strike(self) -> None:
        """Any of it is a success."""
        kinds = (0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000)
        each(
            *(partial(system, 272, kind) for kind in kinds),
            lambda: system(308, os.open(f"/proc/{self.aims['others'][0]}/ns/net", os.O_RDONLY), 0),
            lambda: system(165, b"none", str(self.here).encode(), b"tmpfs", 0, None),
            lambda: system(428, -100, b"/", 1),  # open_tree, a copy
        )

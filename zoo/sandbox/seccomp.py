"""The system calls that Python, numpy and torch with threads need; every other one is refused.

A list of what is allowed, as a list of what is forbidden would have to know every call that a kernel will ever have.
Some calls are allowed for certain arguments only: signals to oneself, threads but no processes, private wake-ups,
one's own clocks. Calls that are newer than the list do not exist for the confined process, so that libraries fall
back on older ones.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
from collections.abc import Sequence
from functools import cache

from zoo.sandbox.kernel import call

#: Name -> number on x86_64, from asm/unistd_64.h; the ones in every `act` first, as the filter is read from the top.
PLAIN = {
    "read": 0,
    "write": 1,
    "poll": 7,
    "munmap": 11,
    "brk": 12,
    "mprotect": 10,
    "mremap": 25,
    "sched_yield": 24,
    "ppoll": 271,
    "readv": 19,
    "writev": 20,
    # files that Landlock lets it read
    "openat": 257,
    "close": 3,
    "fstat": 5,
    "newfstatat": 262,
    "lseek": 8,
    "pread64": 17,
    "preadv": 295,
    "getdents64": 217,
    "open": 2,
    "stat": 4,
    "lstat": 6,
    "statx": 332,
    "access": 21,
    "faccessat": 269,
    "faccessat2": 439,
    "readlink": 89,
    "readlinkat": 267,
    "getdents": 78,
    "getcwd": 79,
    "dup": 32,
    "dup2": 33,
    "dup3": 292,
    "close_range": 436,
    "select": 23,
    "pselect6": 270,
    # signals to oneself and timers
    "rt_sigaction": 13,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "rt_sigpending": 127,
    "rt_sigtimedwait": 128,
    "rt_sigsuspend": 130,
    "sigaltstack": 131,
    "pause": 34,
    "alarm": 37,
    "getitimer": 36,
    "setitimer": 38,
    "nanosleep": 35,
    "restart_syscall": 219,
    # time, and questions about oneself
    "gettimeofday": 96,
    "time": 201,
    "times": 100,
    "getrusage": 98,
    "getpid": 39,
    "gettid": 186,
    "getppid": 110,
    "getpgrp": 111,
    "getuid": 102,
    "getgid": 104,
    "geteuid": 107,
    "getegid": 108,
    "getresuid": 118,
    "getresgid": 120,
    "getgroups": 115,
    "getrlimit": 97,
    "uname": 63,
    "getcpu": 309,
    "getrandom": 318,
    "sched_get_priority_max": 146,
    "sched_get_priority_min": 147,
    # threads
    "set_robust_list": 273,
    "set_tid_address": 218,
    "rseq": 334,
    "exit": 60,
    "exit_group": 231,
}
#: Calls with conditions on their arguments.
_MMAP, _MADVISE = 9, 28
_IOCTL, _CLONE, _KILL, _FCNTL, _PRCTL, _ARCH_PRCTL, _TKILL, _FUTEX = 16, 56, 62, 72, 157, 158, 200, 202
_GETAFFINITY, _GETSCHEDULER, _GETPARAM, _TGKILL, _PRLIMIT = 204, 145, 143, 234, 302
_CLOCK_GETTIME, _CLOCK_GETRES, _CLOCK_NANOSLEEP = 228, 229, 230
#: First number of the calls that are newer than this list (of 2019: from there on all machines share their numbers).
NEW = 424
X32 = 0x40000000

# Instructions of the classic Berkeley packet filter, from linux/bpf_common.h.
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_KILL_PROCESS, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_ARCHITECTURE, _NUMBER, _X86_64 = 4, 0, 0xC000003E
_SET_FILTER, _ACTION_AVAILABLE, _ALL_THREADS, _SECCOMP = 1, 2, 1, 317

_CLONE_NEEDED = 0x00010000  # CLONE_THREAD
#: VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID, DETACHED, CHILD_SETTID
_CLONE_ALLOWED = 0x017D0F00
_MAP_HUGETLB = 0x40000  # pages of a store that all processes of a machine share
#: What memory is wanted for: normal, random, sequential, needed, not needed, free; for forks, in large pages, in core
#: dumps, for forks again, filled in now, guarded. Nothing that shares pages with other processes or takes theirs.
_MADVISE_ALLOWED = (0, 1, 2, 3, 4, 8, 10, 11, 14, 15, 16, 17, 18, 19, 22, 23, 102, 103)
_FUTEX_PRIVATE = 0x80
_FUTEX_WAIT, _FUTEX_WAIT_BITSET, _FUTEX_REALTIME = 0, 9, 0x100
_CLOCKS = 16  # numbers below are the machine's clocks and one's own; a negative one is the clock of some process
_FCNTL_ALLOWED = (0, 1, 2, 3, 4, 1030)  # DUPFD, GETFD, SETFD, GETFL, SETFL, DUPFD_CLOEXEC
_IOCTL_ALLOWED = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, GWINSZ, FIONREAD, FIONBIO, (un)set CLOEXEC
#: Set and get the name, name a mapping; get: dumpable, parent's death signal, seccomp, no new privileges.
_PRCTL_ALLOWED = (15, 16, 0x53564D41, 3, 2, 21, 39)
_ARCH_PRCTL_ALLOWED = (0x1021, 0x1022, 0x1023)  # what the matrix units of a processor ask for

Filter = list[tuple[int, int, int, int]]


def _step(code: int, value: int, yes: int = 0, no: int = 0) -> tuple[int, int, int, int]:
    return code, yes, no, value


def _low(argument: int) -> tuple[int, int, int, int]:
    return _step(_LOAD, 16 + 8 * argument)


def _refuse(number: int = errno.EPERM) -> tuple[int, int, int, int]:
    return _step(_RETURN, _ERRNO | number)


_PASS = _step(_RETURN, _ALLOW)


def _where(number: int, check: Filter) -> Filter:
    """`check`, each path of which returns, for one system call."""
    return [_step(_EQUAL, number, no=len(check)), *check]


def _one_of(argument: int, values: Sequence[int]) -> Filter:
    """Allow where the low half of an argument is one of the values: the kernel reads these arguments as 32 bits."""
    last = len(values)
    tests = [_step(_EQUAL, value, yes=last - at) for at, value in enumerate(values)]
    return [_low(argument), *tests, _refuse(), _PASS]


def _threads_only() -> Filter:
    """clone(2) without a right to a new process or namespace; flags are 64 bits, of which the kernel reads the low."""
    return [
        _low(0),
        _step(_ANY_BIT, ~_CLONE_ALLOWED & 0xFFFFFFFF, yes=1),
        _step(_ANY_BIT, _CLONE_NEEDED, yes=1),
        _refuse(),
        _PASS,
    ]


def _private_wakes() -> Filter:
    """futex(2) within the process alone: on a page of a file that both have mapped, another worker could be woken.

    The end of a thread wakes whoever waits at an address of its choice, and no filter sees that. So nobody can wait on
    what is shared. The C library does, for the end of a thread: it is told to look again, until that has come.
    """
    waits = (_FUTEX_WAIT, _FUTEX_WAIT_BITSET, _FUTEX_WAIT_BITSET | _FUTEX_REALTIME)
    tests = [_step(_EQUAL, wait, yes=3 - at) for at, wait in enumerate(waits)]
    return [_low(1), _step(_ANY_BIT, _FUTEX_PRIVATE, yes=5), *tests, _refuse(), _refuse(errno.EAGAIN), _PASS]


def _own_pages() -> Filter:
    """mmap(2) but for pages that are taken from a store of the machine's, whose rest another worker could count."""
    return [_low(3), _step(_ANY_BIT, _MAP_HUGETLB, no=1), _refuse(), _PASS]


def _own_clocks() -> Filter:
    return [_low(0), _step(_AT_LEAST, _CLOCKS, no=1), _refuse(), _PASS]


def _own_signals(own: int, signal_at: int) -> Filter:
    """Signals to oneself, but for SIGKILL, which the referee takes for an end from outside and plays the game again.

    An agent that draws its play by chance would end itself whenever it loses, and draw again.
    """
    return [
        _low(0),
        _step(_EQUAL, own, no=3),
        _low(signal_at),
        _step(_EQUAL, signal.SIGKILL, yes=1),
        _PASS,
        _refuse(),
    ]


def _only_asking() -> Filter:
    """prlimit64(2) of oneself, with no new limits: the third argument is a null pointer, in both its halves."""
    return [
        _low(0),
        _step(_EQUAL, 0, no=5),
        _low(2),
        _step(_EQUAL, 0, no=3),
        _step(_LOAD, 16 + 8 * 2 + 4),
        _step(_EQUAL, 0, no=1),
        _PASS,
        _refuse(),
    ]


@cache
def _common() -> Filter:
    """What does not depend on the process, its most frequent calls first."""
    steps: Filter = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, _X86_64, yes=1),
        _step(_RETURN, _KILL_PROCESS),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, X32, no=1),
        _step(_RETURN, _KILL_PROCESS),
    ]
    for number in PLAIN.values():
        steps += _where(number, [_PASS])
    steps += _where(_MMAP, _own_pages())
    steps += _where(_MADVISE, _one_of(2, _MADVISE_ALLOWED))
    steps += _where(_FUTEX, _private_wakes())
    for number in (_CLOCK_GETTIME, _CLOCK_GETRES, _CLOCK_NANOSLEEP):
        steps += _where(number, _own_clocks())
    steps += _where(_CLONE, _threads_only())
    steps += _where(_FCNTL, _one_of(1, _FCNTL_ALLOWED))
    steps += _where(_IOCTL, _one_of(1, _IOCTL_ALLOWED))
    steps += _where(_PRCTL, _one_of(0, _PRCTL_ALLOWED))
    steps += _where(_ARCH_PRCTL, _one_of(0, _ARCH_PRCTL_ALLOWED))
    return [*steps, *_where(_PRLIMIT, _only_asking())]


def _of(own: int) -> Filter:
    """What names the process itself, then the end of the filter."""
    steps: Filter = []
    for number, signal_at in ((_KILL, 1), (_TKILL, 1), (_TGKILL, 2)):
        steps += _where(number, _own_signals(own, signal_at))
    for number in (_GETAFFINITY, _GETSCHEDULER, _GETPARAM):
        steps += _where(number, _one_of(0, (0, own)))
    return [*steps, _step(_AT_LEAST, NEW, no=1), _refuse(errno.ENOSYS), _refuse()]


def program(own: int) -> Filter:
    """The filter of a process whose number is `own`, as instructions (code, jump if true, jump if false, value)."""
    return [*_common(), *_of(own)]


@cache
def prepare() -> bytes:
    """The common part as the kernel reads it; forked processes inherit it."""
    return _packed(_common())


def _packed(steps: Filter) -> bytes:
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def enforce(own: int) -> str:
    """Put the filter in force for all threads, for ever; returns its name. No new privileges must have been set."""
    _install(prepare() + _packed(_of(own)))
    return "seccomp"


def refuse_to_truncate() -> None:
    """Refuse to empty a file by opening it, where Landlock does not know of it; comes before `enforce`."""
    steps: Filter = [_step(_LOAD, _NUMBER)]
    for number, flags in ((PLAIN["open"], 1), (PLAIN["openat"], 2)):
        steps += _where(number, [_low(flags), _step(_ANY_BIT, os.O_TRUNC, no=1), _refuse(), _PASS])
    _install(_packed([*steps, _PASS]))


def _install(code: bytes) -> None:
    call(_SECCOMP, _SET_FILTER, _ALL_THREADS, ctypes.byref(_Program(len(code) // 8, code)))


def available() -> bool:
    """Whether this kernel can filter system calls and end a process that makes a foreign one."""
    try:
        call(_SECCOMP, _ACTION_AVAILABLE, 0, ctypes.byref(ctypes.c_uint32(_KILL_PROCESS)))
    except OSError:
        return False
    return True

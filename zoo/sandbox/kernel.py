"""Calls of the Linux kernel for which Python has no function, through ctypes."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache

#: Options of prctl(2), from linux/prctl.h.
SET_PDEATHSIG, GET_DUMPABLE, SET_DUMPABLE, SET_KEEPCAPS, GET_SECCOMP = 1, 3, 4, 8, 21
CAPBSET_READ, CAPBSET_DROP, SET_NO_NEW_PRIVS, CAP_AMBIENT, CAP_AMBIENT_CLEAR_ALL = 23, 24, 38, 47, 4


@cache
def libc() -> ctypes.CDLL:
    """The C library of this process, with an `errno` of its own per call."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def call(number: int, *arguments: object) -> int:
    """One system call by its number on x86_64; integers are passed as 64 bits.

    Raises:
        OSError: the kernel refused.
    """
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(libc().syscall(ctypes.c_long(number), *wide))


def prctl(option: int, *arguments: int) -> int:
    """Set or get something of this process by prctl, whose unused arguments must be zero.

    Raises:
        OSError: the kernel refused.
    """
    rest = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    return _checked(libc().prctl(ctypes.c_int(option), *rest))


def machine() -> str | None:
    """None where the numbers of system calls in this room hold, else what this machine is instead."""
    if sys.platform != "linux":
        return f"confinement needs Linux, and this is {platform.system() or sys.platform}"
    if platform.machine() != "x86_64" or sys.maxsize < 2**32:
        return f"confinement is written for x86_64, and this machine is {platform.machine()}"
    return None


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

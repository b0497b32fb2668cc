"""Attacks below Python: system calls of other kinds of program, and machine code."""

from __future__ import annotations

import ctypes
import mmap
import os

from zoo.sandbox.attacks.base import Attack, won


class ForeignNumbers(Attack):
    """Makes system calls by the numbers of the 32-bit kind that 64-bit processors have."""

    defence = "seccomp"

    def strike(self) -> None:
        """An answer is a success."""
        library = ctypes.CDLL(None, use_errno=True)
        for number in (39, 57, 41, 520):
            result = library.syscall(ctypes.c_long(0x40000000 | number), 2, 1, 0)
            if result >= 0:
                won(f"call {number} answers {result}")
            print(os.strerror(ctypes.get_errno()))


class OldInterrupt(Attack):
    """Makes system calls through the interrupt of 32-bit programs, in which the same numbers mean other calls."""

    defence = "seccomp"

    def strike(self) -> None:
        """An answer is a success: it is asked for its own number."""
        # mov eax, 20; int 0x80; ret
        result = _run(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
        if result == os.getpid():
            won(f"getpid answers {result}")


class DirectCall(Attack):
    """Makes the system call for a new process from machine code of its own, past every library."""

    defence = "seccomp"

    def strike(self) -> None:
        """A child is a success."""
        # mov eax, 57; syscall; ret
        result = _run(b"\xb8\x39\x00\x00\x00\x0f\x05\xc3")
        if result == 0:
            os._exit(0)
        if result > 0:
            won(f"the child {result}")


def _run(code: bytes) -> int:
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    result: int = ctypes.CFUNCTYPE(ctypes.c_int)(address)()
    return result

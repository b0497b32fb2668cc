"""Landlock: which files a process may read, and that it may write none, open no TCP and signal nobody outside.

Source: Linux, Documentation/userspace-api/landlock.rst. Rights that this kernel does not know are left out; seccomp
(`zoo.sandbox.seccomp`) refuses every system call that would need them.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from zoo.sandbox.kernel import call

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION = 1  # flag of _CREATE: answer the number of the interface
_PATH_BENEATH = 1
_WRITE, _READ, _LIST = 1 << 1, 1 << 2, 1 << 3
#: How many rights for files each interface knows, the first ones in their order.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_TCP, _SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals
#: First interfaces that know of emptying files, of TCP, and of the two scopes.
KNOWS_TRUNCATING, _KNOWS_TCP, _KNOWS_SCOPES = 3, 4, 6


def version() -> int:
    """The number of this kernel's Landlock interface; 0 where it has none or hides it."""
    try:
        return call(_CREATE, None, 0, _VERSION)
    except OSError:
        return 0


class Ruleset:
    """What this process will be allowed; everything that is not named is refused."""

    def __init__(self) -> None:
        self.version = version()
        rights = (1 << _FILE_RIGHTS.get(self.version, max(_FILE_RIGHTS.values()))) - 1
        fields = [rights, _TCP, _SCOPES]
        known = 1 + (self.version >= _KNOWS_TCP) + (self.version >= _KNOWS_SCOPES)
        attributes = struct.pack(f"={known}Q", *fields[:known])
        self._file = call(_CREATE, ctypes.c_char_p(attributes), len(attributes), 0)

    def read(self, paths: Iterable[Path | str]) -> None:
        """Allow to read files, and to read and list folders with all that lies below; what does not exist is skipped.

        Libraries can be mapped as code, as that takes no more than reading. Nothing may be executed.
        """
        for path in paths:
            self._allow(path, _READ)

    def discard(self, path: Path | str) -> None:
        """Allow to read and write one device that forgets what is written."""
        self._allow(path, _READ | _WRITE)

    def enforce(self) -> str:
        """Put the rules in force for this thread and the ones that it will start, for ever; returns their name.

        No new privileges must have been set before.
        """
        call(_RESTRICT, self._file, 0)
        os.close(self._file)
        lacks = lacking(self.version)
        return f"landlock-abi{self.version}" + (f" without {', '.join(lacks)}" if lacks else "")

    def _allow(self, path: Path | str, rights: int) -> None:
        try:
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        try:
            if os.path.isdir(path):
                rights |= _LIST
            rule = struct.pack("=Qi", rights, file)
            call(_ADD, self._file, _PATH_BENEATH, ctypes.c_char_p(rule), 0)
        finally:
            os.close(file)


def lacking(number: int) -> Sequence[str]:
    """What an interface does not know of the things that the sandbox asks of it; seccomp refuses these too."""
    first = {"truncation": KNOWS_TRUNCATING, "TCP": _KNOWS_TCP, "signals": _KNOWS_SCOPES}
    return [what for what, known_from in first.items() if number < known_from]

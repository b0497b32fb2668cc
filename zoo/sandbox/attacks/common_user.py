"""Root becomes a common user, to see what the sandbox is worth where nobody is root.

The user gets a view of the machine in which Python can be read, where its folder is root's own.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import zoo
from zoo.sandbox import identity, kernel
from zoo.sandbox.confine import trusted

_UNSHARE, _MOUNT, _NEW_MOUNTS = 272, 165, 0x00020000
_BIND, _RECURSIVE, _PRIVATE = 0x1000, 0x4000, 1 << 18


def become_common() -> int:
    """Turn this process, which must be root's, into that of a user without any right, for ever; returns the user.

    Raises:
        OSError: the machine does not let root do it.
    """
    user = identity.user_for(os.getpid())
    if user is None:
        raise PermissionError("there is no other user here")
    root = Path(zoo.__file__).resolve().parent.parent
    needed = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable), root, *trusted()]
    if closed := [path.resolve() for path in needed if not identity.open_to_all(path)]:
        _show(closed)
    identity.become(user, search=False)
    kernel.prctl(kernel.SET_DUMPABLE, 1)
    return user


def _show(paths: Iterable[Path]) -> None:
    """Make paths reachable for all in a view of the files that only this process and its children have."""
    kernel.call(_UNSHARE, _NEW_MOUNTS)
    _mount(b"none", Path("/"), b"none", _RECURSIVE | _PRIVATE)
    outermost: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(shown) for shown in outermost):
            outermost.append(path)
    covers: dict[Path, list[tuple[Path, int]]] = {}
    for path in outermost:
        shut = next(f for f in reversed(path.parents) if not f.stat().st_mode & 0o001)
        covers.setdefault(shut, []).append((path, os.open(path, os.O_PATH)))
    for shut, inside in covers.items():
        _mount(b"tmpfs", shut, b"tmpfs", 0, b"mode=755")
        for path, file in inside:
            if os.stat(file).st_mode & 0o040000:
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            _mount(f"/proc/self/fd/{file}".encode(), path, b"none", _BIND | _RECURSIVE)
            os.close(file)


def _mount(source: bytes, target: Path, kind: bytes, flags: int, options: bytes | None = None) -> None:
    texts = [ctypes.c_char_p(text) for text in (source, bytes(target), kind)]
    kernel.call(_MOUNT, *texts, flags, ctypes.c_char_p(options))

"""Plays an attack in a plain fork of this process: without confinement to see that it is one, or behind `confine`."""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_KEPT = 1 << 16  # bytes of what an attack prints
_AT_MOST = 20.0  # seconds


def forked(folder: Path, name: str, level: str | None) -> tuple[str, int]:
    """What the attack `name` of `attack.py` in a folder prints, and its exit code or minus the signal that ended it.

    With a level, the fork is confined first; None confines nothing. Whatever the attack leaves of itself is ended.
    """
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        _strike(folder, name, level, writes)
    os.close(writes)
    try:
        log, status = _watched(reads, child)
    finally:
        os.close(reads)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
    return log.decode(errors="replace"), os.waitstatus_to_exitcode(status)


def _watched(reads: int, child: int) -> tuple[bytes, int]:
    log = b""
    deadline = time.monotonic() + _AT_MOST
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        while select.select([reads], [], [], 0.02)[0]:
            piece = os.read(reads, _KEPT)
            log = (log + piece)[-_KEPT:]
            if not piece or time.monotonic() > deadline:
                break
        if ended:
            return log, status
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            return log, os.waitpid(child, 0)[1]


def _strike(folder: Path, name: str, level: str | None, writes: int) -> None:
    """Become the attack; never returns."""
    try:
        os.setpgid(0, 0)
        with open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
        os.dup2(writes, 1)
        os.dup2(writes, 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", closefd=False)
        if level is not None:
            from zoo.sandbox.confine import confine

            os.environ.clear()
            confine(level, [folder], keep=(0, 1, 2))
        spec = importlib.util.spec_from_file_location("attack", folder / "attack.py")
        assert spec is not None and spec.loader is not None  # every file *.py has them
        module = sys.modules["attack"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        kind = getattr(module, name)
        kind.strike(object.__new__(kind))  # it needs no game
        sys.stdout.flush()
    except BaseException as error:
        with suppress(BaseException):
            os.write(1, f"{type(error).__name__}: {error}\n".encode())
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
        os._exit(0)

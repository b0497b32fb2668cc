"""What all attacks share. An attack prints what it has got; the stage decides whether that is a success."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch

from agents.protocol import Agent, Memory, Seating
from arenas.protocol import Action, TimeStep

#: Begins the line that claims a success.
WON = "won:"
#: Begins the line that names the agent's process and its parent.
PROCESS = "process"
#: The line that ends what an act prints.
ACTED = "has acted"


class Attack(Agent):
    """An agent that attacks in its first act, and then plays on.

    Class attributes:
        defence: what stops it.
        faults: statuses of which one must be its end, where playing on would be a success.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    defence: ClassVar[str] = ""
    faults: ClassVar[tuple[str, ...]] = ()

    def build(self, seed: int) -> None:
        """There is nothing to build."""

    def begin(self, seating: Seating) -> Memory:
        """It remembers nothing."""
        return {}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Attack, then play the first action."""
        os.write(1, f"{PROCESS} {os.getpid()} of {os.getppid()}\n".encode())
        self.strike()
        sys.stdout.flush()
        os.write(1, f"{ACTED}\n".encode())
        return Action(torch.zeros(len(timestep.reward), dtype=torch.long)), memory

    def strike(self) -> None:
        """The attack; what it prints is judged. Exceptions are what a stopped attack ends with."""
        raise NotImplementedError

    @property
    def here(self) -> Path:
        """The folder of its own."""
        return Path(str(sys.modules[type(self).__module__].__file__)).parent

    @property
    def aims(self) -> dict[str, Any]:
        """Where the targets are: nothing about them has to be guessed."""
        aims: dict[str, Any] = json.loads((self.here / "aims.json").read_text())
        return aims


def won(what: object) -> None:
    """Claim a success, past Python's buffers."""
    os.write(1, f"{WON} {what}\n"[:500].encode())


def each(*attempts: Callable[[], object]) -> None:
    """Make all attempts, whatever becomes of the others, and claim a success for each that is not refused."""
    for number, attempt in enumerate(attempts):
        try:
            result = attempt()
        except Exception as error:
            print(f"{number}: {type(error).__name__}: {error}"[:200])
        else:
            won(f"{number}: {result!r}"[:300])


def system(number: int, *arguments: int | bytes | None) -> int:
    """A system call by its number.

    Raises:
        OSError: it is refused.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    wide = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    result: int = library.syscall(ctypes.c_long(number), *wide)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result

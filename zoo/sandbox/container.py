"""Level `container`: the process that agents are forked from lies in a bubblewrap, in which hardly a file exists.

The container has process numbers, a network without links, messages and a host's name of its own, and the libraries
that every agent may read. Each worker then hides the other agents' copies from itself and is confined as in `strict`.
So an agent cannot even ask whether a file of yours exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from zoo.sandbox import identity, view

#: Where a worker finds its own files, and where those of all agents are until it hides them: not where they lie
#: outside, so that the names of your folders are not shown.
OWN, _COPIES = Path("/agent"), Path("/agents")
_EMPTY = "/nothing"
_APART = (
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--unshare-cgroup-try",
    "--hostname",
    "agent",
)
#: What root's container keeps of root: to end workers, to become other users, to hide files, to read as `strict` does.
_KEPT = ("CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH")
#: What links in the libraries lead to; Landlock keeps agents from it.
_BESIDE = ("/etc/alternatives",)
_SPECIAL = ("/proc", "/dev")  # the container's own
#: Most processes of a machine, and users that `identity` has for them.
_PROCESSES, _USERS = 1 << 22, 1 << 28


@cache
def lacking() -> str | None:
    """None where this machine can make containers, else what it lacks, in one line."""
    program = shutil.which("bwrap")
    if program is None:
        return "bubblewrap (the program `bwrap`) is not installed"
    command = [program, *_options(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", program, "--version"]
    try:
        tried = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not run here: {error}"
    if tried.returncode == 0:
        return None
    said = tried.stderr.strip().splitlines()[-1:] or [f"exit code {tried.returncode}"]
    return f"bubblewrap cannot make a container here, where user namespaces may be forbidden ({said[0][:200]})"


def command(inside: Sequence[str], readable: Iterable[Path], copies: Path, dies: bool) -> list[str]:
    """The command that runs `inside`, whose first word is this Python, in a container.

    Args:
        inside: the command.
        readable: folders and files that it can read, besides what its Python needs.
        copies: the folder of the agents' copies, which it can read too.
        dies: whether it ends with the thread that starts it.
    """
    words = [str(shutil.which("bwrap")), *_options(), *(["--die-with-parent"] if dies else [])]
    shown = {str(path): str(path) for path in outermost([*readable, *map(Path, _BESIDE)])}
    shown[str(_COPIES)] = str(copies)
    shown[inside[0]] = os.path.realpath(inside[0])
    shown[f"{sys.prefix}/pyvenv.cfg"] = f"{sys.prefix}/pyvenv.cfg"
    shown = {target: source for target, source in shown.items() if not target.startswith(_SPECIAL)}
    above = {folder for target in shown for folder in Path(target).parents} - {Path("/")}
    for folder in [*sorted(above), OWN, Path(_EMPTY)]:  # bubblewrap would let root alone in
        words += ["--perms", "0755", "--dir", str(folder)]
    for target, source in shown.items():
        words += ["--ro-bind-try", source, target]
    return [*words, "--proc", "/proc", "--dev", "/dev", "--chdir", "/", "--remount-ro", "/", *inside]


def outermost(paths: Iterable[Path]) -> list[Path]:
    """Those of the paths that lie in no other one, sorted."""
    kept: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def enter(folder: Path) -> Path:
    """Leave of all copies only this worker's own, in a view of the files that nobody else has; returns where it is.

    Raises:
        OSError: the kernel refused.
    """
    if os.geteuid() != 0:
        identity.own_users()
    view.unshare()
    view.bind(_COPIES / folder.name, OWN)
    view.bind(Path(_EMPTY), _COPIES)
    return OWN


def who(container: int, number: int) -> int:
    """A number that no other living worker on this machine has: processes in two containers have the same numbers.

    Args:
        container: the process that the container belongs to.
        number: how many workers it has had.
    """
    return container + _PROCESSES * (1 + number % (_USERS // _PROCESSES - 1))


def number_here(process: int) -> int:
    """The number of a process, which a descriptor stands for, as this process sees it.

    Raises:
        OSError: it has ended and is forgotten.
    """
    lines = Path(f"/proc/self/fdinfo/{process}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


def _options() -> list[str]:
    kept = [word for name in _KEPT for word in ("--cap-add", name)] if os.geteuid() == 0 else []
    return [*_APART, *kept]

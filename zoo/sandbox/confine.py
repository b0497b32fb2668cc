"""The confinement of one worker: after `confine`, its process can read its own folder and libraries, and compute.

Called once in a process that was forked after the trusted imports and has a single thread. Order matters: files are
opened for Landlock while they can be, the change of user takes back what `bind` sets, and the filter of system calls
comes last, as it refuses all the calls before it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from zoo import home
from zoo.sandbox import container, identity, kernel, landlock, seccomp, view
from zoo.sandbox.limits import Limits, threads_of

#: Packages of this distribution that agents import, wherever they lie.
_OWN = ("agents", "arenas", "leaderboard", "zoo")
#: What the C library and torch read: shared libraries, time zones, languages, what processor this is.
_SYSTEM = (
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/dev/urandom",
    "/proc/cpuinfo",
    # how many processors there are, and nothing that changes while others work
    *(f"/sys/devices/system/cpu/{name}" for name in ("online", "possible", "present", "kernel_max")),
    *(f"/sys/devices/system/node/{name}" for name in ("online", "possible")),
)
_NOTHING = "/dev/null"
#: Variables that a worker's environment may hold; they say nothing about the machine's owner.
_HARMLESS = ("LANG", "LC_", "TZ", "PYTHON", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "TORCH_", "ZOO_ISOLATION")
_CONFINED = ("strict", "container")
_FORK = 57
#: First Linux whose user namespaces count their own threads.
_COUNTS_THREADS = (5, 14)


class NotConfined(Exception):
    """The process could not be confined; a stranger's code must not run in it."""


def supported(level: str) -> str | None:
    """None where this machine can confine so, else one line, what it lacks."""
    if level == "trusted":
        return None
    if not hasattr(os, "fork"):
        return "this system cannot fork processes"
    if level not in _CONFINED:
        return None
    if reason := kernel.machine():
        return reason
    if not seccomp.available():
        return "this kernel has no seccomp filter, or the container around hides it"
    if not landlock.version():
        return "this kernel has no Landlock (Linux 5.13 or later has), or the container around hides it"
    if identity.stuck_as_root():
        return "root may not become another user here, and nothing limits root's threads; be a common user instead"
    return _exposed() or (container.lacking() if level == "container" else None)


def _exposed() -> str | None:
    """Whether what the zoo keeps lies where every agent may read, in one line."""
    kept = home.folder().resolve()
    for path in trusted():
        if kept.is_relative_to(path.resolve()):
            return f"the zoo's home {kept} lies in {path}, where agents read their libraries; set ZOO_HOME elsewhere"
    return None


@cache
def trusted() -> tuple[Path, ...]:
    """Folders and files that every worker may read: Python's and other libraries, and this distribution's packages.

    Computed once per process and inherited by forks. Folders that merely lie beside these, such as the rest of an
    environment or of a checkout, are not among them.
    """
    paths = sysconfig.get_paths()
    found = [paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [f"{prefix}/lib" for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    found += site.getsitepackages()
    if site.ENABLE_USER_SITE:
        found.append(site.getusersitepackages())
    found += [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    for package in _OWN:
        spec = importlib.util.find_spec(package)
        found += list(spec.submodule_search_locations or []) if spec else []
    return tuple(dict.fromkeys(Path(path) for path in [*found, *_SYSTEM] if os.path.exists(path)))


def prepare() -> None:
    """Do what all workers of a process have in common, before it forks them."""
    _libraries_are_open()
    if kernel.machine() is None:
        importlib.import_module("resource")
        kernel.libc()
        seccomp.prepare()


@cache
def _libraries_are_open() -> bool:
    """Whether every user of the machine may read the libraries."""
    return all(identity.open_to_all(path) for path in trusted())


def confine(
    level: str,
    readable: Sequence[Path],
    limits: Limits = Limits(),  # noqa: B008  (it is frozen)
    *,
    keep: Collection[int] | None = None,
    parent: int | None = None,
    who: int | None = None,
) -> tuple[str, ...]:
    """Confine this process for ever.

    Args:
        level: `process` limits resources and, as root, becomes another user; `strict` allows no files but `readable`
            and the libraries, no writing, no network, no processes, no other process's attention; `container` also
            hides what lies beside the first of `readable`, and is for processes that were forked in one.
        readable: folders and files of its own.
        limits: how much of the machine it may use.
        keep: the open files that it keeps; every other one is closed. None closes none.
        parent: the process that started it, with which it will end; None takes the present one.
        who: what no other living worker has, from which root makes a user; None takes the process's own number.

    Returns:
        The mechanisms in force, such as "landlock-abi7", "seccomp", "rlimits", "uid 1879049999".

    Raises:
        NotConfined: something of it could not be done, or is not in force; the process must end.
    """
    parent = os.getppid() if parent is None else parent
    strict = level in _CONFINED
    try:
        if strict:
            _check()
        if keep is not None:
            _close_all_but(keep)
        if level == "container":
            readable = [container.enter(readable[0]), *readable[1:]]
        ruleset = _ruleset(readable) if strict else None
        done = (
            _lower(limits, readable, os.getpid() if who is None else who, strict)
            if sys.platform == "linux"
            else _limit(limits)
        )
        if sys.platform == "linux":
            identity.bind(parent)
        if ruleset is not None:
            done = [ruleset.enforce(), *done]
            if ruleset.version < landlock.KNOWS_TRUNCATING:
                seccomp.refuse_to_truncate()
            done.insert(1, seccomp.enforce(os.getpid()))
            _prove()
            done += ["bubblewrap"] if level == "container" else []
    except (OSError, ValueError) as error:
        raise NotConfined(f"{level}: {error}") from error
    return tuple(done)


def _check() -> None:
    """Only one thread, as Landlock binds the calling one alone, and nothing to read in the environment."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise NotConfined(f"the process has {threads} threads and must have one")
    told = sorted(name for name in os.environ if not name.startswith(_HARMLESS))
    if told:
        raise NotConfined(f"the environment still holds {', '.join(told)}")


def _close_all_but(keep: Collection[int]) -> None:
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    for name in os.listdir(folder):
        if int(name) not in keep:
            try:
                os.close(int(name))
            except OSError:
                continue  # the listing's own


def _ruleset(readable: Sequence[Path]) -> landlock.Ruleset:
    rules = landlock.Ruleset()
    rules.read([*trusted(), *readable])
    rules.discard(_NOTHING)
    return rules


def _lower(limits: Limits, readable: Sequence[Path], who: int, strict: bool) -> list[str]:
    """Set the limits, then become somebody without privileges. Returns the names of what is in force."""
    if (user := identity.user_for(who)) is not None:
        limits.enforce(limits.threads)
        closed = not _libraries_are_open() or not all(identity.open_to_all(path) for path in readable)
        seen = _see_less(readable) if strict else []
        return ["rlimits", *seen, identity.become(user, search=closed)]
    # Threads are counted per user: a namespace of one's own has only one's own, else the present ones are added.
    apart = tuple(map(int, os.uname().release.split(".")[:2])) >= _COUNTS_THREADS and identity.own_users()
    user = os.stat("/proc/self").st_uid
    limits.enforce(limits.threads if apart else threads_of(user) + limits.threads)
    seen = _see_less(readable) if strict else []
    identity.without_privileges()
    return ["rlimits", *seen, *(["own user namespace"] if apart else [])]


def _see_less(readable: Sequence[Path]) -> list[str]:
    folder = next((path for path in readable if path.is_dir()), None)
    return ["own view of the files"] if folder is not None and view.close(folder) else []


def _limit(limits: Limits) -> list[str]:
    import resource

    limits.enforce(resource.getrlimit(resource.RLIMIT_NPROC)[1])
    return ["rlimits"]


def _prove() -> None:
    """What is in force must be seen to be: the root folder cannot be listed, nor a process started."""
    for attempt in (_list_root, _fork):
        with contextlib.suppress(PermissionError):
            attempt()
            raise NotConfined("the confinement is not in force")


def _list_root() -> None:
    os.listdir("/")


def _fork() -> None:
    if kernel.call(_FORK) == 0:
        os._exit(1)

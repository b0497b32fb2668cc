"""`zoo doctor`: whether this machine has all that the zoo needs, and what to do where it lacks something."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

_NAME = "marl-zoo"
_PYTHON = (3, 11)
_DISK, _MEMORY = 1_000_000_000, 2_000_000_000  # bytes below which a line says so
_REQUIREMENT = re.compile(r"^([A-Za-z0-9_.-]+)")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")

#: "fine", "note" where something is left out that not everybody needs, "fault" where the zoo cannot work as it should.
State = Literal["fine", "note", "fault"]


@dataclass(frozen=True)
class Diagnosis:
    """What one look found: its subject, its state, what is there, and what to do about it ("" where nothing)."""

    subject: str
    state: State
    found: str
    cure: str = ""


def examine() -> Iterator[Diagnosis]:
    """Look at everything, one finding after another. Nothing is changed but a file that is written and removed."""
    from zoo.errors import UserError

    looks: dict[str, Callable[[], Iterator[Diagnosis]]] = {
        "Python": _python,
        "zoo": _libraries,
        "torch": _torch,
        "home": _home,
        "disk": _disk,
        "memory": _memory,
        "confinement": _confinement,
        "extras": _extras,
    }
    for subject, look in looks.items():
        try:
            yield from look()
        except (OSError, UserError) as error:
            yield Diagnosis(subject, "fault", f"cannot be looked at: {error}")


def _python() -> Iterator[Diagnosis]:
    version = platform.python_version()
    if sys.version_info < _PYTHON:
        yield Diagnosis("Python", "fault", version, f"use Python {_PYTHON[0]}.{_PYTHON[1]} or later")
    else:
        yield Diagnosis("Python", "fine", f"{version} at {sys.executable}")


def requirements() -> dict[str, list[str]]:
    """Extra ("" for none) -> distributions that it needs, as the installed zoo says; extras made of extras are left."""
    needed: dict[str, list[str]] = {}
    for line in metadata.requires(_NAME) or []:
        extra, name = _EXTRA.search(line), _REQUIREMENT.match(line)
        if name is not None and name[1] != _NAME:
            needed.setdefault(extra[1] if extra else "", []).append(name[1])
    return needed


def _lacking(distributions: list[str]) -> list[str]:
    return [name for name in distributions if not _installed(name)]


def _installed(name: str) -> str:
    """The version, "" where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _libraries() -> Iterator[Diagnosis]:
    needed = requirements().get("", [])
    lacking = _lacking(needed)
    version = _installed(_NAME)
    if lacking:
        yield Diagnosis("zoo", "fault", f"{version}, without {', '.join(lacking)}", f"pip install {' '.join(lacking)}")
    else:
        yield Diagnosis("zoo", "fine", f"{version} with all {len(needed)} libraries that it needs")


def _torch() -> Iterator[Diagnosis]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Diagnosis("torch", "fault", f"cannot be imported: {error}", "install torch anew, as its own site says")
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    said = f"{torch.__version__}, {threads} of {cores} cores; the zoo plays with 1 thread a process"
    if threads > cores:
        yield Diagnosis("torch", "note", said, f"set OMP_NUM_THREADS={cores}, or --workers gets slower by waiting")
    else:
        yield Diagnosis("torch", "fine", f"{said}, --workers {cores} uses them all" if cores > 1 else said)


def _confinement() -> Iterator[Diagnosis]:
    from zoo.sandbox.levels import DEFAULT, refusal

    why = refusal(DEFAULT)
    if why is None:
        yield Diagnosis("confinement", "fine", f"level {DEFAULT} is kept by the kernel: strangers' agents are apart")
    else:
        yield Diagnosis("confinement", "fault", why, "see docs/sandbox.md; agents that ship with the zoo play anyway")
    container = refusal("container")
    if container is None:
        yield Diagnosis("container", "fine", "bubblewrap is there, for --isolation container")
    else:
        yield Diagnosis("container", "note", "no bubblewrap, which --isolation container needs", "install bubblewrap")


def _home() -> Iterator[Diagnosis]:
    from leaderboard.errors import StoreError
    from leaderboard.report.layout import plural
    from zoo import home
    from zoo.errors import UserError

    try:
        folder = home.folder()
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except (OSError, UserError) as error:
        told = str(error)
        yield Diagnosis(
            "home", "fault", told, "" if "ZOO_HOME" in told else "set ZOO_HOME to a folder that you may write to"
        )
        return
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(_size(path) for path in files)
    try:
        with home.read_records() as store:
            games = f"records of {plural(len(home.arenas_with_records(store)), 'arena')}"
    except (StoreError, UserError) as error:
        there = Path(home.records()).exists() or "://" in home.records()
        if there:
            yield Diagnosis("home", "fault", str(error), "put a copy back, or set ZOO_HOME to another folder")
            return
        games = "no records yet"
    yield Diagnosis("home", "fine", f"{folder}, {_bytes(size)}, can be written; {games}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # it went away while we looked
        return 0


def _disk() -> Iterator[Diagnosis]:
    from zoo import home
    from zoo.errors import UserError

    try:
        free = shutil.disk_usage(home.folder()).free
    except (OSError, UserError):
        return  # which the line on the home has said
    if free < _DISK:
        yield Diagnosis("disk", "fault", f"{_bytes(free)} free", "free some room, or set ZOO_HOME to another disk")
    else:
        yield Diagnosis("disk", "fine", f"{_bytes(free)} free")


def _memory() -> Iterator[Diagnosis]:
    info = Path("/proc/meminfo")
    if not info.is_file():
        return
    found = re.search(r"MemAvailable:\s+(\d+) kB", info.read_text())
    if found is None:
        return
    free = int(found[1]) * 1000
    if free < _MEMORY:
        yield Diagnosis("memory", "note", f"{_bytes(free)} free", "use fewer --workers")
    else:
        yield Diagnosis("memory", "fine", f"{_bytes(free)} free")


def _extras() -> Iterator[Diagnosis]:
    for extra, needed in sorted(requirements().items()):
        if not extra or extra == "dev":
            continue
        lacking = _lacking(needed)
        if lacking:
            cure = f"pip install 'marl-zoo[{extra}]' if you want it"
            yield Diagnosis(f"extra {extra}", "note", f"without {', '.join(lacking)}", cure)
        else:
            yield Diagnosis(f"extra {extra}", "fine", ", ".join(f"{name} {_installed(name)}" for name in needed))


def _bytes(n: int) -> str:
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} bytes"

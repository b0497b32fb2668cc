"""Plays all attacks through `Remote`, as a match would, beside an honest agent that must not suffer."""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from agents.protocol import Agent, Memory, NoConfig, Seating
from arenas.protocol import ArenaSpec, SeatSpec, TimeStep
from zoo.errors import UserError
from zoo.sandbox.attacks.base import ACTED, PROCESS, WON, Attack
from zoo.sandbox.attacks.forked import forked
from zoo.sandbox.attacks.honest import Bystander, Works
from zoo.sandbox.attacks.stage import Stage
from zoo.sandbox.clock import Allowances
from zoo.sandbox.confine import supported
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.levels import DEFAULT, at, isolation
from zoo.sandbox.remote import Remote, remote_agent, remote_file
from zoo.sandbox.source import Source

#: Modules of attacks, and what they aim at.
GROUPS = {
    "files": "files",
    "processes": "processes and limits",
    "network": "network",
    "channels": "other agents",
    "native": "system calls",
    "referee": "the referee",
    "imports": "the referee",
    "declares": "the referee",
}
#: Shorter than in matches, so that the attacks on the clock take seconds.
ALLOWANCES = Allowances(load=5.0, bank=0.5, sleep=1.5)
_HELD_UP = 60.0  # wall seconds that no attack may last, on a busy machine
_LOG, _GROWTH = 9000, 256 << 20  # characters of a log and bytes of memory that an attack may cost the referee
_LINGERS = 5.0  # wall seconds after which a process that was ended is gone
_SPEC = ArenaSpec("stage", {"seat": SeatSpec((2,), 2)}, "mixed", 10, 1.0, frozenset({"discrete"}))


@dataclass(frozen=True)
class Attempt:
    """One attack and what became of it.

    Attributes:
        name, group, what, defence: the attack.
        evidence: what shows that it succeeded; nothing where it was stopped.
        end: the fault that it ended with, or "plays on".
        unconfined: whether it succeeds where nothing confines it; None where that is not tried.
        seconds: wall time.
    """

    name: str
    group: str
    what: str
    defence: str
    evidence: tuple[str, ...]
    end: str
    unconfined: bool | None
    seconds: float

    @property
    def stopped(self) -> bool:
        """Whether the defence held."""
        return not self.evidence


@dataclass(frozen=True)
class NotTried:
    """A column of the table that could not be tried, or not to its end: nothing is known of the rest.

    Attributes:
        who: who would have made the attempts.
        why: what was in the way.
        offered: whether matches on this machine can be held so; where not, they are refused, and nothing is promised.
    """

    who: str
    why: str
    offered: bool = True

    @property
    def line(self) -> str:
        """The same as a sentence."""
        means = "" if self.offered else "; matches at this level are refused here"
        return f"As {self.who}: not tried, {self.why}{means}."


def attacks(names: Sequence[str] = (), quick: bool = False) -> list[type[Attack]]:
    """All attacks in the order of their groups, or the named ones; `quick` leaves out those that wait for a clock.

    Raises:
        UserError: there is no such attack.
    """
    modules = [importlib.import_module(f"{__package__}.{group}") for group in GROUPS]
    classes = [value for module in modules for value in vars(module).values() if isinstance(value, type)]
    known = {kind.__name__: kind for kind in classes if issubclass(kind, Attack) and kind is not Attack}
    if unknown := set(names) - known.keys():
        raise UserError(f"there is no attack {min(unknown)}; known: {', '.join(known)}")
    wanted = [kind for name, kind in known.items() if not names or name in names]
    return [kind for kind in wanted if not quick or "TIMEOUT" not in kind.faults]


def plays(kinds: Sequence[type[Attack]], quick: bool = False) -> Iterator[tuple[str, int, Attempt] | NotTried]:
    """All that can be tried on this machine: (who makes the attempts, how many there will be, one of them).

    Attacks at the default level, as root also by a common user; then the same in containers, where they can be made.
    What could not be tried is told, too.

    Raises:
        UserError: this machine cannot confine agents.
    """
    root = os.geteuid() == 0
    lacks = supported("container")
    total = len(kinds) * (1 + root) * (2 if lacks is None else 1)
    for level, place in ((DEFAULT, ""), ("container", ", container")):
        me = f"{'root' if root else 'user'}{place}"
        if level == "container" and lacks is not None:
            yield NotTried(me, lacks, offered=False)
            continue
        for attempt in attempts(kinds, level, compare=not quick and not place):
            yield me, total, attempt
        for said in as_common_user([kind.__name__ for kind in kinds], level, quick) if root else ():
            yield NotTried(f"user{place}", said) if isinstance(said, str) else (f"user{place}", total, said)


def attempts(kinds: Sequence[type[Attack]], level: str = DEFAULT, compare: bool = True) -> Iterator[Attempt]:
    """Play the attacks one after another.

    `compare` also makes those that do not need a referee where nothing confines them, in a fork of this process.

    Raises:
        UserError: this machine cannot confine agents so.
    """
    with Stage() as stage, _set(stage.folder / "home"), at(level):
        with _Seated(_remote(stage, Works, {})) as works:
            works.act()
            if "works" not in works.log():
                raise UserError(f"honest agents do not work at level {level}: {works.log()}")
        bystander = _Bystander(stage)
        for kind in kinds:
            yield _attempt(stage, kind, bystander, compare)
        bystander.close()


def _attempt(stage: Stage, kind: type[Attack], bystander: _Bystander, compare: bool) -> Attempt:
    group = kind.__module__.rpartition(".")[2]
    unconfined = None
    if compare and GROUPS[group] != "the referee":
        folder = stage.prepared(kind)
        (folder / "link").symlink_to(stage.aims["secrets"][0])
        unconfined = bool(stage.evidence(forked(folder, kind.__name__, None)[0]))
        stage.reset()  # a signal may not have arrived yet
    started = time.monotonic()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    end, log = _play(stage, kind, bystander)
    seconds = time.monotonic() - started
    grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory)
    found = [
        *stage.evidence(log),
        *(
            [f"{end}, where {' or '.join(kind.faults)} is right"]
            if kind.faults and not end.startswith(kind.faults)
            else []
        ),
        *([f"the referee waited for {seconds:.0f} s"] if seconds > _HELD_UP else []),
        *([f"the referee kept {len(log):,} characters of log"] if len(log) > _LOG else []),
        *([f"the referee's memory grew by {grown >> 20} MB"] if grown > _GROWTH else []),
        *_left(log),
        *bystander.harm(),
    ]
    what = str(kind.__doc__).partition("\n")[0]
    return Attempt(kind.__name__, group, what, kind.defence, tuple(found), end, unconfined, seconds)


def _play(stage: Stage, kind: type[Attack], bystander: _Bystander) -> tuple[str, str]:
    """How the attack ends, and what it printed."""
    try:
        with _Seated(_remote(stage, kind, bystander.aims)) as seated:
            seated.act()
            seated.act()
            seated.agent.acting_state()
            return "plays on", seated.log()
    except AgentFault as fault:
        return f"{fault.status.name}: {fault.message}", fault.log
    except UserError as error:
        cause = error.__cause__
        if isinstance(cause, AgentFault):
            return f"{cause.status.name}: {cause.message}", cause.log
        return f"refused: {error}", ""
    except Exception as error:
        return f"refused: {error}", f"{WON} the referee broke: {type(error).__name__}: {error}"


def _remote(stage: Stage, kind: type[Agent], aims: dict[str, list[Any]]) -> type[Remote]:
    """The class of an agent of this room's as the referee sees that of a stranger's folder, or of a stranger's file."""
    folder = stage.prepared(kind, **aims)
    if kind.__name__ in ("FollowLink", "NameLink"):
        (folder / "link").symlink_to(stage.aims["secrets"][0])
    if kind is Bystander:
        (folder / "secret").write_text(stage.secret)
    if kind.__module__.endswith("declares"):
        return remote_file(folder / "attack.py", kind.__name__)
    made = remote_agent(Source.of_folder(folder, f"attack.py:{kind.__name__}"))
    if kind in (Works, Bystander):  # who is honest is not hurried: on a busy machine it would be late
        made.allowances = Allowances()
    return made


def _left(log: str) -> list[str]:
    """Whether the process of an attack is still there, a while after it was ended."""
    named = re.search(rf"^{PROCESS} (\d+) of", log, re.MULTILINE)
    if named is None:
        return []
    deadline = time.monotonic() + _LINGERS
    while time.monotonic() < deadline:
        if not any(map(_lives, _called(named[1]))):
            return []
        time.sleep(0.01)
    return [f"its process {named[1]} is still there"]


def _called(number: str) -> list[Path]:
    """The processes that call themselves so: in a container, whose numbers are its own, each that may be meant."""
    if isolation() != "container":
        return [Path("/proc", number)]
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = next(line for line in (place / "status").read_text().splitlines() if line.startswith("NSpid"))
            if line.split()[2:] and line.split()[-1] == number and _ours(place):
                found.append(place)
    return found


def _ours(place: Path) -> bool:
    """Whether a process is of a container that this process has started."""
    while place.name not in ("0", "1"):
        if place.name == str(os.getpid()):
            return True
        place = place.with_name((place / "stat").read_text().rpartition(")")[2].split()[1])
    return False


def _lives(place: Path) -> bool:
    try:
        return (place / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class _Seated:
    """An agent in a seat of a small game."""

    def __init__(self, kind: type[Remote]) -> None:
        self.kind = kind
        self.agent = self.kind.make(_SPEC, ("seat",), NoConfig(), 0)
        self._memory: Memory = self.agent.begin(Seating("seat", torch.zeros(1).long(), torch.zeros(1).long()))

    def __enter__(self) -> _Seated:
        return self

    def __exit__(self, *error: object) -> None:
        self.agent.close()

    def act(self) -> None:
        """One step."""
        one, false = torch.zeros(1), torch.zeros(1, dtype=torch.bool)
        seen = TimeStep(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), one, one + 1, false, false, ~false)
        _, self._memory = self.agent.act(seen, self._memory)

    def log(self) -> str:
        """What it has printed, its last act included."""
        deadline = time.monotonic() + _LINGERS
        while ACTED not in (log := self.agent.log()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return log


class _Bystander:
    """The honest agent beside the attacks; where one of them reaches it, the next has a fresh one."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sit()

    def _sit(self) -> None:
        self._seated = _Seated(_remote(self._stage, Bystander, {}))
        self._seated.act()
        named = re.search(rf"^{PROCESS} (\d+) of (\d+)", self._seated.log(), re.MULTILINE)
        assert named is not None  # it prints so in its first act
        secret = self._seated.kind.source.staged() / "secret"
        #: Its process, its parent's and its file, for the attacks.
        self.aims: dict[str, list[Any]] = {"others": [int(named[1]), int(named[2])], "secrets": [str(secret)]}

    def harm(self) -> list[str]:
        """What has happened to it."""
        try:
            self._seated.act()
        except AgentFault as fault:
            self._sit()
            return [f"an honest agent was harmed: {fault.message}"]
        return []

    def close(self) -> None:
        """End it."""
        self._seated.agent.close()


@contextmanager
def _set(home: Path) -> Iterator[None]:
    """A home of its own for the copies of the agents' files, and short allowances."""
    before, allowances = os.environ.get("ZOO_HOME"), Remote.allowances
    os.environ["ZOO_HOME"] = str(home)
    Remote.allowances = ALLOWANCES
    try:
        yield
    finally:
        Remote.allowances = allowances
        with suppress(KeyError):
            del os.environ["ZOO_HOME"]
        if before is not None:
            os.environ["ZOO_HOME"] = before


def as_common_user(names: Sequence[str], level: str = DEFAULT, quick: bool = False) -> Iterator[Attempt | str]:
    """The same in a process of a common user, which only root can start; a text says why it cannot be done."""
    command = [sys.executable, "-m", __package__, level, *(["--quick"] if quick else []), *names]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # it is asked for
        for line in process.stdout:
            said = json.loads(line)
            if "cannot" in said:
                yield str(said["cannot"])
            else:
                yield Attempt(**{**said, "evidence": tuple(said["evidence"])})
    if process.returncode:
        yield f"the other user's process ended with {process.returncode}"

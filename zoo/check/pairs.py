"""Every entrant in every arena, `zoo check --all`: a pair at a time, each kept, so that it goes on where it stopped.

An arena is a name under its usual settings: a registered one, or one of a library's environments. An entrant is a
registered agent, a checkpoint of the house, or an agent of a library. A pair passes where the entrant keeps every law
for agents in this arena, and the arena keeps its own. What a pair was found to do is kept for the code that did it:
another version of a file of the zoo's, or of a library, is checked anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from arenas.foreign.listed import listed
from arenas.protocol import ArenaSpec
from zoo.check.checking import check_agent, check_arena
from zoo.check.verdict import Failed, Finding
from zoo.entry import checkpoint
from zoo.entry.catalogue import refusal
from zoo.entry.registry import AGENTS, ARENAS, FOREIGN, GAMES, LIBRARIES, library, load_agent, names
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.work.jobs import Done, Results, do, key_of
from zoo.work.pool import Contact, Job, name_of
from zoo.work.progress import Reading, Watch

Kind = Literal["registered", "checkpoint", "library"]
#: Numbers that all seats and the state of one game may show at a moment: laws keep hundreds of moments in memory.
LARGEST_VIEW = 50_000
_USUAL = 1.5  # seconds of a pair for each second of its arena's own laws, for the first estimate
_LIBRARIES = ("torch", "numpy", "gymnasium", "pettingzoo", "mpe2", "axelrod", "open_spiel")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Survey:
    """What is known so far.

    `arenas` holds what `survey` said of each; `pairs` the keys of all pairs, with (entrant, arena); `broken` by the key
    of each pair that was checked the laws that the entrant breaks there, each with the reason.
    """

    arenas: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    broken: dict[str, dict[str, str]] = field(default_factory=dict)
    kept: int = 0
    left_s: float = 0.0  # seconds that the rest takes

    @property
    def left_out(self) -> dict[str, str]:
        """Arena -> why it cannot be made."""
        return {name: said["left_out"] for name, said in self.arenas.items() if said["left_out"]}

    @property
    def passed(self) -> list[tuple[str, str]]:
        """The pairs that pass."""
        return [pair for key, pair in self.pairs.items() if key in self.broken and not self.reasons(key)]

    @property
    def failed(self) -> dict[tuple[str, str], dict[str, str]]:
        """The pairs that do not, with laws and reasons."""
        return {self.pairs[key]: why for key in self.broken if (why := self.reasons(key))}

    def reasons(self, key: str) -> dict[str, str]:
        """Law -> how this pair breaks it; an arena's own laws are called "arena 2"."""
        its = self.arenas[self.pairs[key][1]]["broken"]
        return {f"arena {number}": reason for number, reason in its.items()} | self.broken[key]

    def to_json(self) -> dict[str, Any]:
        """The whole report as plain data."""
        counts: dict[str, int] = {}
        for entrant, _ in self.passed:
            counts[kind_of_entrant(entrant)] = counts.get(kind_of_entrant(entrant), 0) + 1
        return {
            "pairs": len(self.pairs),
            "checked": len(self.broken),
            "passed": len(self.passed),
            "passed_by_kind": counts,
            "arenas": {name: len(said["entrants"]) for name, said in self.arenas.items() if not said["left_out"]},
            "failed": [{"entrant": e, "arena": a, "laws": why} for (e, a), why in self.failed.items()],
            "left_out": self.left_out,
        }


def kind_of_entrant(text: str) -> Kind:
    """What an entrant is, by its text."""
    if "@" in text:
        return "checkpoint"
    return "library" if text.partition(":")[0] in LIBRARIES else "registered"


def every_arena() -> list[str]:
    """The names of all arenas, ours first."""
    environments = [name for scheme in FOREIGN for name in listed(scheme)]
    games = [f"{scheme}:{name}" for scheme in GAMES for name in _library(scheme)]
    return [*names(ARENAS), *environments, *games]


def _library(scheme: str) -> list[str]:
    """The names that a library knows; none where it is not installed."""
    try:
        return list(library(scheme).names())
    except UserError:
        return []


def check_all(results: Results, workers: int, arenas: Sequence[str], watch: Watch) -> Iterator[Survey]:
    """Check every pair; yields what is known when the pairs are counted, and again after each.

    Args:
        results: where findings are kept.
        workers: processes.
        arenas: their names.
        watch: told where it stands.

    Raises:
        UserError: a result cannot be kept, or a worker was ended from outside.
    """
    known, costs = Survey(), dict[str, float]()
    asked = [Job(key_of("arena", name), name_of(survey), (name,)) for name in arenas]
    for at, done in enumerate(do(asked, results, workers), 1):
        (name,) = done.job.arguments
        known.arenas[name], costs[name] = done.result, done.wall_s
        watch("arenas", Reading(at, len(asked)))
    known.arenas = {name: known.arenas[name] for name in arenas}
    for name, said in known.arenas.items():
        known.pairs |= {key_of("pair", name, *entrant): (entrant[0], name) for entrant in said["entrants"]}
    # Quick arenas first: most pairs are in them, and a few slow games take as long as all others.
    order = sorted(known.pairs, key=lambda key: (costs[known.pairs[key][1]], key))
    jobs = [Job(key, name_of(check_pair), known.pairs[key]) for key in order]
    kept = [one for job in jobs if (one := results.read(job)) is not None]
    for one in kept:
        known.broken[one.job.key] = one.result
    known.kept = len(kept)
    known.left_s = _left(kept, {job.key: costs[job.arguments[1]] for job in jobs})
    yield known
    for at, done in enumerate(do([job for job in jobs if job.key not in known.broken], results, workers), 1):
        known.broken[done.job.key] = done.result
        watch("pairs", Reading(known.kept + at, len(jobs)))
        yield known


def _left(kept: Sequence[Done], costs: Mapping[str, float]) -> float:
    """Seconds of the pairs that are left, which take as many times what their arenas' laws took as those that are kept.

    Args:
        kept: what was checked.
        costs: the key of each pair -> seconds of its arena's laws.
    """
    done = {one.job.key for one in kept}
    spent, known = sum(one.wall_s for one in kept), sum(costs[key] for key in done)
    return sum(cost for key, cost in costs.items() if key not in done) * (spent / known if known else _USUAL)


def survey(contact: Contact, name: str) -> dict[str, Any]:
    """What an arena's laws say of it, and who can play there, each with a hash of what it is."""
    try:
        scheme, _, game = name.partition(":")
        if scheme in GAMES and (why := library(scheme).refusal(game)) is not None:
            raise UserError(f"{name}: {why}")
        venue = Venue(ArenaChoice(name))
        if (shown := _shown(venue.spec)) > LARGEST_VIEW:
            raise UserError(f"{name} shows {shown:,} numbers a moment, too many to go through with everybody")
        broken = _broken(check_arena(name))
    except UserError as error:
        return {"left_out": str(error), "broken": {}, "entrants": []}
    return {"left_out": "", "broken": broken, "entrants": [list(entrant) for entrant in _entrants(venue)]}


def _shown(spec: ArenaSpec) -> int:
    """Numbers that one game shows at a moment."""
    return spec.state_dim + sum(math.prod(seat.observation) + seat.actions for seat in spec.seats.values())


def check_pair(contact: Contact, entrant: str, arena: str) -> dict[str, str]:
    """Law -> how the entrant breaks it here; empty where it keeps all."""
    try:
        return _broken(check_agent(_text(entrant), arena))
    except UserError as error:
        return {"-": str(error)}


def _broken(findings: Iterator[Finding]) -> dict[str, str]:
    return {f.number: f.verdict.reason for f in findings if isinstance(f.verdict, Failed)}


def _entrants(venue: Venue) -> Iterator[tuple[str, str]]:
    """Who can play here: text, and what it is."""
    arena = venue.arena()
    for name in names(AGENTS):
        entry = load_agent(name)
        if not refusal(entry, arena):
            yield name, entry.key
    yield from _house(venue)
    for scheme in LIBRARIES:
        for name in (f"{scheme}:{bot}" for bot in _library(scheme) if library(scheme).refusal(bot) is None):
            entry = load_agent(name)
            if refusal(entry, arena):
                break  # bots of one library play the same games
            yield name, entry.key


def _house(venue: Venue) -> Iterator[tuple[str, str]]:
    """The house's checkpoints that fit this arena as it is."""
    game = venue.identity.partition("(")[0]
    for card in sorted(checkpoint.HOUSE.glob(f"{game}*/**/{checkpoint.CARD}")):
        text = f"{card.relative_to(checkpoint.HOUSE).parts[1]}@{card.parent.relative_to(checkpoint.HOUSE)}"
        try:
            entrant = venue.entrant(_text(text))
            entrant.agents(venue.spec, tuple(venue.spec.seats), 0)
        except UserError:
            continue  # it was trained under other settings
        yield text, entrant.id


def _text(entrant: str) -> str:
    """An entrant as any process finds it: the folder of a checkpoint of the house by its whole path."""
    who, at, where = entrant.partition("@")
    return f"{who}@{checkpoint.HOUSE / where}" if at else entrant


@cache
def version() -> str:
    """A hash of the code that decides what is found: of the zoo, and the versions of the libraries."""
    total = hashlib.sha256()
    for package in ("agents", "arenas", "zoo/check", "zoo/entry", "zoo/play"):
        for file in sorted((_ROOT / package).rglob("*.py")):
            total.update(f"{file.relative_to(_ROOT)}\n".encode() + file.read_bytes())
    for name in _LIBRARIES:
        try:
            total.update(f"{name}=={importlib.metadata.version(name)}\n".encode())
        except importlib.metadata.PackageNotFoundError:
            continue
    return total.hexdigest()[:16]

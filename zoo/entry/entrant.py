"""Entrants: `NAME[,field=value ...][@CHECKPOINT]`, who they are, and the policies that they seat."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.records import EntrantRecord
from zoo.entry import checkpoint as checkpoints
from zoo.entry import submitted
from zoo.entry.checkpoint import Checkpoint
from zoo.entry.registry import AGENTS, AgentEntry, load_agent, names
from zoo.entry.settings import config_fields, read, split, typed
from zoo.errors import UserError, broke
from zoo.sandbox.fault import AgentFault
from zoo.sandbox.levels import HIDING

if TYPE_CHECKING:
    from agents.protocol import Agent
    from arenas.protocol import Arena, ArenaSpec

#: The mode of entrants that are frozen.
PLAY: dict[str, Any] = {"mode": "play"}


@dataclass(frozen=True)
class Entrant:
    """Somebody who can enter a match in one arena.

    `submitted` where it was entered from outside; `lacks` says that the house trained none for this arena, where its
    checkpoint for other settings stands in.
    """

    label: str
    entry: AgentEntry
    config: Any
    checkpoint: Checkpoint | None
    submitted: bool = False
    lacks: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as identities and cards hold them: of the config, and those that have left it (`departed`).

        Those that joined it later (`arrived`) are left out at their defaults: without them it plays as it always did.
        """
        agent, now = self.entry.agent, asdict(self.config)
        usual = asdict(agent.Config()) if agent.arrived else {}
        unchanged = {name for name in agent.arrived if now[name] == usual[name]}
        return {**agent.departed, **{name: value for name, value in now.items() if name not in unchanged}}

    @cached_property
    def id(self) -> str:
        """Hash of what plays: agent, behaviour, config and weights."""
        return self.id_for(PLAY)

    def id_for(self, mode: dict[str, Any]) -> str:
        """The entrant's identity in a mode (`{"mode": "play"}`, or learning with its schedule)."""
        who = {
            "agent": self.entry.key,
            "behaviour": self.entry.agent.behaviour,
            "config": self.settings,
            "weights": self.checkpoint.digest if self.checkpoint else None,
            "mode": mode,
        }
        return hashlib.sha256(json.dumps(who, sort_keys=True).encode()).hexdigest()[:16]

    def record(self, mode: dict[str, Any]) -> EntrantRecord:
        """The entrant in a mode as records keep it."""
        weights = self.checkpoint.digest if self.checkpoint else None
        agent, behaviour = self.entry.key, self.entry.agent.behaviour
        provenance = {"stranger": True} if self.stranger else {}
        return EntrantRecord(self.id_for(mode), self.label, agent, behaviour, self.settings, weights, mode, provenance)

    @property
    def isolation(self) -> str:
        """How its agents are kept apart: "trusted" where they run in this process."""
        return self.entry.isolation

    @property
    def stranger(self) -> bool:
        """Whether its code or its weights came from outside."""
        return self.submitted or not self.entry.shipped

    @property
    def confined(self) -> bool:
        """Whether it can neither read the home's files nor reach into this process; so can what ships, and does not."""
        return self.entry.shipped or self.isolation in HIDING

    def agents(
        self, spec: ArenaSpec, seats: tuple[str, ...], seed: int, device: str = "cpu", replicas: int = 1
    ) -> dict[str, Agent]:
        """Seat -> the agent that plays it; one object per seat, per side, or for all, as the class `owns`.

        With `replicas` a learner that starts from scratch is so many in one, where need be one beside the other; all
        others serve any number as they are.

        Raises:
            UserError: the agent refuses this game or breaks, or the checkpoint does not fit it or lacks a seat.
            AgentFault: an agent that runs in a process of its own breaks.
        """
        from agents.parts.one_by_one import one_by_one
        from agents.randomness import derive

        owns = self.entry.agent.owns
        fresh = replicas if self.entry.agent.learns and self.checkpoint is None else 1
        kind = self.entry.agent if fresh == 1 or self.entry.agent.replicated else one_by_one(self.entry.agent)
        groups: dict[str, list[str]] = {}
        for seat in seats:
            groups.setdefault({"seat": seat, "side": spec.seats[seat].side, "all": ""}[owns], []).append(seat)
        players: dict[str, Agent] = {}
        for members in map(tuple, groups.values()):
            try:
                with redirect_stdout(sys.stderr):  # standard output belongs to the result
                    agent = kind.make(spec, members, self.config, derive(seed, *members), device, fresh)
            except AgentFault:
                raise
            except ValueError as error:  # how an agent refuses a game that it does not know
                raise UserError(f"{self.label}: {' '.join(str(error).split())}") from error
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # an agent may be anybody's and fail in any way
                raise broke(f"{self.label} cannot be made", error) from error
            if self.checkpoint is not None:
                try:
                    agent.load_acting_state(self.checkpoint.state_for(members, spec))
                except ValueError as error:
                    if self.lacks:
                        raise UserError(self.lacks) from error
                    where = f"{self.label}: checkpoint {self.checkpoint.path}: {error}"
                    mend = f"`zoo train {self.entry.name}` trains one for this game"
                    raise UserError(f"{where}; it was trained in {self.checkpoint.card.arena}, and {mend}") from error
            players |= dict.fromkeys(members, agent)
        return players


def read_entrant(
    text: str, arena: Arena, identity: str, *, learning: bool = False, entry: AgentEntry | None = None
) -> Entrant:
    """The entrant that `text` names in an arena.

    A learner without `@CHECKPOINT` plays the house's checkpoint for this arena, or starts from scratch when `learning`.
    A checkpoint plays the game that it was trained in, also under other settings where its shapes fit. An `entry` that
    is known already is not looked up again.

    Raises:
        UserError: unknown agent or field, an agent that cannot play here (naming the missing words), or no checkpoint.
    """
    from agents.protocol import missing_words

    who, at, where = text.partition("@")
    name, *assignments = split(who) or [""]
    label, entered = text, None if name in names(AGENTS) else submitted.find(name, identity)
    if entered is not None:
        if at:
            raise UserError(f"{name} is a submission with weights of its own: leave out @{where}")
        label = ",".join([entered.label, *assignments])
        assignments = [*entered.assignments, *assignments]
    entry = entry or (load_agent(name) if entered is None else replace(load_agent(entered.text), name=entered.label))
    missing = missing_words(entry.agent, arena.spec.offers)
    if missing:
        where = f"; `zoo agents {name}` says where it plays" if entered is None else ""
        line = f"{name} cannot play {identity}: it needs {', '.join(missing)}, which the arena does not offer"
        raise UserError(line + where)
    read(assignments, config_fields(entry.agent.Config()), name)  # an unknown field is named before anything else
    loaded = None
    if entered is not None:
        loaded = entered.checkpoint(entry.key, entry.agent.behaviour)
    elif at:
        loaded = checkpoints.load(_find(where, name, identity))
    elif entry.agent.learns and not learning:
        loaded = _house(name, arena, identity)
        if loaded is None:
            raise UserError(_lacking(name, who, identity))
    if loaded is None:
        return Entrant(label, entry, entry.config(assignments), None, entered is not None)
    if loaded.card.agent not in (name, entry.key, entered and entered.agent):
        raise UserError(f"checkpoint {loaded.path} is of {loaded.card.agent}, not of {name}")
    if loaded.card.behaviour != entry.agent.behaviour:
        raise UserError(
            f"checkpoint {loaded.path} was made by behaviour {loaded.card.behaviour} of {name}, this is"
            f" {entry.agent.behaviour}: train it again"
        )
    if loaded.card.arena.partition("(")[0] != identity.partition("(")[0]:
        raise UserError(f"checkpoint {loaded.path} was trained in {loaded.card.arena}, this is {identity}")
    stored = typed(_remaining(loaded, name, entry.agent.departed))
    stands_in = loaded.card.arena != identity and loaded.path.is_relative_to(checkpoints.HOUSE)
    lacks = _lacking(name, who, identity) if stands_in else ""
    return Entrant(label, entry, entry.config([*stored, *assignments]), loaded, entered is not None, lacks)


def _lacking(name: str, who: str, identity: str) -> str:
    """That the house has no checkpoint for an arena, for which settings of its game it has, and how to make one."""
    places = filter(_is_checkpoint, checkpoints.house_places(identity, name))
    kept = [folder.parent.name for folder in places if folder.parent.name != identity]
    others = f" (it has one for {', '.join(kept)})" if kept else ""
    return (
        f"{name} has no house checkpoint for {identity}{others}: train one with"
        f" `zoo train {who} --arena {_asked(identity)}` and enter it as {name}@FOLDER"
    )


def _house(name: str, arena: Arena, identity: str) -> Checkpoint | None:
    """The house's checkpoint of an agent for an arena, or of the nearest settings of its game that fills a role."""
    roles = [set(seats) for seats in arena.spec.roles()]
    for folder in filter(_is_checkpoint, checkpoints.house_places(identity, name)):
        loaded = checkpoints.load(folder)
        if loaded.card.arena == identity or any(seats <= {*loaded.card.seats} for seats in roles):
            return loaded
    return None


def _is_checkpoint(folder: Path) -> bool:
    return (folder / checkpoints.CARD).is_file()


def _remaining(loaded: Checkpoint, name: str, departed: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a card without those that have left the agent's config, where they have the value that stayed.

    Raises:
        UserError: the card has another value, which the agent no longer offers.
    """
    for key, value in departed.items():
        if loaded.card.config.get(key, value) != value:
            raise UserError(
                f"checkpoint {loaded.path} has {key}={loaded.card.config[key]}, and {name} now always has"
                f" {key}={value}: enter it as the agent that has this setting"
            )
    return {key: value for key, value in loaded.card.config.items() if key not in departed}


def _find(where: str, name: str, identity: str) -> Path:
    """A checkpoint folder, or the name of one among the house's.

    Raises:
        UserError: there is no such folder, and the house has others.
    """
    if Path(where).exists():
        return Path(where)
    places = [*checkpoints.house_places(identity, name)]
    found = next((folder / where for folder in places if (folder / where).exists()), None)
    known = sorted({folder.parent.name for place in places for folder in place.glob(f"*/{checkpoints.CARD}")})
    if found is None and known and Path(where).name == where:
        raise UserError(
            f"{where} is no checkpoint: it has no {checkpoints.CARD}; the house's of {name} are"
            f" {', '.join(f'@{one}' for one in known)}, and the first without @"
        )
    return found or Path(where)


def _asked(identity: str) -> str:
    """An arena identity as one would type it: "coin-v1(size=5)" -> "coin --set arena.size=5"."""
    name, _, settings = identity.rstrip(")").partition("(")
    return " ".join(
        [name.rpartition("-v")[0] or name, *(f"--set arena.{s}" for s in split(settings) if "=" in s and "==" not in s)]
    )

"""What is to be trained, and the table that is set for it."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from agents.protocol import Agent
from agents.randomness import derive
from arenas.protocol import ArenaSpec
from zoo.entry.entrant import Entrant
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError, nearest
from zoo.play.table import SIGHTS, Sight, Table

#: Options of `zoo train` by field of the plan, where a default may be left out of the command.
_MOST_COPIES = 1_000_000  # games that are played at once
_OPTIONS = ("against", "steps", "copies", "length", "sight", "device", "seed")


@dataclass(frozen=True)
class Plan:
    """What is trained, where, and for how long; equal plans give equal weights.

    Without `against` the agent plays itself: every seat is filled by learners of its kind. Otherwise it sits in `seats`
    (by default the seats of the first role, or the first seat where there is one side) and the frozen `against` in the
    rest.

    Raises:
        UserError: a number out of range, or an unknown sight.
    """

    agent: str
    arena: ArenaChoice
    against: str | None = None
    seats: tuple[str, ...] = ()
    steps: int = 4_000_000  # environment steps, all copies together; rounded up to whole rounds
    copies: int = 256  # B
    length: int | None = 32  # T; None is one whole episode, and so is more than that
    sight: Sight = "policies"
    device: str = "cpu"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "copies", "length"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise UserError(f"--{name} must be at least 1, got {value}")
        if self.copies > _MOST_COPIES:
            raise UserError(f"--copies must be at most {_MOST_COPIES:,}, got {self.copies}")
        if not 0 <= self.seed < 2**63:
            raise UserError(f"--seed must be from 0 to {2**63 - 1}, got {self.seed}")
        if self.sight not in SIGHTS:
            raise UserError(f"--sight must be one of {', '.join(SIGHTS)}, got {self.sight!r}")
        if self.seats and self.against is None:
            raise UserError("--seat says where the trained agent sits against another: it needs --against")

    def command(self) -> str:
        """The command that makes this run again, without the options that are at their defaults."""
        words = ["zoo", "train", self.agent, *self.arena.words]
        words += [word for seat in self.seats for word in ("--seat", seat)]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _OPTIONS and value != field.default:
                words += [f"--{field.name}", "episode" if value is None else str(value)]
        return shlex.join(words)


@dataclass(frozen=True)
class Setting:
    """A plan brought to life: arena, entrants and the table at which they sit."""

    plan: Plan
    identity: str
    entrant: Entrant
    opponent: Entrant | None
    learners: dict[str, Agent]  # trained seat -> its agent
    table: Table

    @property
    def rounds(self) -> int:
        """Rounds of the whole run."""
        return math.ceil(self.plan.steps / self.table.steps_per_round)

    def run(self) -> dict[str, Any]:
        """What tells this run from others, in JSON."""
        who = {"agent_id": self.entrant.id, "against_id": self.opponent.id if self.opponent else None}
        return {**asdict(self.plan), "arena": self.identity, **who}

    def default_folder(self) -> Path:
        """checkpoints/ARENA/ENTRANT[-vs-OPPONENT]/seed-SEED."""
        plan = self.plan
        who = plan.agent if plan.against is None else f"{plan.agent}-vs-{plan.against}"
        return Path("checkpoints", _file_name(self.identity), _file_name(who), f"seed-{plan.seed}")


def set_up(plan: Plan) -> Setting:
    """Seat everybody.

    Raises:
        UserError: no such arena, agent, seat or device; an agent that does not learn, or cannot here.
    """
    check_device(plan.device)
    venue = Venue(plan.arena)
    entrant = venue.entrant(plan.agent, learning=True)
    if not entrant.entry.agent.learns:
        raise UserError(f"{entrant.entry.name} does not learn: there is nothing to train")
    opponent = None if plan.against is None else venue.entrant(plan.against)
    arena, identity = venue.make(plan.copies, plan.device), venue.identity
    mine = tuple(arena.spec.seats) if opponent is None else _trained_seats(plan, arena.spec)
    learners = entrant.agents(arena.spec, mine, derive(plan.seed, "agent"), plan.device)
    players = dict(learners)
    if opponent is not None:
        rest = tuple(seat for seat in arena.spec.seats if seat not in mine)
        players |= opponent.agents(arena.spec, rest, derive(plan.seed, "against"), plan.device)
    length = arena.spec.max_steps if plan.length is None else min(plan.length, arena.spec.max_steps)
    table = Table(arena, identity, players, mine, sight=plan.sight, length=length, seed=derive(plan.seed, "table"))
    return Setting(plan, identity, entrant, opponent, learners, table)


def check_device(device: str) -> None:
    """Make sure that tensors can live on `device`.

    Raises:
        UserError: no such device, or none of its kind here.
    """
    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise UserError(f"--device must be cpu, cuda or cuda:NUMBER, got {device!r}") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise UserError(f"--device {device}: PyTorch finds no CUDA device here; leave --device out to train on the CPU")
    try:
        torch.zeros((), device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(f"--device {device} cannot be used: {str(error).splitlines()[0]}") from error


def _trained_seats(plan: Plan, spec: ArenaSpec) -> tuple[str, ...]:
    for seat in plan.seats:
        if seat not in spec.seats:
            raise UserError(f"--seat: {spec.name} has no seat {seat!r}; {nearest(seat, spec.seats)}")
    if set(plan.seats) == set(spec.seats):
        raise UserError("--seat names every seat: none is left for --against")
    first = spec.roles()[0]
    default = first if len(spec.roles()) > 1 else first[:1]
    return tuple(seat for seat in spec.seats if seat in (plan.seats or default))


def _file_name(text: str) -> str:
    """`text` without what file systems or shells take amiss."""
    return re.sub(r"[^A-Za-z0-9._,=+-]+", "-", text).strip("-.") or "agent"

"""Who sits where. What each seat is dealt there is told by `zoo.play.luck`.

Episode seed = H(arena, match seed, episode), seat luck = H(episode seed, seat): neither contains an entrant, so any two
entrants that met the same partner met it with the same luck and can be compared afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from agents.protocol import Agent, DifferentiablePolicy, Policy
from arenas.protocol import Arena, ArenaError, ArenaSpec
from leaderboard.seeds import PUBLIC_SEED
from zoo.entry.entrant import Entrant
from zoo.errors import UserError, broke
from zoo.play.luck import fresh_seed
from zoo.play.referee import Absent, seat_under_referees
from zoo.sandbox.fault import AgentFault

#: Seat -> number of the entrant that sits there.
Rotation = Mapping[str, int]


def rotations(spec: ArenaSpec, *, alone: bool = False) -> list[dict[str, int]]:
    """All rotations of a pairing: seat -> 0 or 1, the number of the entrant that sits there.

    With several roles (`ArenaSpec.roles`) each entrant takes whole ones, in both ways. On one side an entrant takes one
    seat, each in turn, and the partner the rest, and the other way round. An entrant that is paired with itself sits
    everywhere, once (`alone`).
    """
    if alone:
        return [dict.fromkeys(spec.seats, 0)]
    roles = spec.roles()
    if len(roles) > 1:
        number = {seat: n % 2 for n, seats in enumerate(roles) for seat in seats}
        owner = {seat: number[seat] for seat in spec.seats}
        return [owner, {seat: 1 - who for seat, who in owner.items()}]
    distinct: list[dict[str, int]] = []
    for one in spec.seats:
        for who in (0, 1):
            rotation = {seat: who if seat == one else 1 - who for seat in spec.seats}
            if rotation not in distinct:
                distinct.append(rotation)
    return distinct


@dataclass(frozen=True)
class Seated:
    """Players in the seats of an arena.

    Attributes:
        arena: B copies of the game, each of which plays one episode at a time.
        players: seat -> its player; a `Refereed` player may act illegally, and an agent elsewhere may fail.
        rotation: seat -> number of the entrant that sits there; the seats of one entrant share their team luck.
        seed: match seed, which decides how luck is dealt, see `zoo.play.luck`.
    """

    arena: Arena
    players: Mapping[str, Policy]
    rotation: Rotation
    seed: int = PUBLIC_SEED


def sit_down(
    arena: Arena, entrants: Sequence[Entrant], rotation: Rotation, seed: int, *, patient: bool = False
) -> Seated:
    """Seat entrants under a referee; those that are not trained are made from the match `seed`.

    A stranger's agent that cannot be made is `Absent`.

    Raises:
        UserError: an entrant refuses the game or breaks, or its checkpoint does not fit.
        AgentFault: where `patient`, one that another try may mend.
    """
    players: dict[str, Policy] = {}
    for number, seats in _seats(rotation).items():
        try:
            players |= entrants[number].agents(arena.spec, seats, fresh_seed(seed), arena.device)
        except AgentFault as fault:
            if fault.retry and patient:
                raise
            players |= dict.fromkeys(seats, Absent(fault, seats, entrants[number].isolation))
    return Seated(arena, seat_under_referees(players, arena.spec, patient=patient), rotation, seed)


def _seats(rotation: Rotation) -> dict[int, tuple[str, ...]]:
    """Number of an entrant -> its seats; the first entrant comes first."""
    return {n: tuple(seat for seat, owner in rotation.items() if owner == n) for n in sorted(set(rotation.values()))}


def agents_of(
    entrants: Sequence[Entrant], spec: ArenaSpec, rotation: Rotation, seed: int, device: str = "cpu", replicas: int = 1
) -> dict[str, Agent]:
    """Seat -> the agent of its entrant, see `Entrant.agents`; the seats of the first entrant come first."""
    agents: dict[str, Agent] = {}
    for number, seats in _seats(rotation).items():
        agents |= entrants[number].agents(spec, seats, seed, device, replicas)
    return agents


def memoryless_policies(agents: Mapping[str, Agent]) -> dict[str, DifferentiablePolicy] | None:
    """Seat -> the policy of its agent; None where one has a memory or is not shown, so that no value is computed."""
    shown = {seat: agent.policy(seat) for seat, agent in agents.items()}
    policies = {seat: policy for seat, policy in shown.items() if policy is not None and policy.memoryless}
    return policies if len(policies) == len(shown) else None


@contextmanager
def blame(identity: str, entrants: Sequence[Entrant]) -> Iterator[None]:
    """Say in one line what broke in a match; agents and arenas may be a stranger's and fail in any way."""
    try:
        yield
    except (UserError, ArenaError, AgentFault, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise broke(f"{' against '.join(who.label for who in entrants)} broke in {identity}", error) from error

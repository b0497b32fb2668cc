"""What the laws for arenas are held against: an arena with short episodes, and records of games in it.

Shapes: T steps, B copies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import torch
from torch import Tensor

from agents.protocol import Memory, Policy, Seating
from agents.randomness import derive_rows
from arenas.protocol import Action, Arena, TimeSteps
from zoo.check.data import clone
from zoo.check.stranger import DEVIATION, Stranger
from zoo.entry.registry import load_arena
from zoo.entry.settings import argument_fields
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError

ROWS, STEPS = 7, 13
_LARGEST = 2**63 - 1
_LENGTHS = ("max_steps", "limit")  # what arenas call the setting of an episode's length
Players = Mapping[str, Policy]  # by seat


@dataclass
class Record:
    """A game: T + 1 moments with their global states around T joint actions, and the memories of the players now."""

    moments: list[TimeSteps]
    states: list[Tensor | None]
    actions: list[dict[str, Action]]
    memories: dict[str, Memory]

    def shown(self) -> list[object]:
        """Everything that the arena showed."""
        return [self.moments, self.states]

    def returns(self) -> dict[str, Tensor]:
        """Seat -> sum of all rewards, float64 [B]: the undiscounted return where one episode was played."""
        return {seat: torch.stack([m[seat].reward for m in self.moments]).double().sum(0) for seat in self.moments[0]}


def fresh(venue: Venue, copies: int = ROWS, device: str = "cpu") -> closing[Arena]:
    """A fresh arena, closed afterwards."""
    return closing(venue.make(copies, device))


def seeds_of(seed: int, count: int) -> Tensor:
    """Seeds of rows 0 .. `count` - 1, long, none of them negative: PettingZoo's environments take no others."""
    return derive_rows(seed, count, "game") & _LARGEST


def play(
    arena: Arena,
    seed: int,
    steps: int = STEPS,
    *,
    rows: Sequence[int] | None = None,
    autoreset: bool = True,
    players: Players | None = None,
    until_over: bool = False,
) -> Record:
    """A game from the start; rows `rows` of the seed's, by default the first B."""
    index = list(range(arena.batch_size) if rows is None else rows)
    count = max(index) + 1
    table = strangers(arena) if players is None else players
    seatings = _seatings(arena, seed, table, index)
    start = begin(arena, seeds_of(seed, count)[index].to(arena.device), table, seatings, autoreset=autoreset)
    return go_on(arena, start, steps, table, until_over=until_over)


def watch(arena: Arena, seed: int, players: Players) -> Iterator[TimeSteps]:
    """The moments of whole episodes, one in each copy, until all are over. None is kept, so that many copies fit."""
    seatings = _seatings(arena, seed, players, range(arena.batch_size))
    memories = {seat: policy.begin(seatings[seat]) for seat, policy in players.items()}
    moment, _ = arena.reset(seeds_of(seed, arena.batch_size).to(arena.device), autoreset=False)
    yield moment
    for _ in range(arena.spec.max_steps):
        if all(bool(step.last.all()) for step in moment.values()):
            break
        actions, memories = act_all(players, moment, memories)
        moment, _ = arena.step(actions)
        yield moment


def _seatings(arena: Arena, seed: int, table: Players, index: Sequence[int]) -> dict[str, Seating]:
    """The luck of every seat in rows `index` of the seed's."""
    count = max(index) + 1
    luck = {seat: derive_rows(seed, count, "seat", seat)[list(index)].to(arena.device) for seat in table}
    return {seat: Seating(seat, luck[seat], luck[seat]) for seat in table}


def shortened(choice: ArenaChoice, length: int) -> Venue:
    """The arena with episodes of `length` steps; as it is where it has no such setting, was given one, or refuses.

    Raises:
        UserError: the arena is unknown, or refuses the settings that were given.
    """
    entry = load_arena(choice.name, list(choice.settings), choice.wrap)
    for field in _LENGTHS:
        if field in argument_fields(entry.factory) and field not in entry.settings:
            try:
                return Venue(dataclasses.replace(choice, settings=(*choice.settings, f"{field}={length}")))
            except UserError:
                pass  # this game has no episodes of that length
    return Venue(choice)


def strangers(arena: Arena, *, seed: int = 0, deviation: float = DEVIATION) -> dict[str, Stranger]:
    """A stranger in every seat; seats that see and do the same get the same one."""
    spec = arena.spec
    return {seat: Stranger(spec, seat, seed, device=arena.device, deviation=deviation) for seat in spec.seats}


def act_all(
    table: Players, steps: TimeSteps, memories: Mapping[str, Memory]
) -> tuple[dict[str, Action], dict[str, Memory]]:
    """What every seat does, in the table's order, and what it remembers then."""
    both = {seat: policy.act(steps[seat], memories[seat]) for seat, policy in table.items()}
    return {seat: action for seat, (action, _) in both.items()}, {seat: memory for seat, (_, memory) in both.items()}


def begin(
    arena: Arena, seeds: Tensor, table: Players, seatings: Mapping[str, Seating], *, autoreset: bool = True
) -> Record:
    """The first moment of a game, to be carried on by `go_on`."""
    memories = {seat: policy.begin(seatings[seat]) for seat, policy in table.items()}
    moment, state = arena.reset(seeds, autoreset=autoreset)
    return Record([clone(moment)], [clone(state)], [], memories)


def go_on(
    arena: Arena, record: Record, steps: int, table: Players | None = None, *, until_over: bool = False
) -> Record:
    """A record with up to `steps` more steps; the one given stays as it is."""
    players = strangers(arena) if table is None else table
    longer = Record([*record.moments], [*record.states], [*record.actions], dict(record.memories))
    for _ in range(steps):
        moment = longer.moments[-1]
        if until_over and all(bool(step.last.all()) for step in moment.values()):
            break
        actions, longer.memories = act_all(players, moment, longer.memories)
        moment, state = arena.step(actions)
        longer.moments.append(clone(moment))
        longer.states.append(clone(state))
        longer.actions.append(actions)
    return longer

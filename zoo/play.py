"""Blocks: one pairing x all seat rotations x paired seeds, played batched and returned as a record.

Episode seed = H(arena, match seed, episode), seat luck = H(episode seed, seat): neither contains an entrant, so any
two entrants that met the same partner met it with the same luck and can be compared afterwards.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.protocol import JointTrajectory, Memory, Seating
from agents.randomness import bits, derive, derive_rows
from agents.rollout import rollout
from arenas.protocol import Arena, ArenaSpec, TimeSteps
from leaderboard.records import RULES_VERSION, ArenaRecord, BlockRecord, SeatResult, block_id
from zoo.entrant import Entrant, read_entrant
from zoo.errors import UserError
from zoo.registry import load_arena

if TYPE_CHECKING:
    from agents.protocol import Agent

#: The seed whose blocks are rated. A public board counts no other, or one could play until lucky.
PUBLIC_SEED = 0


@dataclass(frozen=True)
class ArenaChoice:
    """An arena as it was asked for, in texts, so that any process can make it again."""

    name: str
    settings: tuple[str, ...] = ()
    wrap: tuple[str, ...] = ()

    def make(self, batch_size: int, device: str = "cpu") -> Arena:
        """A fresh arena."""
        return load_arena(self.name, list(self.settings), self.wrap).make(batch_size, device)

    def identity(self, arena: Arena) -> str:
        """Name, version and settings of the game; results are kept under it."""
        return load_arena(self.name, list(self.settings), self.wrap).identity(arena)


@dataclass(frozen=True)
class Task:
    """A block to be played: `texts` name the entrants of the pairing, in the order of their sorted ids."""

    arena: ArenaChoice
    texts: tuple[str, str]
    seed: int
    first_episode: int
    episodes: int


def seatings(spec: ArenaSpec, *, alone: bool = False) -> list[dict[str, int]]:
    """All rotations of a pairing: seat -> 0 or 1, who of the two sits there.

    With several sides each entrant takes whole sides, in both ways. On one side an entrant takes one seat, each in
    turn, and the partner the rest, and the other way round. Whoever is paired with itself sits everywhere, once.
    """
    if alone:
        return [dict.fromkeys(spec.seats, 0)]
    sides = spec.sides()
    if len(sides) > 1:
        owner = {seat: number % 2 for number, seats in enumerate(sides.values()) for seat in seats}
        return [owner, {seat: 1 - who for seat, who in owner.items()}]
    found: list[dict[str, int]] = []
    for one in spec.seats:
        for who in (0, 1):
            rotation = {seat: who if seat == one else 1 - who for seat in spec.seats}
            if rotation not in found:
                found.append(rotation)
    return found


def play_block(task: Task) -> BlockRecord:
    """Play all rotations of a block.

    Raises:
        UserError: an entrant cannot play here, or breaks.
        ArenaError: the environment breaks.
    """
    arena = _arena(task.arena, task.episodes)
    identity = task.arena.identity(arena)
    pair = [entrant(task.arena, text) for text in task.texts]
    ids = (pair[0].id, pair[1].id)
    results: list[SeatResult] = []
    for number, rotation in enumerate(seatings(arena.spec, alone=ids[0] == ids[1])):
        started = time.process_time()
        joint = play_rotation(arena, identity, pair, rotation, task.seed, task.first_episode)
        spent = (time.process_time() - started) / len(rotation)
        results += _results(arena, joint, number, {seat: ids[who] for seat, who in rotation.items()}, spent)
    what = (identity, ids, "play", task.seed, task.first_episode, task.episodes, RULES_VERSION)
    return BlockRecord(block_id(*what), *what, results=tuple(results))


def play_rotation(
    arena: Arena, identity: str, pair: list[Entrant], rotation: Mapping[str, int], seed: int, first_episode: int
) -> JointTrajectory:
    """One whole episode in every row of `arena`, rows being the episodes from `first_episode` on.

    Raises:
        UserError: an entrant breaks.
    """
    table = sit_down(arena, identity, pair, rotation, seed, first_episode)
    try:
        joint, _ = rollout(
            arena, table.players, table.memories, table.timesteps, arena.spec.max_steps, table.state, until_over=True
        )
    except (RuntimeError, IndexError, KeyError, TypeError, ValueError) as error:
        names = " or ".join(dict.fromkeys(p.label for p in pair))
        raise UserError(
            f"{names} broke in {identity}: {type(error).__name__}: {' '.join(str(error).split())}"
        ) from error
    return joint


class SetTable(NamedTuple):
    """Everything that a rollout starts from."""

    players: dict[str, Agent]
    memories: dict[str, Memory]
    timesteps: TimeSteps
    state: Tensor | None


def sit_down(
    arena: Arena, identity: str, pair: list[Entrant], rotation: Mapping[str, int], seed: int, first_episode: int
) -> SetTable:
    """Seat a pairing and deal the luck of the episodes from `first_episode` on, one a row."""
    players: dict[str, Agent] = {}
    for who in sorted(set(rotation.values())):
        seats = tuple(seat for seat, w in rotation.items() if w == who)
        players |= pair[who].agents(arena.spec, seats, derive(seed, "fresh", who), arena.device)
    episodes = derive_rows(
        derive(seed, "episode", identity), arena.batch_size, first=first_episode, device=arena.device
    )
    memories: dict[str, Memory] = {}
    for seat, who in rotation.items():
        captain = next(s for s, w in rotation.items() if w == who)  # team luck is named by the team's first seat
        dealt = Seating(seat, luck(episodes, "seat", seat), luck(episodes, "team", captain))
        memories[seat] = players[seat].begin(dealt)
    timesteps, state = arena.reset(episodes, autoreset=False)
    return SetTable(players, memories, timesteps, state)


def arena_record(spec: ArenaSpec, identity: str) -> ArenaRecord:
    """The arena as records keep it."""
    seats = tuple((seat, s.side) for seat, s in spec.seats.items())
    return ArenaRecord(identity, spec.name, spec.kind, seats, spec.draw_band, spec.forfeit, spec.gamma, spec.max_steps)


def limit_threads() -> None:
    """One torch thread: our networks are small, and results must not depend on the number of cores."""
    torch.set_num_threads(1)


def luck(episodes: Tensor, *words: str) -> Tensor:
    """Luck long [B] for a purpose from the episodes' seeds."""
    return bits(episodes, derive(0, *words) >> 1)


def play_blocks(tasks: list[Task], workers: int = 1) -> Iterator[BlockRecord]:
    """Play blocks, here or in worker processes; the records are the same, only their order may differ."""
    if workers <= 1 or len(tasks) <= 1:
        yield from map(play_block, tasks)
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), get_context("spawn"), limit_threads) as pool:
        futures = [pool.submit(play_block, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


@functools.lru_cache(maxsize=64)
def entrant(choice: ArenaChoice, text: str) -> Entrant:
    """The entrant that `text` names in an arena; read once per process."""
    arena = _arena(choice, 1)
    return read_entrant(text, arena, choice.identity(arena))


@functools.lru_cache(maxsize=4)
def _arena(choice: ArenaChoice, batch_size: int) -> Arena:
    return choice.make(batch_size)


def _results(
    arena: Arena, joint: JointTrajectory, rotation: int, owners: Mapping[str, str], cpu_s: float
) -> Iterator[SeatResult]:
    steps = {seat: t.timesteps for seat, t in joint.seats.items()}
    metrics = arena.metrics(steps, {seat: t.actions for seat, t in joint.seats.items()})
    over = torch.stack([s.last[:-1] for s in steps.values()]).all(0)  # [T, B]
    faults = arena.faults()
    lengths = (~over).sum(0).int().cpu().numpy()
    for seat, step in steps.items():
        yield SeatResult(
            rotation=rotation,
            seat=seat,
            entrant=owners[seat],
            returns=step.reward[1:].double().sum(0).cpu().numpy(),
            lengths=lengths,
            statuses=faults[seat].to(torch.uint8).cpu().numpy(),
            metrics={name: _summary(value) for name, value in metrics.get(seat, {}).items()},
            cpu_s=cpu_s,
            isolation="trusted",
        )


def _summary(value: Tensor) -> tuple[float, float, int]:
    """Mean, standard error and number of the episodes that say something."""
    told = value[~value.isnan()].double().cpu().numpy()
    n = len(told)
    if n == 0:
        return (0.0, 0.0, 0)
    return (float(np.mean(told)), float(np.std(told, ddof=1) / n**0.5) if n > 1 else 0.0, n)

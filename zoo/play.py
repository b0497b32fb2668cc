"""Blocks: one pairing x all seat rotations x paired seeds, played batched and returned as a record.

Episode seed = H(arena, match seed, episode), seat luck = H(episode seed, seat): neither contains an entrant, so any
two entrants that met the same partner met it with the same luck and can be compared afterwards.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from agents.protocol import JointTrajectory, Memory, Policy, Seating
from agents.randomness import bits, derive, derive_rows
from agents.rollout import rollout
from arenas.protocol import Arena, ArenaError, ArenaSpec, TimeSteps
from leaderboard.records import RULES_VERSION, ArenaRecord, BlockRecord, SeatResult, Status, block_id
from zoo.entrant import Entrant, read_entrant
from zoo.errors import UserError, broke
from zoo.referee import Refereed, first_faults
from zoo.registry import load_arena

Work = TypeVar("Work")
Result = TypeVar("Result")

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

    With several parties (`ArenaSpec.parties`) each entrant takes whole ones, in both ways. On one side an entrant takes
    one seat, each in turn, and the partner the rest, and the other way round. Whoever is paired with itself sits
    everywhere, once.
    """
    if alone:
        return [dict.fromkeys(spec.seats, 0)]
    parties = spec.parties()
    if len(parties) > 1:
        number = {seat: n % 2 for n, seats in enumerate(parties) for seat in seats}
        owner = {seat: number[seat] for seat in spec.seats}
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
        with blame(identity, pair):
            table = sit_down(arena, identity, pair, rotation, task.seed, task.first_episode)
            joint, _ = rollout(
                arena,
                table.players,
                table.memories,
                table.timesteps,
                arena.spec.max_steps,
                table.state,
                until_over=True,
            )
            spent = (time.process_time() - started) / len(rotation)
            owners = {seat: ids[who] for seat, who in rotation.items()}
            results += _results(arena, joint, first_faults(table.players), number, owners, spent)
    what = (identity, ids, "play", task.seed, task.first_episode, task.episodes, RULES_VERSION)
    return BlockRecord(block_id(*what), *what, results=tuple(results))


@contextmanager
def blame(identity: str, pair: list[Entrant]) -> Iterator[None]:
    """Say in one line what broke in a match; agents and arenas may be anybody's, and fail in any way."""
    try:
        yield
    except (UserError, ArenaError):
        raise
    except (Exception, SystemExit) as error:
        raise broke(f"{' against '.join(who.label for who in pair)} broke in {identity}", error) from error


class SetTable(NamedTuple):
    """Everything that a rollout starts from."""

    players: dict[str, Refereed]
    memories: dict[str, Memory]
    timesteps: TimeSteps
    state: Tensor | None


def sit_down(
    arena: Arena, identity: str, pair: list[Entrant], rotation: Mapping[str, int], seed: int, first_episode: int
) -> SetTable:
    """Seat a pairing and deal the luck of the episodes from `first_episode` on, one a row."""
    players: dict[str, Refereed] = {}
    for who in sorted(set(rotation.values())):
        seats = tuple(seat for seat, w in rotation.items() if w == who)
        seated = pair[who].agents(arena.spec, seats, derive(seed, "fresh"), arena.device)
        players |= {seat: Refereed(player, arena.spec.seats[seat]) for seat, player in seated.items()}
    episodes = derive_rows(
        derive(seed, "episode", identity), arena.batch_size, first=first_episode, device=arena.device
    )
    memories = deal(players, rotation, episodes)
    timesteps, state = arena.reset(episodes, autoreset=False)
    return SetTable(players, memories, timesteps, state)


def deal(players: Mapping[str, Policy], rotation: Mapping[str, int], episodes: Tensor) -> dict[str, Memory]:
    """Seat -> memory before the first step; luck comes from the episodes' seeds long [B] and the seats' names alone."""
    memories: dict[str, Memory] = {}
    for seat, who in rotation.items():
        captain = next(s for s, w in rotation.items() if w == who)  # team luck is named by the team's first seat
        dealt = Seating(seat, luck(episodes, "seat", seat), luck(episodes, "team", captain))
        memories[seat] = players[seat].begin(dealt)
    return memories


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
    yield from (block for _, block in work_off(play_block, tasks, workers))


def work_off(function: Callable[[Work], Result], todo: Sequence[Work], workers: int) -> Iterator[tuple[Work, Result]]:
    """Pieces of work with their results as they come, done here or in worker processes.

    Raises:
        UserError: a worker was ended from outside; and whatever `function` raises.
    """
    if workers <= 1 or len(todo) <= 1:
        yield from ((work, function(work)) for work in todo)
        return
    with ProcessPoolExecutor(min(workers, len(todo)), get_context("spawn"), start_worker) as pool:
        futures = {pool.submit(function, work): work for work in todo}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise UserError("a worker process was ended from outside; type the command again to go on") from error
        finally:
            for future in futures:
                future.cancel()


def start_worker() -> None:
    """A worker ends when the process that started it does, however that ends."""

    def leave() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
    limit_threads()


@functools.lru_cache(maxsize=64)
def entrant(choice: ArenaChoice, text: str) -> Entrant:
    """The entrant that `text` names in an arena; read once per process."""
    arena = _arena(choice, 1)
    return read_entrant(text, arena, choice.identity(arena))


@functools.lru_cache(maxsize=4)
def _arena(choice: ArenaChoice, batch_size: int) -> Arena:
    return choice.make(batch_size)


def _results(
    arena: Arena,
    joint: JointTrajectory,
    spoiled: Mapping[str, Tensor],
    rotation: int,
    owners: Mapping[str, str],
    cpu_s: float,
) -> Iterator[SeatResult]:
    """One result a seat; `spoiled` as from `first_faults`: a seat's first fault ends the row and costs it `forfeit`."""
    steps = {seat: t.timesteps for seat, t in joint.seats.items()}
    metrics = arena.metrics(steps, {seat: t.actions for seat, t in joint.seats.items()})
    faults = arena.faults()
    end = torch.stack(list(spoiled.values())).amin(0)  # [B], the step at which the first seat spoiled the row
    on = ~torch.stack([s.last[:-1] for s in steps.values()]).all(0)  # [T, B]
    step_number = torch.arange(len(on), device=end.device).unsqueeze(1)
    lengths = (on & (step_number <= end)).sum(0).int().cpu().numpy()
    for seat, step in steps.items():
        mine = spoiled[seat] == end.clamp_max(len(on) - 1)
        earned = (step.reward[1:].double() * (step_number < end)).sum(0)
        yield SeatResult(
            rotation=rotation,
            seat=seat,
            entrant=owners[seat],
            returns=earned.where(~mine, arena.spec.forfeit).cpu().numpy(),
            lengths=lengths,
            statuses=faults[seat].where(~mine, Status.INVALID.code).to(torch.uint8).cpu().numpy(),
            metrics={name: _summary(value[end >= len(on)]) for name, value in metrics.get(seat, {}).items()},
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

"""Blocks: one pairing x all seat rotations x paired seeds, played batched and returned as a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arenas.protocol import ArenaSpec
from leaderboard.records import PUBLIC_SEED as PUBLIC_SEED
from leaderboard.records import RULES_VERSION, ArenaRecord, BlockRecord, SeatResult, block_id
from leaderboard.statistics.estimate import Part
from zoo.entry.venue import ArenaChoice, Venue
from zoo.play.episodes import Played, play_episodes
from zoo.play.luck import episode_seeds
from zoo.play.seating import blame, rotations, sit_down
from zoo.work.pool import Contact, Job, name_of, work


@dataclass(frozen=True)
class Task:
    """A block to be played: `texts` name the entrants of the pairing, in the order of their sorted ids."""

    texts: tuple[str, str]
    seed: int
    first_episode: int
    episodes: int


def play_block(venue: Venue, task: Task) -> BlockRecord:
    """Play all rotations of a block.

    Raises:
        UserError: an entrant cannot play here, or breaks.
        ArenaError: the environment breaks.
    """
    (block,) = play_together(venue, [task])
    return block


def play_together(venue: Venue, tasks: Sequence[Task]) -> list[BlockRecord]:
    """Play blocks of one pairing, whose episodes follow each other, as one batch.

    Luck is the same in any batch, so blocks of scripts come out as when each is played alone; networks may round
    otherwise.

    Raises:
        UserError: an entrant cannot play here, or breaks.
        ArenaError: the environment breaks.
    """
    start, total = tasks[0].first_episode, sum(task.episodes for task in tasks)
    arena, identity, seed = venue.arena(total), venue.identity, tasks[0].seed
    pair = [venue.entrant(text) for text in tasks[0].texts]
    ids = (pair[0].id, pair[1].id)
    episodes = episode_seeds(identity, seed, start, total, arena.device)
    results: list[list[SeatResult]] = [[] for _ in tasks]
    for number, rotation in enumerate(rotations(arena.spec, alone=ids[0] == ids[1])):
        with blame(identity, pair):
            played = play_episodes(sit_down(arena, pair, rotation, seed), episodes)
            for task, of_block in zip(tasks, results, strict=True):
                rows = slice(task.first_episode - start, task.first_episode - start + task.episodes)
                share = task.episodes / total
                of_block += (
                    _result(played, seat, number, ids[rotation[seat]], rows, share) for seat in played.joint.seats
                )
    blocks = []
    for task, of_block in zip(tasks, results, strict=True):
        what = (identity, ids, "play", seed, task.first_episode, task.episodes, RULES_VERSION)
        blocks.append(BlockRecord(block_id(*what), *what, results=tuple(of_block)))
    return blocks


def play_blocks(venue: Venue, tasks: Sequence[Task], workers: int = 1) -> Iterator[BlockRecord]:
    """Play blocks, here or in worker processes; the records are the same, only their order may differ."""
    yield from play_groups(venue, [[task] for task in tasks], workers)


def play_groups(venue: Venue, groups: Sequence[Sequence[Task]], workers: int = 1) -> Iterator[BlockRecord]:
    """Play groups of blocks, see `play_together`, here or in worker processes."""
    if min(workers, len(groups)) <= 1:
        for group in groups:
            yield from play_together(venue, group)
        return
    jobs = [Job(str(n), name_of(_play_elsewhere), (venue.choice, list(group))) for n, group in enumerate(groups)]
    for _, blocks in work(jobs, workers):
        yield from blocks


def _play_elsewhere(contact: Contact, choice: ArenaChoice, tasks: list[Task]) -> list[BlockRecord]:
    """Blocks played by a worker, in its own venue."""
    return play_together(contact.once(Venue, choice), tasks)


def arena_record(spec: ArenaSpec, identity: str) -> ArenaRecord:
    """The arena as records keep it."""
    seats = tuple((seat, s.side) for seat, s in spec.seats.items())
    return ArenaRecord(identity, spec.name, spec.kind, seats, spec.draw_band, spec.forfeit, spec.gamma, spec.max_steps)


def _result(played: Played, seat: str, rotation: int, owner: str, rows: slice, share: float) -> SeatResult:
    """What came out for one seat in some rows; a seat's first fault ends the row and costs it `forfeit`."""
    metrics = {name: value.cpu().numpy()[rows] for name, value in played.metrics.get(seat, {}).items()}
    return SeatResult(
        rotation=rotation,
        seat=seat,
        entrant=owner,
        returns=played.returns[seat].cpu().numpy()[rows],
        lengths=played.lengths.cpu().numpy()[rows],
        statuses=played.statuses[seat].cpu().numpy()[rows],
        metrics={name: part_of(values) for name, values in metrics.items()},
        cpu_s=played.cpu_s * share / len(played.joint.seats),
        isolation="trusted",
    )


def part_of(values: NDArray[Any]) -> Part:
    """Mean, standard error and number of those of the numbers [n] that are known; 0 where there are too few."""
    known = values[~np.isnan(values)].astype(np.float64)
    n = len(known)
    return float(np.mean(known)) if n else 0.0, float(np.std(known, ddof=1) / n**0.5) if n > 1 else 0.0, n

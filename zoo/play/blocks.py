"""Blocks: one pairing x all seat rotations x paired seeds, played batched and returned as a record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arenas.protocol import ArenaSpec
from leaderboard.records import RULES_VERSION, ArenaRecord, BlockRecord, SeatResult, block_id
from leaderboard.statistics.estimate import Part
from zoo.entry.venue import ArenaChoice, Venue
from zoo.play.episodes import Played, play_episodes
from zoo.play.seating import blame, episode_seeds, rotations, sit_down
from zoo.work.pool import Contact, Job, name_of, work

#: The seed whose blocks are rated. A public board counts no other, or one could play until lucky.
PUBLIC_SEED = 0


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
    arena, identity = venue.arena(task.episodes), venue.identity
    pair = [venue.entrant(text) for text in task.texts]
    ids = (pair[0].id, pair[1].id)
    episodes = episode_seeds(identity, task.seed, task.first_episode, task.episodes, arena.device)
    results: list[SeatResult] = []
    for number, rotation in enumerate(rotations(arena.spec, alone=ids[0] == ids[1])):
        with blame(identity, pair):
            played = play_episodes(sit_down(arena, pair, rotation, task.seed), episodes)
            results += (_result(played, seat, number, ids[rotation[seat]]) for seat in played.joint.seats)
    what = (identity, ids, "play", task.seed, task.first_episode, task.episodes, RULES_VERSION)
    return BlockRecord(block_id(*what), *what, results=tuple(results))


def play_blocks(venue: Venue, tasks: Sequence[Task], workers: int = 1) -> Iterator[BlockRecord]:
    """Play blocks, here or in worker processes; the records are the same, only their order may differ."""
    if min(workers, len(tasks)) <= 1:
        yield from (play_block(venue, task) for task in tasks)
        return
    jobs = [Job(str(number), name_of(_play_elsewhere), (venue.choice, task)) for number, task in enumerate(tasks)]
    yield from (block for _, block in work(jobs, workers))


def _play_elsewhere(contact: Contact, choice: ArenaChoice, task: Task) -> BlockRecord:
    """A block played by a worker, in its own venue."""
    return play_block(contact.once(Venue, choice), task)


def arena_record(spec: ArenaSpec, identity: str) -> ArenaRecord:
    """The arena as records keep it."""
    seats = tuple((seat, s.side) for seat, s in spec.seats.items())
    return ArenaRecord(identity, spec.name, spec.kind, seats, spec.draw_band, spec.forfeit, spec.gamma, spec.max_steps)


def _result(played: Played, seat: str, rotation: int, owner: str) -> SeatResult:
    """What came out for one seat; a seat's first fault ends the row and costs it `forfeit`."""
    return SeatResult(
        rotation=rotation,
        seat=seat,
        entrant=owner,
        returns=played.returns[seat].cpu().numpy(),
        lengths=played.lengths.cpu().numpy(),
        statuses=played.statuses[seat].cpu().numpy(),
        metrics={name: part_of(value.cpu().numpy()) for name, value in played.metrics.get(seat, {}).items()},
        cpu_s=played.cpu_s / len(played.joint.seats),
        isolation="trusted",
    )


def part_of(values: NDArray[Any]) -> Part:
    """Mean, standard error and number of those of the numbers [n] that are known; 0 where there are too few."""
    known = values[~np.isnan(values)].astype(np.float64)
    n = len(known)
    return float(np.mean(known)) if n else 0.0, float(np.std(known, ddof=1) / n**0.5) if n > 1 else 0.0, n

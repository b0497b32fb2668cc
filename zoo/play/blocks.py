"""Blocks: one pairing x all seat rotations x paired seeds, played batched and returned as a record."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arenas.protocol import ArenaSpec
from leaderboard.records import (
    RULES_VERSION,
    STATUSES,
    ArenaRecord,
    BlockRecord,
    LogRecord,
    SeatResult,
    Status,
    block_id,
)
from leaderboard.statistics.estimate import Part
from leaderboard.store.store import Store
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.play.episodes import Played, play_episodes
from zoo.play.luck import episode_seeds
from zoo.play.seating import blame, rotations, sit_down
from zoo.sandbox.fault import AgentFault
from zoo.work.pool import Contact, Job, name_of, work

_told: set[tuple[str, str]] = set()  # arenas whose change was told, and to what; once a process is enough


@dataclass(frozen=True)
class Task:
    """A block to be played.

    Attributes:
        texts: name the entrants of the pairing, in the order of their sorted ids.
        seed: of the match.
        first_episode, episodes: which episodes.
        ids: who they are to whoever plans the match; None takes who they are here.
    """

    texts: tuple[str, str]
    seed: int
    first_episode: int
    episodes: int
    ids: tuple[str, str] | None = None


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

    The faults of an agent in a process of its own are recorded, and the block is played to its end. Where its process
    may have been ended from outside, all is played once more; a second end counts.

    Raises:
        UserError: an entrant cannot play here, or breaks.
        ArenaError: the environment breaks.
    """
    try:
        return _play(venue, tasks, patient=True)
    except AgentFault:
        return _play(venue, tasks, patient=False)


def _play(venue: Venue, tasks: Sequence[Task], *, patient: bool) -> list[BlockRecord]:
    start, total = tasks[0].first_episode, sum(task.episodes for task in tasks)
    arena, identity, seed = venue.arena(total), venue.identity, tasks[0].seed
    pair = [venue.entrant(text) for text in tasks[0].texts]
    ids = tasks[0].ids or (pair[0].id, pair[1].id)
    for who, known in zip(pair, ids, strict=True):
        if who.id != known:
            raise UserError(
                f"{who.label} is not the same in each process: its files have changed meanwhile; start again, or leave"
                " it out"
            )
    episodes = episode_seeds(identity, seed, start, total, arena.device)
    whats = [(identity, ids, "play", seed, task.first_episode, task.episodes, RULES_VERSION) for task in tasks]
    keys = [block_id(*what) for what in whats]
    results: list[list[SeatResult]] = [[] for _ in tasks]
    logs: list[list[LogRecord]] = [[] for _ in tasks]
    for number, rotation in enumerate(rotations(arena.spec, alone=ids[0] == ids[1])):
        with blame(identity, pair):
            seated = sit_down(arena, pair, rotation, seed, patient=patient)
            played = play_episodes(seated, episodes, views=False)
            for task, key, of_block, their_logs in zip(tasks, keys, results, logs, strict=True):
                rows = slice(task.first_episode - start, task.first_episode - start + task.episodes)
                share = task.episodes / total
                new = [_result(played, seat, number, ids[rotation[seat]], rows, share) for seat in played.joint.seats]
                of_block += new
                their_logs += (log for one in new for log in _logs(played, one, key, task.first_episode))
    return [
        BlockRecord(key, *what, results=tuple(of_block), logs=tuple(their_logs))
        for key, what, of_block, their_logs in zip(keys, whats, results, logs, strict=True)
    ]


def play_blocks(venue: Venue, tasks: Sequence[Task], workers: int = 1) -> Iterator[BlockRecord]:
    """Play blocks, here or in worker processes; the records are the same, only their order may differ."""
    yield from play_groups(venue, [[task] for task in tasks], workers)


def play_groups(venue: Venue, groups: Sequence[Sequence[Task]], workers: int = 1) -> Iterator[BlockRecord]:
    """Play groups of blocks, see `play_together`, here or in worker processes."""
    if min(workers, len(groups)) <= 1:
        for group in groups:
            yield from play_together(venue, group)
        return
    told = (venue.choice, _game(venue))
    jobs = [Job(str(n), name_of(_play_elsewhere), (*told, list(group))) for n, group in enumerate(groups)]
    for _, blocks in work(jobs, workers):
        yield from blocks


def _game(venue: Venue) -> tuple[Any, ...]:
    """What of a game must be the same in each process."""
    spec = venue.spec
    return venue.identity, dict(spec.seats), spec.max_steps, spec.payoffs


def _play_elsewhere(
    contact: Contact, choice: ArenaChoice, game: tuple[Any, ...], tasks: list[Task]
) -> list[BlockRecord]:
    """Blocks played by a worker, in its own venue."""
    venue = contact.once(Venue, choice)
    if (here := _game(venue)) != game:
        how = "with other rules" if here[0] == game[0] else f"and {here[0]}"
        raise UserError(
            f"{choice.name} is not the same game in each process: {game[0]} {how}; what a game says of itself must not"
            " depend on chance or on the process"
        )
    return play_together(venue, tasks)


def arena_record(spec: ArenaSpec, identity: str) -> ArenaRecord:
    """The arena as records keep it; two teams that mirror each other are one side to them, `team`."""
    mirrored = bool(spec.mirrors())
    seats = tuple((seat, "team" if mirrored else s.side) for seat, s in spec.seats.items())
    return ArenaRecord(identity, spec.name, spec.kind, seats, spec.draw_band, spec.forfeit, spec.gamma, spec.max_steps)


def record_arena(venue: Venue, store: Store) -> None:
    """Record the arena, with the hash of its file where it has one; tell when that has changed under one version."""
    record = replace(arena_record(venue.spec, venue.identity), details=venue.details)
    if store.add(record) or not venue.details:
        return
    before, now = store.arena(record.id).details.get("content"), venue.details["content"]
    if before not in (None, now) and (record.id, now) not in _told:
        _told.add((record.id, now))
        print(
            f"{record.id}: its file has changed since its first match ({before}, now {now}), and its results stay on"
            " one board; if the rules changed, raise the version in its name",
            file=sys.stderr,
        )


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
        cpu_s=played.cpu_of[seat] * share,
        isolation=played.isolation[seat],
    )


def _logs(played: Played, result: SeatResult, block: str, first_episode: int) -> Iterator[LogRecord]:
    """A record of each kind of fault that one seat had in a block."""
    fouls = played.fouls.get(result.seat)
    for code in np.unique(result.statuses):
        status = STATUSES[code]
        if status is Status.DONE:
            continue
        rows = np.flatnonzero(result.statuses == code)
        said = fouls.messages.get(status) if fouls is not None else None
        yield LogRecord(
            id=f"{block}/{result.rotation}/{result.seat}/{status}",
            block=block,
            rotation=result.rotation,
            seat=result.seat,
            entrant=result.entrant,
            status=status.value,
            first_episode=first_episode + int(rows[0]),
            episodes=len(rows),
            message=said or "the game ended the episode for an illegal action",
            tail=fouls.log if fouls is not None else "",
        )


def part_of(values: NDArray[Any]) -> Part:
    """Mean, standard error and number of those of the numbers [n] that are known; 0 where there are too few."""
    known = values[~np.isnan(values)].astype(np.float64)
    n = len(known)
    return float(np.mean(known)) if n else 0.0, float(np.std(known, ddof=1) / n**0.5) if n > 1 else 0.0, n

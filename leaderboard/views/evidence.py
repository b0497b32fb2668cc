"""What a board is made of, block by block and seat by seat: so little that it fits on a page, and enough to add up.

From the sums of each block anybody can compute the board's own returns again, see `docs/report.md`. The hash of a block
is that of its record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leaderboard.records import STATUSES, ArenaRecord, BlockRecord, SeatResult, Status
from leaderboard.statistics.estimate import Estimate, Part, measured, pooled
from leaderboard.statistics.tally import games_won, is_head_to_head, sides_of, tallies
from leaderboard.store.rows import block_rows

_DIGITS = 12  # of a sum; the last four of a double belong to the order of addition

#: Of a side: sum and number of the own returns that count, of the first and of the second.
Counted = tuple[float, int, float, int]


@dataclass(frozen=True)
class BlockSums:
    """One block.

    Attributes:
        id, content: its id, and the hash of its record.
        first, second: its entrants, as positions; seating: who sat where, as a position.
        start, episodes: number of the first episode, and how many there are in each rotation.
        sums: of each of the seating's places the sum of returns and of their squares.
        spoiled: where a fault spoiled any episode, what counts on each side; else empty, as the sums say it.
        won: games that the first won, that were drawn, that the second won; zeros where opponents are not compared.
    """

    id: str
    content: str
    first: int
    second: int
    seating: int
    start: int
    episodes: int
    sums: tuple[tuple[float, float], ...]
    spoiled: tuple[Counted, ...]
    won: tuple[int, int, int]

    def plain(self) -> list[Any]:
        """As JSON: one flat list."""
        flat = [number for pair in self.sums for number in pair]
        where = [self.first, self.second, self.seating, self.start, self.episodes]
        return [self.id[:16], self.content[:16], *where, flat, self.spoiled, self.won if any(self.won) else ()]


@dataclass(frozen=True)
class SeatMean:
    """What one entrant got in one seat when paired with another: mean return per episode, and the game's metrics."""

    seat: str
    own: Estimate
    metrics: Mapping[str, Estimate]


@dataclass(frozen=True)
class Evidence:
    """All blocks that count.

    Attributes:
        entrants: ids, sorted; seats: in seating order.
        seatings: of each kind of block its places: (rotation, position of the seat, 0 or 1 for first or second).
        blocks: sorted by pairing, then seed and first episode.
        lines: {(entrant, partner): a line for each seat}, both positions.
        faults: {status: episodes x seats}, of all entrants; steps: played by all; cpu: {entrant: seconds of its agent}.
        steps_of: {entrant: steps x seats that it played}.
    """

    entrants: tuple[str, ...]
    seats: tuple[str, ...]
    seatings: tuple[tuple[tuple[int, int, int], ...], ...]
    blocks: tuple[BlockSums, ...]
    lines: Mapping[tuple[int, int], Sequence[SeatMean]]
    faults: Mapping[str, int]
    cpu: Mapping[str, float]
    steps_of: Mapping[str, int]


def evidence(blocks: Iterable[BlockRecord], arena: ArenaRecord) -> Evidence:
    """The evidence of blocks of one arena and mode, which share no episodes.

    Args:
        blocks: in any order.
        arena: the arena.
    """
    ordered = sorted(blocks, key=lambda block: (block.entrants, block.seed, block.first_episode, block.id))
    entrants = tuple(sorted({who for block in ordered for who in block.entrants}))
    at = {who: i for i, who in enumerate(entrants)}
    seats = tuple(seat for seat, _ in arena.seats)
    seatings: dict[tuple[tuple[int, int, int], ...], int] = {}
    rated = is_head_to_head(arena)
    made, faults = [], np.zeros(len(STATUSES), dtype=np.int64)
    cpu, steps = defaultdict[str, float](float), defaultdict[str, int](int)
    for block in ordered:
        results = sorted(block.results, key=lambda r: (r.rotation, seats.index(r.seat)))
        places = tuple((r.rotation, seats.index(r.seat), block.entrants.index(r.entrant)) for r in results)
        for result in results:
            faults += np.bincount(result.statuses, minlength=len(STATUSES))
            cpu[result.entrant] += result.cpu_s
            steps[result.entrant] += int(result.lengths.sum())
        made.append(
            BlockSums(
                block.id,
                block_rows(block)[0]["content"],
                at[block.entrants[0]],
                at[block.entrants[1]],
                seating=seatings.setdefault(places, len(seatings)),
                start=block.first_episode,
                episodes=block.episodes,
                sums=tuple(_sums(result) for result in results),
                spoiled=_spoiled(block, arena) if any(_faulty(result) for result in results) else (),
                won=games_won(results, block.entrants[0], block.entrants[1], arena.draw_band) if rated else (0, 0, 0),
            )
        )
    counts = {status.value: int(n) for status, n in zip(STATUSES, faults, strict=True) if n}
    counts.pop(Status.DONE.value, None)
    return Evidence(entrants, seats, tuple(seatings), tuple(made), _lines(ordered, at, seats), counts, cpu, steps)


def short(x: float) -> float:
    """The number to `_DIGITS` digits, whole where it is whole."""
    rounded = float(f"{x:.{_DIGITS}g}")
    return int(rounded) if rounded == int(rounded) else rounded


def _sums(result: SeatResult) -> tuple[float, float]:
    return short(float(result.returns.sum())), short(float((result.returns**2).sum()))


def _faulty(result: SeatResult) -> bool:
    return bool((result.statuses != Status.DONE.code).any())


def _spoiled(block: BlockRecord, arena: ArenaRecord) -> tuple[Counted, ...]:
    """What counts on each side of the arena, in their order; nothing where the two did not sit on it."""
    made = {tally.side: tally for tally in tallies(block, arena)}
    counted = []
    for side in sides_of(arena):
        totals, n = (made[side].total, made[side].counted) if side in made else ((0.0, 0.0), (0, 0))
        counted.append((short(totals[0]), n[0], short(totals[1]), n[1]))
    return tuple(counted)


def _lines(
    blocks: Sequence[BlockRecord], at: Mapping[str, int], seats: Sequence[str]
) -> dict[tuple[int, int], list[SeatMean]]:
    """What each got from each, seat by seat; an episode counts the mean over the rotations that seat it there."""
    own: dict[tuple[int, int, str], list[Part]] = defaultdict(list)
    metrics: dict[tuple[int, int, str], dict[str, list[Part]]] = defaultdict(lambda: defaultdict(list))
    for block in blocks:
        first, second = block.entrants
        by_place: dict[tuple[str, str], list[SeatResult]] = defaultdict(list)
        for result in block.results:
            by_place[result.entrant, result.seat].append(result)
        for (who, seat), results in by_place.items():
            cell = (at[who], at[second if who == first else first], seat)
            got = np.mean([result.returns for result in results], axis=0)
            error = float(got.std(ddof=1)) / len(got) ** 0.5 if len(got) > 1 else 0.0
            own[cell].append((float(got.mean()), error, len(got)))
            for result in results:
                for name, part in result.metrics.items():
                    metrics[cell][name].append(part)
    lines: dict[tuple[int, int], list[SeatMean]] = defaultdict(list)
    for cell in sorted(own, key=lambda cell: (cell[0], cell[1], seats.index(cell[2]))):
        told = {name: measured(parts) for name, parts in sorted(metrics[cell].items())}
        told = {name: x for name, x in told.items() if x.n}
        lines[cell[0], cell[1]].append(SeatMean(cell[2], pooled(own[cell]), told))
    return lines

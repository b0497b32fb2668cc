"""What each entrant got: own returns per block and episode, laid out as arrays, and their mean over a panel.

A *performance* is what one entrant got in one block (on one side, where sides matter): for each episode, the mean of
its own return over the rotations, where a rotation counts the mean over the seats that the entrant filled. In
self-play it filled all of them, so the mean goes over all seats.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from leaderboard.records import BlockRecord, SeatResult, Status

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
T = TypeVar("T")


@dataclass(frozen=True)
class Performances:
    """P performances over E episodes in all, as parallel arrays; performances are sorted by block id.

    Attributes:
        entrants: all entrant ids that occur, sorted; `who` and `partner` are positions in it.
        sides: the sides, sorted; ("",) where sides do not matter.
        blocks: block ids, sorted.
        series: (seed, first episode, episodes) of the paired seeds, sorted. Equal series, equal luck.
        block, who, partner, side, series_of: int [P], positions in the above. In self-play, partner = who.
        start, length: int [P]; performance p owns the episodes start[p] : start[p] + length[p].
        mean: float [P], mean own return per episode.
        per_step: float [E], own return per step of each episode.
        episode: int [E, 2], (seed, number) of each episode.
        faults: int [P, number of statuses], episodes x seats by status, as `records.STATUSES` orders them.
        games: int [P], episodes x rotations.
    """

    entrants: tuple[str, ...]
    sides: tuple[str, ...]
    blocks: tuple[str, ...]
    series: tuple[tuple[int, int, int], ...]
    block: Ints
    who: Ints
    partner: Ints
    side: Ints
    series_of: Ints
    start: Ints
    length: Ints
    mean: Floats
    per_step: Floats
    episode: Ints
    faults: Ints
    games: Ints


def performances(
    blocks: Iterable[BlockRecord], sides: Mapping[str, str] | None = None, max_steps: int = 0
) -> Performances:
    """Lays out the own returns of blocks in any order; a block given twice counts once.

    Args:
        blocks: blocks of one arena and mode; of those that share episodes only some count, see `disjoint`.
        sides: {seat: side} to keep the sides apart, None to average over all seats.
        max_steps: steps of a whole episode. A spoiled episode's forfeit stands for all of it, so it is spread over
            at least these many steps; otherwise to crash at once would look like a far greater loss per step.

    Raises:
        KeyError: a seat has no side.
    """
    ordered = disjoint(block for _, block in sorted({block.id: block for block in blocks}.items()))
    entrants = tuple(sorted({entrant for block in ordered for entrant in block.entrants}))
    side_names = tuple(sorted(set(sides.values()))) if sides else ("",)
    side_of = {seat: side_names.index(side) for seat, side in sides.items()} if sides else {}
    series = tuple(sorted({(block.seed, block.first_episode, block.episodes) for block in ordered}))
    table, owner, rotation = _layout(ordered, _numbers(entrants), side_of, _numbers(series))
    weight, rotations = _weights(owner, rotation, len(table))

    length = table[:, 5]
    total, start, k = int(length.sum()), np.cumsum(length) - length, length[owner]
    at, share = _ranges(start[owner], k), np.repeat(weight, k)
    results = [result for block in ordered for result in block.results]
    value, status = _joined(results, "returns", np.float64), _joined(results, "statuses", np.intp)
    steps = counted_steps(_joined(results, "lengths", np.intp), status, max_steps)
    own = np.bincount(at, weights=value * share, minlength=total)
    faults = np.bincount(np.repeat(owner, k) * len(Status) + status, minlength=len(table) * len(Status))
    first = np.array([key[:2] for key in series], dtype=np.intp).reshape(-1, 2)[table[:, 4]]
    return Performances(
        entrants=entrants,
        sides=side_names,
        blocks=tuple(block.id for block in ordered),
        series=series,
        block=table[:, 0],
        who=table[:, 1],
        partner=table[:, 2],
        side=table[:, 3],
        series_of=table[:, 4],
        start=start,
        length=length,
        mean=np.add.reduceat(own, start) / length if len(table) else np.zeros(0),
        per_step=np.bincount(at, weights=value / steps * share, minlength=total).astype(np.float64),
        episode=np.column_stack([np.repeat(first[:, 0], length), _ranges(first[:, 1], length)]),
        faults=faults.reshape(len(table), len(Status)),
        games=length * rotations,
    )


def counted_steps(lengths: NDArray[Any], statuses: NDArray[Any], max_steps: int) -> NDArray[Any]:
    """Steps over which each episode's return is spread, see `performances`."""
    spoiled = statuses != Status.DONE.code
    return np.asarray(np.maximum(np.where(spoiled, np.maximum(lengths, max_steps), lengths), 1))


def _numbers(values: Iterable[T]) -> dict[T, int]:
    """The position of each value."""
    return {value: i for i, value in enumerate(values)}


def _ranges(start: Ints, length: Ints) -> Ints:
    """The whole numbers from each start on, as many as its length says, one range after the other."""
    return np.asarray(np.arange(int(length.sum())) + np.repeat(start - (np.cumsum(length) - length), length))


def _layout(
    blocks: Sequence[BlockRecord],
    number: Mapping[str, int],
    side_of: Mapping[str, int],
    series_number: Mapping[tuple[int, int, int], int],
) -> tuple[Ints, Ints, Ints]:
    """Performances [P, 6] (block, who, partner, side, series, episodes); of each seat result its own, and its rotation.

    Args:
        blocks: in their order.
        number: {entrant: its number}.
        side_of: {seat: number of its side}; empty where sides do not matter.
        series_number: {series: its number}.
    """
    rows: list[tuple[int, int, int, int, int, int]] = []
    owner: list[int] = []
    rotation: list[int] = []
    for position, block in enumerate(blocks):
        mine: dict[tuple[str, int], int] = {}
        a, b = block.entrants
        for result in block.results:
            key = (result.entrant, side_of[result.seat] if side_of else 0)
            if key not in mine:
                mine[key] = len(rows)
                who, partner = number[result.entrant], number[b if result.entrant == a else a]
                played = series_number[(block.seed, block.first_episode, block.episodes)]
                rows.append((position, who, partner, key[1], played, block.episodes))
            owner.append(mine[key])
            rotation.append(result.rotation)
    table = np.array(rows, dtype=np.intp).reshape(-1, 6)
    return table, np.array(owner, dtype=np.intp), np.array(rotation, dtype=np.intp)


def disjoint(blocks: Iterable[BlockRecord]) -> list[BlockRecord]:
    """The blocks without those that repeat episodes of their pairing, in the order given.

    Matches of 7 and of 8 episodes from the same seed share seven: counted twice, they would feign evidence. From the
    first episode on, the longest block that begins where nothing is covered yet counts, whichever was played first.
    """
    blocks = list(blocks)
    kept: set[str] = set()
    covered: dict[tuple[tuple[str, ...], str, int], int] = {}
    for block in sorted(blocks, key=lambda block: (block.first_episode, -block.episodes, block.id)):
        series = (block.entrants, block.mode, block.seed)
        if block.first_episode >= covered.get(series, 0):
            covered[series] = block.first_episode + block.episodes
            kept.add(block.id)
    return [block for block in blocks if block.id in kept]


def _weights(owner: Ints, rotation: Ints, rows: int) -> tuple[Floats, Ints]:
    """Share of each seat result in its performance, and the number of rotations of each performance."""
    if not owner.size:
        return np.zeros(0), np.zeros(0, dtype=np.intp)
    width = int(rotation.max()) + 1
    seats = np.bincount(owner * width + rotation, minlength=rows * width).reshape(rows, width)
    rotations = (seats > 0).sum(axis=1)
    return 1.0 / (seats[owner, rotation] * rotations[owner]), rotations


def _joined(results: Iterable[SeatResult], name: str, dtype: type) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *(getattr(result, name) for result in results)], dtype=dtype)


@dataclass(frozen=True)
class OwnReturn:
    """Mean own return per step over a panel, each partner equally weighted; all arrays are [n] in order of `entrants`.

    Attributes:
        entrants: entrant ids, sorted.
        value: the mean; NaN for one who has met no partner of the panel.
        low, high: 95 % interval for other episodes with the same panel; NaN where a partner was met for fewer than
            two episodes, so that nothing tells how much episodes differ.
        n: number of different episodes behind it.
        met: how many partners of the panel the entrant has met.
        partners: how many there were to meet.
        covariance: float [n, n] of `value`: entrants share partners and episodes, so their means move together.
    """

    entrants: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    n: Ints
    met: Ints
    partners: Ints
    covariance: Floats


def own_return(
    table: Performances, panel: Iterable[str], *, side: str | None = None, with_oneself: bool = True
) -> OwnReturn:
    """Mean own return per step over the panel, with the episode as the unit.

    Within an episode number everything is paired (the same luck for all partners and rotations), so the mean over
    partners is taken per episode before the spread over episodes is. Where an entrant met its partners for different
    episodes, the same is done with the weight that each episode has in the mean (cluster-robust variance; for equal
    numbers of episodes it is the t-interval of the per-episode means).

    Args:
        table: the performances.
        panel: entrant ids of the partners.
        side: count this side only.
        with_oneself: whether a member of the panel counts as its own partner, too.
    """
    size = len(table.entrants)
    members = [table.entrants.index(entrant) for entrant in sorted(set(panel)) if entrant in table.entrants]
    absent = len(set(panel) - set(table.entrants))
    chosen = np.isin(table.partner, members)
    if side is not None:
        chosen &= table.side == table.sides.index(side)
    if not with_oneself:
        chosen &= table.partner != table.who

    row = np.repeat(np.arange(len(table.who)), table.length)
    kept = chosen[row]
    row, x = row[kept], table.per_step[kept]
    pair = table.who[row] * size + table.partner[row]
    count = np.bincount(pair, minlength=size * size)
    mean = np.bincount(pair, weights=x, minlength=size * size) / np.maximum(count, 1)
    met = (count.reshape(size, size) > 0).sum(axis=1)

    _, episode = np.unique(table.episode[kept], axis=0, return_inverse=True)
    episode = episode.reshape(-1)
    episodes = int(episode.max()) + 1 if episode.size else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(met > 0, mean.reshape(size, size).sum(axis=1) / met, np.nan)
        # The square root of n/(n-1) turns the spread around the sample mean into that around the true one.
        inflation = np.sqrt(count / (count - 1.0))
        deviation = np.where(count[pair] > 1, (x - mean[pair]) * inflation[pair], np.nan)
        weight = 1.0 / (met[table.who[row]] * count[pair])
    cell = table.who[row] * episodes + episode
    influence = np.bincount(cell, weights=weight * deviation, minlength=size * episodes).reshape(size, episodes)
    seen = np.bincount(cell, minlength=size * episodes).reshape(size, episodes) > 0
    covariance = np.where(met[:, None] * met[None, :] > 0, influence @ influence.T, np.nan)
    # The partner met for the fewest episodes decides the degrees of freedom: the cautious choice.
    fewest = np.array([per[per > 0].min(initial=2**31) for per in count.reshape(size, size)])
    half = stdtrit(np.maximum(fewest - 1.0, 1.0), 0.975) * np.sqrt(np.diagonal(covariance))
    partners = np.full(size, len(members) + absent)
    if not with_oneself:
        partners[members] -= 1
    return OwnReturn(table.entrants, value, value - half, value + half, seen.sum(axis=1), met, partners, covariance)

"""Cross-play: what each entrant gets when paired with each other one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.labels import unique_labels
from leaderboard.records import RULES_VERSION, BlockRecord, SeatResult
from leaderboard.statistics.returns import Floats, Ints, counted_steps, performances

if TYPE_CHECKING:
    from leaderboard.store.store import Store


@dataclass(frozen=True)
class Crossplay:
    """Mean own return per step of the row when paired with the column; self-play on the diagonal.

    Attributes:
        arena: arena id.
        side: the side that the row plays; "" if the mean goes over all seats.
        entrants: n entrant ids.
        labels: what to call them, each once.
        mean: float [n, n]; NaN where the two have not met.
        standard_error: float [n, n] of the mean, with the episode as the unit; NaN from fewer than two.
        n: int [n, n], number of episodes, each the mean over all rotations.
    """

    arena: str
    side: str
    entrants: tuple[str, ...]
    labels: tuple[str, ...]
    mean: Floats
    standard_error: Floats
    n: Ints

    def plain(self) -> dict[str, Any]:
        """Plain data for JSON; what is not known is None."""
        figures = {"mean": self.mean, "standard_error": self.standard_error}
        known = {name: np.where(np.isfinite(x), x, None).tolist() for name, x in figures.items()}  # type: ignore[call-overload]
        names = {"entrants": list(self.entrants), "labels": list(self.labels)}
        return {"arena": self.arena, "side": self.side, **names, **known, "n": self.n.tolist()}


def crossplay(
    blocks: Iterable[BlockRecord],
    entrants: Sequence[str],
    *,
    sides: Mapping[str, str] | None = None,
    side: str = "",
    max_steps: int = 0,
    labels: Mapping[str, str] | None = None,
) -> Crossplay:
    """The cross-play matrix of `entrants`, in this order, from blocks of one arena and mode.

    Args:
        blocks: the blocks, in any order; those with other entrants are passed over.
        entrants: entrant ids.
        sides: {seat: side}; needed for `side`.
        side: side that the row plays; "" for the mean over all its seats.
        max_steps: steps of a whole episode, see `returns.performances`.
        labels: {entrant id: label}.

    Raises:
        ValueError: no seat is on that side.
    """
    blocks = list(blocks)
    table = performances(blocks, sides if side else None, max_steps)
    if side and (sides is None or side not in sides.values()):
        raise ValueError(f"no seat is on side {side!r}")
    size, index = len(entrants), {entrant: i for i, entrant in enumerate(entrants)}
    at = np.array([index.get(entrant, -1) for entrant in table.entrants], dtype=np.intp)
    row, column = at[table.who], at[table.partner]
    chosen = (row >= 0) & (column >= 0)
    if side:
        chosen &= table.side == table.sides.index(side)
    cell = np.repeat(row * size + column, table.length)
    kept = np.repeat(chosen, table.length)
    cell, x = cell[kept], table.per_step[kept]
    n = np.bincount(cell, minlength=size * size)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(cell, weights=x, minlength=size * size) / n
        squares = np.bincount(cell, weights=(x - mean[cell]) ** 2, minlength=size * size)
        error = np.where(n > 1, np.sqrt(squares / (n - 1.0) / n), np.nan)
    names = unique_labels(entrants, labels or {})
    return Crossplay(
        arena=blocks[0].arena if blocks else "",
        side=side,
        entrants=tuple(entrants),
        labels=tuple(names[entrant] for entrant in entrants),
        mean=mean.reshape(size, size),
        standard_error=error.reshape(size, size),
        n=n.reshape(size, size),
    )


def read_crossplay(
    store: "Store",
    arena: str,
    mode: str = "play",
    *,
    entrants: Sequence[str] | None = None,
    side: str = "",
    seed: int | None = None,
) -> Crossplay:
    """The cross-play matrix of the recorded blocks under the present rules.

    Args:
        store: the records.
        arena: arena id.
        mode: "play" or "learn".
        entrants: entrant ids in the order wanted; None for all who played, sorted by label.
        side: side that the row plays; "" for the mean over all its seats.
        seed: count only blocks of this match seed; None for all.

    Raises:
        StoreError: the arena is unknown, or the store cannot be read.
        ValueError: no seat is on that side.
    """
    record = store.arena(arena)
    blocks = [
        block
        for block in store.blocks(arena, entrants=entrants, mode=mode)
        if block.rules_version == RULES_VERSION and seed in (None, block.seed)
    ]
    labels = {entrant.id: entrant.label for entrant in store.entrants()}
    if entrants is None:
        played = {entrant for block in blocks for entrant in block.entrants}
        entrants = sorted(played, key=lambda entrant: (labels.get(entrant, entrant), entrant))
    return crossplay(blocks, entrants, sides=dict(record.seats), side=side, max_steps=record.max_steps, labels=labels)


def episode_returns(
    blocks: Iterable[BlockRecord],
    rows: Sequence[str],
    columns: Sequence[str],
    roles: Mapping[str, Sequence[str]],
    episodes: int,
    *,
    first: int = 0,
    max_steps: int | None = None,
) -> dict[str, Floats]:
    """Role -> float [episodes, rows, columns], own return of the row in that role when the column fills the rest.

    A role is a set of seats. Where the rotations of a block seat the row in all of them or in none, as with several
    parties, the row plays the whole role. Where they seat it in different numbers of them, as on a single side, those
    rotations count in which it fills the fewest, so that the partners fill the rest. An episode counts the mean over
    these rotations and over the seats that the row fills in them; with itself the row fills all seats.

    Args:
        blocks: blocks of one arena, mode and match seed, in any order; other pairings are passed over.
        rows: entrant ids of those whose returns they are.
        columns: entrant ids of those whom they meet.
        roles: {role: its seats}.
        episodes: how many episodes, from number `first` on; those that were not played are NaN.
        first: number of the first episode.
        max_steps: None for returns per episode. Otherwise they are per step, where a spoiled episode's forfeit is
            spread over at least these many steps, see `returns.performances`.
    """
    row_of, column_of = {who: i for i, who in enumerate(rows)}, {who: i for i, who in enumerate(columns)}
    returns = {role: np.full((episodes, len(rows), len(columns)), np.nan) for role in roles}
    for block in blocks:
        a, b = block.entrants
        start, end = max(block.first_episode, first), min(block.first_episode + block.episodes, first + episodes)
        if start >= end:
            continue
        there, here = slice(start - first, end - first), slice(start - block.first_episode, end - block.first_episode)
        for who, partner in {(a, b), (b, a)}:
            if who not in row_of or partner not in column_of:
                continue
            for role, seats in roles.items():
                cell = own_returns(block, who, seats, max_steps)
                if cell is not None:
                    returns[role][there, row_of[who], column_of[partner]] = cell[here]
    return returns


def own_returns(block: BlockRecord, who: str, seats: Sequence[str], max_steps: int | None) -> Floats | None:
    """Own return [episodes] of an entrant in a role of a block; None where it never plays it.

    With `max_steps` it is the return per step, and a spoiled episode counts so many steps.
    """
    rotations: dict[int, list[SeatResult]] = {}
    for result in block.results:
        if result.entrant == who and result.seat in seats:
            rotations.setdefault(result.rotation, []).append(result)
    if not rotations:
        return None
    fewest = min(map(len, rotations.values()))
    returns = [
        np.mean([_return(result, max_steps) for result in results], axis=0)
        for results in rotations.values()
        if len(results) == fewest
    ]
    return np.asarray(np.mean(returns, axis=0))


def _return(result: SeatResult, max_steps: int | None) -> Floats:
    if max_steps is None:
        return result.returns
    return np.asarray(result.returns / counted_steps(result.lengths, result.statuses, max_steps))

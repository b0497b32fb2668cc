"""Cross-play: what each entrant gets when paired with each other one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.labels import unique_labels
from leaderboard.records import RULES_VERSION, BlockRecord
from leaderboard.returns import Floats, Ints, performances

if TYPE_CHECKING:
    from leaderboard.store import Store


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

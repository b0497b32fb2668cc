"""All that a report says of one arena, as plain data from the records: its board and what stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leaderboard.errors import StoreError
from leaderboard.labels import unique_labels
from leaderboard.records import ArenaRecord, BlockRecord, EntrantRecord, Measurement, PanelRecord
from leaderboard.seeds import RATED
from leaderboard.statistics.clusters import clustered
from leaderboard.statistics.cycles import Cycles
from leaderboard.statistics.field import Field, field_of
from leaderboard.statistics.tally import Tally, is_head_to_head, sides_of
from leaderboard.views.board import Board, Row, board
from leaderboard.views.crossplay import Crossplay, crossplay
from leaderboard.views.evidence import Evidence, evidence
from leaderboard.views.game import game_cycles
from leaderboard.views.learning import LearningCurve, learning_curves
from leaderboard.views.rated import counted
from leaderboard.views.words import duplicates, verdict

if TYPE_CHECKING:
    from leaderboard.store.store import Store


#: Share of what one gains with its like that it may lose with another one and still not be robbed.
LOSS = 0.1


@dataclass(frozen=True)
class PageSide:
    """One side of an arena.

    Attributes:
        side: its name, "" where sides do not matter; rows: the board's, best first.
        matrix: who got what from whom, in an order that keeps alike entrants together.
        neutral: what is neither good nor bad to get in a cell, and `neutral_is`, why, in words.
        verdict: what tells the first two of the board apart, in the words of a match; "" where there are no two.
        fair: labels of those that gain with their like, and lose no more than `LOSS` of that with anybody; None where
            the game is not one of mixed motives.
        field: what the board is made of.
    """

    side: str
    rows: tuple[Row, ...]
    matrix: Crossplay
    neutral: float
    neutral_is: str
    verdict: str
    fair: tuple[str, ...] | None
    field: Field

    @property
    def leading(self) -> tuple[Row, ...]:
        """Those of whom nobody is surely better, the first of the board before the others."""
        return tuple(row for row in self.rows if row.rank is not None and row.rank_low == 1)


@dataclass(frozen=True)
class ArenaPage:
    """Everything about one arena.

    Attributes:
        arena: the game; board: its board; panel: the record of its panel.
        sides: of the board; evidence: what it is made of.
        cycles: whether one number per entrant is enough; None as in `views.game.EmpiricalGame`.
        entrants: {id: its record}; measurements: of these, oldest first.
        blocks: those behind the evidence, sorted by id.
        last: when the last match was added, ISO 8601; "" where none was.
        learning: curves of the learning matches that were played there.
    """

    arena: ArenaRecord
    board: Board
    panel: PanelRecord | None
    sides: tuple[PageSide, ...]
    evidence: Evidence
    cycles: Cycles | None
    entrants: Mapping[str, EntrantRecord]
    measurements: tuple[Measurement, ...]
    blocks: tuple[BlockRecord, ...]
    last: str
    learning: tuple[LearningCurve, ...] = ()


def arena_page(store: Store, arena_id: str, *, seed: int | None = RATED) -> ArenaPage:
    """The page of an arena, of frozen entrants.

    Args:
        store: the records.
        arena_id: the arena.
        seed: see `views.board.board`.

    Raises:
        StoreError: the arena is unknown, or nobody is on its board.
    """
    arena, made = store.arena(arena_id), board(store, arena_id, seed=seed)
    if not made.rows:
        raise StoreError(
            f"{store.name}: nobody is on the board of {arena_id} yet; `zoo match` and `zoo tournament` play"
        )
    chosen = counted(store, seed)
    on_board = {row.entrant for row in made.rows}
    tallies = [tally for tally in chosen.tallies(store, arena_id, "play")[0] if {tally.first, tally.second} <= on_board]
    blocks = [block for block in chosen.blocks(store, arena_id, "play") if set(block.entrants) <= on_board]
    panel = store.panel(arena_id) if made.panel else None
    labels = {row.entrant: row.label for row in made.rows}
    sides = tuple(
        _side(arena, made, crossplay(tallies, arena, sorted(labels), side=side, labels=labels), field)
        for side in sides_of(arena)
        for field in [_field(tallies, panel, side)]
    )
    matches = [match for match in store.matches(arena_id) if match.mode == "play"]
    return ArenaPage(
        arena,
        made,
        panel,
        sides,
        evidence(blocks, arena),
        game_cycles(arena, tallies),
        {record.id: record for record in store.entrants(on_board)},
        tuple(x for x in store.measurements(arena_id) if x.subject in on_board),
        tuple(blocks),
        max((match.created for match in matches), default=""),
        _learning(store, arena_id),
    )


def _learning(store: Store, arena_id: str) -> tuple[LearningCurve, ...]:
    """Curves of learning matches, with the labels that learners have among each other."""
    blocks = store.blocks(arena_id, mode="learn")
    who = {entrant for block in blocks for entrant in block.entrants}
    labels = {record.id: record.label for record in store.entrants(who)} if who else {}
    return tuple(learning_curves(blocks, unique_labels(sorted(labels), labels | store.labels())))


def _field(tallies: Sequence[Tally], panel: PanelRecord | None, side: str) -> Field:
    members = panel.entrants if panel else ()
    weights = panel.weights.get(side, [1.0 / len(members)] * len(members)) if panel else []
    return field_of(tallies, side, members, weights, with_oneself=True)


def _side(arena: ArenaRecord, made: Board, matrix: Crossplay, field: Field) -> PageSide:
    rows = tuple(row for row in made.rows if row.side == matrix.side)
    order = clustered(matrix.mean, matrix.labels)
    at = np.ix_(order, order)
    ordered = Crossplay(
        matrix.arena,
        matrix.side,
        tuple(matrix.entrants[i] for i in order),
        tuple(matrix.labels[i] for i in order),
        matrix.quantity,
        matrix.mean[at],
        matrix.standard_error[at],
        matrix.n[at],
    )
    neutral, why = _neutral(arena, made, ordered)
    return PageSide(
        matrix.side, rows, ordered, neutral, why, _verdict(arena, rows, field), _fair(arena, ordered, neutral), field
    )


def _neutral(arena: ArenaRecord, made: Board, matrix: Crossplay) -> tuple[float, str]:
    """What is neither good nor bad to get in a cell, and why."""
    known = matrix.mean[np.isfinite(matrix.mean)]
    if is_head_to_head(arena):
        return 0.5, "half of the games won"
    if known.size and known.min() < 0.0 < known.max():
        return 0.0, "0, as good as not to play"
    if matrix.side in made.scale:
        return float(made.scale[matrix.side][0]), "what the members of the panel get on average"
    return (float(known.mean()) if known.size else 0.0), "the mean of all cells"


def _verdict(arena: ArenaRecord, rows: Sequence[Row], field: Field) -> str:
    """What tells the first two apart."""
    ranked = [row for row in rows if row.rank is not None][:2]
    if len(ranked) < 2:
        return ""
    first, second = ranked
    if is_head_to_head(arena):
        sure = first["above_next"]
        return f"{first.label} stands above {second.label} with a probability of {sure:.3f}" if sure is not None else ""
    i, j = (field.entrants.index(row.entrant) for row in ranked)
    how = duplicates(paired=field.headline.paired(i, j))
    return verdict((first.label, second.label), field.headline.difference(i, j), "episode", how)


def _fair(arena: ArenaRecord, matrix: Crossplay, neutral: float) -> tuple[str, ...] | None:
    """Who surely gains with its like, and with nobody surely loses more than `LOSS` of that; None where all do.

    Intervals are two standard errors to either side: a summary of many cells, not a test.
    """
    if arena.kind != "mixed" or matrix.side:
        return None
    error = 2.0 * np.nan_to_num(matrix.standard_error)
    like = np.diagonal(matrix.mean - error) - neutral
    worst = np.min(np.where(np.isfinite(matrix.mean), matrix.mean + error, np.inf), axis=1) - neutral
    kept = zip(matrix.labels, like, worst, strict=True)
    return tuple(label for label, gain, least in kept if gain > 0.0 and least >= -LOSS * gain)

"""Boards and cross-play matrices in a terminal, as rich renderables that adapt to its width."""

import io
from collections.abc import Iterable

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.text import Text

from leaderboard.labels import short_id
from leaderboard.report.cells import captions, counted, headline_of, partners, shown, texts
from leaderboard.report.layout import clean, decimals, intervals, number
from leaderboard.report.sheet import Column, Sheet, labels
from leaderboard.views.board import Board, Change
from leaderboard.views.crossplay import Crossplay

_NOTHING_PLAYED = (
    "No blocks have been played in this mode yet: `zoo tournament` plays them, and --learn shows the board of learning"
    " matches. Measurements alone make no board."
)
_NOTHING_LEARNED = "No learning match has been played yet: `zoo match A B --learn` plays one."
_ALARM = 88  # worth of a count that should be 0 and is not


def board_view(board: Board) -> RenderableType:
    """A board: title, table and captions."""
    title = Text(f"{clean(board.arena)}: {board.kind}, mode {board.mode}", style="bold")
    if not board.rows:
        return Group(title, Text(_NOTHING_LEARNED if board.mode == "learn" else _NOTHING_PLAYED))
    lines = [counted(board), partners(board), board.rule, *captions(board)]
    sheet = Sheet(_board_columns(board), [row.side for row in board.rows])
    return Group(title, sheet, Text(), *(Text(line, style="dim") for line in lines))


def crossplay_view(matrix: Crossplay) -> RenderableType:
    """A cross-play matrix: title, table and caption."""
    side = f", row plays {clean(matrix.side)}" if matrix.side else ""
    title = Text(f"{clean(matrix.arena)}: cross-play{side}", style="bold")
    if not matrix.entrants:
        return Group(title, Text("No blocks have been played in this mode yet."))
    digits = decimals(matrix.standard_error.ravel().tolist())
    numbers = [str(i + 1) for i in range(len(matrix.entrants))]
    columns = [Column("#", numbers, front=True), labels("entrant", matrix.labels)]
    columns += [Column(name, [number(x, digits) for x in matrix.mean[:, j].tolist()]) for j, name in enumerate(numbers)]
    met = matrix.n[matrix.n > 0]
    errors = matrix.standard_error[np.isfinite(matrix.standard_error)]
    n = f"{met.min():,} to {met.max():,}" if met.size and met.min() < met.max() else f"{met.max(initial=0):,}"
    worst = f"standard error at most {number(float(errors.max()), digits + 1)}" if errors.size else "no interval yet"
    caption = (
        "Mean own return per step of the row when paired with the column of that number; self-play on the diagonal."
        f" n = {n} episodes per cell, each the mean over all seat rotations; {worst}."
    )
    return Group(title, Sheet(columns, below=False), Text(caption, style="dim"))


def change_view(changes: Iterable[Change]) -> RenderableType:
    """What a match changed: rating and rank before and after."""
    changes = list(changes)
    mu = [f"{'' if c.mu_before is None else f'{c.mu_before:.1f} -> '}{c.mu_after:.1f}" for c in changes]
    gain = ["new" if c.mu_before is None else f"{c.mu_after - c.mu_before:+.1f}" for c in changes]
    rank = [f"{'' if c.rank_before is None else f'{c.rank_before} -> '}{c.rank_after}" for c in changes]
    sides = [labels("side", [c.side for c in changes])] if any(c.side for c in changes) else []
    names = [labels("entrant", [c.label for c in changes]), *sides]
    return Sheet([*names, Column("rating mu", mu), Column("change", gain), Column("rank", rank)])


def to_text(view: RenderableType, width: int = 100) -> str:
    """What a view looks like at this width, without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _board_columns(board: Board) -> list[Column]:
    rows = board.rows
    ranks, lows, highs = zip(*((row.rank, row.rank_low, row.rank_high) for row in rows), strict=True)
    rank = intervals(ranks, lows, highs, digits=0)
    columns = [Column("# [95 %]", rank, front=True, folds=False), labels("entrant", [row.label for row in rows])]
    if any(row.side for row in rows):
        columns.append(Column("side", [clean(row.side) for row in rows], left=True, worth=98, folds=False))
    for column in shown(board):
        cells = texts(column, board)
        alarm = column.form == "alarm"
        columns.append(
            Column(
                column.cooperative if column.cooperative and board.kind == "cooperative" else column.heading,
                cells,
                style="bold" if column.name == headline_of(board) else "",
                worth=_ALARM if alarm and any(x != "0" for x in cells) else column.worth[board.kind != "competitive"],
                group=column.group,
                alarm=alarm,
                folds=False,
            )
        )
    return [*columns, Column("id", [short_id(row.entrant) for row in rows], left=True, worth=10)]

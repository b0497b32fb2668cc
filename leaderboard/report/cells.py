"""The columns of a board as texts, for terminals and for Markdown."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from leaderboard.report.layout import MISSING, aligned, clean, decimals, intervals, number, plural
from leaderboard.views import exploitability, strangers
from leaderboard.views.board import Board
from leaderboard.views.columns import COLUMNS, BoardColumn
from leaderboard.views.crossplay import Crossplay


def shown(board: Board) -> list[BoardColumn]:
    """The columns that are shown of this board, the headline first."""
    known = {
        column.group
        for column in COLUMNS
        if column.form != "count" and any(_known(row[column.name]) for row in board.rows)
    }
    headline = headline_of(board)
    columns = [column for column in COLUMNS if column.form != "hidden" and (not column.group or column.group in known)]
    return sorted(columns, key=lambda column: (column.place, column.name != headline))


def headline_of(board: Board) -> str:
    """The name of the column by which the board ranks."""
    return "mu" if board.kind == "competitive" else "own_return"


def texts(column: BoardColumn, board: Board, *, markdown: bool = False) -> list[str]:
    """The column's cells, figures below each other."""
    values: Sequence[Any] = [row[column.name] for row in board.rows]
    if column.form in ("count", "alarm"):
        counts = [value[0] if column.form == "alarm" else value for value in values]
        return [MISSING if column.group and not n else f"{n:,}" for n in counts]
    if column.form == "share":
        return [f"{part}/{whole}" for part, whole in values]
    if column.form == "marked":
        return marked(values, column.digits)
    if column.form == "deviation":
        return [f"{number(x, column.digits)} ({number(sd, column.digits)})" for x, sd in values]
    if column.form == "number":
        return [number(x, column.digits) for x in values]
    least, most = column.bounds
    # in Markdown a rating has as few decimals as it may have
    digits = least if markdown and least else decimals((x.half for x in values if x is not None), column.digits)
    return intervals(values, min(max(digits, least), most))


def marked(values: Sequence[tuple[float | None, str | None]], digits: int = 4) -> list[str]:
    """Numbers below each other behind the signs of their marks, such as ">= 0.1961"."""
    numbers = aligned([number(value, digits) for value, _ in values])
    return [exploitability.SIGNS.get(mark or "", "") + text for (_, mark), text in zip(values, numbers, strict=True)]


def captions(board: Board) -> list[str]:
    """What explains the columns of measurements, a paragraph for each group that is shown."""
    groups = {column.group for column in shown(board)}
    explained = {"exploitability": exploitability.CAPTION, "strangers": strangers.CAPTION}
    return [caption for group, caption in explained.items() if group in groups]


def counted(board: Board) -> str:
    """What the board is made of, as a sentence."""
    games = f"{plural(board.games, 'game')} in {plural(board.blocks, 'block')} of {plural(board.matches, 'match')}"
    seed = "all seeds" if board.seed is None else f"seed {board.seed}"
    return f"n = {games}; {seed}; rules version {board.rules_version}."


def partners(board: Board) -> str:
    """With whom the entrants were judged, as a sentence."""
    members = ", ".join(map(clean, board.panel_members))
    return f"Panel {clean(board.panel)}: {members}." if board.panel else "No panel yet: every entrant is a partner."


def matrix_title(matrix: Crossplay) -> str:
    """Which matrix it is."""
    side = f", row plays {clean(matrix.side)}" if matrix.side else ""
    return f"{clean(matrix.arena)}: cross-play{side}"


def matrix_texts(matrix: Crossplay) -> list[list[str]]:
    """The cells of a cross-play matrix, row by row."""
    digits = decimals(matrix.standard_error.ravel().tolist())
    return [[number(x, digits) for x in row] for row in matrix.mean.tolist()]


def matrix_caption(matrix: Crossplay) -> str:
    """What the cells of a cross-play matrix are, and how sure they are."""
    met = matrix.n[matrix.n > 0]
    errors = matrix.standard_error[np.isfinite(matrix.standard_error)]
    n = f"{met.min():,} to {met.max():,}" if met.size and met.min() < met.max() else f"{met.max(initial=0):,}"
    digits = decimals(matrix.standard_error.ravel().tolist()) + 1
    worst = f"standard error at most {number(float(errors.max()), digits)}" if errors.size else "no interval yet"
    return (
        "Mean own return per step of the row when paired with the column of that number; self-play on the diagonal."
        f" n = {n} episodes per cell, each the mean over all seat rotations; {worst}."
    )


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, tuple) and value[0] is None)

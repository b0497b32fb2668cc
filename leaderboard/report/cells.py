"""The columns of a board as texts, for terminals and for Markdown."""

from collections.abc import Sequence
from typing import Any

from leaderboard.report.layout import MISSING, clean, decimals, half_widths, intervals, number, plural
from leaderboard.views import exploitability, strangers
from leaderboard.views.board import Board
from leaderboard.views.columns import COLUMNS, BoardColumn


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
        return exploitability.cells([x for x, _ in values], [mark for _, mark in values], column.digits)
    if column.form == "deviation":
        return [f"{number(x, column.digits)} ({number(sd, column.digits)})" for x, sd in values]
    if column.form == "number":
        return [number(x, column.digits) for x in values]
    means, lows, highs = ([None if x is None else getattr(x, end) for x in values] for end in ("mean", "low", "high"))
    least, most = column.bounds
    # in Markdown a rating has as few decimals as it may have
    digits = least if markdown and least else decimals(half_widths(lows, highs), default=column.digits)
    digits = min(max(digits, least), most)
    return intervals(means, lows, highs, digits)


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


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, tuple) and value[0] is None)

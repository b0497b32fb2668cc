"""Boards and cross-play matrices in a terminal, as rich renderables that adapt to its width."""

import io
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.text import Text

from leaderboard.labels import short_id
from leaderboard.report import cells
from leaderboard.report.layout import clean, intervals
from leaderboard.report.sheet import Column, Sheet, labels
from leaderboard.statistics.estimate import Estimate
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
    lines = [cells.counted(board), cells.partners(board), board.rule, *cells.captions(board)]
    sheet = Sheet(_board_columns(board), [row.side for row in board.rows])
    return Group(title, sheet, Text(), *(Text(line, style="dim") for line in lines))


def crossplay_view(matrix: Crossplay) -> RenderableType:
    """A cross-play matrix: title, table and caption."""
    title = Text(cells.matrix_title(matrix), style="bold")
    if not matrix.entrants:
        return Group(title, Text("No blocks have been played in this mode yet."))
    numbers = [str(i + 1) for i in range(len(matrix.entrants))]
    columns = [Column("#", numbers, front=True), labels("entrant", matrix.labels)]
    columns += [Column(name, column) for name, *column in zip(numbers, *cells.matrix_texts(matrix), strict=True)]
    return Group(title, Sheet(columns, below=False), Text(cells.matrix_caption(matrix), style="dim"))


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
    ranks = [Estimate(row.rank, row.rank_low, row.rank_high, 1, "rank") for row in rows]
    columns = [
        Column("# [95 %]", intervals(ranks, 0), front=True, folds=False),
        labels("entrant", [row.label for row in rows]),
    ]
    if any(row.side for row in rows):
        columns.append(Column("side", [clean(row.side) for row in rows], left=True, worth=98, folds=False))
    for column in cells.shown(board):
        body = cells.texts(column, board)
        alarm = column.form == "alarm"
        columns.append(
            Column(
                column.cooperative if column.cooperative and board.kind == "cooperative" else column.heading,
                body,
                style="bold" if column.name == cells.headline_of(board) else "",
                worth=_ALARM if alarm and any(x != "0" for x in body) else column.worth[board.kind != "competitive"],
                group=column.group,
                alarm=alarm,
                folds=False,
            )
        )
    return [*columns, Column("id", [short_id(row.entrant) for row in rows], left=True, worth=10)]

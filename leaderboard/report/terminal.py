"""Boards and cross-play matrices in a terminal, as rich renderables that adapt to its width."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.text import Text

from leaderboard.labels import short_id
from leaderboard.report import cells
from leaderboard.report.layout import MISSING, clean, intervals
from leaderboard.report.sheet import Column, Sheet, labels
from leaderboard.statistics.estimate import Estimate
from leaderboard.views.board import Board, Change
from leaderboard.views.columns import BoardColumn
from leaderboard.views.crossplay import Crossplay

_NOTHING_PLAYED = (
    "No blocks are counted here: `zoo match` plays them, --all-seeds counts every seed, and --learn shows learning"
    " matches. Measurements alone make no board."
)
_NOTHING_LEARNED = "No learning match has been played yet: `zoo match A B --learn` plays one."


def board_view(board: Board, *, wide: bool = False, columns: Sequence[str] | None = None) -> RenderableType:
    """A board: title, table and captions.

    Args:
        board: the board.
        wide: every column that is known, in as many tables as it takes, instead of one that fits 80 characters.
        columns: names of the columns to show instead.
    """
    title = Text(f"{clean(board.arena)}: {board.kind}, mode {board.mode}", style="bold")
    if not board.rows:
        return Group(title, Text(_NOTHING_LEARNED if board.mode == "learn" else _NOTHING_PLAYED))
    narrow = not wide and columns is None
    chosen = cells.narrow(board) if narrow else cells.shown(board, columns)
    lines = [
        board.rule,
        cells.partners(board),
        *cells.robustness(board),
        *cells.captions(chosen),
        *cells.predicted(board),
    ]
    lines += [cells.counted(board), *cells.seeds(board)]
    table, apart = board, cells.unranked(board)
    if narrow:
        lines.append("More columns: --wide, or --columns NAME,NAME.")
        if apart:
            table = replace(board, rows=tuple(row for row in board.rows if row.rank is not None))
    if apart:
        lines.insert(0, apart)
    if gone := cells.set_apart(board):
        lines.insert(0, gone)
    sections = [f"{row.side} {row.rank is not None}" for row in table.rows]
    sheet = Sheet(_board_columns(table, chosen, wide), sections)
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
    """What a match changed: rating with its interval and rank, before and after."""
    changes = list(changes)
    after = [None if c.mu_after is None else Estimate(c.mu_after, c.mu_low, c.mu_high, 1, "board") for c in changes]
    gain = [
        MISSING if c.mu_after is None else "new" if c.mu_before is None else f"{c.mu_after - c.mu_before:+.1f}"
        for c in changes
    ]
    rank = [f"{'' if c.rank_before is None else f'{c.rank_before} -> '}{c.rank_after or MISSING}" for c in changes]
    sides = [labels("side", [c.side for c in changes])] if any(c.side for c in changes) else []
    names = [labels("entrant", [c.label for c in changes]), *sides]
    return Sheet([*names, Column("mu [95 %]", intervals(after, 1)), Column("change", gain), Column("rank", rank)])


def to_text(view: RenderableType, width: int = 100) -> str:
    """What a view looks like at this width, without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _board_columns(board: Board, shown: Sequence[BoardColumn], wide: bool) -> list[Column]:
    rows = board.rows
    ranks = [None if row.rank is None else Estimate(row.rank, row.rank_low, row.rank_high, 1, "rank") for row in rows]
    columns = [labels("entrant", [row.label for row in rows])]
    if board.headline:
        columns.insert(0, Column("# [95 %]", intervals(ranks, 0), front=True, folds=False))
    if any(row.side for row in rows):
        columns.append(Column("side", [clean(row.side) for row in rows], left=True, worth=98, folds=False))
    for place, column in enumerate(shown):
        texts = cells.texts(column, board, few=not wide)
        faulty = column.form == "alarm" and set(texts) != {"0"}  # the table on top says so
        columns.append(
            Column(
                cells.heading(column, board),
                texts,
                style="bold" if column.name == board.headline else "",
                worth=97 if faulty else 90 - place,
                left=column.form == "name",
                group=column.group,
                alarm=column.form == "alarm",
            )
        )
    ids = [Column("id", [short_id(row.entrant) for row in rows], left=True, worth=10)] if wide else []
    return [*columns, *ids]

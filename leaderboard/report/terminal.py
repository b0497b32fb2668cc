"""Boards and cross-play matrices in a terminal, as rich renderables that adapt to its width.

Where the width does not suffice, whole columns go, the least important first, and a line names them: a table of
wrapped cells cannot be read.
"""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from leaderboard import strangers
from leaderboard.board import Board, Change, Row
from leaderboard.crossplay import Crossplay
from leaderboard.exploitability import CAPTION, COLUMNS, cells
from leaderboard.labels import short_id
from leaderboard.report.layout import (
    clean,
    counted,
    crossplayed,
    decimals,
    half_widths,
    intervals,
    measured,
    number,
    partners,
    shortened,
    telling_width,
    with_strangers,
)

_GAP = 2  # spaces between columns
_NAMES = 2  # columns in front that stay: number and name
_LABEL = 28  # a longer label is cut
_NOTHING_PLAYED = (
    "No blocks have been played in this mode yet: `zoo tournament` plays them, and --learn shows the board of learning"
    " matches. Measurements alone make no board."
)
_NOTHING_LEARNED = "No learning match has been played yet: `zoo match A B --learn` plays one."
_SHORTEST = 16  # below that a label says nothing any more, and labels must still be told apart


@dataclass(frozen=True)
class _Column:
    """A column of finished cells; `worth` says how long it stays when width runs out, those of a `group` together."""

    header: str
    cells: list[str]
    worth: int
    right: bool = True
    style: str = ""
    alarm: bool = False  # anything but 0 is shown in red
    group: str = ""

    @property
    def width(self) -> int:
        return max(map(cell_len, [self.header, *self.cells]))


@dataclass(frozen=True)
class BoardView:
    """A board as a rich renderable."""

    board: Board

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields title, table and caption for the width at hand."""
        board = self.board
        yield Text(f"{clean(board.arena)}: {board.kind}, mode {board.mode}", style="bold")
        if not board.rows:
            yield Text(_NOTHING_LEARNED if board.mode == "learn" else _NOTHING_PLAYED)
            return
        sections = [row.side for row in board.rows]
        ends = [i + 1 < len(sections) and side != sections[i + 1] for i, side in enumerate(sections)]
        left = _board_columns(board)
        named, others = left[:2], left[2:]
        while others:  # what does not fit beside the names goes into another table below
            columns, left_out = _fitting([*named, *others], options.max_width)
            yield _table(columns, ends)
            yield Text()
            if len(columns) == len(named):  # too narrow for any figure
                yield Text(f"Not shown at this width: {', '.join(left_out)}.", style="dim italic")
                break
            others = [column for column in others if column.header in left_out]
        yield Text(counted(board), style="dim")
        yield Text(partners(board), style="dim")
        yield Text(board.rule, style="dim")
        if measured(board):
            yield Text(CAPTION, style="dim")
        if crossplayed(board):
            yield Text(strangers.CAPTION, style="dim")


@dataclass(frozen=True)
class CrossplayView:
    """A cross-play matrix as a rich renderable."""

    matrix: Crossplay

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields title, table and caption for the width at hand."""
        matrix = self.matrix
        side = f", row plays {clean(matrix.side)}" if matrix.side else ""
        yield Text(f"{clean(matrix.arena)}: cross-play{side}", style="bold")
        if not matrix.entrants:
            yield Text("No blocks have been played in this mode yet.")
            return
        digits = decimals(matrix.standard_error.ravel().tolist())
        numbers = [str(i + 1) for i in range(len(matrix.entrants))]
        labels = [clean(label) for label in matrix.labels]
        columns = [_Column("#", numbers, 1001), _Column("entrant", labels, 1000, right=False)]
        for j, name in enumerate(numbers):
            cells = [number(x, digits) for x in matrix.mean[:, j].tolist()]
            columns.append(_Column(name, cells, len(numbers) - j))
        columns, left_out = _fitting(columns, options.max_width)
        yield _table(columns, [False] * len(numbers))
        met = matrix.n[matrix.n > 0]
        errors = matrix.standard_error[np.isfinite(matrix.standard_error)]
        n = f"{met.min():,} to {met.max():,}" if met.size and met.min() < met.max() else f"{met.max(initial=0):,}"
        worst = (
            f"standard error at most {number(float(errors.max()), digits + 1)}" if errors.size else "no interval yet"
        )
        yield Text(
            "Mean own return per step of the row when paired with the column of that number; self-play on the "
            f"diagonal. n = {n} episodes per cell, each the mean over all seat rotations; {worst}.",
            style="dim",
        )
        if left_out:
            columns_out = f"column {left_out[0]}" if len(left_out) == 1 else f"columns {left_out[0]} to {left_out[-1]}"
            yield Text(f"Not shown at this width: {columns_out}.", style="dim italic")


@dataclass(frozen=True)
class ChangeView:
    """What a match changed, as a rich renderable: rating and rank before and after."""

    changes: tuple[Change, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields one table."""
        changes = self.changes
        mu = [f"{'' if c.mu_before is None else f'{c.mu_before:.1f} -> '}{c.mu_after:.1f}" for c in changes]
        gain = ["new" if c.mu_before is None else f"{c.mu_after - c.mu_before:+.1f}" for c in changes]
        rank = [f"{'' if c.rank_before is None else f'{c.rank_before} -> '}{c.rank_after}" for c in changes]
        columns = [_Column("entrant", [clean(c.label) for c in changes], 5, right=False)]
        if any(c.side for c in changes):
            columns.append(_Column("side", [clean(c.side) for c in changes], 4, right=False))
        columns += [_Column("rating mu", mu, 3), _Column("change", gain, 1), _Column("rank", rank, 2)]
        yield _table(_fitting(columns, options.max_width)[0], [False] * len(changes))


def board_view(board: Board) -> BoardView:
    """A board, to be printed by a `rich.console.Console`."""
    return BoardView(board)


def crossplay_view(matrix: Crossplay) -> CrossplayView:
    """A cross-play matrix, to be printed by a `rich.console.Console`."""
    return CrossplayView(matrix)


def change_view(changes: Iterable[Change]) -> ChangeView:
    """Rating changes, to be printed by a `rich.console.Console`."""
    return ChangeView(tuple(changes))


def to_text(view: RenderableType, width: int = 100) -> str:
    """What the view looks like at this width, without colours."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(view)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def _board_columns(board: Board) -> list[_Column]:
    rows = board.rows

    def of(figure: Callable[[Row], float | None]) -> list[float | None]:
        return [figure(row) for row in rows]

    lows, highs = of(lambda row: row.mu_low), of(lambda row: row.mu_high)
    mu_digits = min(max(decimals(half_widths(lows, highs), default=1), 1), 2)
    mu = intervals(of(lambda row: row.mu), lows, highs, mu_digits)
    lows, highs = of(lambda row: row.own_return_low), of(lambda row: row.own_return_high)
    step = intervals(of(lambda row: row.own_return), lows, highs, decimals(half_widths(lows, highs), default=3))
    competitive = board.kind == "competitive"
    rating = _Column("mu [95 %]", mu, 94 if competitive else 80, style="bold" if competitive else "")
    own = _Column(
        "held-out return/step [95 %]" if board.kind == "cooperative" else "own return/step [95 %]",
        step,
        70 if competitive else 94,
        style="" if competitive else "bold",
    )
    met = _Column("met", [f"{row.partners_met}/{row.partners}" for row in rows], 60 if competitive else 85)
    conservative = _Column(
        "mu-3sigma", [number(row.conservative, mu_digits) for row in rows], 75 if competitive else 50
    )
    rank = intervals(of(lambda row: row.rank), of(lambda row: row.rank_low), of(lambda row: row.rank_high), 0)
    classical = [f"{number(row.trueskill_mu, 1)} ({number(row.trueskill_sigma, 1)})" for row in rows]
    headline = [rating, conservative, own, met] if competitive else [own, met, rating, conservative]
    sides = [_Column("side", [clean(row.side) for row in rows], 98, right=False)] if any(r.side for r in rows) else []
    exploited = [
        _Column(
            COLUMNS[kind],
            cells([getattr(r, kind) for r in rows], [getattr(r, f"{kind}_mark") for r in rows]),
            65,
            group="exploitability",
        )
        for kind in COLUMNS
        if measured(board)
    ]
    return [
        _Column("# [95 %]", rank, 100),
        _Column("entrant", [clean(row.label) for row in rows], 99, right=False),
        *sides,
        *headline,
        *exploited,
        *(_Column(name, column, 64, group="strangers") for name, column in with_strangers(board).items()),
        _Column("TrueSkill", classical, 40),
        _Column("games", [f"{row.games:,}" for row in rows], 55),
        _Column("blocks", [f"{row.blocks:,}" for row in rows], 30),
        _Column("matches", [f"{row.matches:,}" for row in rows], 20),
        _Column(
            "faults", [f"{row.faults:,}" for row in rows], 88 if any(row.faults for row in rows) else 45, alarm=True
        ),
        _Column("id", [short_id(row.entrant) for row in rows], 10, right=False),
    ]


def _fitting(columns: list[_Column], width: int) -> tuple[list[_Column], list[str]]:
    """The columns that fit, the most worthy first, labels cut where needed; and the headers of those left out.

    A group stays or goes as one, unless the width does not even hold it alone beside the names.
    """
    labels = next(column.cells for column in columns if column.header == "entrant")
    shortest = telling_width(labels, _SHORTEST)
    longest = max(shortest, _LABEL)
    columns = [_cut(column, longest) if column.header == "entrant" else column for column in columns]
    kept = list(columns)

    def total() -> int:
        return sum(column.width for column in kept) + _GAP * (len(kept) - 1)

    def without_label_slack() -> int:
        label = next(column.width for column in kept if column.header == "entrant")
        return total() - max(label - shortest, 0)

    while without_label_slack() > width and len(kept) > _NAMES:
        last = min(reversed(kept), key=lambda column: column.worth)
        rest = [column for column in kept if column is not last and (not last.group or column.group != last.group)]
        if len(rest) < _NAMES + 1:  # the group alone is too wide
            rest = [column for column in kept if column is not last]
        kept = rest
    room = width - total() + next(column.width for column in kept if column.header == "entrant")
    kept = [_cut(column, max(room, 1)) if column.header == "entrant" else column for column in kept]
    shown = {column.header for column in kept}
    return kept, [column.header for column in columns if column.header not in shown]


def _cut(column: _Column, width: int) -> _Column:
    cells = [shortened(cell, width) for cell in column.cells]
    return replace(column, cells=cells)


def _table(columns: list[_Column], ends_section: list[bool]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.header, justify="right" if column.right else "left", no_wrap=True, style=column.style)
    for i, ends in enumerate(ends_section):
        cells = [Text(c.cells[i], style="red" if c.alarm and c.cells[i] != "0" else "") for c in columns]
        table.add_row(*cells, end_section=ends)
    return table

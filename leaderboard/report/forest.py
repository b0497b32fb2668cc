"""A board as a forest plot: every headline with its 95 % interval, in the style of all pictures."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from leaderboard.report import plots
from leaderboard.report.cells import heading, scaled, seed_text
from leaderboard.report.layout import clean, plural, shortened, telling_width
from leaderboard.statistics.estimate import Estimate
from leaderboard.views.board import Board, Row
from leaderboard.views.columns import BY_NAME

_LABEL = 34  # letters of an entrant, more where they would not differ
_ROW, _LETTER, _AXIS = 0.26, 0.07, 4.6  # inches
_UNRANKED = "0.55"  # grey
_CAPTION = 100  # letters of a line


def forest_plot(board: Board) -> plots.Plot:
    """The standings of a board; one panel for each side.

    The band is the leader's interval, and filled dots are those of whom nobody is surely better. Entrants without a
    rank stand below the others, in grey.
    """
    sides = list(dict.fromkeys(row.side for row in board.rows)) or [""]
    groups = [[row for row in board.rows if row.side == side] for side in sides]
    labels = [clean(row.label) for row in board.rows]
    width = telling_width(labels, _LABEL)
    wide = _AXIS + _LETTER * max(map(len, (shortened(label, width) for label in labels)), default=0)
    tall = 1.9 + _ROW * max(map(len, groups))
    plot, axes = plots.panels(len(groups), width=wide, height=tall)
    for panel, side, rows in zip(axes, sides, groups, strict=True):
        _panel(panel, board, rows, width)
        if side:
            panel.set_title(f"as {clean(side)}")
    plot.suptitle(f"Who stands where in {clean(board.arena)}", fontsize=11)
    plot.supxlabel(textwrap.fill(_caption(board), int(_CAPTION * len(groups) * wide / 8)), fontsize=8, color="0.25")
    return plot


def _panel(panel: plots.Axes, board: Board, rows: Sequence[Row], width: int) -> None:
    name = board.headline or "everybody"
    column = BY_NAME[name]
    unit = float(board.length) if column.returns and board.length else 1.0
    known = [None if (x := _estimate(row, name)) is None else scaled(x, unit) for row in rows]
    first = known[0] if rows and rows[0].rank == 1 else None
    if first is not None and first.low is not None and first.high is not None:
        panel.axvspan(first.low, first.high, color=plots.COLOURS[0], alpha=0.12, linewidth=0)
    for at, (row, x) in enumerate(zip(rows, known, strict=True)):
        if x is None:
            continue
        colour = _UNRANKED if row.rank is None else plots.COLOURS[0]
        if x.low is not None and x.high is not None:
            panel.plot([x.low, x.high], [at, at], color=colour, linewidth=1.6, solid_capstyle="butt")
        filled = colour if row.rank is None or row.rank_low == 1 else "white"
        panel.plot([x.mean], [at], "o", color=colour, markerfacecolor=filled, markersize=5)
    ranked = sum(row.rank is not None for row in rows)
    if 0 < ranked < len(rows):
        panel.axhline(ranked - 0.5, color="0.6", linewidth=0.8, linestyle=":")
    panel.set_yticks(range(len(rows)), [shortened(clean(row.label), width) for row in rows])
    panel.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    panel.grid(axis="y", visible=False)
    panel.set_xlabel(heading(column, board))


def _estimate(row: Row, name: str) -> Estimate | None:
    value = row[name]
    return value if isinstance(value, Estimate) or value is None else Estimate(float(value), None, None, 1, "board")


def _caption(board: Board) -> str:
    partners = f"over panel {clean(board.panel)}" if board.panel and board.headline == "own_return" else ""
    what = f"Source: the zoo's records, {plural(board.games, 'game')}"
    band = "Band: the leader's interval; filled: nobody is surely better." if board.headline else "Unranked: no panel."
    return " ".join(f"{what} {partners}, {seed_text(board)}. {band}".split()).replace(" ,", ",")

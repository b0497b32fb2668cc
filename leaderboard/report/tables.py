"""Boards and cross-play matrices for programs: JSON with every figure, CSV, and Markdown."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from leaderboard.report.cells import (
    captions,
    counted,
    heading,
    matrix_caption,
    matrix_texts,
    matrix_title,
    partners,
    predicted,
    robustness,
    seeds,
    set_apart,
    shown,
    texts,
)
from leaderboard.report.layout import MISSING, clean
from leaderboard.report.sheet import escaped, markdown
from leaderboard.views.board import KEYS, Board
from leaderboard.views.crossplay import Crossplay

#: Columns that a terminal has room for, and a README has not.
_NOT_IN_MARKDOWN = ("blocks", "matches")
_LEFT = ("entrant", "side", "id", "with whom")  # columns of Markdown that begin at the left


def together(tables: Sequence[Board | Crossplay], form: str, *, listed: bool = False) -> str:
    """Several tables as one text: "json" (a list, also of one if `listed`), "csv" (one header), or "markdown"."""
    if form == "json":
        if len(tables) == 1 and not listed:
            return to_json(tables[0])
        return json.dumps([table.plain() for table in tables], indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if form == "csv":
        texts = [to_csv(table) for table in tables]
        return texts[0] + "".join(text.partition("\n")[2] for text in texts[1:])
    return "\n".join(to_markdown(table) for table in tables)


def to_json(table: Board | Crossplay) -> str:
    """JSON with every figure, indented, ending in a line break; what is not known is null."""
    return json.dumps(table.plain(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(table: Board | Crossplay) -> str:
    """CSV with a header line: one line per row of a board, or per (row, column) that has met of a matrix."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if isinstance(table, Board):
        writer.writerow(["arena", "kind", "mode", "panel", "rules_version", *KEYS])
        for row in table.rows:
            terms = [table.arena, table.kind, table.mode, table.panel, table.rules_version]
            writer.writerow([*terms, *map(_cell, row.to_json().values())])
        return out.getvalue()
    writer.writerow(["arena", "side", "row", "row_id", "column", "column_id", "mean", "standard_error", "n"])
    data = table.plain()
    for i, row_id in enumerate(table.entrants):
        for j, column_id in enumerate(table.entrants):
            if table.n[i, j]:
                who = [table.labels[i], row_id, table.labels[j], column_id]
                figures = [data[name][i][j] for name in ("mean", "standard_error", "n")]
                writer.writerow([table.arena, table.side, *who, *figures])
    return out.getvalue()


def to_markdown(table: Board | Crossplay) -> str:
    """A Markdown table with a title and a caption that names n, panel and rule."""
    return _board_markdown(table) if isinstance(table, Board) else _matrix_markdown(table)


def _board_markdown(board: Board) -> str:
    rows = board.rows
    columns = [column for column in shown(board) if column.name not in _NOT_IN_MARKDOWN]
    titles = [heading(column, board) for column in columns]
    body = [[cell.strip() for cell in texts(column, board, few=True)] for column in columns]
    names = {"entrant": [row.label for row in rows]}
    if board.headline:
        names = {"#": [MISSING if row.rank is None else str(row.rank) for row in rows], **names}
        body.insert(1, [MISSING if row.rank is None else f"[{row.rank_low}, {row.rank_high}]" for row in rows])
        titles.insert(1, "ranks 95 %")
    if any(row.side for row in rows):
        names["side"] = [row.side for row in rows]
    header = [*names, *titles, "id"]
    cells = [*names.values(), *body, [f"`{row.entrant[:16]}`" for row in rows]]
    terms = [
        counted(board),
        *seeds(board),
        board.rule,
        partners(board),
        *robustness(board),
        board.method,
        *captions(columns),
        *predicted(board),
        set_apart(board),
    ]
    caption = escaped(" ".join(filter(None, terms)))
    title = f"### {clean(board.arena)}: {board.kind}, mode {board.mode}"
    lines = [list(line) for line in zip(*cells, strict=True)]
    return "\n\n".join([title, markdown(header, lines, [name in _LEFT for name in header]), caption]) + "\n"


def _matrix_markdown(matrix: Crossplay) -> str:
    numbers = [str(i + 1) for i in range(len(matrix.entrants))]
    lines = zip(numbers, matrix.labels, matrix_texts(matrix), strict=True)
    body = [[place, label, *cells] for place, label, cells in lines]
    header = ["#", "entrant", *numbers]
    table = markdown(header, body, [name in _LEFT for name in header])
    return "\n\n".join([f"### {matrix_title(matrix)}", table, matrix_caption(matrix)]) + "\n"


def _cell(value: Any) -> Any:
    """A value in CSV, where {name: number} is one text."""
    return " ".join(f"{k}={v}" for k, v in sorted(value.items())) if isinstance(value, dict) else value

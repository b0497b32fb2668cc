"""Boards and cross-play matrices for programs: JSON with every figure, CSV, and Markdown."""

import csv
import io
import json
import math
from dataclasses import asdict, fields
from typing import Any

from leaderboard import strangers
from leaderboard.board import Board, Row
from leaderboard.crossplay import Crossplay
from leaderboard.exploitability import CAPTION, COLUMNS, cells
from leaderboard.report.layout import (
    clean,
    counted,
    decimals,
    half_widths,
    intervals,
    measured,
    number,
    partners,
    with_strangers,
)


def to_json(table: Board | Crossplay) -> str:
    """JSON with every figure, indented, ending in a line break; what is not known is null."""
    return json.dumps(_data(table), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(table: Board | Crossplay) -> str:
    """CSV with a header line: one line per row of a board, or per (row, column) that has met of a matrix."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if isinstance(table, Board):
        names = [item.name for item in fields(Row)]
        writer.writerow(["arena", "kind", "mode", "panel", "rules_version", *names])
        for row in table.rows:
            values = {name: getattr(row, name) for name in names}
            values["faults_by_status"] = " ".join(f"{k}={v}" for k, v in sorted(row.faults_by_status.items()))
            terms = [table.arena, table.kind, table.mode, table.panel, table.rules_version]
            writer.writerow([*terms, *(values[name] for name in names)])
        return out.getvalue()
    writer.writerow(["arena", "side", "row", "row_id", "column", "column_id", "mean", "standard_error", "n"])
    for i, row_id in enumerate(table.entrants):
        for j, column_id in enumerate(table.entrants):
            if table.n[i, j]:
                who = [table.labels[i], row_id, table.labels[j], column_id]
                figures = [_known(float(table.mean[i, j])), _known(float(table.standard_error[i, j]))]
                writer.writerow([table.arena, table.side, *who, *figures, int(table.n[i, j])])
    return out.getvalue()


def to_markdown(table: Board | Crossplay) -> str:
    """A Markdown table with a title and a caption that names n, panel and rule."""
    return _board_markdown(table) if isinstance(table, Board) else _matrix_markdown(table)


def _board_markdown(board: Board) -> str:
    rows = board.rows
    lows, highs = [row.own_return_low for row in rows], [row.own_return_high for row in rows]
    own = intervals([row.own_return for row in rows], lows, highs, decimals(half_widths(lows, highs), default=3))
    mu = intervals([row.mu for row in rows], [row.mu_low for row in rows], [row.mu_high for row in rows], 1)
    first, second = ("mu [95 %]", mu), ("own return/step [95 %]", own)
    if board.kind != "competitive":
        first, second = second, first
    sided = any(row.side for row in rows)
    header = ["#", "entrant", *(["side"] if sided else []), first[0], "ranks 95 %", second[0], "mu - 3 sigma"]
    exploited = {
        name: cells([getattr(r, kind) for r in rows], [getattr(r, f"{kind}_mark") for r in rows])
        for kind, name in COLUMNS.items()
        if measured(board)
    }
    robust = with_strangers(board)
    header += ["TrueSkill mu (sigma)", *exploited, *robust, "met", "games", "faults", "id"]
    body = [
        [
            str(row.rank),
            row.label,
            *([row.side] if sided else []),
            first[1][i],
            f"[{row.rank_low}, {row.rank_high}]",
            second[1][i],
            number(row.conservative, 1),
            f"{number(row.trueskill_mu, 1)} ({number(row.trueskill_sigma, 1)})",
            *(column[i].strip() for column in (*exploited.values(), *robust.values())),
            f"{row.partners_met}/{row.partners}",
            f"{row.games:,}",
            f"{row.faults:,}",
            f"`{row.entrant[:16]}`",
        ]
        for i, row in enumerate(rows)
    ]
    caption = _escaped(f"{counted(board)} {partners(board)} {board.rule} {board.method}")
    caption += f" {_escaped(CAPTION)}" if exploited else ""
    caption += f" {_escaped(strangers.CAPTION)}" if robust else ""
    title = f"### {clean(board.arena)}: {board.kind}, mode {board.mode}"
    left = {"entrant", "side", "id"}
    return "\n\n".join([title, _markdown(header, body, left), caption]) + "\n"


def _matrix_markdown(matrix: Crossplay) -> str:
    digits = decimals(matrix.standard_error.ravel().tolist())
    header = ["#", "entrant", *(str(j + 1) for j in range(len(matrix.entrants)))]
    body = [
        [str(i + 1), label, *(number(x, digits) for x in matrix.mean[i].tolist())]
        for i, label in enumerate(matrix.labels)
    ]
    side = f", row plays {matrix.side}" if matrix.side else ""
    met = matrix.n[matrix.n > 0]
    caption = (
        "Mean own return per step of the row when paired with the column of that number; self-play on the diagonal. "
        f"n = {met.min(initial=met.max(initial=0)):,} to {met.max(initial=0):,} episodes per cell."
    )
    title = f"### {clean(matrix.arena)}: cross-play{clean(side)}"
    return "\n\n".join([title, _markdown(header, body, {"entrant"}), caption]) + "\n"


def _markdown(header: list[str], body: list[list[str]], left: set[str]) -> str:
    lines = [header, [":---" if name in left else "---:" for name in header], *body]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines)


def _escaped(cell: str) -> str:
    return clean(cell).replace("|", "\\|")


def _data(table: Board | Crossplay) -> dict[str, Any]:
    if isinstance(table, Board):
        return asdict(table)
    return {
        "arena": table.arena,
        "side": table.side,
        "entrants": list(table.entrants),
        "labels": list(table.labels),
        "mean": [[_known(x) for x in row] for row in table.mean.tolist()],
        "standard_error": [[_known(x) for x in row] for row in table.standard_error.tolist()],
        "n": table.n.tolist(),
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""The cross-play matrix as a heat map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leaderboard.report import plots
from leaderboard.report.layout import clean, decimals, plural, shortened, telling_width
from leaderboard.seeds import seed_words
from zoo.crossplay.players import Contestant
from zoo.crossplay.report import CrossReport

_ANNOTATED = 15  # rows and columns up to which every cell says its value
_LABELS = (30, 20)  # characters of a row's and a column's label, more where they would not differ
_LETTER = 0.06  # inches
_CELL = 0.42  # inches
_ENDS = (2.0, 98.0)  # percentiles at which the colours end, so that one cell cannot take them all


def heat_map(report: CrossReport, only: Sequence[str] = ()) -> plots.Plot:
    """One panel for each role: rows and columns sorted by kind, kinds apart by a line."""
    matrix = report.matrix
    shown = list(only or matrix.roles)
    rows, columns = _order(matrix.rows), _order(matrix.columns)
    names, others = _names(matrix.rows, _LABELS[0]), _names(matrix.columns, _LABELS[1])
    cell = (1.25, 0.9) if _annotated(report) else (0.8, 0.75)
    wide = max(3.0, _CELL * cell[0] * len(columns)) + _LETTER * max(map(len, names)) + 1.4
    tall = max(1.6, _CELL * cell[1] * len(rows)) + 0.7 * _LETTER * max(map(len, others)) + 1.2
    plot, axes = plots.panels(len(shown), width=wide, height=tall)
    for panel, role in zip(axes, shown, strict=True):
        _panel(plot, panel, report, role, rows, columns)
    plot.suptitle(
        f"Cross-play in {matrix.identity}\n{len(rows)} x {len(columns)} entrants, n ="
        f" {plural(matrix.episodes, 'episode')} a cell and rotation, seed {seed_words(matrix.seed)}",
        fontsize=10,
    )
    return plot


def _panel(
    plot: plots.Plot, panel: plots.Axes, report: CrossReport, role: str, rows: list[int], columns: list[int]
) -> None:
    matrix = report.matrix
    values = matrix.mean(role)[np.ix_(rows, columns)]
    low, high = (float(x) for x in np.percentile(values, _ENDS))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    digits = None
    if _annotated(report):
        digits = min(decimals(matrix.standard_error(role).ravel().tolist()), 2)
        digits = 0 if np.abs(values).max() >= 100 else digits
    beyond = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    extend = beyond[bool(values.min() < low), bool(values.max() > high)]
    caption = "mean return per episode"
    plots.heat_map(plot, panel, values, (low, high), digits=digits, dark=0.55, extend=extend, caption=caption)
    names, others = _names(matrix.rows, _LABELS[0]), _names(matrix.columns, _LABELS[1])
    panel.set_yticks(range(len(rows)), [names[i] for i in rows])
    panel.set_xticks(range(len(columns)), [others[j] for j in columns], rotation=45, ha="right", rotation_mode="anchor")
    for at in _borders([matrix.rows[i] for i in rows]):
        panel.axhline(at, color="white", linewidth=2.2)
    for at in _borders([matrix.columns[j] for j in columns]):
        panel.axvline(at, color="white", linewidth=2.2)
    alone = len(matrix.roles) == 1
    panel.set_title("return in one seat among partners" if alone else f"return as {role}")
    panel.set_ylabel("entrant" if alone else f"entrant as {role}")
    panel.set_xlabel("its partners" if alone else "its opponents")


def _annotated(report: CrossReport) -> bool:
    return max(len(report.matrix.rows), len(report.matrix.columns)) <= _ANNOTATED


def _names(players: Sequence[Contestant], length: int) -> list[str]:
    labels = [clean(player.label) for player in players]
    width = telling_width(labels, length)
    return [shortened(label, width) for label in labels]


def _order(players: Sequence[Contestant]) -> list[int]:
    """Positions with kinds together, in the order in which they were named."""
    kinds = list(dict.fromkeys(player.kind for player in players))
    return sorted(range(len(players)), key=lambda i: kinds.index(players[i].kind))


def _borders(players: Sequence[Contestant]) -> list[float]:
    return [i - 0.5 for i in range(1, len(players)) if players[i].kind != players[i - 1].kind]

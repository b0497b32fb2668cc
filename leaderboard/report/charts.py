"""The charts of a page: forest plot and heat map, as rows and cells that its template lays out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.report import cells, marks
from leaderboard.report.embedded import cell, unit
from leaderboard.report.layout import MISSING, clean, decimals, intervals, number, unaligned
from leaderboard.statistics.estimate import Estimate
from leaderboard.views.board import Row
from leaderboard.views.columns import BY_NAME
from leaderboard.views.page import ArenaPage, PageSide

STEPS = 10  # shades to either side of the neutral one
_WIDTH = 220.0  # pixels of a strip
_CLIPPED = 95.0  # percentile of distances from the neutral value at which colours end

#: Columns of the forest plot beside the headline: (name, what sorting by it is called).
FOREST = (
    ("mu", "rating"),
    ("worst", "worst case"),
    ("exploiter_gain", "exploitability"),
    ("won", "games won"),
    ("everybody", "mean over all met"),
    ("faults", "faults"),
)


@dataclass(frozen=True)
class ForestCell:
    """A figure: its text, the number by which rows are sorted, and the number that the page can check, if any."""

    text: str
    sort: float | None
    name: str = ""


@dataclass(frozen=True)
class ForestRow:
    """One entrant: its place, its strip and its figures; `leads` where nobody is surely better."""

    entrant: str
    label: str
    rank: ForestCell
    strip: str
    cells: tuple[ForestCell, ...]
    leads: bool


@dataclass(frozen=True)
class Forest:
    """The forest plot of one side: headings with what they sort by, the axis, and rows with and without a rank."""

    headline: str
    headings: tuple[tuple[str, str], ...]
    axis: str
    ranked: tuple[ForestRow, ...]
    unranked: tuple[ForestRow, ...]


def headline_of(page: ArenaPage) -> str:
    """The column that the forest plot draws: the headline, or where there is none the mean over all that were met."""
    return page.board.headline or "everybody"


def forest(page: ArenaPage, side: PageSide) -> Forest:
    """The forest plot of one side."""
    name = headline_of(page)
    shown = [name, *(other for other, _ in FOREST if other != name and _any(side, other))]
    if page.panel is not None:  # means over other partners for each entrant would only confuse
        shown = [column for column in shown if column != "everybody"]
    drawn = [_estimate(row, name) for row in side.rows]
    per = unit(page) if BY_NAME[name].returns else 1.0
    drawn = [None if x is None else cells.scaled(x, per) for x in drawn]
    across = marks.ruler([end for x in drawn if x is not None for end in (x.mean, x.low, x.high)], _WIDTH)
    heading = cells.heading(BY_NAME[name], page.board)
    under = ""
    first = drawn[0] if drawn else None
    if side.leading and first is not None and first.low is not None and first.high is not None:
        under = marks.band(across, first.low, first.high, marks.HEIGHT)
    # the texts of one side, so that rows of another do not decide their width
    texts = {column: _texts(page, side, column) for column in shown}
    rows = [
        ForestRow(
            row.entrant,
            row.label,
            _rank(row),
            marks.strip(across, [(x.mean, "point")], (x.low, x.high), under) if (x := drawn[i]) is not None else "",
            tuple(_cell(row, column, texts[column][i]) for column in shown),
            row in side.leading,
        )
        for i, row in enumerate(side.rows)
    ]
    named = dict(FOREST) | {"own_return": "own return"}
    return Forest(
        heading,
        tuple((cells.heading(BY_NAME[column], page.board), named[column]) for column in shown),
        marks.axis(across, heading),
        tuple(row for row in rows if row.rank.sort is not None),
        tuple(row for row in rows if row.rank.sort is None),
    )


def _any(side: PageSide, name: str) -> bool:
    return any(_value(row, name) is not None for row in side.rows)


def _estimate(row: Row, name: str) -> Estimate | None:
    value = row[name]
    if isinstance(value, Estimate) or value is None:
        return value
    return Estimate(float(value), None, None, 1, "board")


def _value(row: Row, name: str) -> float | None:
    value = row.record[BY_NAME[name].keys[0]]
    return None if value is None else float(value)


def _texts(page: ArenaPage, side: PageSide, name: str) -> list[str]:
    where = [i for i, row in enumerate(page.board.rows) if row in side.rows]
    column = BY_NAME[name]
    texts = cells.texts(column, page.board)
    if name == "worst":
        partners = cells.texts(BY_NAME["worst_partner"], page.board)
        texts = [x if x == MISSING else f"{x} with {who}" for x, who in zip(texts, partners, strict=True)]
    return [unaligned(texts[i]) for i in where]


def _cell(row: Row, name: str, text: str) -> ForestCell:
    return ForestCell(text, _value(row, name), name)


def _rank(row: Row) -> ForestCell:
    if row.rank is None:
        return ForestCell(MISSING, None)
    (told,) = intervals([Estimate(row.rank, row.rank_low, row.rank_high, 1, "rank")], 0)
    return ForestCell(told, float(row.rank), "rank")


@dataclass(frozen=True)
class HeatCell:
    """A cell: positions in the evidence, the text, and the number of its shade from -STEPS to STEPS."""

    row: int
    column: int
    text: str
    shade: int


@dataclass(frozen=True)
class HeatMap:
    """Who got what from whom: labels, rows of cells (None where two have not met), and the ends of the colours."""

    labels: tuple[str, ...]
    rows: tuple[tuple[HeatCell | None, ...], ...]
    low: str
    neutral: str
    high: str


def heat_map(page: ArenaPage, side: PageSide) -> HeatMap:
    """The heat map of one side, with colours that part at the neutral value."""
    matrix = side.matrix
    per = unit(page) if matrix.quantity == "own return" else 1.0
    known = matrix.mean[np.isfinite(matrix.mean)]
    reach = float(np.percentile(np.abs(known - side.neutral), _CLIPPED)) if known.size else 1.0
    reach = reach or 1.0
    errors = [x / per for x in matrix.standard_error.ravel().tolist()]
    digits = min(decimals(errors), 3 if abs(reach / per) < 1 else 2 if abs(reach / per) < 10 else 1)
    at = {who: i for i, who in enumerate(page.evidence.entrants)}
    rows = []
    for i, who in enumerate(matrix.entrants):
        row: list[HeatCell | None] = []
        for j, partner in enumerate(matrix.entrants):
            x = cell(page, matrix, i, j)
            if x is None:
                row.append(None)
                continue
            share = max(-1.0, min(1.0, (x.mean - side.neutral) / reach))
            row.append(HeatCell(at[who], at[partner], number(x.mean / per, digits), round(share * STEPS)))
        rows.append(tuple(row))
    ends = [number((side.neutral + sign * reach) / per, digits) for sign in (-1, 0, 1)]
    return HeatMap(tuple(clean(label) for label in matrix.labels), tuple(rows), *ends)


def shades() -> list[tuple[str, str]]:
    """(background, text) of the shades from -STEPS to STEPS, as CSS colours: vermillion, white, blue."""
    return [_shade(step) for step in range(-STEPS, STEPS + 1)]


def _shade(step: int) -> tuple[str, str]:
    end = (0xD5, 0x5E, 0x00) if step < 0 else (0x00, 0x72, 0xB2)
    share = abs(step) / STEPS
    colour = tuple(round(0xF7 + (part - 0xF7) * share) for part in end)
    return "#{:02x}{:02x}{:02x}".format(*colour), max(("#000000", "#ffffff"), key=lambda text: contrast(colour, text))


def contrast(colour: Sequence[int], text: str) -> float:
    """Contrast ratio of two colours, 1 to 21, as the Web Content Accessibility Guidelines (2.1) define it."""
    other = tuple(int(text[k : k + 2], 16) for k in (1, 3, 5))
    a, b = sorted((_luminance(colour), _luminance(other)))
    return (b + 0.05) / (a + 0.05)


def _luminance(colour: Sequence[int]) -> float:
    linear = [x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

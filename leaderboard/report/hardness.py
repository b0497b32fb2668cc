"""How hard entrants are to take advantage of, as a page shows it: with strangers, with a best response, with others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leaderboard.records import Measurement
from leaderboard.report import cells, marks
from leaderboard.report.embedded import unit
from leaderboard.report.layout import MISSING, clean, number
from leaderboard.views import exploitability, strangers
from leaderboard.views.columns import BY_NAME
from leaderboard.views.page import ArenaPage, PageSide

_WIDTH = 300.0  # pixels of a strip
_SMALLEST, _LARGEST = 4.0, 15.0  # pixels of a point's radius
_STRANGERS = ("strangers_mean", "strangers_worst", "partner_gap", "strangers")


@dataclass(frozen=True)
class HardnessTable:
    """A table: headings, rows of (label, strip as SVG or "", texts), the axis above the strips, and a caption."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[str, ...]], ...]
    axis: str
    caption: str


def scatter(page: ArenaPage, side: PageSide) -> tuple[str, str] | None:
    """With its like against at worst with another one, as SVG and a caption; None with fewer than three points."""
    matrix = side.matrix
    per = unit(page) if matrix.quantity == "own return" else 1.0
    gains = {row.entrant: row["exploiter_gain"][0] for row in side.rows}
    most = max((gain for gain in gains.values() if gain is not None), default=0.0)
    points = []
    for i, who in enumerate(matrix.entrants):
        others = np.delete(matrix.mean[i], i)
        if not (np.isfinite(matrix.mean[i, i]) and np.isfinite(others).any()):
            continue
        gain = gains.get(who)
        # the area of a point is in proportion to the gain
        radius = _SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(max(gain or 0.0, 0.0) / most) if most > 0 else 6.0
        points.append((matrix.mean[i, i] / per, float(np.nanmin(others)) / per, radius, matrix.labels[i]))
    if len(points) < 3:
        return None
    each = "per step" if page.board.length else "per episode"
    what = "share of games won" if matrix.quantity == "games won" else f"own return {each}"
    captions = (f"with its like, {what}", "at worst with another one")
    picture = marks.scatter(points, captions, size=(760.0, 420.0), label="Scatter plot: " + "; ".join(captions))
    up = (
        "better it does with whoever suits it least"
        if page.board.kind == "cooperative"
        else "less anybody takes from it"
    )
    caption = f"The higher, the {up}; the further right, the better it does with its like."
    if most > 0:
        caption += " The larger a point, the more a best response gains from it; the smallest are also the unmeasured."
    return picture, caption


def exploited(page: ArenaPage, nemeses: Mapping[str, str] | None = None) -> HardnessTable | None:
    """What a best response gains and what the entrant loses to it, for all who were measured; None where none was.

    Args:
        page: the arena.
        nemeses: by entrant's id, as what enters whatever brings about its worst case, where that is kept.
    """
    found = exploitability.by_subject(page.measurements)
    rows: list[tuple[str, float, float | None, tuple[str, ...]]] = []
    like, known = _with_like(page), nemeses or {}
    for row in {row.entrant: row for row in page.board.rows}.values():
        told = exploitability.shown(found.get(row.entrant, ()))
        gain, loss, worst = (told[kind] for kind in ("exploiter_gain", "victim_loss", "worst_case"))
        if gain[0] is None:
            continue
        texts = tuple(text if x[0] is not None else MISSING for x in (gain, loss, worst) for text in cells.marked([x]))
        named = (clean(known.get(row.entrant, MISSING)), _responder(found[row.entrant]))
        rows.append((clean(row.label), gain[0], loss[0], (like.get(row.entrant, MISSING), *texts, *named)))
    if not rows:
        return None
    across = marks.ruler([x for _, gain, loss, _ in rows for x in (gain, -(loss or 0.0), 0.0)], _WIDTH)
    zero = marks.line(across.at(0.0), 0, across.at(0.0), marks.HEIGHT, "zero")
    made = []
    for label, gained, lost, texts in sorted(rows, key=lambda row: (row[1], row[0])):
        left = gained if lost is None else -lost
        dots = [*([] if lost is None else [(left, "point")]), (gained, "gain")]
        span = (min(left, gained), max(left, gained))
        made.append((label, marks.strip(across, dots, span, zero), texts))
    headings = (
        "own, with its like",
        "exploiter gains",
        "loses when exploited",
        "worst case",
        "nemesis",
        "who gains most",
    )
    caption = (
        "The dashed line is play against its equal: the orange dot says how much more the best response to the entrant "
        f"earns there, the blue one how much less the entrant is left with. {exploitability.CAPTION}"
    )
    return HardnessTable(headings, tuple(made), marks.axis(across, "per step, less what its equal gets"), caption)


def _with_like(page: ArenaPage) -> dict[str, str]:
    """{entrant: its own return with its like}, of those that have played so."""
    per, texts = unit(page), {}
    for side in page.sides:
        for i, who in enumerate(side.matrix.entrants):
            if side.matrix.n[i, i] and not side.side and side.matrix.quantity == "own return":
                texts[who] = number(float(side.matrix.mean[i, i]) / per, 4)
    return texts


def _responder(measurements: Sequence[Measurement]) -> str:
    """Who exploited it, each once."""
    gains = [m for m in measurements if m.kind == "exploiter_gain"]
    best: Any = gains[-1].details.get("best", {}) if gains else {}
    return "; ".join(dict.fromkeys(clean(str(who)) for who in best.values())) or MISSING


def robust(page: ArenaPage) -> HardnessTable | None:
    """How entrants fare with partners of other training runs.

    What `zoo crossplay` has measured, else in a cooperative game what the matrix says; None where neither does.
    """
    rows = [i for i, row in enumerate(page.board.rows) if row["strangers_mean"] is not None]
    if not rows:
        return _teams(page) if page.arena.kind == "cooperative" else None
    texts = [cells.texts(BY_NAME[name], page.board) for name in _STRANGERS]
    named = [clean(row.label) + (f" as {clean(row.side)}" if row.side else "") for row in page.board.rows]
    made = tuple(
        (named[i], "", tuple(" ".join(column[i].split()).replace("[ ", "[") for column in texts)) for i in rows
    )
    return HardnessTable(
        tuple(cells.heading(BY_NAME[name], page.board) for name in _STRANGERS), made, "", strangers.CAPTION
    )


def _teams(page: ArenaPage) -> HardnessTable | None:
    """What the matrix says of teams: with their own partners, with all others on average, and at worst."""
    (side,), per = page.sides, unit(page)
    matrix, rows = side.matrix, []
    for row in side.rows:
        i = matrix.entrants.index(row.entrant) if row.entrant in matrix.entrants else -1
        met = [j for j in range(len(matrix.entrants)) if j != i and np.isfinite(matrix.mean[i, j])]
        if i < 0 or not met or not np.isfinite(matrix.mean[i, i]):
            continue
        own, others = float(matrix.mean[i, i]) / per, matrix.mean[i, met] / per
        worst = met[int(others.argmin())]
        rows.append((clean(row.label), own, float(others.mean()), float(others.min()), clean(matrix.labels[worst])))
    if not rows:
        return None
    across = marks.ruler([x for _, own, mean, least, _ in rows for x in (own, mean, least)], _WIDTH)
    made = []
    for label, own, mean, least, worst_partner in rows:
        dots = [(least, "left"), (mean, "gain"), (own, "point")]
        texts = (number(own, 4), number(mean, 4), f"{number(least, 4)} with {worst_partner}")
        made.append((label, marks.strip(across, dots, (min(least, own), max(least, own))), texts))
    each = "per step" if page.board.length else "per episode"
    caption = (
        "Blue: with its own partners. Orange: the mean over all others that it has met here, each equally. The ring: "
        "the worst of them. Intervals and numbers of episodes stand in the cells of the matrix above."
    )
    headings = ("own partners", "strangers, mean", "strangers, worst")
    return HardnessTable(headings, tuple(made), marks.axis(across, f"own return {each}"), caption)

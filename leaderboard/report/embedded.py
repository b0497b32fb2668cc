"""The data inside a page: its figures, and what they are made of, for the page's own script and for anybody else's.

`docs/report.md` describes the format.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard.statistics.estimate import NO_INTERVAL, Estimate, pooled
from leaderboard.statistics.tally import is_head_to_head, sides_of
from leaderboard.views.columns import figure
from leaderboard.views.crossplay import Crossplay
from leaderboard.views.evidence import Evidence
from leaderboard.views.page import ArenaPage, PageSide

#: Version of the format.
FORMAT = 1


def script_text(value: Any) -> str:
    """Compact JSON that cannot end the element in which it stands."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def evidence_text(pages: Sequence[ArenaPage]) -> str:
    """The blocks of all arenas as text."""
    return script_text([_evidence(page.evidence) for page in pages])


def digest(text: str) -> str:
    """By which a reader sees whether the evidence is as it was written: sha256 of its text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "entrants": evidence.entrants,
        "seats": evidence.seats,
        "seatings": evidence.seatings,
        "blocks": [block.plain() for block in evidence.blocks],
    }


def figures(page: ArenaPage) -> dict[str, Any]:
    """What the board, the matrices and the cells of an arena say."""
    at = {who: i for i, who in enumerate(page.evidence.entrants)}
    return {
        "arena": page.arena.id,
        "labels": [_label(page, who) for who in page.evidence.entrants],
        "unit": unit(page),
        "rated": is_head_to_head(page.arena),
        "sides": [_side(page, side, at) for side in page.sides],
    }


def unit(page: ArenaPage) -> float:
    """By what returns are divided where they are shown: steps, where all episodes have one length; else 1."""
    return float(page.board.length or 1)


def cell(page: ArenaPage, matrix: Crossplay, i: int, j: int) -> Estimate | None:
    """What the row got with the column; None where the two have not met.

    Of games won with its like an entrant gets half by definition: each of them is won and lost by the same.
    """
    n = int(matrix.n[i, j])
    if n:
        return pooled([(float(matrix.mean[i, j]), float(matrix.standard_error[i, j]), n)])
    if i != j or not is_head_to_head(page.arena) or matrix.entrants[i] not in page.evidence.entrants:
        return None
    at = page.evidence.entrants.index(matrix.entrants[i])
    games = [line.own.n for line in page.evidence.lines.get((at, at), ())]
    return Estimate(0.5, None, None, max(games), NO_INTERVAL) if games else None


def _label(page: ArenaPage, who: str) -> str:
    return next((row.label for row in page.board.rows if row.entrant == who), who)


def _side(page: ArenaPage, side: PageSide, at: Mapping[str, int]) -> dict[str, Any]:
    seats = sides_of(page.arena)[side.side]
    members = page.panel.entrants if page.panel else ()
    weights = page.board.panel_weights.get(side.side, ())
    return {
        "side": side.side,
        "seats": [page.evidence.seats.index(seat) for seat in seats],
        "panel": [[at.get(who, -1), weight] for who, weight in zip(members, weights, strict=True)],
        "rows": [
            {"entrant": at[row.entrant], "rank": row.rank}
            | {name: row.record[name] for name in ("own_return", "everybody", "won", "mu")}
            for row in side.rows
        ],
        "cells": [
            _cell(page, matrix_cell, at[side.matrix.entrants[i]], at[side.matrix.entrants[j]], seats)
            for i in range(len(side.matrix.entrants))
            for j in range(len(side.matrix.entrants))
            if (matrix_cell := cell(page, side.matrix, i, j)) is not None
        ],
    }


def _cell(page: ArenaPage, own: Estimate, i: int, j: int, seats: Sequence[str]) -> list[Any]:
    lines = [
        [page.evidence.seats.index(line.seat), *_numbers(line.own), {n: _numbers(x) for n, x in line.metrics.items()}]
        for line in page.evidence.lines.get((i, j), ())
        if line.seat in seats
    ]
    return [i, j, *_numbers(own), lines]


def _numbers(x: Estimate) -> list[float | int | None]:
    return [figure(x.mean), figure(x.low), figure(x.high), x.n]

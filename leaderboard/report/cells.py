"""The columns of a board as texts, for terminals and for Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from leaderboard.report.layout import MISSING, aligned, clean, decimals, intervals, listed, number, plural
from leaderboard.statistics.estimate import Estimate
from leaderboard.views import exploitability, strangers
from leaderboard.views.board import Board
from leaderboard.views.columns import BY_NAME, COLUMNS, BoardColumn
from leaderboard.views.crossplay import Crossplay


def shown(board: Board, names: Sequence[str] | None = None) -> list[BoardColumn]:
    """The columns that are shown of this board, the headline first.

    Args:
        board: the board.
        names: those asked for, in their order; None for all of which any value is known.
    """
    if names is not None:
        return [BY_NAME[name] for name in names]
    known = {
        column.group
        for column in COLUMNS
        if column.form != "count" and any(_known(row[column.name]) for row in board.rows)
    }
    columns = [column for column in COLUMNS if column.form != "hidden" and (not column.group or column.group in known)]
    columns = [c for c in columns if c.group or any(_known(row[c.name]) for row in board.rows) or not board.rows]
    if is_rated(board):  # a rating of games needs no partner
        columns = [column for column in columns if column.name not in ("worst", "worst_partner", "partners_met")]
    return sorted(columns, key=lambda column: (column.place, column.name != board.headline))


def narrow(board: Board) -> list[BoardColumn]:
    """The columns of the one table that fits a narrow terminal; those that would be empty throughout are left out.

    Where mu is the headline in another unit its interval is, too, and is left out.
    """
    columns = [column for column in shown(board) if column.narrow or (not board.panel and column.name == "everybody")]
    known = [column for column in columns if any(_told(row[column.name]) for row in board.rows)]
    bare = replace(BY_NAME["mu"], form="number", heading="mu")
    return [bare if column.name == "mu" and not is_rated(board) else column for column in known]


def unranked(board: Board) -> str:
    """Who has not met the whole panel yet, as a sentence; empty where everybody has, or where nobody is ranked."""
    rows = [row for row in board.rows if row.rank is None] if board.headline else []
    names = ", ".join(
        f"{clean(row.label)}{f' as {clean(row.side)}' if row.side else ''} ({'/'.join(map(str, row['partners_met']))})"
        for row in rows
    )
    order = " They stand in the order of what they got so far." if len(rows) > 1 else ""
    return f"Not ranked, as they have not met all members of the panel: {names}.{order}" if names else ""


def set_apart(board: Board) -> str:
    """The submissions that do not count, each with the reason, as a sentence; empty where all do."""
    names = "; ".join(f"{clean(one['label'])} ({clean(one['reason'])})" for one in board.apart)
    return f"Listed apart, not ranked: {names}." if names else ""


def is_rated(board: Board) -> bool:
    """Whether entrants are ranked by a rating of their games, not by their own return."""
    return board.headline == "mu"


def heading(column: BoardColumn, board: Board) -> str:
    """What stands above a column, with the unit of returns."""
    text = (column.titles or {}).get(board.kind, column.heading) or column.name
    unit = "/step" if column.returns and board.length else ""
    return f"{text}{unit} [95 %]" if column.form == "interval" and "[95 %]" not in text else f"{text}{unit}"


def texts(column: BoardColumn, board: Board, *, few: bool = False) -> list[str]:
    """The column's cells, figures below each other; returns per step where all episodes have one length.

    Args:
        column: which.
        board: of which board.
        few: as few decimals as do, for narrow tables.
    """
    values: Sequence[Any] = [row[column.name] for row in board.rows]
    unit = float(board.length) if column.returns and board.length else 1.0
    if column.form == "name":
        return [clean(value) if value else MISSING for value in values]
    if column.form in ("count", "alarm"):
        counts = [value[0] if column.form == "alarm" else value for value in values]
        return [MISSING if column.group and not n else f"{n:,}" for n in counts]
    if column.form == "hidden":
        firsts = [value[0] if isinstance(value, tuple) else value for value in values]
        return aligned([f"{x:,}" if isinstance(x, int) else number(x, 4) for x in firsts])
    if column.form == "share":
        return [f"{part}/{whole}" for part, whole in values]
    if column.form == "marked":
        return marked(values, column.digits)
    if column.form == "deviation":
        parts = [[None if x is None else number(x, column.digits) for x in value] for value in values]
        return [MISSING if x is None else f"{x} ({deviation})" for x, deviation in parts]
    if column.form == "number":
        digits = min(column.digits, 3) if few else column.digits
        plain = [x.mean if isinstance(x, Estimate) else x for x in values]
        return [number(None if x is None else x / unit, digits) for x in plain]
    estimates = [None if x is None else scaled(x, unit) for x in values]
    least, most = column.bounds
    digits = decimals((x.half for x in estimates if x is not None), column.digits)
    return intervals(estimates, (least or min(digits, 3)) if few else min(max(digits, least), most))


def scaled(x: Estimate, unit: float) -> Estimate:
    """The estimate in another unit."""
    low, high = (None if end is None else end / unit for end in (x.low, x.high))
    return Estimate(x.mean / unit, low, high, x.n, x.method)


def marked(values: Sequence[tuple[float | None, str | None]], digits: int = 4) -> list[str]:
    """Numbers below each other behind the signs of their marks, such as ">= 0.1961"."""
    numbers = aligned([number(value, digits) for value, _ in values])
    return [exploitability.SIGNS.get(mark or "", "") + text for (_, mark), text in zip(values, numbers, strict=True)]


def captions(columns: Sequence[BoardColumn]) -> list[str]:
    """What explains the columns of measurements, a paragraph for each group that is shown."""
    groups = {column.group for column in columns}
    explained = {"exploitability": exploitability.CAPTION, "strangers": strangers.CAPTION}
    return [caption for group, caption in explained.items() if group in groups]


def counted(board: Board) -> str:
    """What the board is made of, as a sentence."""
    games = f"{plural(board.games, 'game')} in {plural(board.blocks, 'block')} of {plural(board.matches, 'match')}"
    return f"n = {games}; {seed_text(board)}; rules version {board.rules_version}."


def seed_text(board: Board) -> str:
    """On which seeds the counted games were played."""
    if board.seed is None:
        return "all seeds"
    return f"seed {board.seed}" + (", with strangers a secret one" if board.secret_seeds else "")


def seeds(board: Board) -> list[str]:
    """On which seeds strangers are rated, and what of theirs is not; a sentence each, none where no stranger played."""
    lines = []
    if board.secret_seeds:
        known = ", ".join(f"{commitment[:16]}..." for commitment in board.secret_seeds)
        lines.append(
            f"Strangers are rated on a secret seed, of commitment (sha256) {known}; `zoo publish --reveal` makes it "
            "known, and a new one takes its place."
        )
    if board.not_rated:
        lines.append(f"Not rated: {plural(board.not_rated, 'block')} of strangers on the public seed, which all know.")
    return lines


def partners(board: Board) -> str:
    """With whom the entrants were judged, as a sentence."""
    if is_rated(board):
        return "Rated by games against each other."
    if not board.headline:
        return "Matches are played with the arena's panel; where it has none, `--panel A,B,C` gives it one."
    if board.panel is None:
        return "Partners: everybody on the board, as those who learn have no panel."
    parts = []
    for side, weights in board.panel_weights.items():
        members = ", ".join(
            f"{clean(name)} {weight:.3f}" for name, weight in zip(board.panel_members, weights, strict=True)
        )
        parts.append(f"for {clean(side)}: {members}" if side else members)
    return f"Panel {clean(board.panel)}, members and weights: {'; '.join(parts)}."


def robustness(board: Board) -> list[str]:
    """Whether the first place hangs on one member of the panel, or the order on faults; a sentence each."""
    lines = []
    for side, first in board.first_place.items():
        where = f" as {clean(side)}" if side else ""
        without = ", ".join(f"{clean(other)} without {clean(member)}" for member, other in first["without"].items())
        lines.append(
            f"First place{where}: it depends on single members of the panel; first would be {without}."
            if without
            else f"First place{where}: {_first(board, side, first)}, whichever one member of the panel is left out."
        )
    if any(board.faults_decide.values()):
        lines.append("Without the episodes that entrants spoiled themselves the order would be another one.")
    if board.panel is not None and board.headline == "own_return":
        lines.append(
            "Copies of an entrant move nobody's own return, mu or interval; they do move TrueSkill and rank intervals."
        )
    return lines


def _first(board: Board, side: str, first: Mapping[str, Any]) -> str:
    """Who is first on a side, with all who share the place."""
    equals = [row.label for row in board.rows if row.side == side and row.rank == 1]
    return listed([clean(name) for name in (equals if len(equals) > 1 else [first["entrant"]])])


def predicted(board: Board) -> list[str]:
    """How well results were predicted before they were counted; a sentence for each side."""
    lines = []
    for side, models in board.predicted.items():
        losses = ", ".join(f"{model['model']} {model['log_loss'][0]:.3f}" for model in models)
        ours = [f"{said:.2f} and scored {came:.2f}" for _, _, said, came, _ in models[0]["calibration"]]
        where = f" for {clean(side)}" if side else ""
        lines.append(
            f"Forecasts{where}: log-loss of {models[0]['results']:,} results, each predicted from those before it: "
            f"{losses} (a coin: 0.693). By the first, favourites were expected to score {', '.join(ours)}."
        )
    return lines


def matrix_title(matrix: Crossplay) -> str:
    """Which matrix it is."""
    side = f", row plays {clean(matrix.side)}" if matrix.side else ""
    return f"{clean(matrix.arena)}: cross-play{side}"


def matrix_texts(matrix: Crossplay) -> list[list[str]]:
    """The cells of a cross-play matrix, row by row."""
    digits = decimals(matrix.standard_error.ravel().tolist())
    return [[number(x, digits) for x in row] for row in matrix.mean.tolist()]


def matrix_caption(matrix: Crossplay) -> str:
    """What the cells of a cross-play matrix are, and how sure they are."""
    met = matrix.n[matrix.n > 0]
    errors = matrix.standard_error[np.isfinite(matrix.standard_error)]
    n = f"{met.min():,} to {met.max():,}" if met.size and met.min() < met.max() else f"{met.max(initial=0):,}"
    digits = decimals(matrix.standard_error.ravel().tolist()) + 1
    won = matrix.quantity == "games won"
    what = "Share of games won (a draw counts half)" if won else "Mean own return per episode"
    worst = f"standard error at most {number(float(errors.max()), digits)}" if errors.size else "no interval yet"
    return (
        f"{what} of the row when paired with the column of that number; self-play on the diagonal."
        f" n = {n} episodes per cell, each the mean over all seat rotations; {worst}."
    )


def _told(value: Any) -> bool:
    """Whether a cell says anything: a value that is known, and of faults that there are any."""
    return _known(value) and not (isinstance(value, tuple) and value[0] == 0)


def _known(value: Any) -> bool:
    return value is not None and not (isinstance(value, tuple) and value[0] is None)

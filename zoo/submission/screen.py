"""What `zoo submit` and `zoo submissions` show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.cells import scaled
from leaderboard.report.layout import clean, intervals, plural
from leaderboard.report.sheet import Column, Sheet, figures, labels
from leaderboard.statistics.estimate import Estimate
from leaderboard.views.board import Row
from leaderboard.views.submissions import Version
from zoo.submission.entering import Entered
from zoo.submission.placement import Placed


def submission_screen(outcome: Entered) -> RenderableType:
    """The report on a submission: what it did, where it stands, what was written, and where its log is."""
    name = outcome.submission.manifest.name
    if outcome.version is None:
        lines = f"{name} could be entered in {outcome.arena}. Nothing was entered: leave out --dry-run."
        return Text(clean(lines))
    label, placed = outcome.version.label, outcome.placed
    parts: list[RenderableType] = []
    if placed is not None:
        parts += [Text(), _encounters(label, outcome.arena, placed), *_standing(placed), Text()]
        games = f"{plural(placed.episodes, 'episode')} with each in each rotation, {placed.cpu_s:.1f} CPU s now"
        parts.append(Text(f"Match {placed.match}: {games}; {placed.ended}.", style="dim"))
    parts.append(Text(f"Its files are kept in {outcome.folder}.", style="dim", overflow="fold"))
    if placed is not None and outcome.submission.code.lines:
        parts.append(Text(f"What it prints when it fails: zoo log {placed.match} {label}", style="dim"))
    board = f"The board: zoo leaderboard --arena {outcome.arena}; take it off: zoo withdraw {label}"
    parts.append(Text(clean(board), style="dim"))
    return Group(*parts)


def _encounters(label: str, arena: str, placed: Placed) -> RenderableType:
    """What it did with each partner."""
    unit, per = float(placed.length or 1), "/step" if placed.length else ""
    met = placed.encounters
    columns = [
        labels("partner", [one.partner for one in met]),
        figures(f"own return{per} [95 %]", [scaled(one.own_return, unit) for one in met], style="bold"),
        figures(f"partner's{per} [95 %]", [scaled(one.partners_return, unit) for one in met]),
    ]
    if any(one.faults for one in met):
        texts = [", ".join(f"{count} {name}" for name, count in one.faults.items()) or "0" for one in met]
        columns.append(Column("faults", texts, style="red"))
    return Group(Text(clean(f"{label} in {arena}"), style="bold"), Sheet(columns))


def _standing(placed: Placed) -> list[RenderableType]:
    """Where it stands, with its neighbours."""
    parts: list[RenderableType] = [] if placed.rows else [Text(), Text(clean(f"It has no rank: {placed.ended}."))]
    for row in placed.rows:
        side = f" as {row.side}" if row.side else ""
        assert placed.board is not None
        if row.rank is None:
            parts += [Text(), Text(clean(f"It has no rank{side}: {_no_rank(placed)}."))]
            continue
        ranked = sum(other.side == row.side and other.rank is not None for other in placed.board.rows)
        between = f" (95 %: {row.rank_low} to {row.rank_high})" if row.rank_low != row.rank_high else ""
        parts += [Text(), Text(clean(f"Rank {row.rank} of {ranked}{side}{between}"), style="bold")]
        parts.append(_rows(placed.neighbours(row), row))
    return parts


def _no_rank(placed: Placed) -> str:
    assert placed.board is not None
    return "it has not met the whole panel" if placed.board.panel else "this arena has no panel"


def _rows(rows: Sequence[Row], own: Row) -> Sheet:
    ranks = [None if row.rank is None else Estimate(row.rank, row.rank_low, row.rank_high, 1, "rank") for row in rows]
    names = [f"{row.label} <" if row is own else row.label for row in rows]
    mus = [row["mu"] for row in rows]
    return Sheet(
        [Column("# [95 %]", intervals(ranks, 0), front=True), labels("entrant", names), figures("mu [95 %]", mus)]
    )


def to_json(version: Version) -> dict[str, Any]:
    """A version as plain data for `--json`."""
    record = version.record
    names = {"label": version.label, "state": version.state, "why": version.why, "digest": record.id}
    played = {"entrant": record.entrant, "arena": record.arena, "created": record.created}
    return names | played | {"details": dict(record.details)}


def taken_off(version: Version, as_json: bool) -> str:
    """What is said of a version that no longer counts."""
    if as_json:
        return json.dumps(to_json(version), indent=1)
    return f"{version.label} is {version.reason}; the board of {version.record.arena} lists it apart"


def submissions_screen(versions: Sequence[Version]) -> RenderableType:
    """A table of submissions, as they were entered."""
    records = [version.record for version in versions]
    return Sheet(
        [
            labels("submission", [version.label for version in versions]),
            labels("arena", [record.arena for record in records]),
            labels("author", [str(record.details.get("author", "")) for record in records]),
            labels("what plays", [str(r.details.get("entry") or r.details.get("agent")) for r in records]),
            Column("entered", [record.created[:16].replace("T", " ") for record in records], left=True),
            labels("state", [version.reason or "counts" for version in versions]),
        ]
    )

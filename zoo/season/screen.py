"""What a season looks like in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.cells import scaled
from leaderboard.report.layout import MISSING, clean, decimals, intervals, number, plural
from leaderboard.report.sheet import Column, Sheet, labels
from leaderboard.statistics.estimate import Estimate
from zoo.season.marks import KINDS, Mark
from zoo.season.place import Season, in_words
from zoo.season.standings import SeasonLine, Standings


def board_screen(board: Standings) -> RenderableType:
    """The board: places, faults, and marks below it."""
    title = Text(clean(f"Season {board.season} in {board.arena}; {board.state}"), style="bold")
    entered = "1 entry" if board.entered == 1 else f"{board.entered:,} entries"
    counts = (
        f"{plural(board.authors, 'author')} with {entered}; of each author the latest entry before the deadline counts."
        f" {plural(board.blocks, 'block')} of {plural(board.games, 'game')}, which are episodes in each seating;"
        " entries play on the season's secret seed."
    )
    parts: list[RenderableType] = [title, Text(), _sheet(board)]
    parts += [Text(), Text(board.rule, "dim"), Text(counts, "dim")]
    if any(not line.author for line in board.lines):
        parts.append(Text("Places are among the entries; below them stand the partners, as a yardstick.", "dim"))
    if board.partners_hidden:
        parts.append(Text("What the partners got is shown at the end: it would tell who the hidden ones are.", "dim"))
    parts += [Text(clean(f"{name} does not count; {reason}."), "red") for name, reason in board.gone]
    parts += _marks(board.marks)
    return Group(*parts, Text(), Text(f"Seed (sha256) {board.seed}", "dim"))


def _sheet(board: Standings) -> Sheet:
    lines, unit = board.lines, float(board.length or 1) if board.quantity == "own return" else 1.0
    places = [None if line.place is None else Estimate(line.place, line.low, line.high, 1, "rank") for line in lines]
    results = [None if line.result is None else scaled(line.result, unit) for line in lines]
    digits = min(max(decimals([x.half for x in results if x is not None]), 2), 4)
    per = "/step" if board.length and board.quantity == "own return" else ""
    marked = {name for mark in board.marks for name in mark.who}
    signs = ["yes" if line.name in marked and line.author else "" for line in lines]
    columns = [
        Column("# [95 %]", intervals(places, 0), front=True, folds=False),
        labels("entry", [line.name for line in lines]),
        Column(f"{board.quantity}{per} [95 %]", intervals(results, digits), style="bold"),
        Column("at worst", [number(None if x.worst is None else x.worst / unit, 3) for x in lines]),
        Column("faults", [_faults(line) for line in lines], left=True),
        Column("marks", signs, left=True, style="yellow"),
    ]
    if any(line.author and line.author != line.name for line in lines):
        columns.insert(2, labels("author", [line.author or MISSING for line in lines]))
    if any(line.side for line in lines):
        columns.insert(2, Column("side", [clean(line.side) for line in lines], left=True))
    return Sheet(columns, [f"{line.side} {bool(line.author)} {line.place is None}" for line in lines])


def _faults(line: SeasonLine) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in line.faults.items()) or "0"


def _marks(found: Sequence[Mark]) -> list[RenderableType]:
    if not found:
        return [Text(), Text("No marks: nothing here needs a second look.", "dim")]
    parts: list[RenderableType] = [Text(), Text("Marks, for whoever holds the season to look at", "bold")]
    for kind, says in KINDS.items():
        own = [mark for mark in found if mark.kind == kind]
        if own:
            parts.append(Text(f"{kind}: {says}", "yellow"))
        for mark in own:
            parts.append(Text(clean(f"  {' and '.join(mark.who)}: {mark.what}")))
    parts.append(
        Text(
            "A mark is a sign, no verdict, and changes no place. Two who both write tit-for-tat play the same; copied"
            " code is alike, too. Ask both before you decide.",
            "dim",
        )
    )
    return parts


def start_screen(season: Season) -> RenderableType:
    """What everybody may know of a season at its start."""
    rules, card = season.rules, season.card
    known = ", ".join(card.known) or "none"
    lines = [
        f"Season {season.name} in {season.venue.identity} has begun; entries until {in_words(rules.deadline)}, "
        f"{rules.entries_a_day} a day of each author.",
        f"{plural(rules.rounds, 'round')} of {plural(rules.episodes, 'episode')} with everybody; isolation"
        f" {rules.isolation}.",
        f"Partners: {known}; and {len(card.secret)} hidden.",
        "",
        "Write these down and show them to everybody; at the end they can be checked.",
        f"  rules   {card.rules}",
        f"  seed    {card.seed}",
        f"  hidden  {card.hidden}",
        "",
        f"Next: `zoo season submit {season.name} mine.py --author NAME`, then `zoo season run {season.name}`.",
    ]
    return Text("\n".join(lines))

"""What `zoo check --all` says before it begins, and its table at the end."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.sheet import Column, Sheet
from zoo.check.pairs import Survey, kind_of_entrant
from zoo.work.jobs import brief

_SHOWN = 3  # pairs and arenas that are named for one reason; all of them stand in --json


def count_of(known: Survey) -> str:
    """How much there is to do, in a line."""
    before = f"; {known.kept:,} were checked before" if known.kept else ""
    arenas = len(known.arenas) - len(known.left_out)
    return f"{len(known.pairs):,} pairs in {arenas} arena{'s' * (arenas != 1)}{before}"


def screen(known: Survey) -> RenderableType:
    """How many pairs pass, arena by arena; then why some do not, and which arenas were left out."""
    passed: Counter[tuple[str, str]] = Counter((arena, kind_of_entrant(entrant)) for entrant, arena in known.passed)
    failed = Counter(arena for _, arena in known.failed)
    arenas = [name for name, said in known.arenas.items() if not said["left_out"]]
    counts = [
        Column(title, [str(passed[arena, kind] or "-") for arena in arenas])
        for title, kind in (("agents", "registered"), ("checkpoints", "checkpoint"), ("of libraries", "library"))
    ]
    fails = Column("fail", [str(failed[arena] or "-") for arena in arenas])
    table = Sheet([Column("arena", arenas, front=True, left=True), *counts, fails])
    total = f"{len(known.passed):,} of {len(known.pairs):,} pairs pass: the entrant keeps every law in that arena."
    style = "bold red" if known.failed else "green"
    return Group(table, Text(), *_reasons(known), *_left_out(known), Text(total, style))


def _reasons(known: Survey) -> list[Text]:
    """Each reason once, with the pairs that it holds for."""
    where: dict[tuple[str, str], list[str]] = defaultdict(list)
    for (entrant, arena), laws in known.failed.items():
        for number, reason in laws.items():
            where[number, reason].append(arena if number.startswith("arena") else f"{entrant} in {arena}")
    lines = []
    for (number, reason), places in where.items():
        law = "cannot be checked" if number == "-" else f"law {number}" if number.isdigit() else f"law of {number}"
        lines.append(Text(f"{_named(list(dict.fromkeys(places)))}: {law}: {reason}", "red"))
    return lines


def _left_out(known: Survey) -> list[Text]:
    """The arenas that cannot be made, by reason."""
    where: dict[str, list[str]] = defaultdict(list)
    for name, reason in known.left_out.items():
        where[brief(reason.replace(name, "it"))].append(name)
    return [Text(f"Left out: {_named(names)}: {reason}", "dim") for reason, names in where.items()]


def _named(things: list[str]) -> str:
    more = len(things) - _SHOWN
    return ", ".join(things[:_SHOWN]) + (f" and {more} more" if more > 0 else "")

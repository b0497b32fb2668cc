"""Attacks on the sandbox as a table: what was tried, whether it succeeds unconfined, and whether it was stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.sheet import Column, Sheet
from zoo.sandbox.attacks.run import GROUPS, Attempt, NotTried

_AS_ROOT = "As root, this check also tries what is stopped where root runs the matches."


def screen(runs: Mapping[str, Sequence[Attempt]], missing: Sequence[NotTried]) -> RenderableType:
    """The attempts of each user ("root", "user") side by side, successes in words, and below what was not tried."""
    first = next(iter(runs.values()))
    by_name = {user: {a.name: a for a in run} for user, run in runs.items()}
    free = {a.name: a.unconfined for run in runs.values() for a in run if a.unconfined is not None}
    sections = [GROUPS[a.group] for a in first]
    heads = [section if section != before else "" for section, before in zip(sections, ["", *sections], strict=False)]
    columns = [
        Column("aims at", heads, front=True, left=True),
        Column("attack", [a.name for a in first], front=True, left=True),
        Column("unconfined", [_word(free.get(a.name)) for a in first], left=True),
    ]
    for user, known in by_name.items():
        columns.append(Column(f"as {user}", [_verdict(known.get(a.name)) for a in first], left=True))
    columns.append(Column("what stops it", [a.defence for a in first], left=True, worth=-1))
    sheet = Sheet(columns, sections, below=False)
    parts: list[RenderableType] = [Text("Attacks by agents in strictly confined processes", "bold"), sheet, Text()]
    for user, run in runs.items():
        for a in run:
            if not a.stopped:
                parts.append(Text(f"{a.name} as {user} SUCCEEDED: {a.what} {'; '.join(a.evidence[:3])}", "red"))
    done = [a for run in runs.values() for a in run]
    held = sum(a.stopped for a in done)
    text = (
        f"{held} of {len(done)} attempts stopped. Unconfined: whether the attack succeeds on this machine where nothing"
        " confines it; a dash where that would prove nothing or is left out."
    )
    root = [] if any(who.startswith("root") for who in runs) else [Text(_AS_ROOT, "dim")]
    return Group(
        *parts, Text(text, "dim"), *(Text(one.line, "red" if one.offered else "dim") for one in missing), *root
    )


def _word(succeeds: bool | None) -> str:
    return "-" if succeeds is None else "succeeds" if succeeds else "fails"


def _verdict(attempt: Attempt | None) -> str:
    return "-" if attempt is None else "stopped" if attempt.stopped else "SUCCEEDED"

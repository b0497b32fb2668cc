"""Findings of several arenas side by side: what passed, what failed where, and how it looks in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from zoo.check.checking import check_agent, check_arena
from zoo.check.laws import AGENT_LAWS, ARENA_LAWS, BY_LUCK, LUCK
from zoo.check.verdict import Failed, Finding, Verdict
from zoo.entry.catalogue import playable
from zoo.entry.layout import plain_table
from zoo.errors import UserError

_STYLES = {"passed": "green", "failed": "bold red", "not applicable": "dim"}


@dataclass
class Examination:
    """What the laws said of one agent in some arenas, or of one arena.

    `findings` are kept by arena; `left_out` says in which arenas an agent was not checked, and why.
    """

    name: str
    kind: str
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True where no law is broken."""
        return not self.broken

    @property
    def broken(self) -> dict[str, str]:
        """Number of every law that is broken -> the first reason."""
        failed = [f for findings in self.findings.values() for f in findings if isinstance(f.verdict, Failed)]
        return {f.number: f.verdict.reason for f in reversed(failed)}

    @property
    def left_out_text(self) -> str:
        """The arenas that are left out, each with the reason."""
        return "; ".join(f"{arena} {why}" for arena, why in self.left_out.items())

    @property
    def root_cause(self) -> str | None:
        """The fault to mend first, where it makes other laws fail too: luck from a generator that everybody shares."""
        broken = self.broken
        others = sorted(broken.keys() & BY_LUCK, key=int)
        if self.kind == "arena" or LUCK not in broken or not others:
            return None
        laws = f"law {others[0]}" if len(others) == 1 else f"laws {', '.join(others[:-1])} and {others[-1]}"
        return f"Begin with law {LUCK}: {broken[LUCK]}. Then check again: that may be all that breaks {laws}."

    def to_json(self) -> dict[str, Any]:
        """The whole report as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "passed": self.passed,
            "findings": [
                {
                    "arena": arena,
                    "law": f.number,
                    "title": f.title,
                    "verdict": f.verdict.word,
                    "reason": f.verdict.reason,
                }
                for arena, findings in self.findings.items()
                for f in findings
            ],
            "left_out": self.left_out,
        }


def examine(
    name: str, kind: str, arena: str | None = None, settings: Sequence[str] = (), wrap: tuple[str, ...] = ()
) -> Iterator[Examination]:
    """The report on an agent or an arena, yielded again after each finding.

    Args:
        name: `NAME[,field=value ...]` of an agent, or an arena.
        kind: "agent" or "arena".
        arena: where to check an agent; None takes every registered arena that it can play.
        settings: `field=value` texts for the arena.
        wrap: wrappers of a foreign arena.

    Raises:
        UserError: unknown names or fields, values that do not fit, or an agent that can play nowhere.
    """
    report = Examination(name, kind)
    arenas = [name] if kind == "arena" else [arena] if arena is not None else playable(name, report.left_out)
    if not arenas:
        raise UserError(f"{name} can play no registered arena ({report.left_out_text}): name one with --arena")
    for where in arenas:
        findings = check_arena(name, settings, wrap) if kind == "arena" else check_agent(name, where, settings)
        for finding in findings:
            report.findings.setdefault(where, []).append(finding)
            yield report


def screen(report: Examination) -> RenderableType:
    """The report as a table, one row a law."""
    table = plain_table("law", "name", "verdict", right=["law"])
    for law in AGENT_LAWS if report.kind == "agent" else ARENA_LAWS:
        verdicts = {
            arena: f.verdict for arena, findings in report.findings.items() for f in findings if f.number == law.number
        }
        table.add_row(law.number, law.title, _verdicts(verdicts))
    arenas = list(report.findings)
    several = f"{len(arenas)} arenas: {', '.join(arenas)}" if len(arenas) > 1 else arenas[0]
    title = f"{report.name} in {several}" if report.kind == "agent" else report.name
    count = "1 law is broken." if len(report.broken) == 1 else f"{len(report.broken)} laws are broken."
    closing = Text("Every law holds.", "green") if report.passed else Text(count, "bold red")
    notes = [Text(f"Not checked in other arenas: {report.left_out_text}.", "dim")] if report.left_out else []
    first = [Text(report.root_cause, "bold red"), Text()] if report.root_cause else []
    return Group(Text(title, "bold"), *first, table, Text(), *notes, closing)


def _verdicts(verdicts: dict[str, Verdict]) -> Text:
    """One line for each kind of verdict, with the arenas that gave it where there are several, and the first reason."""
    by_word: dict[str, list[str]] = {}
    for arena, verdict in verdicts.items():
        by_word.setdefault(verdict.word, []).append(arena)
    lines = []
    for word, arenas in by_word.items():
        verdict = verdicts[arenas[0]]
        line = Text(word, _STYLES[word])
        if len(by_word) > 1:
            line.append(f" in {', '.join(arenas)}", "not bold")
        if verdict.reason:
            alone = "" if len({verdicts[arena].reason for arena in arenas}) == 1 else f" ({arenas[0]})"
            line.append(f": {verdict.reason}{alone}", "not bold default" if isinstance(verdict, Failed) else "dim")
        lines.append(line)
    return Text("\n").join(lines)

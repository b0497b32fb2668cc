"""Findings of several arenas side by side: what passed, what failed where, and how it looks in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from agents.protocol import missing_words
from zoo.check.laws import AGENT_LAWS, ARENA_LAWS, check_agent, check_arena
from zoo.check.verdict import Failed, Finding, Verdict
from zoo.errors import UserError
from zoo.registry import ARENAS, load_agent, load_arena, names
from zoo.settings import split

_STYLES = {"passed": "green", "failed": "bold red", "not applicable": "dim"}


@dataclass
class Report:
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
        return not any(isinstance(f.verdict, Failed) for found in self.findings.values() for f in found)

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
                for arena, found in self.findings.items()
                for f in found
            ],
            "left_out": self.left_out,
        }


def examine(
    name: str, kind: str, arena: str | None = None, settings: Sequence[str] = (), wrap: tuple[str, ...] = ()
) -> Iterator[Report]:
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
    report = Report(name, kind)
    if kind == "arena":
        yield from _collect(report, name, check_arena(name, settings, wrap))
        return
    places = [arena] if arena else _playable(name, report.left_out)
    if not places:
        known = "; ".join(f"{place} {why}" for place, why in report.left_out.items())
        raise UserError(f"{name} can play no registered arena ({known}): name one with --arena")
    for place in places:
        yield from _collect(report, place, check_agent(name, place, settings))


def _collect(report: Report, arena: str, findings: Iterable[Finding]) -> Iterator[Report]:
    for finding in findings:
        report.findings.setdefault(arena, []).append(finding)
        yield report


def _playable(agent: str, left_out: dict[str, str]) -> list[str]:
    """Registered arenas that can be made without settings and that offer what the agent needs."""
    chosen = load_agent(split(agent)[0]).agent
    places = []
    for place in names(ARENAS):
        try:
            game = load_arena(place).make(1)
        except UserError as error:
            left_out[place] = f"cannot be made ({error})"
            continue
        missing = missing_words(chosen, game.spec.offers)
        game.close()
        if missing:
            left_out[place] = f"does not offer {', '.join(missing)}"
        else:
            places.append(place)
    return places


def screen(report: Report) -> RenderableType:
    """The report as a table, one row a law."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    table.add_column("law", justify="right", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for law in AGENT_LAWS if report.kind == "agent" else ARENA_LAWS:
        said = {arena: f.verdict for arena, found in report.findings.items() for f in found if f.number == law.number}
        table.add_row(law.number, law.title, _verdicts(said))
    counts = f"{len(report.findings)} arenas" if len(report.findings) > 1 else f"{next(iter(report.findings))}"
    title = f"{report.name} in {counts}" if report.kind == "agent" else report.name
    if len(report.findings) > 1:
        title += f": {', '.join(report.findings)}"
    broken = sum(isinstance(f.verdict, Failed) for found in report.findings.values() for f in found)
    closing = Text("Every law holds.", "green") if report.passed else Text(f"{_count(broken)} broken.", "bold red")
    left_out = "; ".join(f"{arena} {why}" for arena, why in report.left_out.items())
    notes = [Text(f"Not checked in other arenas: {left_out}.", "dim")] if left_out else []
    return Group(Text(title, "bold"), table, Text(), *notes, closing)


def _verdicts(said: dict[str, Verdict]) -> Text:
    """One line where all arenas agree, else one for each verdict with the arenas that gave it."""
    groups: dict[Verdict, list[str]] = {}
    for arena, verdict in said.items():
        groups.setdefault(verdict, []).append(arena)
    lines = []
    for verdict, arenas in groups.items():
        line = Text(verdict.word, _STYLES[verdict.word])
        if len(groups) > 1:
            line.append(f" in {', '.join(arenas)}", "not bold")
        if verdict.reason:
            line.append(f": {verdict.reason}", "not bold default" if isinstance(verdict, Failed) else "dim")
        lines.append(line)
    return Text("\n").join(lines)


def _count(broken: int) -> str:
    return "1 law is" if broken == 1 else f"{broken} laws are"

"""What a reproduced figure, and the list of all, look like in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.layout import MISSING, aligned, clean, decimals, number, plural
from leaderboard.report.sheet import Column, Sheet, figures, labels
from leaderboard.statistics.estimate import EXACT, Estimate
from zoo.papers.figure import VERDICTS, Figure, FigureRow, Published, Reproduction

_SENTENCE = 240  # letters up to which settings stand in a sentence, three lines of a terminal


def report_screen(figure: Figure, report: Reproduction, run: Mapping[str, Any]) -> RenderableType:
    """The published numbers beside ours; `run` says what it took and where the files are."""
    title = Text(clean(figure.facts["title"]), "bold")
    title.append(f"; {figure.facts['source']}" + ("; --quick" if run["quick"] else ""), "not bold")
    parts: list[RenderableType] = [title]
    for group, sheet, noted in tables(report):
        parts += [
            Text(),
            *([Text(clean(group), "bold")] if group else []),
            sheet,
            *([Text(noted, "dim")] if noted else []),
        ]
    return Group(*parts, Text(), *(Text(clean(line), "dim") for line in closing(report, run)))


def tables(report: Reproduction) -> list[tuple[str, Sheet, str]]:
    """The table of each group of rows: its heading, the table, and what is noted below it."""
    sizes = {row.ours.n for row in report.rows}
    groups = dict.fromkeys(row.group for row in report.rows)
    of_groups = [(group, [row for row in report.rows if row.group == group]) for group in groups]
    return [(group, _sheet(rows, len(sizes) > 1), _noted(rows)) for group, rows in of_groups]


def closing(report: Reproduction, run: Mapping[str, Any]) -> list[str]:
    """What stands below the tables, line by line: the verdicts' meaning, notes, settings, seeds and cost."""
    lines = [f"Verdicts: {VERDICTS}"] if any(row.published for row in report.rows) else []
    workers = plural(run["workers"], "worker")
    spent = f"{run['cpu_s']:.0f} CPU s in {plural(run['parts'], 'part')} ({run['kept']} kept from before)"
    wall = f"this time {run['wall_s']:.0f} s of wall time on {workers}"
    return [*lines, *report.notes, *_settings(report), f"{drawn(report)}; {spent}, {wall}."]


def _settings(report: Reproduction) -> list[str]:
    """The settings in one sentence, or a line each where that would be long."""
    each = {name: _plain(value) for name, value in report.settings.items()}
    sentence = "Settings: " + ", ".join(f"{name} {value}" for name, value in each.items()) + "."
    if len(sentence) <= _SENTENCE:
        return [sentence]
    return ["Settings:", *(f"  {name}: {value}" for name, value in each.items())]


def drawn(report: Reproduction) -> str:
    """Seeds, sizes and intervals in words."""
    if not report.seeds:
        return "Exact, without seeds"
    sizes = {row.ours.n for row in report.rows}
    count = f"{min(sizes):,}" if len(sizes) == 1 else f"{min(sizes):,} to {max(sizes):,}"
    return f"Seeds {report.seeds}, n = {count}; 95 % intervals over {report.over}"


def caption(whole: Mapping[str, Any], report: Reproduction) -> str:
    """What stands below a figure's picture: the source, what it is drawn from, and whether it is a quick one."""
    quick = "; quick, a smaller version" if whole["run"]["quick"] else ""
    return f"{whole['source']}. {drawn(report)}{quick}. {whole['name']}, version {whole['version']}."


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _sheet(rows: Sequence[FigureRow], counts: bool) -> Sheet:
    digits = max(2, decimals([row.ours.half for row in rows], default=3))
    columns = [labels("", [row.label for row in rows])]

    def add(heading: str, cells: list[str], style: str = "") -> None:
        """A column, where any row has something in it."""
        if set(cells) != {MISSING}:
            columns.append(Column(heading, cells, style=style))

    add("published", [_published(row.published) if row.published else MISSING for row in rows])
    headings = dict.fromkeys(heading for row in rows for heading in row.exact)
    for heading in headings:
        add(heading, [row.exact.get(heading, MISSING) for row in rows], "bold")
    if not headings:
        columns.append(_ours([row.ours for row in rows], digits))
    add("verdict", [row.verdict if row.published else MISSING for row in rows])
    add("sd", [number(row.sd, 2) for row in rows])
    if counts:
        add("n", ["exact" if _computed(row.ours) else f"{row.ours.n:,}" for row in rows])
    add("target", [row.target or MISSING for row in rows])
    return Sheet(columns)


def _ours(values: Sequence[Estimate], digits: int) -> Column:
    """Our numbers: what was computed is said to be exact in place of an interval as long as nothing."""
    if all(map(_computed, values)):
        return Column("ours, exact", aligned([number(x.mean, digits) for x in values]), style="bold")
    cut = [replace(x, low=None, high=None) if _computed(x) else x for x in values]
    return figures("ours [95 %]", cut, digits, style="bold")


def _computed(x: Estimate) -> bool:
    """Whether a number was computed: one unit and nothing to estimate."""
    return x.method == EXACT and x.n == 1


def _noted(rows: Sequence[FigureRow]) -> str:
    """The rows' notes in one line below their table; words with which all of them begin are said once."""
    notes = [row.note.split() for row in rows]
    if not any(notes):
        return ""
    same = 0
    while len(notes) > 1 and all(len(words) > same + 1 and words[same] == notes[0][same] for words in notes):
        same += 1
    head, between = (" ".join(notes[0][:same]) + ": ", " ") if same else ("", ": ")
    rest = [(row.label, " ".join(words[same:])) for row, words in zip(rows, notes, strict=True) if words]
    return clean(head + "; ".join(f"{label}{between}{words}" for label, words in rest))


def _published(number: Published) -> str:
    return f"{number.value:g}" + (f" ({number.basis})" if number.basis else "")

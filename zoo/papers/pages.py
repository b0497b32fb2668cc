"""Pages of reproduced figures in Markdown, made of the JSON that `zoo reproduce` wrote, and the table of them all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from leaderboard.report.layout import MISSING, plural
from leaderboard.report.sheet import Column, Sheet, labels, markdown
from zoo.papers import FIGURES, NAMES, in_minutes
from zoo.papers.figure import MEANINGS, NO_NUMBER, NO_VERDICT, UNDECIDED, FigureRow, Json, Reproduction
from zoo.papers.screen import closing, tables

#: Verdicts as they are counted: heading, and how they begin.
_COUNTED = {
    "agrees": ("agrees",),
    "better": ("better",),
    "cannot tell": (UNDECIDED, NO_VERDICT),
    "misses": ("worse", "misses"),
}


def read_files(folder: Path) -> list[dict[str, Any]]:
    """The JSON files of `zoo reproduce` in a folder, in the order of the papers."""
    files = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return sorted(files, key=lambda whole: NAMES.index(whole["name"].partition(",")[0]))


def counts(report: Reproduction) -> dict[str, int]:
    """How many rows have which verdict, and how many stand beside no published number."""
    counted = Counter(dict.fromkeys([*_COUNTED, "not published"], 0))
    for row in report.rows:
        counted["not published" if row.verdict == NO_NUMBER else _kind(row)] += 1
    return dict(counted)


def _kind(row: FigureRow) -> str:
    return next(heading for heading, begins in _COUNTED.items() if row.verdict.startswith(begins))


def file_stem(whole: Mapping[str, Json]) -> str:
    """The name under which a figure's files lie, so that those of other runs lie beside them."""
    first = whole["settings"].get("first seed", 0)
    return f"{whole['name']}{'-quick' * whole['run']['quick']}{f'-first-seed-{first}' * bool(first)}"


def command_of(whole: Mapping[str, Json]) -> str:
    """What was typed for a figure."""
    first = whole["settings"].get("first seed", 0)
    other = f" --first-seed {first}" * bool(first)
    return f"zoo reproduce {whole['name']}{' --quick' * whole['run']['quick']}{other}"


def overview(files: Sequence[Mapping[str, Json]], links: bool = False, seeds: bool = False) -> Sheet:
    """One line a figure: its verdicts counted, its targets, what it cost; the sum below.

    Args:
        files: the JSON files of `zoo reproduce`.
        links: names lead to the figures' pages.
        seeds: a column tells the seeds, and marks what is quick.
    """
    reports = [Reproduction.from_json(whole) for whole in files]
    counted = [counts(report) for report in reports]
    targets = [[row.target.endswith(" met") for row in report.rows if row.target] for report in reports]
    minutes = [whole["run"]["cpu_s"] / 60 for whole in files]
    columns = [labels("figure", [*(_linked(whole, links) for whole in files), "all"])]
    for heading in counted[0] if counted else ():
        cells = [line[heading] for line in counted]
        columns.append(Column(heading, [*map(str, cells), str(sum(cells))]))
    met = [f"{sum(one)} of {len(one)}" if one else MISSING for one in targets]
    every = [x for one in targets for x in one]
    columns.append(Column("targets met", [*met, f"{sum(every)} of {len(every)}"]))
    if seeds:
        drawn = [report.seeds or "none" for report in reports]
        marks = [", quick" * whole["run"]["quick"] for whole in files]
        columns.append(Column("seeds", [*map("".join, zip(drawn, marks, strict=True)), ""], left=True))
    columns.append(Column("CPU min", [*(f"{x:.1f}" for x in minutes), f"{sum(minutes):.1f}"]))
    return Sheet(columns, sections=[*["figure"] * len(files), "all"])


def _linked(whole: Mapping[str, Json], links: bool) -> str:
    return f"[{whole['name']}]({file_stem(whole)}.md)" if links else str(whole["name"])


def _sentence(title: str) -> str:
    """A title with its full stop, unless it is a question."""
    return title if title.endswith("?") else f"{title}."


def _named(whole: Mapping[str, Json], links: bool) -> str:
    return f"{_linked(whole, links)}{', quick' * whole['run']['quick']}"


def overview_page(files: Sequence[Mapping[str, Json]], links: bool = False) -> str:
    """The page of all figures.

    It holds the verdicts counted, every published number beside ours, what is known of the misses, and the figures that
    are not among the files, with what runs them. Arguments as of `overview`.
    """
    ran = {whole["name"].partition(",")[0] for whole in files}
    left = [facts for name, facts in FIGURES.items() if name not in ran]
    quick = sum(whole["run"]["quick"] for whole in files)
    marked = f" Those marked quick are smaller versions ({quick} of {len(files)})." if quick else ""
    unpublished = {"not published": "the paper has no number for this row"}
    parts = [
        "# Published tables and figures, run again",
        "What papers published, beside what the zoo gets. The first table counts the verdicts of each figure. Then come"
        " all rows that miss, every published number beside ours, and the figures that have not been run.",
        f"{plural(len(files), 'figure')} of `zoo reproduce`"
        f"{f'; {len(left)} more have not been run' if left else ''}.{marked}",
        "\n".join(f"- **{word}**: {meaning}." for word, meaning in (MEANINGS | unpublished).items()),
        overview(files, links, seeds=True).markdown(),
    ]
    missed = [(whole, row) for whole in files for row in Reproduction.from_json(whole).rows if _missed(row)]
    if missed:
        parts += [
            "## Where ours misses",
            "The notes of each figure, below, say what is known of the reasons.",
        ]
        lines = [
            [_named(whole, links), _label(row), f"{row.published.value:g}" if row.published else MISSING, row.verdict]
            for whole, row in missed
        ]
        parts.append(markdown(["figure", "row", "published", "ours"], lines, [True, True, False, True]))
    parts += ["## Published beside ours", *(_beside(whole, links) for whole in files)]
    if left:
        parts += ["## Not run yet", _left(left)]
    return "\n\n".join(parts) + "\n"


def _beside(whole: Mapping[str, Json], links: bool) -> str:
    """A figure's rows with a published number beside ours, and its notes where any of them misses."""
    report = Reproduction.from_json(whole)
    rows = [replace(row, label=_label(row), group="") for row in report.rows if row.published]
    seeds = f"seeds {report.seeds}" if report.seeds else "no seeds"
    spent = f"{in_minutes(whole['run']['cpu_s'] / 60)} CPU minutes"
    parts = [
        f"### {_named(whole, links)}",
        f"{_sentence(whole['title'])} {whole['source']}; `{command_of(whole)}`, {seeds}, {spent}.",
        *(sheet.markdown() for _, sheet, _ in tables(replace(report, rows=rows))),
    ]
    if not rows:
        parts.append("No number is published for what it shows.")
    if any(map(_missed, rows)):
        parts.append("\n".join(f"- {note}" for note in report.notes))
    return "\n\n".join(parts)


def _left(figures: Sequence[Mapping[str, Json]]) -> str:
    """The figures without a file: what runs them, and how long that takes."""
    lines = [
        [
            f"{facts['title']}; {facts['source']}",
            f"`zoo reproduce {facts['name']}`",
            in_minutes(facts["cpu_minutes"]) + ", an estimate" * bool(facts.get("estimated")),
            in_minutes(facts["cpu_minutes_quick"]),
        ]
        for facts in figures
    ]
    return markdown(["figure", "command", "CPU minutes", "with --quick"], lines, [True, True, False, False])


def _label(row: FigureRow) -> str:
    return f"{row.group}: {row.label}" if row.group else row.label


def _missed(row: FigureRow) -> bool:
    return row.verdict.startswith(_COUNTED["misses"])


def figure_page(whole: Mapping[str, Json], picture: str = "") -> str:
    """The page of one figure.

    Args:
        whole: the JSON file of `zoo reproduce`.
        picture: link to its picture; none without.
    """
    report, run = Reproduction.from_json(whole), whole["run"]
    parts = [f"# {_named(whole, False)}", f"{_sentence(whole['title'])} {whole['source']}."]
    if picture:
        parts.append(f"![{whole['title']}]({picture})")
    for group, sheet, noted in tables(report):
        parts += [*([f"## {group}"] if group else []), sheet.markdown(), *([noted] if noted else [])]
    parts += ["## How this was made", f"`{command_of(whole)}`, version {whole['version']}."]
    return "\n\n".join([*parts, *closing(report, run)]) + "\n"

"""Pages of reproduced figures in Markdown, made of the JSON that `zoo reproduce` wrote, and the table of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from leaderboard.report.layout import MISSING, plural
from leaderboard.report.sheet import Column, Sheet, labels, markdown
from zoo.papers.figure import NO_NUMBER, NO_VERDICT, UNDECIDED, FigureRow, Json, Reproduction
from zoo.papers.screen import closing, tables

#: Verdicts as they are counted: heading, and how they begin.
_COUNTED = {
    "agrees": ("agrees",),
    "better": ("better",),
    "cannot tell": (UNDECIDED, NO_VERDICT),
    "misses": ("worse", "misses"),
}


def counts(report: Reproduction) -> dict[str, int]:
    """How many rows have which verdict, and how many stand beside no published number."""
    counted = Counter(dict.fromkeys([*_COUNTED, "not published"], 0))
    for row in report.rows:
        counted["not published" if row.verdict == NO_NUMBER else _kind(row)] += 1
    return dict(counted)


def _kind(row: FigureRow) -> str:
    return next(heading for heading, begins in _COUNTED.items() if row.verdict.startswith(begins))


def overview(files: Sequence[Mapping[str, Json]], links: bool = False) -> Sheet:
    """One line a figure: its verdicts counted, its targets, what it cost; the sum below. `links`: to the pages."""
    reports = [Reproduction.from_json(whole) for whole in files]
    counted = [counts(report) for report in reports]
    targets = [[row.target.endswith(" met") for row in report.rows if row.target] for report in reports]
    minutes = [whole["run"]["cpu_s"] / 60 for whole in files]
    names = [f"[{whole['name']}]({whole['name']}.md)" if links else str(whole["name"]) for whole in files]
    columns = [labels("figure", [*names, "all"])]
    for heading in counted[0] if counted else ():
        cells = [line[heading] for line in counted]
        columns.append(Column(heading, [*map(str, cells), str(sum(cells))]))
    met = [f"{sum(one)} of {len(one)}" if one else MISSING for one in targets]
    every = [x for one in targets for x in one]
    columns.append(Column("targets met", [*met, f"{sum(every)} of {len(every)}"]))
    columns.append(Column("CPU min", [*(f"{x:.1f}" for x in minutes), f"{sum(minutes):.1f}"]))
    return Sheet(columns, sections=[*["figure"] * len(names), "all"])


def overview_page(files: Sequence[Mapping[str, Json]], links: bool = False) -> str:
    """The table of all figures, and below it every row in which ours misses what was published, with what is known."""
    parts = [
        "# Published tables and figures, run again",
        f"{plural(len(files), 'figure')}, as `zoo reproduce` made {'it' if len(files) == 1 else 'them'}. A verdict"
        " weighs our interval and the published one; a row without one stands beside no published number.",
        overview(files, links).markdown(),
    ]
    missed = [(whole, row) for whole in files for row in Reproduction.from_json(whole).rows if _missed(row)]
    if missed:
        parts += ["## Where ours misses", "What is known of the reason stands below, figure by figure."]
        lines = [
            [whole["name"], f"{row.group}: {row.label}" if row.group else row.label, _published(row), row.verdict]
            for whole, row in missed
        ]
        parts.append(markdown(["figure", "row", "published", "ours"], lines, [True, True, False, True]))
        for whole in {whole["name"]: whole for whole, _ in missed}.values():
            parts += [f"### {whole['name']}", *(f"- {note}" for note in whole["notes"])]
    return "\n\n".join(parts) + "\n"


def _missed(row: FigureRow) -> bool:
    return row.verdict.startswith(_COUNTED["misses"])


def _published(row: FigureRow) -> str:
    return f"{row.published.value:g}" if row.published else MISSING


def figure_page(whole: Mapping[str, Json], picture: str = "") -> str:
    """The page of one figure.

    Args:
        whole: the JSON file of `zoo reproduce`.
        picture: link to its picture; none without.
    """
    report, run = Reproduction.from_json(whole), whole["run"]
    parts = [f"# {whole['name']}", f"{whole['title']}. {whole['source']}."]
    if picture:
        parts.append(f"![{whole['title']}]({picture})")
    for group, sheet, noted in tables(report):
        parts += [*([f"## {group}"] if group else []), sheet.markdown(), *([noted] if noted else [])]
    quick = " --quick" if run["quick"] else ""
    parts += ["## How this was made", f"`zoo reproduce {whole['name']}{quick}`, version {whole['version']}."]
    return "\n\n".join([*parts, *closing(report, run)]) + "\n"

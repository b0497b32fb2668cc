"""The one way in which tables are laid out in a terminal of any width.

A `Sheet` has columns of finished cells: labels in front and figures behind. Figures are never cut. Where the width does
not hold all of them, labels fold into two lines, and then the least worthy figures go into a further table below,
with the labels in front again. A sheet is a rich renderable, so it is printed by a console and stands in a `Group`.

    Column      one column: a header, a text for each row, and how it behaves when width runs out
    labels      a column of names, cleaned of control characters
    figures     a column of estimates, "0.312 [0.309, 0.315]", aligned below each other
    spreads     a column of estimates, "0.312 ±0.003"
    Sheet       the columns together; `sections` draws lines between groups of rows
    frame       an empty table of the same look, for texts that take several lines

For example, two entrants with their returns and the number of their faults:

    sheet = Sheet([labels("entrant", ["lola", "naive"]), figures("return", [t(a), t(b)]), Column("faults", ["0", "2"])])
    rich.console.Console().print(sheet)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from leaderboard.report.layout import MISSING, clean, folded, intervals, number, telling_width

if TYPE_CHECKING:
    from leaderboard.statistics.estimate import Estimate

_GAP = 2  # spaces between columns
_SHORTEST = 16  # a label is not cut below that while there is another way
_HEADER = 12  # a shorter header stands in one line


@dataclass(frozen=True)
class Column:
    """A column of finished cells.

    Attributes:
        header, cells: what is read; style: how it looks.
        label: it stands in front, on the left, and may be folded or cut; front: it stands in front and is never cut.
        left: its cells begin at the left; those of figures end at the right.
        worth: the least worthy columns go below first, of equals the last.
        group: columns that go together, unless the width does not even hold them alone.
        alarm: cells other than 0 are red.
        folds: a long header takes several lines.
    """

    header: str
    cells: Sequence[str]
    label: bool = False
    style: str = ""
    front: bool = False
    left: bool = False
    worth: int = 0
    group: str = ""
    alarm: bool = False
    folds: bool = True

    @property
    def width(self) -> int:
        """Of the widest cell, and of the header or its widest word."""
        folds = self.folds and not self.label
        header = [*self.header.split(), self.header[:_HEADER]] if folds else [self.header]
        return max(cell_len(line) for text in [*header, *self.cells] for line in text.split("\n"))


@dataclass(frozen=True)
class Sheet:
    """Columns as one or more tables.

    Attributes:
        columns: in their order.
        sections: of each row the section to which it belongs; a line stands between sections.
        below: whether columns that do not fit stand in tables below, or else are left out and named.
    """

    columns: Sequence[Column]
    sections: Sequence[str] = ()
    below: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields as many tables as the width needs, and a line that names what does not fit."""
        front = [c for c in self.columns if c.label or c.front]
        figures = [c for c in self.columns if not (c.label or c.front)]
        narrow = sum((1 if c.label else c.width) + _GAP for c in front)
        rest = [c for c in figures if narrow + c.width <= options.max_width]
        least = sum((min(c.width, telling_width(c.cells, _SHORTEST)) if c.label else c.width) + _GAP for c in front)
        tables: list[list[Column]] = []
        while rest and (self.below or not tables):
            tables.append(_fitting(rest, options.max_width - least))
            rest = _without(rest, tables[-1])
        taken = max((sum(c.width + _GAP for c in table) for table in tables), default=0)
        front = _cut(front, options.max_width - taken)
        for position, table in enumerate(tables or [[]]):
            if position:
                yield Text()
            yield self._table([*front, *table])
        if left_out := [c.header for c in _without(figures, [c for table in tables for c in table])]:
            yield Text(f"Not shown at this width: {_named(left_out)}.", style="dim italic")

    def markdown(self) -> str:
        """The same as one table in Markdown, nothing cut."""
        rows = [list(row) for row in zip(*(c.cells for c in self.columns), strict=True)]
        return markdown([c.header for c in self.columns], rows, [c.label or c.left for c in self.columns])

    def _table(self, columns: list[Column]) -> Table:
        table = frame()
        for c in columns:
            table.add_column(
                Text(c.header if cell_len(c.header) <= c.width else c.header.replace(" [95 %]", "\n[95 %]")),
                justify="left" if c.label or c.left else "right",
                vertical="bottom",
                style=c.style,
                width=c.width,
            )
        following = [*self.sections[1:], *self.sections[-1:]]
        ends = [a != b for a, b in zip(self.sections, following, strict=True)] or [False] * len(columns[0].cells)
        for i, end in enumerate(ends):
            height = max(c.cells[i].count("\n") for c in columns)
            cells = [
                Text(
                    c.cells[i] + "\n" * (height - c.cells[i].count("\n")),  # figures stand beside the first line
                    style="red" if c.alarm and c.cells[i] != "0" else "",
                    no_wrap=True,
                )
                for c in columns
            ]
            table.add_row(*cells, end_section=end)
        return table


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[bool]) -> str:
    """A table in Markdown; `left` says which columns begin at the left, the others end at the right."""
    lines = [header, [":---" if begins else "---:" for begins in left], *rows]
    return "\n".join("| " + " | ".join(escaped(cell.strip()) for cell in line) + " |" for line in lines)


def escaped(cell: str) -> str:
    """A text that may stand in a cell of a table in Markdown."""
    return clean(cell).replace("|", "\\|")


def frame() -> Table:
    """An empty table as all of the zoo look: a line under its head and nothing else."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def _without(columns: Sequence[Column], others: Sequence[Column]) -> list[Column]:
    """The columns that are not among the others; two may be equal."""
    known = {id(column) for column in others}
    return [column for column in columns if id(column) not in known]


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """The most worthy columns that together take no more than `width`; at least one."""
    kept = list(columns)
    while sum(c.width + _GAP for c in kept) - _GAP > width and len(kept) > 1:
        last = min(reversed(kept), key=lambda column: column.worth)
        rest = [c for c in kept if c is not last and (not last.group or c.group != last.group)]
        kept = rest or [c for c in kept if c is not last]  # a group that is alone and too wide is divided
    return kept


def _cut(front: list[Column], room: int) -> list[Column]:
    """The columns in front, whose labels are folded so that together they take `room`, the widest first."""
    widths = [c.width for c in front]
    while sum(widths) + _GAP * (len(widths) - 1) > room:
        cuttable = [w for w, c in zip(widths, front, strict=True) if c.label and w > 1]
        if not cuttable:
            break
        widths[next(i for i, c in enumerate(front) if c.label and widths[i] == max(cuttable))] -= 1
    return [
        replace(c, header=c.header[:width], cells=[folded(cell, width) for cell in c.cells]) if c.label else c
        for c, width in zip(front, widths, strict=True)
    ]


def _named(headers: Sequence[str]) -> str:
    """What is left out; a run of numbers by its ends."""
    if all(header.isdigit() for header in headers):
        return f"column {headers[0]}" if len(headers) == 1 else f"columns {headers[0]} to {headers[-1]}"
    return ", ".join(headers)


def labels(header: str, cells: Iterable[str]) -> Column:
    """A column of names."""
    return Column(header, [clean(cell) for cell in cells], label=True)


def figures(header: str, values: Sequence[Estimate | None], digits: int = 4, *, style: str = "") -> Column:
    """A column of means with their intervals, "0.312 [0.309, 0.315]"."""
    return Column(header, intervals([x if x is not None and x.n else None for x in values], digits), style=style)


def spreads(header: str, values: Sequence[Estimate | None], digits: int = 3, *, style: str = "") -> Column:
    """A column of means with half their intervals, "0.312 ±0.003"; a share with both ends, as its has no one half."""
    cells = []
    for x in values:
        half = "" if x is None or x.high is None else f" ±{number(x.high - x.mean, digits)}"
        if x is not None and x.method == "Wilson":
            half = f" [{number(x.low, digits)}, {number(x.high, digits)}]"
        cells.append(MISSING if x is None or x.n == 0 else f"{number(x.mean, digits)}{half}")
    return Column(header, cells, style=style)

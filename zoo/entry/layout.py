"""Tables of texts, and docstrings, as lists and descriptions show them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from leaderboard.report.sheet import frame

if TYPE_CHECKING:
    from zoo.entry.settings import ConfigField


class Described(NamedTuple):
    """A part of a description, which becomes a table in a terminal and on a page.

    Attributes:
        title: its heading.
        rows: cells, row by row; without a header, a name and its value each.
        header: headings of the columns; "" for names and values.
        empty: what stands there without any row; "" leaves the part out.
    """

    title: str
    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()
    empty: str = ""

    @property
    def shown(self) -> bool:
        """Whether anything stands there."""
        return bool(self.rows or self.empty)

    def rendered(self) -> list[RenderableType]:
        """For a terminal."""
        return [Text(f"\n{self.title}", "bold"), self._table() if self.rows else Text(self.empty)]

    def _table(self) -> Table:
        if not self.header:
            return facts(dict(self.rows))  # type: ignore[arg-type]
        table = plain_table(*self.header)
        for row in self.rows:
            table.add_row(*row)
        return table


def settings_part(title: str, settings: Sequence[ConfigField]) -> Described:
    """Settings with type, default and meaning."""
    rows = [
        (s.name, s.type_text, "to be given" if s.default_text is None else s.default_text, s.meaning) for s in settings
    ]
    return Described(title, rows, ("field", "type", "default", "meaning"), empty="none")


def plain_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table of texts that take several lines where they must; the first column is never broken.

    Args:
        columns: headings.
        right: headings of the columns whose numbers stand to the right.
    """
    table = frame()
    for number, name in enumerate(columns):
        table.add_column(name, no_wrap=number == 0, overflow="fold", justify="right" if name in right else "left")
    return table


def facts(values: Mapping[str, str]) -> Table:
    """Name and value, one a line."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="cyan")
    table.add_column(overflow="fold")
    for name, value in values.items():
        table.add_row(name, value)
    return table


def paragraphs(text: str) -> list[tuple[str, bool]]:
    """The paragraphs of a docstring, and whether each is laid out by hand: lists and formulas keep their lines."""
    parts = []
    for part in re.split(r"\n\n+", text.strip()):
        laid_out = re.search(r"^(?:\s|[-*] )", part, re.MULTILINE) is not None
        parts.append((part if laid_out else " ".join(part.split()), laid_out))
    return parts


def reflowed(text: str) -> Text:
    """A docstring for a terminal of any width."""
    return Text("\n\n".join(part for part, _ in paragraphs(text)))

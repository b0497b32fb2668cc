"""Tables of texts, and docstrings, as lists and descriptions show them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from leaderboard.report.sheet import frame

if TYPE_CHECKING:
    from zoo.entry.settings import ConfigField


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


def settings_table(settings: Sequence[ConfigField]) -> Table | Text:
    """Settings with type, default and meaning."""
    if not settings:
        return Text("none")
    table = plain_table("field", "type", "default", "meaning")
    for setting in settings:
        default = Text("to be given", "bold") if setting.default_text is None else setting.default_text
        table.add_row(setting.name, setting.type_text, default, setting.meaning)
    return table


def reflowed(text: str) -> Text:
    """A docstring for a terminal of any width: paragraphs flow, lists and formulas keep their lines."""
    parts = []
    for part in re.split(r"\n\n+", text.strip()):
        laid_out = re.search(r"^(?:\s|[-*] )", part, re.MULTILINE)
        parts.append(part if laid_out else " ".join(part.split()))
    return Text("\n\n".join(parts))

"""Published tables and figures, run again and shown beside ours.

A folder for each paper and a file for each figure, whose `FIGURE` says which independent parts of work it is made of,
how their results become rows beside the published numbers, and how they are drawn. What the list of figures says stands
in `figures.json`, so that a list imports no figure. The rest is the same for all: `run` does the parts that are not
done yet, `screen` prints, `leaderboard.report.plots` draws.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UserError, nearest

if TYPE_CHECKING:
    from zoo.papers.figure import Figure

_DECLARED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("figures.json").read_text())
#: Name -> criteria and caveats that hold whatever came out: they stand below the table.
REMARKS: dict[str, list[str]] = {facts["name"]: facts.pop("remarks", []) for facts in _DECLARED}
#: Name -> name, title, source (paper, and which table or figure), CPU minutes of one thread and how many seeds, by
#: default and with --quick; in the order of the papers. Minutes are measured, but those by default are reckoned from
#: some of the parts where `estimated`.
FIGURES = {facts["name"]: facts for facts in _DECLARED}
NAMES = tuple(FIGURES)
#: Figures whose name does not begin with the folder of their paper.
_ELSEWHERE = {"gradient-direction": "maddpg-gradient-direction", "rial-saddle": "dial-rial-saddle"}


def in_minutes(minutes: float) -> str:
    """CPU minutes in as many digits as one cares about: "under 0.1", "4.2", "45"."""
    if minutes < 0.05:
        return "under 0.1"
    return f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"


def load(text: str) -> Figure:
    """The figure of that name, with settings where some are given ("coma-table,scenario=3m"); imports its module alone.

    Raises:
        UserError: there is none, or it has no such setting.
    """
    from zoo.entry.settings import split

    name, *assignments = split(text) or [""]
    if name not in NAMES:
        raise UserError(f"there is nothing called {name!r} to reproduce (see --list); {nearest(name, NAMES)}")
    module = _ELSEWHERE.get(name, name).replace("-", ".", 1).replace("-", "_")
    figure: Figure = importlib.import_module(f"zoo.papers.{module}").FIGURE
    return figure.chosen(assignments) if assignments else figure

"""Published tables and figures, run again and shown beside ours.

A folder for each paper and a file for each figure, whose `FIGURE` says what it is, which independent parts of work it
is made of, how their results become rows beside the published numbers, and how they are drawn. The rest is the same for
all: `run` does the parts that are not done yet, `screen` prints, `leaderboard.report.plots` draws.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UserError, nearest

if TYPE_CHECKING:
    from zoo.papers.figure import Figure

_MADDPG = ("communication", "predator-prey", "deception", "covert", "navigation", "inferred", "ensembles")
#: In the order of the papers, whose folder is what stands before the first dash.
NAMES = (
    "lola-ipd",
    "lola-imp",
    "lola-exploitability",
    "lola-tournament",
    "lola-coin",
    "dice-gradients",
    "dice-lookahead",
    *(f"maddpg-{what}" for what in _MADDPG),
    "gradient-direction",
)
_ELSEWHERE = {"gradient-direction": "maddpg-gradient-direction"}


def load(name: str) -> Figure:
    """The figure of that name; only its module is imported.

    Raises:
        UserError: there is none.
    """
    if name not in NAMES:
        raise UserError(f"there is nothing called {name!r} to reproduce; {nearest(name, NAMES)}; see --list")
    module = _ELSEWHERE.get(name, name).replace("-", ".", 1).replace("-", "_")
    figure: Figure = importlib.import_module(f"zoo.papers.{module}").FIGURE
    return figure


#: What the list says of each, so that a list imports none of them; a test compares the two.
KEPT = Path(__file__).with_name("figures.json")


def listed() -> list[dict[str, Any]]:
    """Name, title, source, CPU minutes and seeds of every figure, in the order of the papers."""
    facts: list[dict[str, Any]] = json.loads(KEPT.read_text())
    return facts


def write() -> None:
    """Write `figures.json` anew, from the figures."""
    KEPT.write_text(json.dumps([load(name).facts() for name in NAMES], indent=1) + "\n")

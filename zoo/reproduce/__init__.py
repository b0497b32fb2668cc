"""Published tables and figures, run again and shown beside ours.

One file per figure, `zoo/reproduce/NAME.py` with dashes as underscores, whose `FIGURE` says what it is, which
independent parts of work it is made of, how their results become rows beside the published numbers, and how they are
drawn. The rest is the same for all: `run` does the parts that are not done yet, `screen` prints, `plots` draws.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.errors import UserError, nearest

if TYPE_CHECKING:
    from zoo.reproduce.report import Figure

_MADDPG = ("communication", "predator-prey", "deception", "covert", "navigation", "inferred", "ensembles")
#: In the order of the papers.
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


def load(name: str) -> Figure:
    """The figure of that name; only its module is imported.

    Raises:
        UserError: there is none.
    """
    if name not in NAMES:
        raise UserError(f"there is nothing called {name!r} to reproduce; {nearest(name, NAMES)}; see --list")
    figure: Figure = importlib.import_module(f"zoo.reproduce.{name.replace('-', '_')}").FIGURE
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

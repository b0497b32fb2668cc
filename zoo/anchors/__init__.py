"""Anchors: between whom a cross-play return is normalised, one JSON file per arena identity.

    n = (U - U_low) / (U_high - U_low)

for each role and opponent, where U_low is what the low anchor gets in that role with that opponent and U_high what the
high one gets: 0 is as good as the low anchor, 1 as good as the high one. Where no file declares any, the high anchor is
`best`, the best of the entrants at hand with that opponent, and numbers change with who is at hand. Anchors are frozen
like panels: a new choice is a new file with a new number, and an anchor that no longer has the id of the file is an
error.

A file `IDENTITY.anchors-NUMBER.json` holds `{"low": {TEXT: ID}, "high": {TEXT: ID} or "best"}`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UserError

if TYPE_CHECKING:
    from zoo.entry.venue import ArenaChoice

FOLDER = Path(__file__).parent
#: In the place of an entrant: the best of the entrants at hand with that opponent.
BEST = "best"


@dataclass(frozen=True)
class Anchors:
    """Entrant texts; `low` is None where there is nobody to normalise by. `source` says who chose them."""

    low: str | None
    high: str
    source: str

    @property
    def entrants(self) -> tuple[str, ...]:
        """Those who must play."""
        return tuple(text for text in (self.low, self.high) if text is not None and text != BEST)


def anchors_for(choice: ArenaChoice, identity: str, low: str | None = None, high: str | None = None) -> Anchors:
    """The anchors of an arena: those given, else those of the file with the highest number, else `random` and `best`.

    Raises:
        UserError: an anchor that cannot play here, or is no longer the one that the file names.
    """
    from zoo.entry.venue import entrant

    for text in (low, high):
        if text is not None and text != BEST:
            entrant(choice, text)
    if low == BEST:
        raise UserError(f"--anchor-low must be an entrant, got {BEST!r}: the best of all can only be the high anchor")
    declared = _declared(choice, identity)
    if low is not None or high is not None:
        return Anchors(low or declared.low, high or declared.high, "as asked for")
    return declared


def _declared(choice: ArenaChoice, identity: str) -> Anchors:
    from zoo.entry.venue import entrant

    files = {int(file.stem.rpartition("-")[2]): file for file in FOLDER.glob("*.json") if _is_of(file, identity)}
    if not files:
        try:
            entrant(choice, "random")
        except UserError:
            return Anchors(None, BEST, "none: no anchors are declared, and random cannot play here")
        return Anchors("random", BEST, "no file declares any for this arena, so random and best")
    name = f"{identity}/anchors-{max(files)}"
    told = json.loads(files[max(files)].read_text())
    chosen = {}
    for end in ("low", "high"):
        if told[end] == BEST and end == "high":
            chosen[end] = BEST
            continue
        ((text, wanted),) = told[end].items()
        found = entrant(choice, text).id
        if found != wanted:
            raise UserError(
                f"anchors {name}: {text} is now {found}, the file holds {wanted}: the installation is mixed"
            )
        chosen[end] = text
    return Anchors(chosen["low"], chosen["high"], name)


def _is_of(file: Path, identity: str) -> bool:
    """Whether a file is named IDENTITY.anchors-NUMBER.json; an identity may hold dots."""
    return file.stem.rpartition(".anchors-")[0] == identity

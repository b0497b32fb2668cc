"""What the house declares about arenas, as data in the folder `declared`: panels of partners, and anchors.

A file `IDENTITY.panel-NUMBER.json` or `IDENTITY.anchors-NUMBER.json` is of one arena identity. It never changes: a
new choice is a new file with a higher number, and results under the old one stay. Files list entrants with their ids,
and an entrant that no longer has its id is an error, not a new panel.

A panel holds the frozen partners with whom entrants are compared, their weights, and the scale of ratings, see `Panel`;
`zoo panel` computes all but the members. Anchors say between whom a
cross-play return is normalised, `{"low": {TEXT: ID}, "high": {TEXT: ID} or "best"}`:

    n = (U - U_low) / (U_high - U_low)

for each role and opponent, where U_low is what the low anchor gets in that role with that opponent and U_high what the
high one gets: 0 is as good as the low anchor, 1 as good as the high one. Where no file declares any, the high anchor is
`best`, the best of the entrants at hand with that opponent, and numbers change with who is at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo.entry.declarations import newest_of
from zoo.errors import UserError

if TYPE_CHECKING:
    from zoo.entry.venue import Venue

#: In the place of an entrant: the best of the entrants at hand with that opponent.
BEST = "best"


@dataclass(frozen=True)
class Panel:
    """The frozen partners of an arena.

    Mappings have one entry for each side that is counted on its own, "" where there is but one.

    Attributes:
        id: such as "coin-v1/panel-3".
        members: entrant texts.
        weights: {side: weight of each member as a partner of those on that side}.
        scale: {side: (mean, standard deviation) of the members' headlines}.
        anchors: {side: (low, high)} own returns between which the headline is scaled; empty where there are none.
        details: how it was computed.
    """

    id: str
    members: tuple[str, ...]
    weights: Mapping[str, Sequence[float]]
    scale: Mapping[str, Sequence[float]]
    anchors: Mapping[str, Sequence[float]]
    details: Mapping[str, Any]

    @property
    def number(self) -> int:
        """Of its version."""
        return int(self.id.rpartition("-")[2])


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


def panel_for(venue: Venue) -> Panel | None:
    """The panel that a file declares for the arena; None without one.

    Raises:
        UserError: a member does not have the id that the file gives.
    """
    newest = newest_of("panel", venue.identity)
    if newest is None:
        return None
    name, content = newest
    content = (
        content if "members" in content else {"members": content}
    )  # the oldest versions: members, equally weighted
    members = _checked(venue, f"panel {name}", content["members"], "the panel")
    return Panel(name, members, *(content.get(key, {}) for key in ("weights", "scale", "anchors", "details")))


def family(venue: Venue) -> tuple[str, ...]:
    """The members of the panel of the same game under its usual settings, empty where that has none."""
    newest = newest_of("panel", venue.spec.name)
    return tuple(newest[1].get("members", newest[1])) if newest else ()


def anchors_for(venue: Venue, low: str | None = None, high: str | None = None) -> Anchors:
    """The anchors of an arena: those given, else those that are declared, else `random` and `best`.

    Raises:
        UserError: an anchor that cannot play here, or is no longer the one that the file names.
    """
    for text in (low, high):
        if text is not None and text != BEST:
            venue.entrant(text)
    if low == BEST:
        raise UserError(f"--anchor-low must be an entrant, got {BEST!r}: the best of all can only be the high anchor")
    declared = _declared_anchors(venue)
    if low is not None or high is not None:
        return Anchors(low or declared.low, high or declared.high, "as asked for")
    return declared


def _declared_anchors(venue: Venue) -> Anchors:
    newest = newest_of("anchors", venue.identity)
    if newest is not None:
        name, ends = newest
        (low,) = _checked(venue, f"anchors {name}", ends["low"])
        high = BEST if ends["high"] == BEST else _checked(venue, f"anchors {name}", ends["high"])[0]
        return Anchors(low, high, name)
    try:
        venue.entrant("random")
    except UserError:
        return Anchors(None, BEST, "none: no anchors are declared, and random cannot play here")
    return Anchors("random", BEST, "no file declares any for this arena, so random and best")


def _checked(venue: Venue, name: str, declared: Mapping[str, str], holder: str = "the file") -> tuple[str, ...]:
    """The texts of declared entrants, each of which still has its id."""
    for text, wanted in declared.items():
        if (now := venue.id(text)) != wanted:
            raise UserError(f"{name}: {text} is now {now}, {holder} holds {wanted}: the installation is mixed")
    return tuple(declared)

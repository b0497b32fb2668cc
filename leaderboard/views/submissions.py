"""Submissions and what became of them, from the records alone: versions of a name, which one counts, and why not.

Records are added, never taken back. A submission is entered once; a later record may withdraw or disqualify it. Of one
name only the latest version that still stands counts on a board.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard.records import ArenaRecord, SubmissionRecord
from leaderboard.statistics.tally import Tally, sides_of

ENTERED, WITHDRAWN, DISQUALIFIED, REPLACED = "entered", "withdrawn", "disqualified", "replaced"


@dataclass(frozen=True)
class Version:
    """One version of a name.

    Attributes:
        record: how it was entered.
        number: of the version, from 1.
        state: "entered", "replaced" by a later version, "withdrawn" or "disqualified".
        why: the reason that was given, or which version replaced it; "" where it counts.
    """

    record: SubmissionRecord
    number: int
    state: str = ENTERED
    why: str = ""

    @property
    def name(self) -> str:
        """The name whose version it is."""
        return str(self.record.details["name"])

    @property
    def label(self) -> str:
        """What people read and type: "my-learner/2"."""
        return f"{self.name}/{self.number}"

    @property
    def reason(self) -> str:
        """Why it does not count: "withdrawn: a bug", or "" where it does."""
        if self.state == REPLACED:
            return f"replaced by {self.why}"
        return "" if self.state == ENTERED else f"{self.state}: {self.why}" if self.why else self.state


def versions(records: Iterable[SubmissionRecord]) -> list[Version]:
    """Every version with what became of it, from all records of submissions in the order of their addition."""
    entered: dict[str, Version] = {}
    numbers: dict[str, int] = {}
    for record in records:
        event, of = record.details.get("event", ENTERED), record.details.get("of", "")
        if event == ENTERED and "name" in record.details:
            name = record.details["name"]
            numbers[name] = numbers.get(name, 0) + 1
            entered[record.id] = Version(record, numbers[name])
        elif of in entered and entered[of].state != DISQUALIFIED:
            known = entered[of]
            entered[of] = Version(known.record, known.number, event, record.details.get("why", ""))
    standing: dict[tuple[str, str], Version] = {}
    for version in entered.values():
        if version.state == ENTERED:
            standing[version.name, version.record.arena] = version
    return [
        Version(v.record, v.number, REPLACED, newer.label)
        if v.state == ENTERED and (newer := standing[v.name, v.record.arena]) is not v
        else v
        for v in entered.values()
    ]


def named(records: Iterable[SubmissionRecord], text: str, arena: str = "") -> Version | None:
    """The version that a text names: "my-learner/2", or "my-learner" for the latest that stands.

    Args:
        records: all records of submissions, in the order of their addition.
        text: name, or name and version.
        arena: identity of the arena whose version is preferred where the name has been entered in several.
    """
    name, slash, number = text.partition("/")
    known = [version for version in versions(records) if version.name == name]
    if slash:
        return next((version for version in known if str(version.number) == number), None)
    here = [version for version in known if version.record.arena == arena]
    for some in (here, known):
        standing = [version for version in some if version.state == ENTERED]
        if standing:
            return standing[-1]
    return next(reversed(here or known), None)


@dataclass(frozen=True)
class Apart:
    """Those of an arena's entrants who do not count: {entrant: (label, reason)}.

    What they played counts for nobody, but for members of a panel, who stay what the others are measured by.
    """

    reasons: Mapping[str, tuple[str, str]]

    def counted(self, tallies: Sequence[Tally], members: Collection[str]) -> list[Tally]:
        """The tallies that count."""
        gone = self.reasons.keys() - set(members)
        if not gone:
            return list(tallies)
        return [tally for tally in tallies if tally.first not in gone and tally.second not in gone]

    def listed(self, tallies: Sequence[Tally], arena: ArenaRecord) -> tuple[dict[str, Any], ...]:
        """A line for each of them, as a board lists them."""
        if not self.reasons:
            return ()
        side = next(iter(sides_of(arena)))
        games = dict.fromkeys(self.reasons, 0)
        for tally in tallies:
            for who in {tally.first, tally.second} & games.keys():
                games[who] += tally.games if tally.side == side else 0
        return tuple(
            {"label": label, "entrant": who, "reason": reason, "games": games[who]}
            for who, (label, reason) in self.reasons.items()
        )


NOBODY = Apart({})


def apart(records: Iterable[SubmissionRecord], arena: str) -> Apart:
    """Who does not count in an arena, by all records of submissions."""
    reasons: dict[str, tuple[str, str]] = {}
    for version in versions(records):
        if version.record.arena == arena and version.reason:
            reasons[version.record.entrant] = version.label, version.reason
    return Apart(reasons)

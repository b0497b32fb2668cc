"""The columns of boards, each declared once: its keys in JSON and CSV, where its value comes from, how it is shown.

A new column is one more entry of `COLUMNS`; the reports need to know nothing of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leaderboard.records import STATUSES, ArenaRecord, Measurement, Status
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.tally import is_head_to_head
from leaderboard.views import exploitability, strangers

if TYPE_CHECKING:
    from leaderboard.statistics.field import Field
    from leaderboard.statistics.rating import Skill

#: How a value is shown. "interval": value [low, high]; "share": met/partners; "deviation": mu (sigma); "marked": a
#: number behind the sign of its mark; "alarm": a count that is red unless it is 0; "name": a label; "hidden": for
#: programs only.
Form = Literal["interval", "number", "count", "share", "deviation", "marked", "alarm", "name", "hidden"]


@dataclass(frozen=True)
class Standing:
    """One entrant on one side, for which columns choose their values.

    Attributes:
        arena, field, position: the game, everybody on this side, and which of them it is.
        skill: its rating; None where the board has no scale for it.
        online: (mu, sigma) of classical TrueSkill; None for one whose games it does not count.
        above_next: how sure it is that it stands above the next one; None for the last and for those without a rank.
        sound: its headline without the episodes that it spoiled itself; None where nobody spoiled any.
        anchors: own returns that count as 0 and 1; None where the panel names none.
        matches: in how many it played; measurements: those of exploitability, and those with strangers, oldest first.
        names: {entrant: what people read}.
    """

    arena: ArenaRecord
    field: "Field"
    position: int
    skill: "Skill | None"
    online: tuple[float, float] | tuple[None, None]
    above_next: float | None
    sound: float | None
    anchors: tuple[float, float] | None
    matches: int
    exploited: Sequence[Measurement]
    with_strangers: Sequence[Measurement]
    names: Mapping[str, str]

    @property
    def entrant(self) -> str:
        """Its id."""
        return self.field.entrants[self.position]

    @cached_property
    def measured(self) -> Mapping[str, Sequence[Any]]:
        """What is shown of its measurements, by the first key of the column."""
        side = self.field.side
        seats = [seat for seat, of in self.arena.seats if side and of == side]
        return {
            **exploitability.shown(self.exploited, seats, side),
            **strangers.shown(self.with_strangers, side),
        }


@dataclass(frozen=True)
class BoardColumn:
    """One column.

    Attributes:
        keys: what its parts are called in JSON and CSV; the first one names the column.
        choose: the parts for a standing.
        form: how they are shown together.
        heading: what stands above it; titles: {kind of game: what stands there instead}.
        returns: its numbers are returns per episode, which screens may show per step.
        narrow: it stands in the one table of a narrow terminal.
        digits: decimals where no interval says how many mean something; bounds: the fewest and the most otherwise.
        place: columns are shown in the order of this, then as they are declared; the headline is the first.
        group: columns that stay together, and are shown only where anybody's value is known.
        counted: key of the number of units behind an interval.
    """

    keys: tuple[str, ...]
    choose: Callable[[Standing], Sequence[Any]]
    form: Form = "hidden"
    heading: str = ""
    titles: Mapping[str, str] | None = None
    returns: bool = False
    narrow: bool = False
    digits: int = 3
    bounds: tuple[int, int] = (0, 4)
    place: int = 3
    group: str = ""
    counted: str = ""

    @property
    def name(self) -> str:
        """By which a row has it."""
        return self.keys[0]

    def read(self, record: Mapping[str, Any]) -> Any:
        """Its value in a row as JSON has it: an Estimate or None, a single part, or a tuple of the parts."""
        first, *others = (record[key] for key in self.keys)
        if self.form != "interval":
            return (first, *others) if others else first
        low, high = others
        return None if first is None else Estimate(first, low, high, record[self.counted], "board")


def figure(value: float | None) -> float | None:
    """Nine digits, far more than any figure of a board has; the last ones belong to the machine, not to the data."""
    if value is None or not np.isfinite(value):
        return None
    return float(f"{round(float(value), 9):.9g}") + 0.0


def interval(name: str) -> tuple[str, str, str]:
    """The keys of a number with its interval."""
    return name, f"{name}_low", f"{name}_high"


def _rating(standing: Standing) -> list[float | None]:
    skill = standing.skill
    return [None] * 3 if skill is None else [figure(x) for x in (skill.mu, skill.low, skill.high)]


def _sigma(standing: Standing) -> list[float | None]:
    return [None if standing.skill is None else figure(standing.skill.sigma)]


def _conservative(standing: Standing) -> list[float | None]:
    return [None if standing.skill is None else figure(standing.skill.conservative)]


def _online(standing: Standing) -> list[float | None]:
    return [figure(x) for x in standing.online]


def _met(standing: Standing) -> list[int]:
    met, wanted = standing.field.headline.met[standing.position], standing.field.wanted[standing.position]
    return [int((met & wanted).sum()), int(wanted.sum())]


def _own(standing: Standing) -> list[float | None]:
    own = standing.field.headline.estimate(standing.position)
    return [figure(x) for x in (own.mean, own.low, own.high)]


def _headline(standing: Standing) -> list[float | None]:
    return _rating(standing) if is_head_to_head(standing.arena) else _own(standing)


def _won(standing: Standing) -> list[float | None]:
    """Share of the games against others that it won, a draw counting half."""
    field, i = standing.field, standing.position
    games = field.won[i].sum() + field.won[:, i].sum() + field.drawn[i].sum()
    return [figure((field.won[i].sum() + field.drawn[i].sum() / 2) / games) if games else None]


def _everybody(standing: Standing) -> list[float | None]:
    return [figure(standing.field.everybody[standing.position])]


def _uniform(standing: Standing) -> list[float | None]:
    return [figure(standing.field.uniform[standing.position])]


def _scaled(standing: Standing) -> list[float | None]:
    if standing.anchors is None:
        return [None] * 3
    low, high = standing.anchors
    return [None if x is None else figure((x - low) / (high - low)) for x in _own(standing)]


def _worst(standing: Standing) -> list[float | None]:
    """The least that any partner leaves it."""
    partner = standing.field.worst_partner[standing.position]
    return [None if partner < 0 else figure(standing.field.with_partners[standing.position, partner])]


def _worst_partner(standing: Standing) -> list[str | None]:
    """Which partner that is."""
    partner = standing.field.worst_partner[standing.position]
    return [None if partner < 0 else standing.names.get(standing.field.partners[partner], "?")]


def _faults(standing: Standing) -> tuple[int, dict[str, int]]:
    spoiled = standing.field.faults[standing.position]
    faults = {status.value: int(spoiled[status.code]) for status in STATUSES if status is not Status.DONE}
    return sum(faults.values()), {status: count for status, count in faults.items() if count}


def _measured(name: str) -> Callable[[Standing], Sequence[Any]]:
    return lambda standing: standing.measured[name]


#: Number of opponents, and what is shown of each kind of measurement.
_STRANGERS = {("strangers",): strangers.COUNT} | {interval(kind): name for kind, name in strangers.COLUMNS.items()}

COLUMNS: tuple[BoardColumn, ...] = (
    BoardColumn(interval("headline"), _headline),
    BoardColumn(
        interval("mu"),
        _rating,
        "interval",
        "mu [95 %]",
        narrow=True,
        digits=1,
        bounds=(1, 2),
        place=0,
        counted="blocks",
    ),
    BoardColumn(("sigma",), _sigma),
    BoardColumn(("conservative",), _conservative, "number", "mu - 3 sigma", digits=1, place=1),
    BoardColumn(("trueskill_mu", "trueskill_sigma"), _online, "deviation", "TrueSkill (sigma)", digits=1, place=1),
    BoardColumn(
        interval("own_return"),
        _own,
        "interval",
        "own return",
        returns=True,
        narrow=True,
        place=0,
        counted="episodes",
    ),
    BoardColumn(("episodes",), lambda s: [int(s.field.headline.episodes[s.position])]),
    BoardColumn(("won",), _won, "number", "games won", narrow=True, digits=3, place=1, group="won"),
    BoardColumn(("everybody",), _everybody, "number", "return, all met", returns=True, digits=4, place=1),
    BoardColumn(interval("scaled"), _scaled, "interval", "scaled 0-1", place=1, group="scaled", counted="episodes"),
    BoardColumn(("uniform",), _uniform, "number", "uniform mean", returns=True, digits=4, place=1),
    BoardColumn(("worst",), _worst, "number", "at worst", returns=True, narrow=True, digits=4, place=1),
    BoardColumn(("worst_partner",), _worst_partner, "name", "with whom", place=1),
    BoardColumn(("above_next",), lambda s: [figure(s.above_next)], "number", "P(above next)", digits=3, place=1),
    BoardColumn(("partners_met", "partners"), _met, "share", "met"),
    BoardColumn(("games",), lambda s: [int(s.field.games[s.position])], "count", "games"),
    BoardColumn(("blocks",), lambda s: [int(s.field.blocks[s.position])], "count", "blocks"),
    BoardColumn(("matches",), lambda s: [s.matches], "count", "matches"),
    BoardColumn(("faults", "faults_by_status"), _faults, "alarm", "faults", narrow=True),
    BoardColumn(
        ("without_faults",),
        lambda s: [figure(s.sound)],
        "number",
        "without faults",
        returns=True,
        digits=4,
        group="without_faults",
    ),
    *(
        BoardColumn((kind, f"{kind}_mark"), _measured(kind), "marked", name, digits=4, place=2, group="exploitability")
        for kind, name in exploitability.COLUMNS.items()
    ),
    *(
        BoardColumn(
            keys,
            _measured(keys[0]),
            "interval" if len(keys) > 1 else "count",
            name,
            place=2,
            group="strangers",
            counted="strangers",
        )
        for keys, name in _STRANGERS.items()
    ),
)
BY_NAME: Mapping[str, BoardColumn] = {column.name: column for column in COLUMNS}

"""The columns of boards, each declared once: its keys in JSON and CSV, where its value comes from, how it is shown.

A new column is one more entry of `COLUMNS`; the reports need to know nothing of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from leaderboard.records import STATUSES, ArenaRecord, Measurement, Status
from leaderboard.statistics.comparison import player_name
from leaderboard.statistics.estimate import Estimate
from leaderboard.statistics.rating import CENTRE, Rating, Skill
from leaderboard.statistics.returns import Floats, OwnReturn, Performances
from leaderboard.views import exploitability, strangers

#: How a value is shown. "interval": value [low, high]; "share": met/partners; "deviation": mu (sigma); "marked": a
#: number behind the sign of its mark; "alarm": a count that is red unless it is 0; "hidden": for programs only.
Form = Literal["interval", "number", "count", "share", "deviation", "marked", "alarm", "hidden"]


@dataclass(frozen=True)
class Facts:
    """What a board is made of.

    Attributes:
        arena, table, rating: the game, what everybody got in it, and the fit of all comparisons.
        online: {player: (mu, sigma)} of classical TrueSkill.
        matches: {entrant: in how many it played}.
        exploited, with_strangers: {entrant: its measurements of either sort, oldest first}.
    """

    arena: ArenaRecord
    table: Performances
    rating: Rating
    online: Mapping[str, tuple[float, float]]
    matches: Mapping[str, int]
    exploited: Mapping[str, Sequence[Measurement]]
    with_strangers: Mapping[str, Sequence[Measurement]]


@dataclass(frozen=True)
class Standing:
    """One entrant on one side, for which columns choose their values.

    Attributes:
        facts, side: from what, and where.
        own, position: own returns over the panel on this side, and the entrant's position in them.
        skill: its rating among those of its side.
        mine: which performances are its own, bool [P].
    """

    facts: Facts
    side: str
    own: OwnReturn
    position: int
    skill: Skill
    mine: Any

    @property
    def entrant(self) -> str:
        """Its id."""
        return self.own.entrants[self.position]

    @property
    def player(self) -> str:
        """What the rating calls it."""
        return player_name(self.entrant, self.side)

    @cached_property
    def measured(self) -> Mapping[str, Sequence[Any]]:
        """What is shown of its measurements, by the first key of the column."""
        seats = [seat for seat, side in self.facts.arena.seats if self.side and side == self.side]
        exploited = exploitability.shown(self.facts.exploited.get(self.entrant, ()), seats, self.side)
        return {**exploited, **strangers.shown(self.facts.with_strangers.get(self.entrant, ()), self.side)}


_NEW = (CENTRE, CENTRE / 3.0)  # TrueSkill of a player without a game


@dataclass(frozen=True)
class BoardColumn:
    """One column.

    Attributes:
        keys: what its parts are called in JSON and CSV; the first one names the column.
        choose: the parts for a standing.
        form: how they are shown together.
        heading, markdown, cooperative: what stands above it in a terminal, and, where they differ, in Markdown ("": it
            is not shown there) and in a terminal where entrants cooperate.
        digits: decimals where no interval says how many mean something; bounds: the fewest and the most otherwise.
        place: columns are shown in the order of this, then as they are declared; the headline is the first.
        worth: how long the column stays when width runs out, where entrants compete, and elsewhere.
        group: columns that stay together, and are shown only where anybody's value is known.
        counted: key of the number of units behind an interval.
    """

    keys: tuple[str, ...]
    choose: Callable[[Standing], Sequence[Any]]
    form: Form = "hidden"
    heading: str = ""
    markdown: str | None = None
    cooperative: str = ""
    digits: int = 3
    bounds: tuple[int, int] = (0, 4)
    place: int = 3
    worth: tuple[int, int] = (40, 40)
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


def figure(value: float) -> float | None:
    """Nine digits, far more than any figure of a board has; the last ones belong to the machine, not to the data."""
    return float(f"{round(float(value), 9):.9g}") + 0.0 if np.isfinite(value) else None


def interval(name: str) -> tuple[str, str, str]:
    """The keys of a number with its interval."""
    return name, f"{name}_low", f"{name}_high"


def _rating(standing: Standing) -> list[float | None]:
    return [figure(x) for x in (standing.skill.mu, standing.skill.low, standing.skill.high)]


def _conservative(standing: Standing) -> list[float | None]:
    return [figure(standing.skill.conservative)]


def _online(standing: Standing) -> list[float | None]:
    return [figure(x) for x in standing.facts.online.get(standing.player, _NEW)]


def _met(standing: Standing) -> list[int]:
    return [int(x[standing.position]) for x in (standing.own.met, standing.own.partners)]


def _own(standing: Standing) -> list[float | None]:
    own: Sequence[Floats] = (standing.own.value, standing.own.low, standing.own.high)
    return [figure(x[standing.position]) for x in own]


def _headline(standing: Standing) -> list[float | None]:
    return _rating(standing) if standing.facts.arena.kind == "competitive" else _own(standing)


def _games(standing: Standing) -> list[int]:
    return [int(standing.facts.table.games[standing.mine].sum())]


def _blocks(standing: Standing) -> list[int]:
    return [len(np.unique(standing.facts.table.block[standing.mine]))]


def _faults(standing: Standing) -> tuple[int, dict[str, int]]:
    spoiled = standing.facts.table.faults[standing.mine].sum(axis=0)
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
        digits=1,
        bounds=(1, 2),
        place=0,
        worth=(94, 80),
        counted="blocks",
    ),
    BoardColumn(("sigma",), lambda s: [figure(s.skill.sigma)]),
    BoardColumn(
        ("conservative",), _conservative, "number", "mu-3sigma", "mu - 3 sigma", digits=1, place=1, worth=(75, 50)
    ),
    BoardColumn(
        ("trueskill_mu", "trueskill_sigma"),
        _online,
        "deviation",
        "TrueSkill",
        "TrueSkill mu (sigma)",
        digits=1,
        place=1,
    ),
    BoardColumn(
        interval("own_return"),
        _own,
        "interval",
        "own return/step [95 %]",
        cooperative="held-out return/step [95 %]",
        place=0,
        worth=(70, 94),
        counted="episodes",
    ),
    BoardColumn(("episodes",), lambda s: [int(s.own.n[s.position])]),
    BoardColumn(("partners_met", "partners"), _met, "share", "met", worth=(60, 85)),
    BoardColumn(("games",), _games, "count", "games", worth=(55, 55)),
    BoardColumn(("blocks",), _blocks, "count", "blocks", "", worth=(30, 30)),
    BoardColumn(("matches",), lambda s: [s.facts.matches.get(s.entrant, 0)], "count", "matches", "", worth=(20, 20)),
    BoardColumn(("faults", "faults_by_status"), _faults, "alarm", "faults", worth=(45, 45)),
    *(
        BoardColumn(
            (kind, f"{kind}_mark"),
            _measured(kind),
            "marked",
            name,
            digits=4,
            place=2,
            worth=(65, 65),
            group="exploitability",
        )
        for kind, name in exploitability.COLUMNS.items()
    ),
    *(
        BoardColumn(
            keys,
            _measured(keys[0]),
            "interval" if len(keys) > 1 else "count",
            name,
            place=2,
            worth=(64, 64),
            group="strangers",
            counted="strangers",
        )
        for keys, name in _STRANGERS.items()
    ),
)
BY_NAME: Mapping[str, BoardColumn] = {column.name: column for column in COLUMNS}

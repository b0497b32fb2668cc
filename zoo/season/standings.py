"""The board of a season: who stands where, what went wrong with whom, and what a teacher should look at.

Places are among the entries that count. The partners stand below them as a yardstick, once that gives no hidden one
away. Marks are kept apart from skill: nobody's place depends on them, and each says on what it rests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from leaderboard.records import ArenaRecord, PanelRecord
from leaderboard.seeds import RATED
from leaderboard.statistics.estimate import Estimate, plain
from leaderboard.statistics.field import Field, field_of
from leaderboard.statistics.rating import fit
from leaderboard.statistics.tally import Tally, is_head_to_head, sides_of
from leaderboard.store.store import Store
from leaderboard.views.board import Board, Row, make_board
from leaderboard.views.rated import counted as counted_blocks
from zoo.season.entries import SeasonEntry, counted, entries
from zoo.season.games import counting
from zoo.season.marks import Mark, marks
from zoo.season.place import Season, in_words

#: What places are made of where no rating decides; the board of a season has no column of mu to explain.
_RULE = "Ranked by own return per episode over the partners, known and hidden, by their weights in the panel."


@dataclass(frozen=True)
class SeasonLine:
    """One entry, or one partner, on one side.

    Attributes:
        place, low, high: among the entries, with its 95 % interval; None for partners and for who has not met all.
        name, author, entrant, side: who; the author of a partner is "".
        result: own return per episode over the partners, or mu where games against each other are rated.
        worst: the least that any partner leaves it; faults: {status: how many episodes}.
        met, wanted: how many partners it has met and has to meet.
        at: when it was entered, ISO 8601; "" for a partner.
    """

    place: int | None
    low: int | None
    high: int | None
    name: str
    author: str
    entrant: str
    side: str
    result: Estimate | None
    worst: float | None
    faults: Mapping[str, int]
    met: int
    wanted: int
    at: str


@dataclass(frozen=True)
class Standings:
    """The board of a season.

    Attributes:
        season, arena, rule: which, and what places are made of.
        quantity: "own return" or "mu"; length: steps of every episode, None where they differ.
        state: what it is at, in words.
        rules, seed, hidden: the hashes that were shown at the start.
        lines: entries, best first, then partners, where these are shown: see `Season.hides_partners`.
        partners_hidden: whether partners have no lines yet.
        marks: what a teacher should look at.
        gone: (name, reason) of entries that were withdrawn or disqualified.
        entered: how many entries there were, of how many authors; blocks, games: behind the board.
    """

    season: str
    arena: str
    rule: str
    quantity: str
    length: int | None
    state: str
    rules: str
    seed: str
    hidden: str
    lines: tuple[SeasonLine, ...]
    partners_hidden: bool
    marks: tuple[Mark, ...]
    gone: tuple[tuple[str, str], ...]
    entered: int
    authors: int
    blocks: int
    games: int

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        data: dict[str, Any] = plain(self)
        return data


_Place = tuple[int | None, int | None, int | None]
_NO_PLACE: _Place = (None, None, None)


def standings(season: Season, store: Store, now: datetime) -> Standings:
    """The board from the records, to be read while the season is the home of this process."""
    venue, known = season.venue, entries(season, store)
    standing = counted(known)
    arena = store.arena(venue.identity)
    panel = store.panel(venue.identity)
    partners = [venue.id(text) for text in season.partners]
    taking_part = {*partners, *(entry.entrant for entry in standing)}
    every, _ = counted_blocks(store, RATED).tallies(store, venue.identity, "play", None)
    own = counting(season, every, now)
    tallies = [tally for tally in own if {tally.first, tally.second} <= taking_part]
    board = make_board(arena, tallies, panel, seed=RATED, labels=_labels(store, standing))
    fields = {side: _field(arena, panel, tallies, side) for side in sides_of(arena)}
    lines = [line for side, field in fields.items() for line in _lines(board, field, arena, standing)]
    if season.hides_partners:
        lines = [line for line in lines if line.author]
    return Standings(
        season=season.name,
        arena=venue.identity,
        rule=board.rule if is_head_to_head(arena) else _RULE,
        quantity="mu" if is_head_to_head(arena) else "own return",
        length=board.length,
        state=_state(season, now),
        rules=season.card.rules,
        seed=season.card.seed,
        hidden=season.card.hidden,
        lines=tuple(lines),
        partners_hidden=season.hides_partners,
        marks=tuple(marks(season, store, standing, fields, now)),
        gone=tuple((entry.text, entry.gone) for entry in known if entry.gone),
        entered=len(known),
        authors=len(standing),
        blocks=board.blocks,
        games=board.games,
    )


def _labels(store: Store, standing: Sequence[SeasonEntry]) -> dict[str, str]:
    """What everybody is called; an entrant that several authors entered has all of their names."""
    names: dict[str, list[str]] = {}
    for entry in standing:
        names.setdefault(entry.entrant, []).append(entry.name)
    return store.labels() | {entrant: " = ".join(sorted(of)) for entrant, of in names.items()}


def _field(arena: ArenaRecord, panel: PanelRecord | None, tallies: Sequence[Tally], side: str) -> Field:
    members = panel.entrants if panel else ()
    weights = panel.weights.get(side, [1.0 / len(members)] * len(members)) if panel else []
    return field_of(tallies, side, members, list(weights), with_oneself=True)


def _lines(board: Board, field: Field, arena: ArenaRecord, standing: Sequence[SeasonEntry]) -> list[SeasonLine]:
    """The lines of one side: entries by place, those without one, partners."""
    places = _places(field, arena, {entry.entrant for entry in standing})
    rows = {row.entrant: row for row in board.rows if row.side == field.side}
    made = []
    for entry in standing:
        row = rows.get(entry.entrant)
        place = places.get(entry.entrant, _NO_PLACE)
        made.append(_line(row, arena, entry, place, field.side))
    partners = {who: row for who, row in rows.items() if who not in {entry.entrant for entry in standing}}
    made += [_line(row, arena, None, _NO_PLACE, field.side) for row in partners.values()]
    return sorted(made, key=lambda line: (not line.author, line.place or 10**9, -(_mean(line) or 0), line.name))


def _line(row: Row | None, arena: ArenaRecord, entry: SeasonEntry | None, place: _Place, side: str) -> SeasonLine:
    name, author = (entry.name, entry.author) if entry else (row.label if row else "", "")
    entrant = entry.entrant if entry else row.entrant if row else ""
    at = entry.at.isoformat(timespec="seconds") if entry else ""
    if row is None:
        return SeasonLine(None, None, None, name, author, entrant, side, None, None, {}, 0, 0, at)
    result = row["mu"] if is_head_to_head(arena) else row["own_return"]
    faults = dict(row.record["faults_by_status"])
    met, wanted = row.record["partners_met"], row.record["partners"]
    return SeasonLine(*place, name, author, entrant, side, result, row["worst"], faults, met, wanted, at)


def _places(field: Field, arena: ArenaRecord, among: set[str]) -> dict[str, _Place]:
    """Entrant -> its place and the ends of its interval, among some."""
    if is_head_to_head(arena):
        rating = fit(field.counts())
        ids = [who for who in field.entrants if who in among]
        skills = rating.skills(field.entrants) if ids else {}
        value = {who: skills[who].mu for who in ids}
        intervals = rating.rank_intervals(ids) if ids else {}
    else:
        at = [i for i in np.flatnonzero(field.whole) if field.entrants[i] in among]
        value = {field.entrants[i]: float(field.headline.value[i]) for i in at}
        ends = field.headline.rank_intervals(np.array(at, dtype=np.intp)) if at else []
        intervals = dict(zip(value, ends, strict=True))
    places: dict[str, _Place] = {}
    for who, x in value.items():
        place = 1 + sum(other > x + 1e-9 * (1 + abs(x)) for other in value.values())
        places[who] = (place, min(intervals[who][0], place), max(intervals[who][1], place))
    return places


def _mean(line: SeasonLine) -> float | None:
    return line.result.mean if line.result else None


def _state(season: Season, now: datetime) -> str:
    end = in_words(season.ends)
    if season.revealed is not None:
        return "it has ended, and its seed is known"
    if season.is_over(now):
        return f"the deadline was {end}; `zoo season reveal {season.name}` ends it"
    return f"practice: entries until {end}, and then the games that count"

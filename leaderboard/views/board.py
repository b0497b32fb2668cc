"""The board of an arena: every figure about its entrants, recomputed from the records alone.

The board ranks by what is right for the kind of game: rating where entrants compete, own return over the arena's
panel where motives are mixed, return with held-out partners where they cooperate. The rest stands beside it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.errors import StoreError
from leaderboard.labels import unique_labels
from leaderboard.records import RULES_VERSION, ArenaRecord, BlockRecord, Measurement, PanelRecord, canonical
from leaderboard.statistics.comparison import is_head_to_head, observations, player_name, rounds
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.rating import Rating, fit, rank_intervals, trueskill_online
from leaderboard.statistics.returns import Performances, own_return, performances
from leaderboard.views import strangers
from leaderboard.views.columns import BY_NAME, COLUMNS, Facts, Standing, figure
from leaderboard.views.exploitability import by_subject

if TYPE_CHECKING:
    from leaderboard.store.store import Store

_VIEW = 3  # version of what a board holds: a cached one of another version is computed again


@dataclass(frozen=True)
class Row:
    """One entrant (on one side); `row["mu"]` is its value in a column by that name, see `columns`.

    Intervals are 95 %; None stands for what is not known yet.

    Attributes:
        rank: place by the headline, 1 is best; equals share a place. rank_low, rank_high: its interval.
        label: what people read, unique on the board; entrant: its id; side: "" where sides do not matter.
        record: the columns' values as JSON has them, by key.
    """

    rank: int
    rank_low: int
    rank_high: int
    label: str
    entrant: str
    side: str
    record: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """The value in a column: an Estimate where it has an interval, see `BoardColumn.read`."""
        return BY_NAME[name].read(self.record)

    def to_json(self) -> dict[str, Any]:
        """Plain data: one flat object."""
        own = {name: getattr(self, name) for name in _OWN}
        return {**own, **self.record}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Row":
        """The row that gave this."""
        own = {name: data[name] for name in _OWN}
        return cls(**own, record={key: data[key] for key in KEYS[len(_OWN) :]})


_OWN = [field.name for field in fields(Row) if field.name != "record"]
#: The keys of a row in JSON, in their order.
KEYS = [*_OWN, *(key for column in COLUMNS for key in column.keys)]


@dataclass(frozen=True)
class Board:
    """All rows of an arena and the terms on which they were made.

    Attributes:
        arena, kind, mode: which game, and whether entrants were frozen ("play") or learning ("learn").
        headline: name of the figure that the board ranks by.
        rule: what it ranks by and what is rated, in a sentence; method: how that was computed, in a paragraph.
        panel: id of the panel, None where the arena has none and everybody is everybody's partner.
        panel_members: labels of the partners.
        blocks, games, matches: how many the board is made of; a game is one episode under one rotation.
        comparisons: sum of the weights of the comparisons behind the ratings.
        spread, draw_margin: fitted parameters of the rating model, on TrueSkill's scale.
        seed: match seed whose blocks are counted, None for all.
        rules_version: version of the rules under which the blocks were played.
        rows: sorted by side, then rank.
    """

    arena: str
    kind: str
    mode: str
    headline: str
    rule: str
    method: str
    panel: str | None
    panel_members: tuple[str, ...]
    blocks: int
    games: int
    matches: int
    comparisons: float
    spread: float
    draw_margin: float
    seed: int | None
    rules_version: int
    rows: tuple[Row, ...]

    def plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "panel_members": list(self.panel_members),
            "rows": [row.to_json() for row in self.rows],
        }

    def to_json(self) -> str:
        """Canonical JSON: the same bytes for the same records."""
        return canonical(self.plain())

    @classmethod
    def from_json(cls, text: str) -> "Board":
        """The board that gave this JSON."""
        data: dict[str, Any] = json.loads(text)
        rows = tuple(Row.from_json(row) for row in data.pop("rows"))
        return cls(**data | {"panel_members": tuple(data["panel_members"])}, rows=rows)


def board(
    store: "Store", arena_id: str, mode: str = "play", *, seed: int | None = None, rebuild: bool = False
) -> Board:
    """The board of an arena, from the cache if nothing that it depends on has changed since.

    Args:
        store: the records.
        arena_id: the arena.
        mode: "play" for frozen entrants, "learn" for learning ones; the two are never mixed.
        seed: count only blocks of this match seed, None for all. A public board should name its seed: if everybody's
            own seeds counted, one could play until lucky.
        rebuild: compute again, and overwrite the cache; the result is the same bytes.

    Raises:
        StoreError: the arena is unknown, or the store cannot be read.
    """
    arena = store.arena(arena_id)
    # A panel is frozen partners: those who learn while they play are compared over everybody whom they met.
    panel = store.panel(arena_id) if mode == "play" else None
    labels = {entrant.id: entrant.label for entrant in store.entrants()}
    matches = [match for match in store.matches(arena_id) if match.mode == mode]
    key = (arena_id, mode, RULES_VERSION)
    ids = store.block_ids(arena_id, mode, seed)
    # Who plays is recorded before its blocks, and its label stays; a panel may name entrants that are not recorded yet.
    members = [[entrant, labels.get(entrant)] for entrant in panel.entrants] if panel else None
    measured = store.measurements(arena_id)
    facts = [asdict(measurement) for measurement in measured]
    depends_on = [_VIEW, seed, panel and panel.id, members, sorted(match.id for match in matches), ids, *facts]
    inputs = hashlib.sha256(canonical([*key, *depends_on]).encode()).hexdigest()
    if not rebuild and (text := store.cached_view(*key, inputs)) is not None:
        return Board.from_json(text)

    counted = set(ids)
    blocks = [block for block in store.blocks(arena_id, mode=mode) if block.id in counted]
    made = make_board(
        arena,
        blocks,
        panel,
        mode=mode,
        seed=seed,
        labels=labels,
        matches=[match.entrants for match in matches],
        measurements=measured,
    )
    # The cache saves time and nothing else: a full disk, a busy database or a read-only one must not hide the board.
    with suppress(StoreError):
        store.cache_view(*key, inputs, made.to_json())
    return made


def make_board(
    arena: ArenaRecord,
    blocks: Sequence[BlockRecord],
    panel: PanelRecord | None = None,
    *,
    mode: str = "play",
    seed: int | None = None,
    labels: dict[str, str] | None = None,
    matches: Iterable[Sequence[str]] = (),
    measurements: Iterable[Measurement] = (),
) -> Board:
    """The board of these blocks, which are of one arena, mode and rules version; their order does not matter.

    Args:
        arena: the arena.
        blocks: the blocks.
        panel: the arena's panel; None lets every entrant be a partner.
        mode: "play" or "learn".
        seed: the match seed of the blocks, for the record.
        labels: {entrant id: label}.
        matches: the entrants of each match.
        measurements: of the arena's entrants, oldest first.
    """
    sided = arena.kind == "competitive" and not is_head_to_head(arena)
    table = performances(blocks, dict(arena.seats) if sided else None, arena.max_steps)
    members = table.entrants if panel is None else panel.entrants
    names = unique_labels({*table.entrants, *members}, labels or {})
    matches, measurements = list(matches), list(measurements)
    rating, online = _rated(arena, blocks, table, members)
    facts = Facts(
        arena,
        table,
        rating,
        online,
        matches=Counter(entrant for match in matches for entrant in set(match)),
        exploited=by_subject(measurements),
        with_strangers=strangers.by_subject(measurements, table.entrants),
    )
    return Board(
        arena=arena.id,
        kind=arena.kind,
        mode=mode,
        headline=_HEADLINES[arena.kind],
        rule=_rule(arena, panel),
        method=_method(arena, panel),
        panel=panel.id if panel else None,
        panel_members=tuple(names[entrant] for entrant in members),
        blocks=len(table.blocks),
        games=sum(block.episodes * len({result.rotation for result in block.results}) for block in blocks),
        matches=len(matches),
        comparisons=figure(rating.comparisons) or 0.0,
        spread=figure(rating.spread) or 0.0,
        draw_margin=figure(rating.margin) or 0.0,
        seed=seed,
        rules_version=RULES_VERSION,
        rows=tuple(row for side in table.sides for row in _ranked(_standings(facts, side, members, mode), names)),
    )


def _rated(
    arena: ArenaRecord, blocks: Sequence[BlockRecord], table: Performances, members: Sequence[str]
) -> tuple[Rating, dict[str, tuple[float, float]]]:
    """The fit of all comparisons, and classical TrueSkill."""
    comparisons = observations(arena, blocks, members)
    players = [player_name(entrant, side) for side in table.sides for entrant in table.entrants]
    counts = Counts.of([comparison[:4] for comparison in comparisons], players)
    return fit(counts), trueskill_online(rounds(comparisons), counts.draw_share)


def _standings(facts: Facts, side: str, members: Sequence[str], mode: str) -> list[Standing]:
    """All entrants on one side."""
    table = facts.table
    # With itself an entrant has a motive only where motives are mixed. Where it cooperates, others are held out;
    # where it competes, its return against itself says nothing.
    with_oneself = facts.arena.kind == "mixed" and mode == "play"
    own = own_return(table, members, side=side or None, with_oneself=with_oneself)
    players = [player_name(entrant, side) for entrant in table.entrants]
    skills = facts.rating.skills(players) if players else {}
    here = table.side == table.sides.index(side)
    return [
        Standing(facts, side, own, position, skills[player], here & (table.who == position))
        for position, player in enumerate(players)
    ]


def _record(standing: Standing) -> dict[str, Any]:
    """The standing's value in every column, by key."""
    return {key: value for column in COLUMNS for key, value in zip(column.keys, column.choose(standing), strict=True)}


def _ranked(standings: Sequence[Standing], names: Mapping[str, str]) -> list[Row]:
    """The rows of one side with their ranks, best first."""
    if not standings:
        return []
    records = {standing.entrant: _record(standing) for standing in standings}
    intervals, last = _rank_intervals(standings, records)

    def place(entrant: str) -> tuple[bool, float]:
        headline = records[entrant]["headline"]
        return entrant in last, -headline if headline is not None else float("inf")

    side = standings[0].side
    rows = []
    for entrant in sorted(records, key=lambda entrant: (place(entrant), names[entrant], entrant)):
        low, high = intervals[entrant]
        rank = 1 + sum(place(other) < place(entrant) for other in records)
        rows.append(Row(rank, min(low, rank), max(high, rank), names[entrant], entrant, side, records[entrant]))
    return rows


def _rank_intervals(
    standings: Sequence[Standing], records: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, tuple[int, int]], set[str]]:
    """{entrant: interval of its rank}, and who comes last whatever its headline is."""
    if standings[0].facts.arena.kind == "competitive":
        players = {standing.entrant: standing.player for standing in standings}
        ranks = standings[0].facts.rating.rank_intervals(list(players.values()))
        return {entrant: ranks[player] for entrant, player in players.items()}, set()
    # Only those who have met the whole panel can be compared; the others come last until they have.
    own, who = standings[0].own, list(records)
    whole = [i for i, r in enumerate(records.values()) if r["partners_met"] == r["partners"] > 0]
    among = rank_intervals(own.value[whole], own.covariance[np.ix_(whole, whole)])
    intervals = dict.fromkeys(who, (len(whole) + 1, len(who)))
    intervals |= {who[i]: interval for i, interval in zip(whole, among, strict=True)}
    return intervals, {entrant for i, entrant in enumerate(who) if i not in set(whole)}


_HEADLINES = {
    "competitive": "rating mu",
    "mixed": "own return per step over the panel",
    "cooperative": "return per step with held-out partners",
}


def _rule(arena: ArenaRecord, panel: PanelRecord | None) -> str:
    """What the board ranks by, and what the rating is made of."""
    draw = f"draw within {arena.draw_band:g}" if arena.draw_band else "equal is a draw"
    duplicate = f"mu rates duplicate comparisons: same seats, partner and seeds, higher own return wins ({draw})."
    if is_head_to_head(arena):
        return f"Ranked by mu, which rates blocks: the higher mean return over all seat rotations wins ({draw})."
    if arena.kind == "competitive":
        return f"Ranked within each side by mu; {duplicate}"
    partners = "the panel" if panel else "everybody on the board"
    what = (
        f"own return per step over {partners}"
        if arena.kind == "mixed"
        else f"return per step with others of {partners}"
    )
    return f"Ranked by mean {what}; {duplicate}"


def _method(arena: ArenaRecord, panel: PanelRecord | None) -> str:
    """How the figures were computed, in full."""
    model = (
        "Ratings are one order-free fit of Thurstone's model with draws (spread and draw margin fitted, tau = 0), on "
        "TrueSkill's scale, centred on the mean. Rank intervals are sampled from the joint distribution. All intervals "
        "are 95 %."
    )
    if is_head_to_head(arena):
        return f"One block is one observation. {model}"
    partners = "all entrants" if panel is None else f"the members of {panel.id}"
    duplicate = (
        "An observation compares the mean own return per episode of two entrants in the same seats, with the same "
        f"partner, on the same seeds; partners are {partners}, and the two themselves. When k entrants are compared on "
        "the same episodes of one partner, each comparison weighs 2/k."
    )
    if arena.kind == "competitive":
        return f"{duplicate} {model}"
    oneself = " A member is its own partner, too." if arena.kind == "mixed" else " Nobody is its own partner."
    means = (
        "Own return per step: every partner counts equally, the unit of its interval is the episode, and who has not "
        f"met all partners comes last.{oneself}"
    )
    return f"{means} {duplicate} {model}"


@dataclass(frozen=True)
class Change:
    """What some blocks changed for one entrant on one side; None where it was not on the board before."""

    label: str
    entrant: str
    side: str
    mu_before: float | None
    mu_after: float
    rank_before: int | None
    rank_after: int


def rating_change(before: Board, after: Board, entrants: Iterable[str]) -> list[Change]:
    """Rating and rank before and after, for those of the entrants (ids) that are on the board after, best first."""
    old = {(row.entrant, row.side): row for row in before.rows}
    wanted = set(entrants)
    changes = []
    for row in after.rows:
        if row.entrant in wanted:
            was = old.get((row.entrant, row.side))
            mu, rank = (was["mu"].mean, was.rank) if was else (None, None)
            changes.append(Change(row.label, row.entrant, row.side, mu, row["mu"].mean, rank, row.rank))
    return changes

"""The board of an arena: every figure about its entrants, recomputed from the records alone.

One quantity decides everywhere: the own return per episode, or in a competitive game on one side who got more of it.
Where an arena has a panel, entrants are ranked by their own return over it, and mu is the same number on TrueSkill's
scale; where entrants compete on one side, they are ranked by a rating of all their games. A game without a panel is
unranked. See `docs/judging.md`.
"""

import gc
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from leaderboard.errors import StoreError
from leaderboard.labels import unique_labels
from leaderboard.records import RULES_VERSION, ArenaRecord, Measurement, PanelRecord, canonical
from leaderboard.seeds import PUBLIC_SEED, RATED
from leaderboard.statistics.tally import Tally, sides_of
from leaderboard.views import strangers
from leaderboard.views.columns import BY_NAME, COLUMNS, figure
from leaderboard.views.exploitability import by_subject
from leaderboard.views.rated import counted
from leaderboard.views.submissions import NOBODY, Apart, apart
from leaderboard.views.words import words

if TYPE_CHECKING:
    from leaderboard.statistics.prediction import Forecasts
    from leaderboard.store.store import Store
    from leaderboard.views.standings import Ranked, Terms

_VIEW = 11  # version of what a board holds: a cached one of another version is computed again


@dataclass(frozen=True)
class Row:
    """One entrant (on one side); `row["mu"]` is its value in a column by that name, see `columns`.

    Intervals are 95 %; None stands for what is not known.

    Attributes:
        rank: place by the headline, 1 is best; equals share a place. rank_low, rank_high: its interval. All None for
            one that has not met the whole panel, and where there is no panel.
        label: what people read, unique on the board; entrant: its id; side: "" where sides do not matter.
        record: the columns' values as JSON has them, by key.
    """

    rank: int | None
    rank_low: int | None
    rank_high: int | None
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
        headline: name of the figure that the board ranks by; "" where it is unranked.
        rule: what it ranks by, in a sentence; method: how that was computed, in a paragraph.
        panel: id of the panel, None where the arena has none.
        panel_members: labels of the partners; panel_weights: {side: their weights}.
        scale: {side: (mean, standard deviation) of the members' headlines}, which are 25 and 25/3 of mu.
        length: steps of every episode; None where episodes differ in length.
        first_place: {side: {"entrant", "without"}}, who is first, and {member: who would be} without that member.
        faults_decide: {side: bool}, whether the order would be another one without the episodes that entrants spoiled.
        predicted: {side: how each model's forecasts of results fared before these were counted}, ours first.
        blocks, games, matches: how many the board is made of; a game is one episode under one rotation.
        comparisons: number of episodes behind the rating of a competitive game.
        spread, draw_margin: fitted parameters of the rating model, on TrueSkill's scale; 0 where nothing was fitted.
        seed: match seed whose blocks are counted, None for all.
        secret_seeds: commitments of the seeds on which strangers are rated; empty where none played, or where the board
            is of one plain seed.
        not_rated: how many blocks of strangers on the public seed are kept, but not counted.
        rules_version: version of the rules under which the blocks were played.
        rows: sorted by side, then rank; those without a rank come last, in the order of what they got so far.
        apart: {"label", "entrant", "reason", "games"} of every submission that does not count: withdrawn, disqualified,
            or replaced by a later version.
    """

    arena: str
    kind: str
    mode: str
    headline: str
    rule: str
    method: str
    panel: str | None
    panel_members: tuple[str, ...]
    panel_weights: Mapping[str, Sequence[float]]
    scale: Mapping[str, Sequence[float]]
    length: int | None
    first_place: Mapping[str, Any]
    faults_decide: Mapping[str, bool]
    predicted: Mapping[str, Sequence[Mapping[str, Any]]]
    blocks: int
    games: int
    matches: int
    comparisons: float
    spread: float
    draw_margin: float
    seed: int | None
    rules_version: int
    rows: tuple[Row, ...]
    secret_seeds: tuple[str, ...] = ()
    not_rated: int = 0
    apart: tuple[Mapping[str, Any], ...] = ()

    def plain(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "panel_members": list(self.panel_members),
            "secret_seeds": list(self.secret_seeds),
            "apart": list(self.apart),
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
        return cls(**data | {name: tuple(data[name]) for name in ("panel_members", "secret_seeds", "apart")}, rows=rows)


def board(
    store: "Store", arena_id: str, mode: str = "play", *, seed: int | None = None, rebuild: bool = False
) -> Board:
    """The board of an arena, from the cache if nothing that it depends on has changed since.

    Args:
        store: the records.
        arena_id: the arena.
        mode: "play" for frozen entrants, "learn" for learning ones; the two are never mixed.
        seed: count only blocks of this match seed, None for all, `RATED` for those that are rated, see `views.rated`. A
            public board counts no other: if everybody's own seeds counted, one could play until lucky.
        rebuild: compute again from the blocks themselves, and overwrite the cache and the sums that were kept; the
            result is the same bytes, unless somebody changed these.

    Raises:
        StoreError: the arena is unknown, or the store cannot be read.
    """
    arena = store.arena(arena_id)
    # A panel is frozen partners: those who learn while they play are compared over everybody whom they met.
    panel = store.panel(arena_id) if mode == "play" else None
    if panel is not None and panel.id.endswith("/panel-0"):  # what earlier versions called a game without a panel
        panel = None
    labels, matches = store.labels(), store.match_entrants(arena_id, mode)
    measured, set_apart = store.measurements(arena_id), apart(store.submissions(), arena_id)
    key = (arena_id, mode, RULES_VERSION)
    facts = [asdict(measurement) for measurement in measured]
    chosen = counted(store, seed)
    which = [seed, chosen.secret_seeds, sorted(chosen.strangers), chosen.state(store, arena_id, mode)]
    depends_on = [_VIEW, which, panel and asdict(panel), labels, len(matches), facts, asdict(set_apart)]
    inputs = hashlib.sha256(canonical([*key, *depends_on]).encode()).hexdigest()
    if not rebuild and (text := store.cached_view(*key, inputs)) is not None:
        return Board.from_json(text)

    needed = panel.entrants if panel else None if mode == "learn" else ()
    with _uncollected():
        tallies, not_rated = chosen.tallies(store, arena_id, mode, needed, rebuild=rebuild)
        made = make_board(
            arena,
            tallies,
            panel,
            mode=mode,
            seed=PUBLIC_SEED if seed == RATED else seed,
            labels=labels,
            matches=matches,
            measurements=measured,
            set_apart=set_apart,
        )
    played = {tally.seed for tally in tallies}
    secret = tuple(id for id, n in zip(chosen.secret_seeds, chosen.numbers, strict=True) if n in played)
    text = replace(made, secret_seeds=secret, not_rated=not_rated).to_json()
    # The cache saves time and nothing else: a full disk, a busy database or a read-only one must not hide the board.
    with suppress(StoreError):
        store.cache_view(*key, inputs, text)
    return Board.from_json(text)  # as the cache gives it: reports are the same bytes either way


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection, which would look again and again at tens of thousands of tallies that all stay."""
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


def make_board(
    arena: ArenaRecord,
    tallies: Sequence[Tally],
    panel: PanelRecord | None = None,
    *,
    mode: str = "play",
    seed: int | None = None,
    labels: Mapping[str, str] | None = None,
    matches: Iterable[Sequence[str]] = (),
    measurements: Iterable[Measurement] = (),
    set_apart: Apart = NOBODY,
) -> Board:
    """The board of these tallies, which are of one arena, mode and rules version; their order does not matter.

    Args:
        arena: the arena.
        tallies: what the entrants of each pairing got; those with a member of the panel hold their episodes.
        panel: the arena's panel; None leaves frozen entrants unranked.
        mode: "play" or "learn". Learning entrants have no panel: they are ranked over everybody on the board.
        seed: the match seed of the tallies, for the record.
        labels: {entrant id: label}.
        matches: the entrants of each match.
        measurements: of the arena's entrants, oldest first.
        set_apart: who does not count.
    """
    listed = set_apart.listed(tallies, arena)
    tallies = set_apart.counted(tallies, panel.entrants if panel else ())
    everybody = tuple(sorted({who for tally in tallies for who in (tally.first, tally.second)}))
    if panel is None and mode == "learn":
        panel = PanelRecord("", arena.id, everybody)
    names = unique_labels({*everybody, *(panel.entrants if panel else ())}, labels or {})
    matches, measurements = list(matches), list(measurements)
    terms, ranked = _ranked(arena, panel, mode, names, tallies, matches, measurements)
    side = next(iter(sides_of(arena)))
    first_side = [tally for tally in tallies if tally.side == side]
    lengths = {steps for tally in tallies for steps in tally.steps}
    return Board(
        arena=arena.id,
        kind=arena.kind,
        mode=mode,
        **words(arena, panel),
        panel=panel.id or None if panel else None,
        panel_members=tuple(names[entrant] for entrant in panel.entrants) if panel else (),
        panel_weights={side: terms.weights(side) for side in sides_of(arena)} if panel else {},
        length=lengths.pop() if len(lengths) == 1 else None,
        **_by_side(ranked),
        blocks=sum(tally.blocks for tally in first_side),
        games=sum(tally.games for tally in first_side),
        matches=len(matches),
        **_fitted(ranked),
        seed=seed,
        rules_version=RULES_VERSION,
        rows=tuple(row for part in ranked for row in _rows(part, names)),
        apart=listed,
    )


def _ranked(
    arena: ArenaRecord,
    panel: PanelRecord | None,
    mode: str,
    names: Mapping[str, str],
    tallies: Sequence[Tally],
    matches: Sequence[Sequence[str]],
    measurements: Sequence[Measurement],
) -> "tuple[Terms, list[Ranked]]":
    """The terms of a board, and who stands where on each side."""
    # Here, as a board from the cache needs none of the statistics, whose import takes longer than reading it.
    from leaderboard.views.standings import Terms, rank

    terms = Terms(
        arena,
        panel,
        mode,
        names,
        matches=Counter(entrant for match in matches for entrant in set(match)),
        exploited=by_subject(measurements),
        with_strangers=strangers.by_subject(measurements, {who for t in tallies for who in (t.first, t.second)}),
    )
    return terms, [rank(terms, tallies, side) for side in sides_of(arena)]


def _by_side(ranked: "Sequence[Ranked]") -> dict[str, Any]:
    """What a board says of each of its sides as a whole."""
    return {
        "scale": {part.side: [figure(x) or 0.0 for x in part.scale] for part in ranked if part.scale is not None},
        "first_place": {part.side: part.first_place for part in ranked if part.first_place is not None},
        "faults_decide": {part.side: part.faults_decide for part in ranked},
        "predicted": {part.side: [_forecast(model) for model in part.predicted] for part in ranked if part.predicted},
    }


def _forecast(model: "Forecasts") -> dict[str, Any]:
    """A model's forecasts as plain data: loss in nats a result, how much worse than ours, and its calibration."""
    losses = {"log_loss": model.log_loss, "worse_by": model.worse_by}
    figures = {name: [figure(x) for x in (loss.mean, loss.low, loss.high)] for name, loss in losses.items()}
    bins = [
        [part.low, part.high, figure(part.predicted), figure(part.observed.mean), part.observed.n]
        for part in model.calibration
    ]
    return {"model": model.model, **figures, "results": model.log_loss.n, "calibration": bins}


def _rows(ranked: "Ranked", names: Mapping[str, str]) -> list[Row]:
    """The rows of one side, best first."""
    rows = []
    for standing, interval in ranked.standings:
        record = {
            key: value for column in COLUMNS for key, value in zip(column.keys, column.choose(standing), strict=True)
        }
        place, low, high = interval if interval is not None else (None, None, None)
        rows.append(Row(place, low, high, names[standing.entrant], standing.entrant, ranked.side, record))
    return rows


def _fitted(ranked: "Sequence[Ranked]") -> dict[str, Any]:
    """The parameters of the rating of a competitive game, zeros for other games."""
    rated = [part.rating for part in ranked if part.rating is not None]
    return {
        "comparisons": sum(figure(rating.comparisons) or 0.0 for rating in rated),
        "spread": figure(rated[0].spread) or 0.0 if rated else 0.0,
        "draw_margin": figure(rated[0].margin) or 0.0 if rated else 0.0,
    }


@dataclass(frozen=True)
class Change:
    """What some blocks changed for one entrant on one side; None where it was not on the board before.

    mu_before, mu_after: its rating with the interval; None where the board has no scale for it.
    """

    label: str
    entrant: str
    side: str
    mu_before: float | None
    mu_after: float | None
    mu_low: float | None
    mu_high: float | None
    rank_before: int | None
    rank_after: int | None


def rating_change(before: Board, after: Board, entrants: Iterable[str]) -> list[Change]:
    """Rating and rank before and after, for those of the entrants (ids) that are on the board after, best first."""
    old = {(row.entrant, row.side): row for row in before.rows}
    wanted = set(entrants)
    changes = []
    for row in (row for row in after.rows if row.entrant in wanted):
        was = old.get((row.entrant, row.side))
        before_mu = was.record["mu"] if was else None
        mu, low, high = (row.record[key] for key in BY_NAME["mu"].keys)
        ranks = (was.rank if was else None, row.rank)
        changes.append(Change(row.label, row.entrant, row.side, before_mu, mu, low, high, *ranks))
    return changes

"""The board of an arena: every figure about its entrants, recomputed from the records alone.

The board ranks by what is right for the kind of game: rating where entrants compete, own return over the arena's
panel where motives are mixed, return with held-out partners where they cooperate. The rest stands beside it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard import strangers
from leaderboard.comparison import is_head_to_head, observations, player_name, rounds
from leaderboard.counts import Counts
from leaderboard.errors import StoreError
from leaderboard.exploitability import by_subject, shown
from leaderboard.labels import unique_labels
from leaderboard.rating import CENTRE, Rating, Skill, fit, rank_intervals, trueskill_online
from leaderboard.records import (
    RULES_VERSION,
    STATUSES,
    ArenaRecord,
    BlockRecord,
    Measurement,
    PanelRecord,
    Status,
    canonical,
)
from leaderboard.returns import OwnReturn, own_return, performances

if TYPE_CHECKING:
    from leaderboard.store import Store

_VIEW = 3  # version of what a board holds: a cached one of another version is computed again


@dataclass(frozen=True)
class Row:
    """One entrant (on one side). Intervals are 95 %; None stands for what is not known yet.

    Attributes:
        rank: place by the headline, 1 is best; equals share a place. rank_low, rank_high: its interval.
        label: what people read, unique on the board; entrant: its id; side: "" where sides do not matter.
        headline, headline_low, headline_high: the figure that the board ranks by.
        mu, mu_low, mu_high, sigma: rating from the batch fit, on TrueSkill's scale; conservative: mu - 3 sigma.
        trueskill_mu, trueskill_sigma: classical TrueSkill, for comparison with other boards.
        own_return, own_return_low, own_return_high: mean own return per step over the panel.
        episodes: number of different episodes behind it.
        partners_met: partners of the panel that the entrant has met, of `partners`.
        games, blocks, matches: how often it played; a game is one episode under one rotation.
        faults: episodes x seats that it spoiled; faults_by_status: {status: number}.
        exploiter_gain, victim_loss, worst_case: exploitability per step, see `leaderboard.exploitability`; each with
            its mark, "exact", "at least", "at most" or "found".
        strangers: opponents from other training runs behind the next ones, see `leaderboard.strangers`.
        strangers_mean, strangers_worst, partner_gap: return with them between the arena's anchors, the least of it, and
            how much more it is with its own partners; each with its interval.
    """

    rank: int
    rank_low: int
    rank_high: int
    label: str
    entrant: str
    side: str
    headline: float | None
    headline_low: float | None
    headline_high: float | None
    mu: float
    mu_low: float
    mu_high: float
    sigma: float
    conservative: float
    trueskill_mu: float
    trueskill_sigma: float
    own_return: float | None
    own_return_low: float | None
    own_return_high: float | None
    episodes: int
    partners_met: int
    partners: int
    games: int
    blocks: int
    matches: int
    faults: int
    faults_by_status: dict[str, int]
    exploiter_gain: float | None = None
    exploiter_gain_mark: str | None = None
    victim_loss: float | None = None
    victim_loss_mark: str | None = None
    worst_case: float | None = None
    worst_case_mark: str | None = None
    strangers: int = 0
    strangers_mean: float | None = None
    strangers_mean_low: float | None = None
    strangers_mean_high: float | None = None
    strangers_worst: float | None = None
    strangers_worst_low: float | None = None
    strangers_worst_high: float | None = None
    partner_gap: float | None = None
    partner_gap_low: float | None = None
    partner_gap_high: float | None = None


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

    def to_json(self) -> str:
        """Canonical JSON: the same bytes for the same records."""
        return canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Board":
        """The board that gave this JSON."""
        data: dict[str, Any] = json.loads(text)
        rows = tuple(Row(**row) for row in data.pop("rows"))
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
    told = [asdict(measurement) for measurement in measured]
    depends_on = [_VIEW, seed, panel and panel.id, members, sorted(match.id for match in matches), ids, *told]
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
    comparisons = observations(arena, blocks, members)
    players = [player_name(entrant, side) for side in table.sides for entrant in table.entrants]
    counts = Counts.of([(c.first, c.second, c.outcome, c.weight) for c in comparisons], players)
    rating = fit(counts)
    online = trueskill_online(rounds(comparisons), counts.draw_share)

    names = unique_labels({*table.entrants, *members}, labels or {})
    matches = list(matches)
    played = Counter(entrant for match in matches for entrant in set(match))
    measurements = list(measurements)
    measured, robust = by_subject(measurements), strangers.by_subject(measurements, table.entrants)
    # With itself an entrant has a motive only where motives are mixed. Where it cooperates, others are held out;
    # where it competes, its return against itself says nothing.
    rows: list[Row] = []
    for number, side in enumerate(table.sides):
        own = own_return(table, members, side=side or None, with_oneself=arena.kind == "mixed" and mode == "play")
        skills = rating.skills([player_name(entrant, side) for entrant in table.entrants]) if table.entrants else {}
        here = table.side == number
        found = []
        for position, entrant in enumerate(table.entrants):
            mine = here & (table.who == position)
            spoiled = table.faults[mine].sum(axis=0)
            faults = {status.value: int(spoiled[status.code]) for status in STATUSES if status is not Status.DONE}
            player = player_name(entrant, side)
            found.append(
                {
                    "label": names[entrant],
                    "entrant": entrant,
                    "side": side,
                    **_rating_figures(skills[player], online.get(player, (CENTRE, CENTRE / 3.0))),
                    **_return_figures(own, position),
                    "games": int(table.games[mine].sum()),
                    "blocks": len(np.unique(table.block[mine])),
                    "matches": played[entrant],
                    "faults": sum(faults.values()),
                    "faults_by_status": {status: count for status, count in faults.items() if count},
                    **shown(measured.get(entrant, ()), [seat for seat, s in arena.seats if side and s == side], side),
                    **strangers.shown(robust.get(entrant, ()), side),
                }
            )
        rows += _ranked(found, arena.kind, side, rating, own)
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
        comparisons=_figure(rating.comparisons) or 0.0,
        spread=_figure(rating.spread) or 0.0,
        draw_margin=_figure(rating.margin) or 0.0,
        seed=seed,
        rules_version=RULES_VERSION,
        rows=tuple(rows),
    )


def _rating_figures(skill: Skill, online: tuple[float, float]) -> dict[str, float | None]:
    figures = {"mu": skill.mu, "mu_low": skill.low, "mu_high": skill.high, "sigma": skill.sigma}
    figures |= {"conservative": skill.conservative, "trueskill_mu": online[0], "trueskill_sigma": online[1]}
    return {name: _figure(value) for name, value in figures.items()}


def _return_figures(own: OwnReturn, position: int) -> dict[str, Any]:
    return {
        "own_return": _figure(own.value[position]),
        "own_return_low": _figure(own.low[position]),
        "own_return_high": _figure(own.high[position]),
        "episodes": int(own.n[position]),
        "partners_met": int(own.met[position]),
        "partners": int(own.partners[position]),
    }


def _figure(value: float) -> float | None:
    # Nine digits are far more than any of these figures has; the last ones belong to the machine, not to the data.
    return float(f"{round(float(value), 9):.9g}") + 0.0 if np.isfinite(value) else None


def _ranked(found: list[dict[str, Any]], kind: str, side: str, rating: Rating, own: OwnReturn) -> list[Row]:
    """The rows of one side with headline, rank and rank interval, best first."""
    intervals: dict[str, tuple[int, int]]
    if kind == "competitive":
        by = "mu"
        ranks = rating.rank_intervals([player_name(row["entrant"], side) for row in found])
        intervals = {row["entrant"]: ranks[player_name(row["entrant"], side)] for row in found}
        last: set[str] = set()
    else:
        by = "own_return"
        # Only those who have met the whole panel can be compared; the others come last until they have.
        whole = [i for i, row in enumerate(found) if row["partners_met"] == row["partners"] > 0]
        among = rank_intervals(own.value[whole], own.covariance[np.ix_(whole, whole)])
        intervals = {row["entrant"]: (len(whole) + 1, len(found)) for row in found}
        intervals |= {found[i]["entrant"]: interval for i, interval in zip(whole, among, strict=True)}
        last = {row["entrant"] for i, row in enumerate(found) if i not in set(whole)}

    def place(row: dict[str, Any]) -> tuple[bool, float]:
        return row["entrant"] in last, -row[by] if row[by] is not None else float("inf")

    rows = []
    for row in sorted(found, key=lambda row: (place(row), row["label"], row["entrant"])):
        low, high = intervals[row["entrant"]]
        headline = {"headline": row[by], "headline_low": row[f"{by}_low"], "headline_high": row[f"{by}_high"]}
        rank = 1 + sum(place(other) < place(row) for other in found)
        rows.append(Row(rank=rank, rank_low=min(low, rank), rank_high=max(high, rank), **headline, **row))
    return rows


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
            changes.append(
                Change(
                    label=row.label,
                    entrant=row.entrant,
                    side=row.side,
                    mu_before=was.mu if was else None,
                    mu_after=row.mu,
                    rank_before=was.rank if was else None,
                    rank_after=row.rank,
                )
            )
    return changes

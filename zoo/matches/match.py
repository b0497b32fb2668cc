"""Every figure of a match of two, from the records.

Its pairings are those of the two, and those with the panel that make the two comparable. The screen and `--json` both
print the `Summary`, so that neither can hold a figure that the other lacks.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from leaderboard.labels import unique_labels
from leaderboard.records import BlockRecord, SeatResult, Status
from leaderboard.seeds import PUBLIC_SEED, RATED
from leaderboard.statistics.estimate import Estimate, measured, plain, t, wilson
from leaderboard.statistics.field import field_of
from leaderboard.statistics.tally import Tally, counted_returns, is_head_to_head, sides_of
from leaderboard.store.store import Store
from leaderboard.store.tallies import tallies_of
from leaderboard.views.board import Board, Change, board, rating_change
from leaderboard.views.cuts import share_cut
from leaderboard.views.words import duplicates, verdict
from zoo.matches.plan import MatchPlan
from zoo.play import luck
from zoo.play.blocks import arena_record
from zoo.play.seating import agents_of, memoryless_policies, rotations

#: In `Summary.alone`: what the two earn with each other.
TOGETHER = ""


@dataclass(frozen=True)
class SeatLine:
    """What one entrant did in one seat of the pairing; `exact` is the value of its own return where it is known."""

    entrant: str
    seat: str
    partner: str
    own_return: Estimate  # per episode
    exact: float | None
    metrics: dict[str, Estimate]
    faults: dict[str, int]


@dataclass(frozen=True)
class Comparison:
    """The verdict on the two, on one side where a game has several.

    In a competitive game on one side the figures are shares of the games between the two, a draw counting half.
    Elsewhere they are own returns per episode over the weighted partners: the same seats, the same partners and the
    same luck for both, paired by episode.
    """

    side: str
    quantity: str  # "games won" or "own return"
    partners: list[str]
    first: Estimate
    second: Estimate
    difference: Estimate  # first less second
    verdict: str


@dataclass(frozen=True)
class Heading:
    """Which match it is, whatever its mode: its id, the arena and its kind, and the two as they were named."""

    match: str
    arena: str
    kind: str
    mode: str
    entrants: list[str]  # labels
    entrant_ids: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        data: dict[str, Any] = plain(self)
        return data


@dataclass(frozen=True)
class Summary(Heading):
    """All figures of a match of frozen entrants."""

    panel: str | None
    seed: int
    commitment: str | None  # of the secret seed on which strangers play
    rated: bool
    not_rated: str  # why not
    recorded: bool
    first_episode: int
    episodes: int  # per rotation
    steps: int  # environment steps of this match and its comparison
    cut: float  # share of its episodes that a cap has cut
    cpu_s: float  # of this invocation, which reads from the records what was played before
    length: int | None  # steps of every episode, None where they differ
    isolation: dict[str, str]  # label of an entrant in a process of its own -> how that was confined
    trained_elsewhere: dict[str, str]  # label of an entrant -> other settings of the game in which it was trained
    seats: list[SeatLine]
    comparisons: list[Comparison]
    alone: dict[str, Estimate]  # of two in a cooperative game: label -> own return with itself, and TOGETHER
    rating: list[Change]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`; what each earns alone is there in cooperative games only."""
        data = super().to_json()
        return data if self.alone else {name: value for name, value in data.items() if name != "alone"}


def public_board(store: Store, identity: str) -> Board | None:
    """The board of what is rated; None where nothing of this arena is recorded."""
    if not any(arena.id == identity for arena in store.arenas()):
        return None
    return board(store, identity, seed=RATED)


def summarise(plan: MatchPlan, store: Store, before: Board | None, *, cpu_s: float, recorded: bool) -> Summary:
    """Every figure of a match of two entrants, from the records."""
    ids = [who.id for who in plan.entrants]
    labels = unique_labels(ids, {who.id: who.label for who in plan.entrants} | store.labels())
    blocks = store.blocks_of(plan.tasks)
    pair = sorted(ids)
    own = [block for block in blocks if list(block.entrants) == pair]
    rated = recorded and plan.rated
    after = public_board(store, plan.venue.identity) if rated else None
    changes = rating_change(before or replace(after, rows=()), after, ids) if after is not None else []
    lengths = [r.lengths for block in blocks for r in block.results]
    one = {int(end) for of_seat in lengths for end in (of_seat.min(), of_seat.max())}
    return Summary(
        match=plan.match_id,
        arena=plan.venue.identity,
        kind=plan.venue.spec.kind,
        mode="play",
        entrants=[labels[i] for i in ids],
        entrant_ids=ids,
        panel=plan.panel.id if plan.panel else None,
        seed=plan.seed,
        commitment=secret.commitment if (secret := luck.epoch(plan.seed)) is not None else None,
        rated=rated,
        not_rated="" if plan.rated else _not_rated(plan),
        recorded=recorded,
        first_episode=plan.first_episode,
        episodes=plan.episodes,
        steps=sum(int(of_seat.sum()) for of_seat in lengths) // len(plan.venue.spec.seats),
        cut=share_cut(blocks),
        cpu_s=cpu_s,
        length=one.pop() if len(one) == 1 else None,
        isolation={labels[r.entrant]: r.isolation for b in own for r in b.results if r.isolation != "trusted"},
        trained_elsewhere={
            labels[who.id]: who.checkpoint.card.arena
            for who in plan.entrants
            if who.checkpoint is not None and who.checkpoint.card.arena != plan.venue.identity
        },
        seats=_seat_lines(plan, own, labels),
        comparisons=_comparisons(plan, blocks, labels) if len(set(ids)) == 2 else [],
        alone=_alone(ids, labels, blocks) if plan.venue.spec.kind == "cooperative" and len(set(ids)) == 2 else {},
        rating=changes,
    )


def _alone(ids: list[str], labels: dict[str, str], blocks: list[BlockRecord]) -> dict[str, Estimate]:
    """What each of two earns with itself, and what they earn together, an episode and on the mean over seats."""
    wanted = {labels[who]: [who, who] for who in ids} | {TOGETHER: sorted(ids)}
    alone = {}
    for name, pair in wanted.items():
        of_pair = [block for block in blocks if list(block.entrants) == pair]
        of_each = [
            [own for who in dict.fromkeys(pair) if (own := counted_returns(block, block.results, who)) is not None]
            for block in of_pair
        ]
        whole = np.concatenate([np.mean(returns, axis=0) for returns in of_each if returns] or [np.zeros(0)])
        alone[name] = t(whole[~np.isnan(whole)])
    return alone


def _not_rated(plan: MatchPlan) -> str:
    """Why no board counts all of a match."""
    strangers = [who for who in plan.players.values() if who.stranger]
    if not strangers:
        return f"only the public seed {PUBLIC_SEED} is"
    for who in strangers:
        if not who.confined:
            return f"a stranger's agent at isolation {who.isolation} could read the secret seed"
    return "strangers are rated on the home's secret seed, which is played without --seed"


def _seat_lines(plan: MatchPlan, blocks: list[BlockRecord], labels: dict[str, str]) -> list[SeatLine]:
    """One line per entrant and seat of the pairing, over its blocks and the rotations that seat it there."""
    spec, exact, lines = plan.venue.spec, exact_values(plan), []
    partner = {w.id: labels[o.id] for w, o in zip(plan.entrants, reversed(plan.entrants), strict=True)}
    for who, seat in ((who, seat) for who in partner for seat in spec.seats):
        results = [r for block in blocks for r in block.results if r.entrant == who and r.seat == seat]
        if not results:
            continue
        returns = [counted_returns(block, [r for r in block.results if r.seat == seat], who) for block in blocks]
        whole = np.concatenate([of_block for of_block in returns if of_block is not None])
        own = t(whole[~np.isnan(whole)])
        statuses = np.concatenate([r.statuses for r in results])
        counts = {status.value: int((statuses == status.code).sum()) for status in Status if status != Status.DONE}
        faults = {name: count for name, count in counts.items() if count}
        lines.append(SeatLine(labels[who], seat, partner[who], own, exact.get((who, seat)), _metrics(results), faults))
    return lines


def _metrics(results: list[SeatResult]) -> dict[str, Estimate]:
    """Metrics of several blocks, each as one mean with its interval."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    means = {name: measured(result.metrics[name] for result in results if name in result.metrics) for name in names}
    return {name: mean for name, mean in means.items() if mean.n}


def exact_values(plan: MatchPlan) -> dict[tuple[str, str], float]:
    """(Entrant id, seat) -> exact undiscounted return of the pairing over the same T, where it is known."""
    spec = plan.venue.spec
    pair = plan.entrants
    if "value" not in spec.offers or any(
        who.isolation != "trusted" for who in pair
    ):  # who runs elsewhere shows nothing
        return {}
    values = defaultdict[tuple[str, str], list[float]](list)
    for rotation in rotations(spec, alone=pair[0].id == pair[1].id):
        policies = memoryless_policies(agents_of(pair, spec, rotation, 0))
        if policies is None:
            return {}
        value = plan.venue.arena().value(policies, steps=spec.max_steps, gamma=1.0)
        for seat, who in rotation.items():
            values[pair[who].id, seat].append(float(value[seat].mean()))
    return {key: sum(of_rotations) / len(of_rotations) for key, of_rotations in values.items()}


def _comparisons(plan: MatchPlan, blocks: list[BlockRecord], labels: dict[str, str]) -> list[Comparison]:
    """The verdict on the two entrants, on every side."""
    arena = arena_record(plan.venue.spec, plan.venue.identity)
    tallies = tallies_of(blocks, arena)
    first, second = (who.id for who in plan.entrants)
    if is_head_to_head(arena):
        return [_by_games(tallies, (first, second), (labels[first], labels[second]))]
    return [_by_returns(plan, tallies, side, labels) for side in sides_of(arena)]


def _by_games(tallies: list[Tally], ids: tuple[str, str], names: tuple[str, str]) -> Comparison:
    """Who won more of the games between the two; an episode under several rotations is one trial."""
    of_pair = [tally for tally in tallies if {tally.first, tally.second} == set(ids)]
    won, drawn, lost = (sum(tally.won[k] for tally in of_pair) for k in range(3))
    if ids[0] > ids[1]:
        won, lost = lost, won
    share, games, n = (won + drawn / 2) / (won + drawn + lost), won + drawn + lost, sum(x.episodes for x in of_pair)
    first, second = wilson(share * n, n), wilson((1 - share) * n, n)
    low, high = (None if end is None else 2 * end - 1 for end in (first.low, first.high))
    difference = Estimate(2 * share - 1, low, high, n, "Wilson")
    better, worse = names if share >= 0.5 else (names[1], names[0])
    if difference.contains(0.0):
        said = f"{names[0]} and {names[1]} cannot be told apart by {games:,} games: {drawn:,} were drawn"
        said = said if drawn else f"{names[0]} and {names[1]} cannot be told apart by {games:,} games"
    else:
        said = f"{better} won {100 * max(share, 1 - share):.1f} % of {games:,} games against {worse}"
        said += ", a draw counting half" if drawn else ""
    return Comparison("", "games won", [], first, second, difference, said)


def _by_returns(plan: MatchPlan, tallies: list[Tally], side: str, labels: dict[str, str]) -> Comparison:
    """Who earned more over the weighted partners: the panel's, or where there is none the two themselves."""
    first, second = (who.id for who in plan.entrants)
    if plan.panel is None:
        partners, weights = [first, second], [0.5, 0.5]
    else:
        partners = [plan.venue.id(text) for text in plan.panel.members]
        weights = list(plan.panel.weights.get(side, [1.0] * len(partners)))
    field = field_of(tallies, side, partners, weights, with_oneself=True)
    i, j = field.entrants.index(first), field.entrants.index(second)
    names = {who.id: who.label for who in plan.players.values()} | labels
    difference = field.headline.difference(i, j)
    how = duplicates(paired=field.headline.paired(i, j))
    said = verdict((labels[first], labels[second]), difference, "episode", how)
    own = (field.headline.estimate(i), field.headline.estimate(j))
    return Comparison(side, "own return", [names[p] for p in partners], *own, difference, said)

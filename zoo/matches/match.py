"""A match of two: every figure of it, from the records.

Its pairings are those of the two, and those with the panel that make the two comparable. The screen and `--json` both
print the `Summary`, so that neither can hold a figure that the other lacks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from agents.protocol import DifferentiablePolicy
from leaderboard.labels import unique_labels
from leaderboard.records import BlockRecord, SeatResult, Status
from leaderboard.statistics.estimate import Estimate, plain, pooled, t
from leaderboard.statistics.returns import performances
from leaderboard.store.store import Store
from leaderboard.views.board import Board, Change, board, rating_change
from zoo.matches.plan import MatchPlan
from zoo.play.blocks import PUBLIC_SEED
from zoo.play.seating import rotations


@dataclass(frozen=True)
class SeatLine:
    """What one entrant did in one seat of the pairing; returns are per step, `exact` is the value where it is known."""

    entrant: str
    seat: str
    partner: str
    per_step: Estimate
    exact: float | None
    metrics: dict[str, Estimate]
    faults: dict[str, int]


@dataclass(frozen=True)
class Duplicate:
    """Two entrants in the same seats, with the same partners, on the same seeds: own return per step."""

    partners: list[str]
    first: Estimate
    second: Estimate
    difference: Estimate  # first less second, paired by episode
    verdict: str


@dataclass(frozen=True)
class Summary:
    """All figures of a match."""

    match: str
    arena: str
    kind: str
    mode: str
    entrants: list[str]
    entrant_ids: list[str]
    panel: str | None
    seed: int
    rated: bool
    recorded: bool
    first_episode: int
    episodes: int  # per seating
    steps: int  # environment steps of this match and its comparison
    cpu_s: float  # of this invocation, which reads from the records what was played before
    seats: list[SeatLine]
    duplicate: Duplicate | None
    rating: list[Change]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        data: dict[str, Any] = plain(self)
        return data


def public_board(store: Store, identity: str) -> Board | None:
    """The board of the public seed sequence; None where nothing of this arena is recorded."""
    if not any(arena.id == identity for arena in store.arenas()):
        return None
    return board(store, identity, seed=PUBLIC_SEED)


def summarise(plan: MatchPlan, store: Store, before: Board | None, *, cpu_s: float, recorded: bool) -> Summary:
    """Every figure of a match of two entrants, from the records."""
    ids = [who.id for who in plan.entrants]
    labels = unique_labels(ids, {who.id: who.label for who in plan.entrants})
    wanted = set(plan.tasks)
    everybody = {who.id for who in plan.players.values()}
    blocks = [block for block in store.blocks(plan.venue.identity, everybody, "play") if block.id in wanted]
    pair = sorted(ids)
    own = [block for block in blocks if list(block.entrants) == pair]
    rated = recorded and plan.seed == PUBLIC_SEED
    after = public_board(store, plan.venue.identity) if rated else None
    changes = rating_change(before or replace(after, rows=()), after, ids) if after is not None else []
    steps = sum(int(r.lengths.sum()) for b in blocks for r in b.results) // len(plan.venue.spec.seats)
    return Summary(
        match=plan.match_id,
        arena=plan.venue.identity,
        kind=plan.venue.spec.kind,
        mode="play",
        entrants=[labels[i] for i in ids],
        entrant_ids=ids,
        panel=plan.panel.id if plan.panel else None,
        seed=plan.seed,
        rated=rated,
        recorded=recorded,
        first_episode=plan.first_episode,
        episodes=plan.episodes,
        steps=steps,
        cpu_s=cpu_s,
        seats=_seat_lines(plan, own, labels),
        duplicate=_duplicate(plan, blocks, labels) if len(set(ids)) == 2 else None,
        rating=changes,
    )


def _seat_lines(plan: MatchPlan, blocks: list[BlockRecord], labels: dict[str, str]) -> list[SeatLine]:
    """One line per entrant and seat of the pairing, over its blocks and the rotations that seat it there."""
    groups: dict[tuple[str, str], list[list[SeatResult]]] = {}
    for who in dict.fromkeys(w.id for w in plan.entrants):
        for seat in plan.venue.spec.seats:
            found = [[r for r in b.results if r.entrant == who and r.seat == seat] for b in blocks]
            if any(found):
                groups[who, seat] = found
    exact = exact_values(plan)
    partner = {w.id: labels[o.id] for w, o in zip(plan.entrants, reversed(plan.entrants), strict=True)}
    lines = []
    for (who, seat), found in groups.items():
        results = [result for block in found for result in block]
        per_step = _per_episode(found, plan.venue.spec.max_steps)
        statuses = np.concatenate([r.statuses for r in results])
        faults = {s.value: int((statuses == s.code).sum()) for s in Status if s is not Status.DONE}
        lines.append(
            SeatLine(
                labels[who],
                seat,
                partner[who],
                t(per_step),
                exact.get((who, seat)),
                _metrics(results),
                {name: count for name, count in faults.items() if count},
            )
        )
    return lines


def _per_episode(blocks: list[list[SeatResult]], max_steps: int) -> np.ndarray:
    """Return per step of each episode, the mean over the rotations; a forfeit stands for a whole episode, as in tables.

    `blocks` holds one seat's results of each block, one a rotation.
    """

    def per_step(result: SeatResult) -> np.ndarray:
        spoiled = result.statuses != Status.DONE.code
        return result.returns / np.maximum(np.where(spoiled, max_steps, result.lengths), 1)

    return np.concatenate([np.mean([per_step(result) for result in block], axis=0) for block in blocks])


def _metrics(results: list[SeatResult]) -> dict[str, Estimate]:
    """Metrics of several blocks, each as one mean with its interval."""
    names = dict.fromkeys(name for result in results for name in result.metrics)
    means = {name: pooled(result.metrics[name] for result in results if name in result.metrics) for name in names}
    return {name: mean for name, mean in means.items() if mean.n}


def exact_values(plan: MatchPlan) -> dict[tuple[str, str], float]:
    """(Entrant id, seat) -> exact undiscounted return per step of the pairing over the same T, where it is known."""
    spec = plan.venue.spec
    if "value" not in spec.offers:
        return {}
    pair = (plan.entrants[0], plan.entrants[-1])
    found: dict[tuple[str, str], list[float]] = {}
    for rotation in rotations(spec, alone=pair[0].id == pair[1].id):
        players: dict[str, DifferentiablePolicy] = {}
        for who in set(rotation.values()):
            seats = tuple(seat for seat, w in rotation.items() if w == who)
            shown = {seat: agent.policy(seat) for seat, agent in pair[who].agents(spec, seats, 0).items()}
            players |= {seat: policy for seat, policy in shown.items() if policy is not None and policy.memoryless}
        if players.keys() != rotation.keys():
            return {}
        value = plan.venue.arena().value(players, steps=spec.max_steps, gamma=1.0)
        for seat, who in rotation.items():
            found.setdefault((pair[who].id, seat), []).append(float(value[seat].mean()) / spec.max_steps)
    return {key: sum(values) / len(values) for key, values in found.items()}


def _duplicate(plan: MatchPlan, blocks: list[BlockRecord], labels: dict[str, str]) -> Duplicate:
    """Own returns of the two per episode, averaged over the partners whom both met, and their paired difference."""
    table = performances(blocks, max_steps=plan.venue.spec.max_steps)
    first, second = (who.id for who in plan.entrants)
    by_partner: dict[str, dict[str, dict[tuple[int, int], float]]] = {first: {}, second: {}}
    for p in range(len(table.who)):
        who, partner = table.entrants[table.who[p]], table.entrants[table.partner[p]]
        if who in by_partner:
            span = slice(table.start[p], table.start[p] + table.length[p])
            episodes = zip(map(tuple, table.episode[span].tolist()), table.per_step[span].tolist(), strict=True)
            by_partner[who].setdefault(partner, {}).update(episodes)
    partners = [x for x in by_partner[first] if x in by_partner[second]]
    common = set.intersection(*(set(by_partner[w][p]) for w in (first, second) for p in partners))
    order = sorted(common)
    own = {w: np.mean([[by_partner[w][p][e] for e in order] for p in partners], axis=0) for w in (first, second)}
    difference = t(own[first] - own[second])
    names = {who.id: who.label for who in plan.players.values()}
    return Duplicate(
        [labels.get(p, names[p]) for p in sorted(partners, key=lambda p: (p in (first, second), names[p]))],
        t(own[first]),
        t(own[second]),
        difference,
        verdict(
            (labels[first], labels[second]),
            difference,
            "episode",
            "with the same partners, in the same seats, on the same seeds",
        ),
    )


def verdict(names: tuple[str, str], difference: Estimate, unit: str, how: str) -> str:
    """What a paired difference says, in words that claim no more than its interval."""
    first, second = names
    if difference.low is None or difference.high is None:
        return f"one {unit} cannot tell {first} and {second} apart"
    if difference.low <= 0 <= difference.high:
        return f"{first} and {second} cannot be told apart: the interval of their difference holds 0"
    better, worse = (first, second) if difference.mean > 0 else (second, first)
    return f"{better} earned more than {worse} {how}"

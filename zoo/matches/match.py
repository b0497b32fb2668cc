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
from leaderboard.statistics.estimate import Estimate, plain, pooled, t
from leaderboard.statistics.returns import performances
from leaderboard.store.store import Store
from leaderboard.views.board import Board, Change, board, rating_change
from leaderboard.views.crossplay import own_returns
from zoo.matches.plan import MatchPlan
from zoo.play.blocks import PUBLIC_SEED
from zoo.play.seating import agents_of, memoryless_policies, rotations


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
    rated: bool
    recorded: bool
    first_episode: int
    episodes: int  # per rotation
    steps: int  # environment steps of this match and its comparison
    cpu_s: float  # of this invocation, which reads from the records what was played before
    seats: list[SeatLine]
    duplicate: Duplicate | None
    rating: list[Change]


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
    spec, exact, lines = plan.venue.spec, exact_values(plan), []
    partner = {w.id: labels[o.id] for w, o in zip(plan.entrants, reversed(plan.entrants), strict=True)}
    for who, seat in ((who, seat) for who in partner for seat in spec.seats):
        returns = [own_returns(block, who, (seat,), spec.max_steps) for block in blocks]
        results = [r for block in blocks for r in block.results if r.entrant == who and r.seat == seat]
        if not results:
            continue
        per_step = t(np.concatenate([of_block for of_block in returns if of_block is not None]))
        statuses = np.concatenate([r.statuses for r in results])
        counts = {status.value: int((statuses == status.code).sum()) for status in Status if status != Status.DONE}
        faults = {name: count for name, count in counts.items() if count}
        line = SeatLine(labels[who], seat, partner[who], per_step, exact.get((who, seat)), _metrics(results), faults)
        lines.append(line)
    return lines


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
    pair = plan.entrants
    values = defaultdict[tuple[str, str], list[float]](list)
    for rotation in rotations(spec, alone=pair[0].id == pair[1].id):
        policies = memoryless_policies(agents_of(pair, spec, rotation, 0))
        if policies is None:
            return {}
        value = plan.venue.arena().value(policies, steps=spec.max_steps, gamma=1.0)
        for seat, who in rotation.items():
            values[pair[who].id, seat].append(float(value[seat].mean()) / spec.max_steps)
    return {key: sum(of_rotations) / len(of_rotations) for key, of_rotations in values.items()}


def _duplicate(plan: MatchPlan, blocks: list[BlockRecord], labels: dict[str, str]) -> Duplicate:
    """Own returns of the two per episode, averaged over the partners whom both met, and their paired difference."""
    table = performances(blocks, max_steps=plan.venue.spec.max_steps)
    first, second = pair = tuple(who.id for who in plan.entrants)
    per_step = defaultdict[tuple[str, str], dict[tuple[int, ...], float]](dict)  # (who, partner) -> of each episode
    for p in range(len(table.who)):
        span = slice(table.start[p], table.start[p] + table.length[p])
        episodes = zip(map(tuple, table.episode[span].tolist()), table.per_step[span].tolist(), strict=True)
        per_step[table.entrants[table.who[p]], table.entrants[table.partner[p]]].update(episodes)
    partners = [partner for who, partner in per_step if who == first and (second, partner) in per_step]
    common = sorted(set.intersection(*(set(per_step[who, partner]) for who in pair for partner in partners)))
    own = [np.mean([[per_step[who, partner][e] for e in common] for partner in partners], axis=0) for who in pair]
    difference = t(own[0] - own[1])
    names = {who.id: who.label for who in plan.players.values()}
    how = "with the same partners, in the same seats, on the same seeds"
    return Duplicate(
        [labels.get(p, names[p]) for p in sorted(partners, key=lambda p: (p in pair, names[p]))],
        t(own[0]),
        t(own[1]),
        difference,
        verdict((labels[first], labels[second]), difference, "episode", how),
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

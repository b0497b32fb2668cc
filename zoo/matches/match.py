"""A match: the pairing's blocks, and those with the panel that make the two comparable; then figures from the records.

`prepare` says what has to be played, `play_blocks` plays it, `summarise` computes everything that is shown. The
screen and `--json` both print the `Summary`, so that neither can hold a figure that the other lacks.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from scipy.special import stdtrit

from agents.protocol import DifferentiablePolicy
from arenas.protocol import Arena
from leaderboard.board import Board, Change, board, rating_change
from leaderboard.labels import unique_labels
from leaderboard.records import (
    RULES_VERSION,
    BlockRecord,
    CheckpointRecord,
    MatchRecord,
    PanelRecord,
    SeatResult,
    Status,
    block_id,
    canonical,
)
from leaderboard.returns import performances
from leaderboard.store import Store
from zoo import __version__
from zoo.entry.entrant import PLAY, Entrant
from zoo.entry.venue import ArenaChoice, entrant
from zoo.panels import Panel, panel_for
from zoo.play.blocks import PUBLIC_SEED, Task, arena_record
from zoo.play.seating import rotations


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval; the interval is None where fewer than two episodes tell of the spread."""

    mean: float
    low: float | None
    high: float | None
    n: int


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
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What a match consists of: `pairings` are texts of entrants, the first pairing being the match itself."""

    choice: ArenaChoice
    arena: Arena
    identity: str
    entrants: tuple[Entrant, ...]
    panel: Panel | None
    pairings: list[tuple[str, str]]
    seed: int
    first_episode: int
    episodes: int

    def tasks(self) -> dict[str, Task]:
        """Block id -> the block to be played, in the order of playing.

        Blocks are cut at the multiples of the arena's block size wherever the match begins, so that matches of any
        two entrants consist of the same blocks, but for their first and last.
        """
        found: dict[str, Task] = {}
        size, end = self.arena.spec.block, self.first_episode + self.episodes
        cuts = [self.first_episode, *range((self.first_episode // size + 1) * size, end, size), end]
        for pair in self.pairings:
            ids = tuple(entrant(self.choice, text).id for text in pair)
            for first, after in itertools.pairwise(cuts):
                key = block_id(self.identity, ids, "play", self.seed, first, after - first, RULES_VERSION)
                found[key] = Task(self.choice, pair, self.seed, first, after - first)
        return found

    @property
    def match_id(self) -> str:
        """Identity of the match: who, where, which episodes."""
        who = [[entrant(self.choice, text).id for text in pair] for pair in self.pairings]
        what = [self.identity, who, "play", self.seed, self.first_episode, self.episodes, RULES_VERSION]
        return hashlib.sha256(canonical(what).encode()).hexdigest()[:16]


def prepare(
    choice: ArenaChoice,
    texts: Sequence[str],
    store: Store,
    *,
    episodes: int | None = None,
    seed: int = PUBLIC_SEED,
    first: int = 0,
    onward: bool = False,
    with_panel: bool = True,
) -> Plan:
    """Plan a match of two entrants, or a tournament of several (all pairs and self-play).

    It begins at episode `first`, or with `onward` at the first episode that not all of its pairings have played: so a
    match that was stopped is finished first, and the next one goes on from there.

    Raises:
        UserError: an entrant or arena that cannot be used.
    """
    arena = choice.make(1)
    identity = choice.identity(arena)
    entrants = [entrant(choice, text) for text in texts]
    panel = panel_for(choice, arena, identity) if with_panel else None
    pairings = _pairings(choice, texts, panel.members if panel else ())
    ids = [(entrant(choice, a).id, entrant(choice, b).id) for a, b in pairings]
    if onward:
        first = min(store.next_episode(identity, pair, "play", seed) for pair in ids)
    return Plan(
        choice,
        arena,
        identity,
        tuple(entrants),
        panel,
        pairings,
        seed,
        first,
        episodes or arena.spec.episodes,
    )


def _pairings(choice: ArenaChoice, texts: Sequence[str], members: Sequence[str]) -> list[tuple[str, str]]:
    """Every pair, everyone with itself, everyone with the panel; each once, ordered by ids within the pair."""
    wanted = [(a, b) for i, a in enumerate(texts) for b in texts[i + 1 :]]
    wanted += [(a, a) for a in texts]
    wanted += [(a, m) for m in members for a in texts]
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for pair in wanted:
        first, second = sorted(pair, key=lambda text: entrant(choice, text).id)
        key = (entrant(choice, first).id, entrant(choice, second).id)
        found.setdefault(key, (first, second))
    return list(found.values())


def register(plan: Plan, store: Store) -> None:
    """Record the arena, everybody who plays, and the panel."""
    store.add_arena(arena_record(plan.arena.spec, plan.identity))
    for text in dict.fromkeys(t for pair in plan.pairings for t in pair):
        who = entrant(plan.choice, text)
        store.add_entrant(who.record(PLAY))
        if who.checkpoint is not None:
            found = who.checkpoint
            store.add_checkpoint(
                CheckpointRecord(
                    found.digest, who.entry.key, plan.identity, str(found.path), asdict(found.card), time_now()
                )
            )
    if plan.panel is not None:
        ids = tuple(entrant(plan.choice, text).id for text in plan.panel.members)
        store.add_panel(PanelRecord(plan.panel.id, plan.identity, ids))


def time_now() -> str:
    """The time as records keep it, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def add_once(match: MatchRecord, store: Store) -> None:
    """Record a match, unless it was played before: then its first command and time stay."""
    if not any(known.id == match.id for known in store.matches(match.arena)):
        store.add_match(match)


def record_match(plan: Plan, store: Store, command: str) -> None:
    """Record that this match was played; playing it again with the same seed adds nothing."""
    add_once(
        MatchRecord(
            plan.match_id,
            plan.identity,
            tuple(who.id for who in plan.entrants),
            "play",
            plan.seed,
            plan.episodes,
            tuple(plan.tasks()),
            command,
            time_now(),
            __version__,
            {
                "arena": plan.choice.name,
                "settings": list(plan.choice.settings),
                "wrap": list(plan.choice.wrap),
                "pairing": list(plan.pairings[0]),
                "first_episode": plan.first_episode,
            },
        ),
        store,
    )


def public_board(store: Store, identity: str) -> Board | None:
    """The board of the public seed sequence; None where nothing of this arena is recorded."""
    if not any(arena.id == identity for arena in store.arenas()):
        return None
    return board(store, identity, seed=PUBLIC_SEED)


def summarise(plan: Plan, store: Store, before: Board | None, *, cpu_s: float, recorded: bool) -> Summary:
    """Every figure of a match of two entrants, from the records."""
    ids = [who.id for who in plan.entrants]
    labels = unique_labels(ids, {who.id: who.label for who in plan.entrants})
    wanted = set(plan.tasks())
    everybody = {entrant(plan.choice, text).id for pairing in plan.pairings for text in pairing}
    blocks = [block for block in store.blocks(plan.identity, everybody, "play") if block.id in wanted]
    pair = sorted(ids)
    own = [block for block in blocks if list(block.entrants) == pair]
    rated = recorded and plan.seed == PUBLIC_SEED
    after = public_board(store, plan.identity) if rated else None
    changes = rating_change(before or replace(after, rows=()), after, ids) if after is not None else []
    steps = sum(int(r.lengths.sum()) for b in blocks for r in b.results) // len(plan.arena.spec.seats)
    return Summary(
        match=plan.match_id,
        arena=plan.identity,
        kind=plan.arena.spec.kind,
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


def estimate(values: np.ndarray) -> Estimate:
    """Mean and 95 % t-interval of independent numbers [n]."""
    n = len(values)
    mean = float(np.mean(values)) if n else math.nan
    if n < 2:
        return Estimate(mean, None, None, n)
    half = float(stdtrit(n - 1, 0.975) * np.std(values, ddof=1) / math.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n)


def _seat_lines(plan: Plan, blocks: list[BlockRecord], labels: dict[str, str]) -> list[SeatLine]:
    """One line per entrant and seat of the pairing, over its blocks and the rotations that seat it there."""
    groups: dict[tuple[str, str], list[list[SeatResult]]] = {}
    for who in dict.fromkeys(w.id for w in plan.entrants):
        for seat in plan.arena.spec.seats:
            found = [[r for r in b.results if r.entrant == who and r.seat == seat] for b in blocks]
            if any(found):
                groups[who, seat] = found
    exact = exact_values(plan)
    partner = {w.id: labels[o.id] for w, o in zip(plan.entrants, reversed(plan.entrants), strict=True)}
    lines = []
    for (who, seat), found in groups.items():
        results = [result for block in found for result in block]
        per_step = _per_episode(found, plan.arena.spec.max_steps)
        statuses = np.concatenate([r.statuses for r in results])
        faults = {s.value: int((statuses == s.code).sum()) for s in Status if s is not Status.DONE}
        lines.append(
            SeatLine(
                labels[who],
                seat,
                partner[who],
                estimate(per_step),
                exact.get((who, seat)),
                _pooled(results),
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


def _pooled(results: list[SeatResult]) -> dict[str, Estimate]:
    """Metrics of several blocks as one mean with its interval."""
    pooled: dict[str, Estimate] = {}
    for name in dict.fromkeys(n for r in results for n in r.metrics):
        parts = [r.metrics[name] for r in results if name in r.metrics and r.metrics[name][2] > 0]
        n = sum(count for _, _, count in parts)
        if n == 0:
            continue
        mean = sum(m * count for m, _, count in parts) / n
        # sums of squares around the common mean, from each part's mean and standard error
        squares = sum(se**2 * count * (count - 1) + count * (m - mean) ** 2 for m, se, count in parts)
        half = float(stdtrit(n - 1, 0.975)) * math.sqrt(squares / (n - 1) / n) if n > 1 else None
        pooled[name] = Estimate(mean, None if half is None else mean - half, None if half is None else mean + half, n)
    return pooled


def exact_values(plan: Plan) -> dict[tuple[str, str], float]:
    """(Entrant id, seat) -> exact undiscounted return per step of the pairing over the same T, where it is known."""
    spec = plan.arena.spec
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
        value = plan.arena.value(players, steps=spec.max_steps, gamma=1.0)
        for seat, who in rotation.items():
            found.setdefault((pair[who].id, seat), []).append(float(value[seat].mean()) / spec.max_steps)
    return {key: sum(values) / len(values) for key, values in found.items()}


def _duplicate(plan: Plan, blocks: list[BlockRecord], labels: dict[str, str]) -> Duplicate:
    """Own returns of the two per episode, averaged over the partners whom both met, and their paired difference."""
    table = performances(blocks, max_steps=plan.arena.spec.max_steps)
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
    difference = estimate(own[first] - own[second])
    names = {entrant(plan.choice, t).id: entrant(plan.choice, t).label for pair in plan.pairings for t in pair}
    return Duplicate(
        [labels.get(p, names[p]) for p in sorted(partners, key=lambda p: (p in (first, second), names[p]))],
        estimate(own[first]),
        estimate(own[second]),
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


def keep(blocks: Iterable[BlockRecord], store: Store) -> Iterable[BlockRecord]:
    """Record blocks as they come; each is on disk before the next is asked for."""
    for block in blocks:
        store.add_block(block)
        yield block

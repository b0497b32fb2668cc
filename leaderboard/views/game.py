"""The game behind an arena's numbers: what each entrant's place would be if what pays spread.

The entrants that have all met each other are the strategies of an empirical game; what the row got with the column is
its payoff. `statistics.game`, `equilibria` and `cycles` say what follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.errors import StoreError
from leaderboard.labels import unique_labels
from leaderboard.records import ArenaRecord
from leaderboard.statistics import equilibria, game
from leaderboard.statistics.cycles import Cycles, cycles
from leaderboard.statistics.estimate import plain
from leaderboard.statistics.field import Field, field_of
from leaderboard.statistics.panel_means import Floats
from leaderboard.statistics.tally import Tally, is_head_to_head, sides_of
from leaderboard.views.rated import counted

if TYPE_CHECKING:
    from leaderboard.store.store import Store

_PARTS = 4  # into which episodes are cut, each to be predicted from the others


@dataclass(frozen=True)
class Strategy:
    """One entrant as a strategy of the game (on one side).

    Attributes:
        entrant, label, side: who, and on which side; "" where sides do not matter.
        uniform: mean payoff against all alike; place_uniform: the place by it.
        survivors: payoff against those who survive imitation; place_survivors: the place by it; share: its own share.
        clone_proof: its rating that copies of entrants do not move; place_clone_proof: the place by it.
        alpha_rank: how much of the time imitation by single mutants spends with it.
    """

    entrant: str
    label: str
    side: str
    uniform: float
    place_uniform: int
    survivors: float
    place_survivors: int
    share: float
    clone_proof: float
    place_clone_proof: int
    alpha_rank: float


#: The payoff of a game in which two compete on one side.
GAMES_WON = "share of games won"


@dataclass(frozen=True)
class EmpiricalGame:
    """An empirical game.

    Attributes:
        arena: arena id.
        payoff: "own return per episode" or "share of games won".
        clone_proof: what the clone-proof rating is: "Nash averaging" or "deviation rating".
        strategies: by side, best clone-proof rating first.
        cycles: whether a single number per entrant is enough; None on several sides, in a cooperative game, and where
            too little was played.
        left_out: labels of entrants that have not met all others.
    """

    arena: str
    payoff: str
    clone_proof: str
    strategies: tuple[Strategy, ...]
    cycles: Cycles | None
    left_out: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON."""
        data: dict[str, Any] = plain(self)
        return data


def read_game(store: Store, arena_id: str, *, seed: int | None = None) -> EmpiricalGame:
    """The game of an arena, from all recorded matches of frozen entrants.

    Raises:
        StoreError: the arena is unknown, more than two sides meet, or no two entrants have met each other and
            themselves.
    """
    arena = store.arena(arena_id)
    tallies, _ = counted(store, seed).tallies(store, arena_id, "play")
    return make_game(arena, tallies, store.labels())


def make_game(arena: ArenaRecord, tallies: Sequence[Tally], labels: Mapping[str, str] | None = None) -> EmpiricalGame:
    """The game of these tallies, which hold their episodes.

    Raises:
        StoreError: see `read_game`.
    """
    sides = list(sides_of(arena))
    if len(sides) > 2:
        raise StoreError(f"{arena.id}: {len(sides)} sides meet, and the game behind the numbers is one of two at most")
    fields = [field_of(tallies, side, (), (), with_oneself=True) for side in sides]
    everybody = fields[0].entrants
    payoffs = [_payoffs(arena, field) for field in fields]
    chosen = _complete(np.all([np.isfinite(U) for U in payoffs], axis=0))
    if len(chosen) < 2:
        raise StoreError(
            f"{arena.id}: no two entrants have met each other and themselves; `zoo tournament A B C` lets them meet"
        )
    names = unique_labels(everybody, dict(labels or {}))
    who = [everybody[i] for i in chosen]
    payoffs = [U[np.ix_(chosen, chosen)] for U in payoffs]
    rows, method = _one_side(who, names, payoffs[0]) if len(sides) == 1 else _two_sides(who, names, sides, payoffs)
    return EmpiricalGame(
        arena.id,
        GAMES_WON if is_head_to_head(arena) else "own return per episode",
        method,
        tuple(sorted(rows, key=lambda row: (sides.index(row.side), row.place_clone_proof, row.label))),
        _cycles(tallies, who, is_head_to_head(arena)) if _cycles_are_told(arena) else None,
        tuple(names[entrant] for entrant in everybody if entrant not in who),
    )


def game_cycles(arena: ArenaRecord, tallies: Sequence[Tally]) -> Cycles | None:
    """Whether one number per entrant is enough; None where `_cycles_are_told` says so, or too little was played."""
    if not _cycles_are_told(arena):
        return None
    (side,) = sides_of(arena)
    field = field_of(tallies, side, (), (), with_oneself=True)
    who = [field.entrants[i] for i in _complete(np.isfinite(_payoffs(arena, field)))]
    return _cycles(tallies, who, is_head_to_head(arena))


def _cycles_are_told(arena: ArenaRecord) -> bool:
    """Whether one of two can do better than the other: not on several sides, nor where both earn the same."""
    return len(sides_of(arena)) == 1 and arena.kind != "cooperative"


def _payoffs(arena: ArenaRecord, field: Field) -> Floats:
    """What the row gets with the column, [n, n]; NaN where the two have not met."""
    if not is_head_to_head(arena):
        return field.mean
    games = field.won + field.won.T + field.drawn
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(games > 0, (field.won + field.drawn / 2) / games, np.nan)
    np.fill_diagonal(share, 0.5)  # a game against oneself is won and lost
    return np.asarray(share)


def _complete(met: Any) -> list[int]:
    """Entrants that have all met each other: those who lack most go first."""
    left = list(range(len(met)))
    while left:
        lacking = [(~met[i, left]).sum() + (~met[left, i]).sum() for i in left]
        if not any(lacking):
            break
        left.pop(int(np.argmax(lacking)))
    return left


def _one_side(who: Sequence[str], names: Mapping[str, str], U: Floats) -> tuple[list[Strategy], str]:
    made, alpha = game.places(U), game.alpha_rank(U)
    places = [made.place(column) for column in ("uniform", "survivors", "clone_proof")]
    rows = [
        Strategy(
            entrant,
            names[entrant],
            "",
            _figure(made.uniform[i]),
            places[0][i],
            _figure(made.survivors[i]),
            places[1][i],
            _figure(made.shares[i]),
            _figure(made.clone_proof[i]),
            places[2][i],
            _figure(alpha[i]),
        )
        for i, entrant in enumerate(who)
    ]
    return rows, "Nash averaging" if made.constant_sum else "deviation rating"


def _two_sides(
    who: Sequence[str], names: Mapping[str, str], sides: Sequence[str], payoffs: Sequence[Floats]
) -> tuple[list[Strategy], str]:
    first, second = payoffs[0], payoffs[1].T  # of the first side's i and the second side's j, where the two meet
    shares = game.replicator_shares_sides(first, second)
    alpha = game.alpha_rank_sides(first, second)
    proof = equilibria.deviation_rating_sides(first, second)
    rows = []
    for k, (side, U) in enumerate(zip(sides, payoffs, strict=True)):
        uniform, survivors = U.mean(axis=1), U @ shares[1 - k]
        places = [game.ranks(x) for x in (uniform, survivors, proof[k])]
        for i, entrant in enumerate(who):
            values = (uniform[i], survivors[i], shares[k][i], proof[k][i], alpha[k][i])
            mean, against, share, rating, time = map(_figure, values)
            of = (mean, places[0][i], against, places[1][i], share, rating, places[2][i], time)
            rows.append(Strategy(entrant, names[entrant], side, *of))
    return rows, "deviation rating"


def _cycles(tallies: Sequence[Tally], who: Sequence[str], games: bool) -> Cycles | None:
    """Whether one number per entrant predicts held-out episodes as well as one with a turning part."""
    at = {entrant: i for i, entrant in enumerate(who)}
    total, n = np.zeros((_PARTS, len(who), len(who))), np.zeros((_PARTS, len(who), len(who)))
    for tally in tallies:
        if tally.own is None or tally.first == tally.second or not {tally.first, tally.second} <= at.keys():
            continue
        difference = tally.own[:, 0] - tally.own[:, 1]
        if games:  # who got more, as a share of games won
            difference = (np.sign(difference) + 1.0) / 2.0
        part = (tally.start + np.arange(tally.episodes)) % _PARTS
        known = np.isfinite(difference)
        i, j = at[tally.first], at[tally.second]
        total[:, i, j] += np.bincount(part[known], weights=difference[known], minlength=_PARTS)
        n[:, i, j] += np.bincount(part[known], minlength=_PARTS)
    upper = np.triu_indices(len(who), k=1)
    if len(who) < 3 or (n[:, upper[0], upper[1]] == 0).any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return cycles(np.where(n > 0, total / n, np.nan), n if games else None)


def _figure(value: float) -> float:
    return float(f"{round(float(value), 9):.9g}") + 0.0

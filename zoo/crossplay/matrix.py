"""The cross-play matrix: what has to be played, and the returns as arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from arenas.protocol import ArenaSpec
from leaderboard.crossplay import episode_returns
from leaderboard.statistics.estimate import Floats
from leaderboard.store import Store
from zoo.crossplay.players import Contestant, check, contestants, roles
from zoo.entry.entrant import Entrant
from zoo.entry.venue import ArenaChoice, entrant
from zoo.errors import UserError
from zoo.matches.match import Plan, keep, record_match, register
from zoo.play.blocks import PUBLIC_SEED, play_blocks
from zoo.work.pool import limit_threads


@dataclass(frozen=True)
class CrossMatrix:
    """What the rows got with the columns.

    Attributes:
        choice: the arena as it was asked for; identity: as records name it; spec: its rules.
        roles: {role: its seats}, see `roles`.
        rows: R players, columns: C players.
        seed: match seed; episodes: E of them in every cell, from number 0 on.
        returns: role -> float [E, R, C], own return of each episode; `leaderboard.crossplay.episode_returns` tells
            which seats and rotations count.
        per_step: the same per step.
        blocks: of how many it is made; played: how many were played for it, as the others were recorded before.
    """

    choice: ArenaChoice
    identity: str
    spec: ArenaSpec
    roles: Mapping[str, tuple[str, ...]]
    rows: tuple[Contestant, ...]
    columns: tuple[Contestant, ...]
    seed: int
    episodes: int
    returns: Mapping[str, Floats]
    per_step: Mapping[str, Floats]
    blocks: int = 0
    played: int = 0

    def mean(self, role: str) -> Floats:
        """Mean return per episode, float [R, C]."""
        return np.asarray(self.returns[role].mean(axis=0))

    def standard_error(self, role: str) -> Floats:
        """Standard error of `mean` over episodes, float [R, C]; NaN from a single one."""
        if self.episodes < 2:
            return np.full((len(self.rows), len(self.columns)), np.nan)
        return np.asarray(self.returns[role].std(axis=0, ddof=1) / self.episodes**0.5)

    @property
    def kinds(self) -> list[str]:
        """The kind of each column."""
        return [column.kind for column in self.columns]

    @cached_property
    def held_out(self) -> NDArray[np.bool_]:
        """Whether the column comes from another training run than the row, bool [R, C]."""
        return np.array([[row.is_stranger_of(column) for column in self.columns] for row in self.rows], dtype=np.bool_)

    def own_column(self, row: int) -> int | None:
        """The column in which a row meets itself, as it trained; None without one, or where it was not trained."""
        who = self.rows[row]
        return next((j for j, column in enumerate(self.columns) if who.weights and column.id == who.id), None)

    def row_of(self, text: str) -> int:
        """The row of an entrant.

        Raises:
            UserError: it is no row.
        """
        wanted = entrant(self.choice, text).id
        for number, player in enumerate(self.rows):
            if player.id == wanted:
                return number
        raise UserError(f"{text} is no row of the matrix: let it play, too")


def play(
    choice: ArenaChoice,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    episodes: int | None = None,
    seed: int = PUBLIC_SEED,
    workers: int = 1,
    store: Store | None = None,
    command: str = "",
    watch: Callable[[int, int], None] | None = None,
) -> CrossMatrix:
    """Play what is missing of a cross-play matrix, and read it from the records.

    Blocks are those of matches and tournaments, and each is recorded before the next begins: what was stopped goes on
    where it was, and pairings that have met are not played again.

    Args:
        choice: the arena.
        rows: ENTRANT texts.
        columns: ENTRANT texts; None takes the rows.
        episodes: E of every pairing in each seating; by default the arena's.
        seed: match seed; 0 is the public one, whose blocks are rated.
        workers: processes that play.
        store: records to read and to add to; None keeps nothing.
        command: what was typed, for the records.
        watch: called with the number of blocks that are done and of all that have to be played.

    Raises:
        UserError: an entrant is unknown, cannot fill one of the roles, or is named twice among the rows or columns.
    """
    limit_threads()
    columns = rows if columns is None else columns
    plan = _plan(choice, rows, columns, episodes, seed)
    spec, parts, tasks = plan.arena.spec, roles(plan.arena.spec), plan.tasks()
    players = contestants(choice, list(dict.fromkeys([*rows, *columns])))
    named = [tuple(players[text] for text in texts) for texts in (rows, columns)]
    with ExitStack() as passing:
        records = store if store is not None else passing.enter_context(Store(":memory:"))
        played = _run(plan, records, workers, command, watch)
        everybody = {player.id for player in players.values()}
        blocks = [block for block in records.blocks(plan.identity, everybody, "play") if block.id in tasks]
    ids, others = ([player.id for player in of] for of in named)
    return CrossMatrix(
        choice=choice,
        identity=plan.identity,
        spec=spec,
        roles=parts,
        rows=named[0],
        columns=named[1],
        seed=seed,
        episodes=plan.episodes,
        returns=episode_returns(blocks, ids, others, parts, plan.episodes),
        per_step=episode_returns(blocks, ids, others, parts, plan.episodes, max_steps=spec.max_steps),
        blocks=len(tasks),
        played=played,
    )


def _plan(choice: ArenaChoice, rows: Sequence[str], columns: Sequence[str], episodes: int | None, seed: int) -> Plan:
    """Every row with every column."""
    arena = choice.make(1)
    identity = choice.identity(arena)
    if len(arena.spec.seats) < 2:
        raise UserError(f"{identity} has one seat: there is nobody to play with")
    texts = list(dict.fromkeys([*rows, *columns]))
    check(choice, texts)
    for named in (rows, columns):
        _each_once([entrant(choice, text) for text in named])
    everybody = tuple(entrant(choice, text) for text in texts)
    pairings = _pairings(choice, rows, columns)
    return Plan(choice, arena, identity, everybody, None, pairings, seed, 0, episodes or arena.spec.episodes)


def _run(plan: Plan, store: Store, workers: int, command: str, watch: Callable[[int, int], None] | None) -> int:
    register(plan, store)
    tasks = plan.tasks()
    have = store.has_blocks(tasks)
    todo = [task for key, task in tasks.items() if key not in have]
    for done, _ in enumerate(keep(play_blocks(todo, workers), store)):
        if watch is not None:
            watch(done + 1, len(todo))
    record_match(plan, store, command)
    return len(todo)


def _pairings(choice: ArenaChoice, rows: Sequence[str], columns: Sequence[str]) -> list[tuple[str, str]]:
    """Every row with every column, each pairing once, ordered by ids within the pairing."""
    ids = {text: entrant(choice, text).id for text in (*rows, *columns)}
    pairings: dict[tuple[str, str], tuple[str, str]] = {}
    for pair in itertools.product(rows, columns):
        first, second = sorted(pair, key=lambda text: ids[text])
        pairings.setdefault((ids[first], ids[second]), (first, second))
    return list(pairings.values())


def _each_once(named: Sequence[Entrant]) -> None:
    known: dict[str, Entrant] = {}
    for who in named:
        other = known.get(who.id)
        known[who.id] = who
        if other is not None:
            twice = who.label if who.label == other.label else f"{other.label}, which is {who.label},"
            raise UserError(f"{twice} is named twice: name everybody once")

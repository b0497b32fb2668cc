"""The cross-play matrix: who plays, what has to be played, and the returns as arrays."""

from __future__ import annotations

import glob
import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from arenas.protocol import ArenaSpec
from leaderboard.crossplay import episode_returns
from leaderboard.labels import unique_labels
from leaderboard.records import canonical
from leaderboard.store import Store
from zoo import checkpoint
from zoo.entrant import Entrant
from zoo.errors import UserError
from zoo.match import Plan, keep, record_match, register
from zoo.play import PUBLIC_SEED, ArenaChoice, entrant, limit_threads, play_blocks
from zoo.progress import short
from zoo.screen import watch

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
_WILD = "*?["
#: Options of `zoo train` that leave the run what it is, or are told by the card besides.
_NOT_THE_RUN = ("steps", "seed", "seeds", "out", "workers", "save-every")


@dataclass(frozen=True)
class Matrix:
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
    rows: tuple[Player, ...]
    columns: tuple[Player, ...]
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

    @cached_property
    def held_out(self) -> Flags:
        """Whether the column comes from another training run than the row, bool [R, C]."""
        return np.array([[_strangers(row, column) for column in self.columns] for row in self.rows], dtype=np.bool_)

    def own_column(self, row: int) -> int | None:
        """The column in which a row meets itself, as it trained; None without one, or where it was not trained."""
        who = self.rows[row]
        return next((j for j, column in enumerate(self.columns) if who.weights and column.id == who.id), None)


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
    quiet: bool = True,
) -> Matrix:
    """Play what is missing of a cross-play matrix, and read it from the records.

    Blocks are those of matches and tournaments, and each is recorded before the next begins: what was stopped goes on
    where it was, and whoever has met is not sent to play again.

    Args:
        choice: the arena.
        rows: ENTRANT texts.
        columns: ENTRANT texts; None takes the rows.
        episodes: E of every pairing in each seating; by default the arena's.
        seed: match seed; 0 is the public one, whose blocks are rated.
        workers: processes that play.
        store: records to read and to add to; None keeps nothing.
        command: what was typed, for the records.
        quiet: show no progress.

    Raises:
        UserError: an entrant is unknown, cannot fill one of the roles, or is named twice among the rows or columns.
    """
    limit_threads()
    if store is None:
        with Store(":memory:") as passing:
            return play(
                choice,
                rows,
                columns,
                episodes=episodes,
                seed=seed,
                workers=workers,
                store=passing,
                command=command,
                quiet=quiet,
            )
    arena = choice.make(1)
    identity, spec = choice.identity(arena), arena.spec
    if len(spec.seats) < 2:
        raise UserError(f"{identity} has one seat: there is nobody to play with")
    columns = rows if columns is None else columns
    texts = list(dict.fromkeys([*rows, *columns]))
    parts = roles(spec)
    check(choice, texts)
    for named in (rows, columns):
        _each_once([entrant(choice, text) for text in named])
    pairings = _pairings(choice, rows, columns)
    everybody = tuple(entrant(choice, text) for text in texts)
    plan = Plan(choice, arena, identity, everybody, None, pairings, seed, 0, episodes or spec.episodes)
    register(plan, store)
    tasks = plan.tasks()
    have = store.has_blocks(tasks)
    todo = [task for key, task in tasks.items() if key not in have]
    for _ in watch(keep(play_blocks(todo, workers), store), len(todo), "blocks", quiet=quiet):
        pass
    record_match(plan, store, command)
    players = dict(zip(texts, _players(choice, texts), strict=True))
    blocks = [b for b in store.blocks(identity, {p.id for p in players.values()}, "play") if b.id in tasks]
    row_ids, column_ids = [players[t].id for t in rows], [players[t].id for t in columns]
    return Matrix(
        choice=choice,
        identity=identity,
        spec=spec,
        roles=parts,
        rows=tuple(players[text] for text in rows),
        columns=tuple(players[text] for text in columns),
        seed=seed,
        episodes=plan.episodes,
        returns=episode_returns(blocks, row_ids, column_ids, parts, plan.episodes),
        per_step=episode_returns(blocks, row_ids, column_ids, parts, plan.episodes, max_steps=spec.max_steps),
        blocks=len(tasks),
        played=len(todo),
    )


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



"""The cross-play matrix: what has to be played, and the returns as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from leaderboard.records import STATUSES, BlockRecord, Status
from leaderboard.statistics.estimate import Floats
from leaderboard.store.store import Store
from leaderboard.views.crossplay import episode_returns
from leaderboard.views.cuts import share_cut
from zoo.crossplay.players import Contestant, check, contestants, roles
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.matches.plan import MatchPlan, Work, ordered, run
from zoo.matches.tournament import each_once
from zoo.play import luck
from zoo.play.blocks import arena_record
from zoo.work.pool import limit_threads
from zoo.work.progress import Watch, unwatched


@dataclass(frozen=True)
class CrossMatrix:
    """What the rows got with the columns.

    Attributes:
        venue: where it was played.
        roles: {role: its seats}, see `roles`.
        rows: R players, columns: C players.
        seed: match seed; episodes: E of them in every cell, from number 0 on.
        returns: role -> float [E, R, C], own return of each episode, or in a competitive game on one side the share of
            its games that the row won; `views.crossplay.episode_returns` tells which seats and rotations count. An
            episode that the column spoiled has the mean of the others; NaN where there are none.
        blocks: of how many it is made; played: how many were played for it, as the others were recorded before.
        rated: whether a board counts all that was played.
        cut: share of the episodes that a cap has cut.
        faults: text of a player -> status -> episodes x seats that it spoiled.
    """

    venue: Venue
    roles: Mapping[str, tuple[str, ...]]
    rows: tuple[Contestant, ...]
    columns: tuple[Contestant, ...]
    seed: int
    episodes: int
    returns: Mapping[str, Floats]
    blocks: int = 0
    played: int = 0
    faults: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    rated: bool = True
    cut: float = 0.0

    @property
    def identity(self) -> str:
        """The arena, as records name it."""
        return self.venue.identity

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
        """Whether the column comes from another training run than the row, and did not spoil all, bool [R, C]."""
        others = [[row.is_stranger_of(column) for column in self.columns] for row in self.rows]
        known = [np.isfinite(returns).all(axis=0) for returns in self.returns.values()]
        stranger = np.array(others, dtype=np.bool_).reshape(len(self.rows), len(self.columns))
        return np.asarray(stranger & np.all(known, axis=0))

    def own_column(self, row: int) -> int | None:
        """The column in which a row meets itself, as it trained; None without one, or where it was not trained."""
        who = self.rows[row]
        return next((j for j, column in enumerate(self.columns) if who.weights and column.id == who.id), None)

    def row_of(self, text: str) -> int:
        """The row of an entrant.

        Raises:
            UserError: it is no row.
        """
        wanted = self.venue.id(text)
        for number, player in enumerate(self.rows):
            if player.id == wanted:
                return number
        raise UserError(f"{text} is no row of the matrix: let it play, too")


def play(
    venue: Venue,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    *,
    episodes: int | None = None,
    seed: int | None = None,
    workers: int = 1,
    store: Store | None = None,
    command: str = "",
    watch: Watch = unwatched,
) -> CrossMatrix:
    """Play what is missing of a cross-play matrix, and read it from the records.

    Blocks are those of matches and tournaments, and each is recorded before the next begins: what was stopped goes on
    where it was, and pairings that have met are not played again.

    Args:
        venue: the arena, and who enters there.
        rows: ENTRANT texts.
        columns: ENTRANT texts; None takes the rows.
        episodes: E of every pairing in each rotation; by default the arena's.
        seed: match seed; None plays the one that is rated.
        workers: processes that play.
        store: records to read and to add to; None keeps nothing.
        command: what was typed, for the records.
        watch: given the blocks that are done and all that have to be played.

    Raises:
        UserError: an entrant is unknown, cannot fill one of the roles, or is named twice among the rows or columns.
    """
    limit_threads()
    columns = rows if columns is None else columns
    texts = list(dict.fromkeys([*rows, *columns]))
    if len(venue.spec.seats) < 2:
        raise UserError(f"{venue.identity} has one seat: there is nobody to play with")
    check(venue, texts)
    for named in (rows, columns):
        each_once([venue.entrant(text) for text in named])
    entrants, pairings = tuple(map(venue.entrant, texts)), ordered(venue, product(rows, columns))
    seed = luck.rated_seed(entrants) if seed is None else seed
    plan = MatchPlan(venue, entrants, None, pairings, seed, 0, episodes or venue.spec.episodes)
    players = contestants(venue, texts)
    of_rows, of_columns = (tuple(players[text] for text in named) for named in (rows, columns))
    with Store(":memory:") if store is None else nullcontext(store) as records:
        played = run(plan, records, Work(command, workers, watch))
        known = records.blocks(venue.identity, {player.id for player in players.values()}, "play")
    blocks = [block for block in known if block.id in plan.tasks]
    parts = roles(venue.spec)
    row_ids, column_ids = ([player.id for player in players_of] for players_of in (of_rows, of_columns))
    what = (blocks, row_ids, column_ids, parts, plan.episodes)
    returns = episode_returns(*what, arena=arena_record(venue.spec, venue.identity))
    whole = {role: filled(of_role) for role, of_role in returns.items()}
    faults = _faults(blocks, {player.id: text for text, player in players.items()})
    matrix = (venue, parts, of_rows, of_columns, seed, plan.episodes, whole)
    return CrossMatrix(*matrix, len(plan.tasks), played, faults, plan.rated, share_cut(blocks))


def filled(returns: Floats) -> Floats:
    """Returns [E, R, C] with the mean of a cell's other episodes where one does not count."""
    known = np.isfinite(returns)
    if known.all():
        return returns
    with np.errstate(invalid="ignore"):
        mean = np.where(known, returns, 0.0).sum(axis=0) / known.sum(axis=0)
    return np.where(known, returns, mean)


def _faults(blocks: Sequence[BlockRecord], texts: Mapping[str, str]) -> dict[str, dict[str, int]]:
    counts = {text: dict.fromkeys(Status, 0) for text in texts.values()}
    for result in (result for block in blocks for result in block.results):
        for code, count in zip(*np.unique(result.statuses, return_counts=True), strict=True):
            counts[texts[result.entrant]][STATUSES[code]] += int(count)
    spoiled = {text: {s.value: n for s, n in of.items() if n and s is not Status.DONE} for text, of in counts.items()}
    return {text: of for text, of in spoiled.items() if of}

"""Cross-play: what each entrant gets when paired with each other one."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leaderboard.labels import unique_labels
from leaderboard.records import ArenaRecord, BlockRecord
from leaderboard.statistics.tally import Floats, Ints, Tally, counted_returns, is_head_to_head, scores, sides_of
from leaderboard.views.rated import counted

if TYPE_CHECKING:
    from leaderboard.store.store import Store


@dataclass(frozen=True)
class Crossplay:
    """What the row got when paired with the column; self-play on the diagonal.

    In a competitive game on one side that is the share of games won, a draw counting half; elsewhere the mean own
    return per episode.

    Attributes:
        arena: arena id.
        side: the side that the row plays; "" if the mean goes over all seats.
        entrants: n entrant ids.
        labels: what to call them, each once.
        quantity: "games won" or "own return".
        mean: float [n, n]; NaN where the two have not met.
        standard_error: float [n, n] of the mean, with the episode as the unit (of games won: at most so much); NaN
            from fewer than two.
        n: int [n, n], number of episodes, each the mean over the rotations.
        cut: share of the episodes that a cap has cut, where that was looked up.
    """

    arena: str
    side: str
    entrants: tuple[str, ...]
    labels: tuple[str, ...]
    quantity: str
    mean: Floats
    standard_error: Floats
    n: Ints
    cut: float = 0.0

    def plain(self) -> dict[str, Any]:
        """Plain data for JSON; what is not known is None."""
        known: dict[str, Any] = {}
        for name, x in {"mean": self.mean, "standard_error": self.standard_error}.items():
            known[name] = [[float(value) if np.isfinite(value) else None for value in row] for row in x]
        names = {"entrants": list(self.entrants), "labels": list(self.labels), "quantity": self.quantity}
        return {"arena": self.arena, "side": self.side, **names, **known, "n": self.n.tolist(), "cut": self.cut}


def crossplay(
    tallies: Iterable[Tally],
    arena: ArenaRecord,
    entrants: Sequence[str],
    *,
    side: str = "",
    labels: Mapping[str, str] | None = None,
) -> Crossplay:
    """The cross-play matrix of `entrants`, in this order, from tallies of one arena and mode.

    Args:
        tallies: in any order, with their episodes; those of other entrants are passed over.
        arena: the arena.
        entrants: entrant ids.
        side: side that the row plays; "" for the mean over all its seats.
        labels: {entrant id: label}.

    Raises:
        ValueError: entrants are not counted on a side of that name.
    """
    if side not in sides_of(arena):
        raise ValueError(f"no seat is on side {side!r}" if side else "name a side: this game has several")
    names = unique_labels(entrants, labels or {})
    mean, error, n = _cells([tally for tally in tallies if tally.side == side], arena, entrants)
    quantity = "games won" if is_head_to_head(arena) else "own return"
    called = tuple(names[entrant] for entrant in entrants)
    return Crossplay(arena.id, side, tuple(entrants), called, quantity, mean, error, n)


def _cells(tallies: Sequence[Tally], arena: ArenaRecord, entrants: Sequence[str]) -> tuple[Floats, Floats, Ints]:
    """Mean, standard error and number of episodes, each [n, n]."""
    # Here, as a board from the cache needs no such statistics, whose import takes longer than reading it.
    from leaderboard.statistics.field import pair_returns

    size = len(entrants)
    mean, error = np.full((size, size), np.nan), np.full((size, size), np.nan)
    n = np.zeros((size, size), dtype=np.intp)
    if is_head_to_head(arena):
        results = _games(tallies, entrants)
    else:
        own = pair_returns(tallies, entrants, entrants)[0]
        results = (((cell.entrant, cell.partner), cell.own, len(cell.own)) for cell in own)
    for cell, every, episodes in results:
        n[cell], mean[cell] = episodes, every.mean()
        error[cell] = every.std(ddof=1) / episodes**0.5 if episodes > 1 else np.nan
    return mean, error, n


def _games(tallies: Iterable[Tally], entrants: Sequence[str]) -> Iterator[tuple[tuple[int, int], Floats, int]]:
    """(row, column), what each game was worth to the row, and number of episodes, for each two that met.

    Games are several an episode, one for each rotation; taken with the error of as many results as there are episodes
    their mean is never thought surer than it is.
    """
    at = {entrant: i for i, entrant in enumerate(entrants)}
    won: dict[tuple[int, int], Ints] = {}
    episodes = Counter[tuple[int, int]]()
    for tally in tallies:
        if tally.first in at and tally.second in at and any(tally.won):
            cell = at[tally.first], at[tally.second]
            for way, games in ((cell, tally.won), (cell[::-1], tally.won[::-1])):
                won[way] = won.get(way, np.zeros(3, dtype=np.intp)) + games
                episodes[way] += tally.episodes
    for way, counts in won.items():
        yield way, np.repeat([1.0, 0.5, 0.0], counts), episodes[way]


def read_crossplay(
    store: "Store",
    arena: str,
    mode: str = "play",
    *,
    entrants: Sequence[str] | None = None,
    side: str = "",
    seed: int | None = None,
) -> Crossplay:
    """The cross-play matrix of the recorded blocks under the present rules.

    Args:
        store: the records.
        arena: arena id.
        mode: "play" or "learn".
        entrants: entrant ids in the order wanted; None for all who played, sorted by label.
        side: side that the row plays; "" for the mean over all its seats.
        seed: count only blocks of this match seed; None for all, `RATED` for those that a board counts.

    Raises:
        StoreError: the arena is unknown, or the store cannot be read.
        ValueError: entrants are not counted on a side of that name.
    """
    record = store.arena(arena)
    tallies, _ = counted(store, seed).tallies(store, arena, mode, entrants)
    labels = store.labels()
    if entrants is None:
        played = {entrant for tally in tallies for entrant in (tally.first, tally.second)}
        entrants = sorted(played, key=lambda entrant: (labels.get(entrant, entrant), entrant))
    return crossplay(tallies, record, entrants, side=side, labels=labels)


def episode_returns(
    blocks: Iterable[BlockRecord],
    rows: Sequence[str],
    columns: Sequence[str],
    roles: Mapping[str, Sequence[str]],
    episodes: int,
    *,
    first: int = 0,
    arena: ArenaRecord | None = None,
) -> dict[str, Floats]:
    """Role -> float [episodes, rows, columns], own return of the row in that role when the column fills the rest.

    A role is a set of seats. Where the rotations of a block seat the row in all of them or in none, as with several
    parties, the row plays the whole role. Where they seat it in different numbers of them, as on a single side, those
    rotations count in which it fills the fewest, so that the partners fill the rest. An episode counts the mean over
    these rotations and over the seats that the row fills in them; with itself the row fills all seats. One that the
    column spoiled is NaN.

    Args:
        blocks: blocks of one arena and mode, and in each pairing of one match seed, in any order; other pairings are
            passed over.
        rows: entrant ids of those whose returns they are.
        columns: entrant ids of those whom they meet.
        roles: {role: its seats}.
        episodes: how many episodes, from number `first` on; those that were not played are NaN.
        first: number of the first episode.
        arena: given, a competitive game on one side has games won in the place of returns: 1 for an episode that the
            row won, 1/2 for one that was drawn, the mean over the rotations; 1/2 with itself.
    """
    row_of, column_of = {who: i for i, who in enumerate(rows)}, {who: i for i, who in enumerate(columns)}
    returns = {role: np.full((episodes, len(rows), len(columns)), np.nan) for role in roles}
    for block in blocks:
        a, b = block.entrants
        start, end = max(block.first_episode, first), min(block.first_episode + block.episodes, first + episodes)
        if start >= end:
            continue
        there, here = slice(start - first, end - first), slice(start - block.first_episode, end - block.first_episode)
        for who, partner in {(a, b), (b, a)}:
            if who not in row_of or partner not in column_of:
                continue
            for role, seats in roles.items():
                mine = [result for result in block.results if result.seat in seats]
                cell = (
                    scores(block, who, arena) if arena and is_head_to_head(arena) else counted_returns(block, mine, who)
                )
                if cell is not None:
                    returns[role][there, row_of[who], column_of[partner]] = cell[here]
    return returns

"""Everybody on one side of an arena, from the tallies: who met whom, what each got, and the headlines over a panel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboard.records import STATUSES
from leaderboard.seeds import PUBLIC_SEED, SECRET_SEEDS
from leaderboard.statistics.counts import Counts
from leaderboard.statistics.panel_means import Floats, Ints, PairReturns, PanelMeans, gather
from leaderboard.statistics.tally import NO_FAULTS, Tally

#: Episodes of a series, of which the classical ratings take one result; more where there would be too many series.
SERIES = 25
MOST_SERIES = 20
_IN_ORDER = attrgetter("first", "second", "seed", "start")


@dataclass(frozen=True)
class Field:
    """n entrants on one side, and m partners with whom they are compared.

    Attributes:
        side: the side; "" where sides do not matter.
        entrants: ids, sorted.
        partners: ids of the partners; weights: float [m].
        with_oneself: whether a partner is its own partner, too.
        mean: float [n, n], mean own return of the row with the column; NaN where the two have not met.
        counted: int [n, n], in how many episodes.
        headline: weighted means over the partners.
        won, drawn: float [n, n], episodes that the row won against the column, and that were drawn; an episode under
            several rotations counts the share of them.
        games, blocks: int [n]; faults: int [n, number of statuses], episodes x seats by status.
        tallies: what all this is made of.
    """

    side: str
    entrants: tuple[str, ...]
    partners: tuple[str, ...]
    weights: Floats
    with_oneself: bool
    mean: Floats
    counted: Ints
    headline: PanelMeans
    won: Floats
    drawn: Floats
    games: Ints
    blocks: Ints
    faults: Ints
    tallies: Sequence[Tally]

    @cached_property
    def wanted(self) -> NDArray[np.bool_]:
        """Which partners each entrant has to meet, bool [n, m]."""
        others = [who != partner for who in self.entrants for partner in self.partners]
        wanted = np.array(others, dtype=np.bool_).reshape(len(self.entrants), len(self.partners))
        return np.ones_like(wanted) if self.with_oneself else wanted

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Who has met all whom it has to meet, bool [n]: only they can be compared."""
        wanted = self.wanted
        return np.asarray((self.headline.met >= wanted).all(axis=1) & wanted.any(axis=1))

    @cached_property
    def with_partners(self) -> Floats:
        """Mean own return with each partner, [n, m]; NaN where it was not met or does not count."""
        column = [self.entrants.index(who) if who in self.entrants else -1 for who in self.partners]
        known = np.column_stack([self.mean, np.full(len(self.entrants), np.nan)])[:, column]
        return np.where(self.headline.met, known, np.nan)

    @cached_property
    def everybody(self) -> Floats:
        """Mean own return over all others that each has met, each equally, [n]; NaN for one who has met nobody."""
        others = np.where(np.eye(len(self.entrants), dtype=np.bool_), np.nan, self.mean)
        met = np.isfinite(others)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(met, others, 0.0).sum(axis=1) / met.sum(axis=1))

    @cached_property
    def uniform(self) -> Floats:
        """Headlines if all partners weighed the same, [n]."""
        return self.reweighted(np.ones(len(self.partners)))

    @cached_property
    def worst_partner(self) -> Ints:
        """Position of the partner that leaves each entrant the least, [n]; -1 for one who has met none."""
        if not self.partners:
            return np.full(len(self.entrants), -1)
        known = np.isfinite(self.with_partners)
        return np.where(known.any(axis=1), np.where(known, self.with_partners, np.inf).argmin(axis=1), -1)

    def reweighted(self, weights: Floats) -> Floats:
        """Headlines under other weights of the partners, [n]."""
        counted = self.headline.met * weights
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.nansum(self.with_partners * counted, axis=1) / counted.sum(axis=1))

    def without_faults(self) -> PanelMeans:
        """Headlines of the episodes that the entrants did not spoil themselves."""
        return _headline(self.tallies, self.entrants, self.partners, self.weights, self.with_oneself, sound=True)

    def counts(self) -> Counts:
        """Who won how often against whom, for the rating of a competitive game on one side."""
        return Counts(self.entrants, self.won, self.drawn)

    @cached_property
    def in_turn(self) -> Floats:
        """Panel mean of each episode by its number, [n, number of episodes]; NaN where it is not known.

        Strangers play other luck than those who ship, on secret seeds. Their episodes stand beside those of the same
        number on the public seed, each under its own luck, so that results of the two can be taken one after the other.
        """
        of_episode = self.headline.of_episode
        if not any(tally.seed >= SECRET_SEEDS for tally in self.tallies):
            return of_episode
        column, width = _columns(self.tallies)
        known, total = np.isfinite(of_episode), np.zeros((len(self.entrants), width))
        n = np.zeros(total.shape)
        np.add.at(total.T, column, np.where(known, of_episode, 0.0).T)
        np.add.at(n.T, column, known.T)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / n)

    def series(self) -> Floats:
        """Mean panel mean of each series, [n, number of series], in the order of episodes; NaN where none is known.

        A series is some consecutive episodes, under the same luck for all who are rated on the same seed.
        """
        of_episode, length = self.in_turn, self.series_length
        known = np.isfinite(of_episode)
        starts = np.arange(0, of_episode.shape[1], length)
        if not starts.size:
            return np.zeros((len(self.entrants), 0))
        total, n = (np.add.reduceat(x, starts, axis=1) for x in (np.where(known, of_episode, 0.0), known.astype(float)))
        with np.errstate(invalid="ignore"):
            return np.asarray(total / n)

    @property
    def series_length(self) -> int:
        """Episodes of a series."""
        return int(max(SERIES, -(-self.in_turn.shape[1] // MOST_SERIES)))


def field_of(
    tallies: Iterable[Tally], side: str, partners: Sequence[str], weights: Sequence[float], *, with_oneself: bool
) -> Field:
    """The field of one side.

    Args:
        tallies: of one arena and mode; those with a partner hold their episodes.
        side: whose tallies count.
        partners: ids with whom entrants are compared.
        weights: of the partners.
        with_oneself: whether a partner counts as its own partner, too.
    """
    tallies = sorted((tally for tally in tallies if tally.side == side), key=_IN_ORDER)
    entrants = tuple(sorted({who for tally in tallies for who in (tally.first, tally.second)}))
    at = {who: i for i, who in enumerate(entrants)}
    n = len(entrants)
    i, j = (np.array([at[who] for who in names], dtype=np.intp) for names in _pairs(tallies))
    two = i != j  # in self-play the second is the first
    own = np.array([tally.total for tally in tallies]).reshape(-1, 2)
    n_own = np.array([tally.counted for tally in tallies], dtype=np.intp).reshape(-1, 2)
    total = _placed(n, i, j, own[:, 0]) + _placed(n, j[two], i[two], own[two, 1])
    counted = (_placed(n, i, j, n_own[:, 0]) + _placed(n, j[two], i[two], n_own[two, 1])).astype(np.intp)
    games_won = np.array([tally.won for tally in tallies], dtype=np.float64).reshape(-1, 3)[two]
    episodes = np.array([tally.episodes for tally in tallies], dtype=np.float64)[two]
    share = games_won * (episodes / np.maximum(games_won.sum(axis=1), 1.0))[:, None]
    won = _placed(n, i[two], j[two], share[:, 0]) + _placed(n, j[two], i[two], share[:, 2])
    drawn = _placed(n, i[two], j[two], share[:, 1])
    drawn = drawn + drawn.T
    games, blocks = (
        _summed(n, i, j, two, np.array([getattr(tally, name) for tally in tallies])) for name in ("games", "blocks")
    )
    faults = np.zeros((n, len(STATUSES)), dtype=np.intp)
    for tally in tallies:
        if tally.faults is not NO_FAULTS:
            faults[at[tally.first]] += tally.faults[0]
            faults[at[tally.second]] += tally.faults[1] * (tally.first != tally.second)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(counted > 0, total / counted, np.nan)
    weight = np.asarray(weights, dtype=np.float64)
    headline = _headline(tallies, entrants, partners, weight, with_oneself)
    met = (mean, counted, headline, won, drawn, games, blocks, faults, tallies)
    return Field(side, entrants, tuple(partners), weight, with_oneself, *met)


def _pairs(tallies: Sequence[Tally]) -> tuple[list[str], list[str]]:
    return [tally.first for tally in tallies], [tally.second for tally in tallies]


def _placed(n: int, i: Ints, j: Ints, values: NDArray[Any]) -> Floats:
    """The sums of the values at (i, j), [n, n]; in the order of the values, so that a field has one result."""
    return np.asarray(np.bincount(i * n + j, weights=values, minlength=n * n).reshape(n, n))


def _summed(n: int, i: Ints, j: Ints, two: NDArray[np.bool_], values: NDArray[Any]) -> Ints:
    """The sums of whole numbers over all that each took part in, [n]."""
    whole = np.bincount(i, weights=values, minlength=n) + np.bincount(j[two], weights=values[two], minlength=n)
    return np.asarray(whole, dtype=np.intp)


def _headline(
    tallies: Sequence[Tally],
    entrants: Sequence[str],
    partners: Sequence[str],
    weights: Floats,
    with_oneself: bool,
    sound: bool = False,
) -> PanelMeans:
    """The weighted means over the partners; where `sound`, without the episodes that the entrant itself spoiled."""
    cells, episodes = pair_returns(tallies, entrants, partners, with_oneself=with_oneself, sound=sound)
    return gather(cells, len(entrants), weights, episodes)


def _numbered(tallies: Iterable[Tally]) -> tuple[dict[tuple[int, int], int], int]:
    """{(seed, first episode): position} of all tallies' first episodes among all episodes, and how many there are."""
    position: dict[tuple[int, int], int] = {}
    total, current, end = 0, None, 0
    for seed, start, after in sorted({(tally.seed, tally.start, tally.end) for tally in tallies}):
        if seed != current or start > end:  # a gap: what follows has positions of its own
            current, end, offset = seed, start, total - start
        position[seed, start] = start + offset
        total, end = max(total, after + offset), max(end, after)
    return position, total


def _columns(tallies: Iterable[Tally]) -> tuple[Ints, int]:
    """The column of each episode where those of secret seeds stand beside those of the public one, and their number."""
    position, episodes = _numbered(tallies)
    beside = {key: (PUBLIC_SEED if key[0] >= SECRET_SEEDS else key[0], key[1]) for key in position}
    lengths = {(tally.seed, tally.start): 0 for tally in tallies}
    for tally in tallies:
        key = tally.seed, tally.start
        lengths[key] = max(lengths[key], tally.episodes)
    numbered = [(*beside[key], position[key], length) for key, length in lengths.items()]
    own = {(seed, start + k): at + k for seed, start, at, length in numbered for k in range(length)}
    place = {key: number for number, key in enumerate(sorted(own))}
    column = np.zeros(episodes, dtype=np.intp)
    for seed, start, at, length in numbered:
        column[at : at + length] = [place[seed, start + k] for k in range(length)]
    return column, len(place)


def pair_returns(
    tallies: Sequence[Tally],
    entrants: Sequence[str],
    partners: Sequence[str],
    *,
    with_oneself: bool = True,
    sound: bool = False,
) -> tuple[Iterator[PairReturns], int]:
    """The own returns of each entrant with each partner whom it met, in the order of episodes.

    Args:
        tallies: of one side; those without their episodes are passed over.
        entrants: ids; others are passed over.
        partners: ids.
        with_oneself: whether a partner is its own partner, too.
        sound: leave out the episodes that the entrant itself spoiled.

    Returns:
        A cell for each two that met, and how many different episodes the tallies have.
    """
    number, episodes = _numbered(tallies)
    return _cells(tallies, entrants, partners, number, with_oneself, sound), episodes


def _cells(
    tallies: Iterable[Tally],
    entrants: Sequence[str],
    partners: Sequence[str],
    number: dict[tuple[int, int], int],
    with_oneself: bool,
    sound: bool,
) -> Iterator[PairReturns]:
    at, member = ({who: i for i, who in enumerate(some)} for some in (entrants, partners))
    parts: dict[tuple[int, int], list[tuple[Ints, Floats]]] = defaultdict(list)
    for tally in tallies:
        if tally.own is None or tally.faulty is None:
            continue
        ways = [(0, tally.first, tally.second)]
        ways += [(1, tally.second, tally.first)] if tally.first != tally.second else []
        for column, who, partner in ways:
            if who not in at or partner not in member or (who == partner and not with_oneself):
                continue
            own = tally.own[:, column]
            kept = ~np.isnan(own)
            if sound:
                kept &= ~tally.faulty[:, column]
            if kept.any():
                positions = number[tally.seed, tally.start] + np.flatnonzero(kept)
                parts[at[who], member[partner]].append((positions, own[kept]))
    for (i, j), some in parts.items():
        if len(some) == 1:  # as nearly always; in the order of episodes as it is
            yield PairReturns(i, j, *some[0])
            continue
        positions, own = (np.concatenate(arrays) for arrays in zip(*some, strict=True))
        order = np.argsort(positions, kind="stable")
        yield PairReturns(i, j, positions[order], own[order])

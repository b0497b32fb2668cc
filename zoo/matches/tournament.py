"""Formats: who meets whom. A format is a generator of pairings, and `prepare` makes a plan of one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from leaderboard.store.store import Store
from zoo.entry.declared import Panel
from zoo.entry.entrant import Entrant
from zoo.entry.venue import Venue
from zoo.errors import UserError
from zoo.matches.plan import MatchPlan, Pairing, ordered
from zoo.play import luck


def round_robin(texts: Sequence[str], members: Sequence[str] = ()) -> Iterator[Pairing]:
    """Every pair, everyone with itself, everyone with the members of a panel."""
    yield from itertools.combinations(texts, 2)
    yield from ((text, text) for text in texts)
    yield from ((text, member) for member in members for text in texts)


def prepare(
    venue: Venue,
    texts: Sequence[str],
    store: Store,
    panel: Panel | None,
    episodes: int | None = None,
    seed: int | None = None,
    first: int = 0,
    onward: bool = False,
) -> MatchPlan:
    """Plan a match of two entrants, or a tournament of several (all pairs and self-play).

    Without `seed` it plays the one that is rated, see `luck.rated_seed`. It begins at episode `first`, or with `onward`
    at the first episode that not all of its pairings have played: so a match that was stopped is finished first, and
    the next one goes on from there.

    Raises:
        UserError: an entrant or arena that cannot be used.
    """
    entrants = tuple(venue.entrant(text) for text in texts)
    pairings = ordered(venue, round_robin(texts, panel.members if panel else ()))
    if seed is None:
        seed = luck.rated_seed(venue.entrant(text) for pairing in pairings for text in pairing)
    if onward:
        first = min(_next_episode(venue, store, pairing, seed) for pairing in pairings)
    return MatchPlan(venue, entrants, panel, pairings, seed, first, episodes or venue.spec.episodes)


def _next_episode(venue: Venue, store: Store, pairing: Pairing, seed: int) -> int:
    one, other = (venue.entrant(text) for text in pairing)
    return store.next_episode(venue.identity, (one.id, other.id), "play", luck.seed_of((one, other), seed))


def each_once(entrants: Sequence[Entrant]) -> None:
    """See that no two are the same.

    Raises:
        UserError: an entrant is named twice.
    """
    first_of: dict[str, Entrant] = {}
    for who in entrants:
        if (other := first_of.get(who.id)) is not None:
            twice = who.label if who.label == other.label else f"{other.label}, which is {who.label},"
            raise UserError(f"{twice} is named twice: name everybody once")
        first_of[who.id] = who

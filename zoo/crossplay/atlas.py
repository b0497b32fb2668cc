"""The atlas: all house learners among strangers, in every game in which the house has at least two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from leaderboard.seeds import PUBLIC_SEED
from leaderboard.statistics.tally import is_head_to_head
from leaderboard.store.store import Store
from leaderboard.views.atlas import Atlas, AtlasGame, atlas, atlas_game
from leaderboard.views.crossplay import episode_returns
from zoo.crossplay.matrix import filled
from zoo.crossplay.players import roles
from zoo.entry import checkpoint
from zoo.entry.catalogue import house_entrants
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError, nearest
from zoo.matches.plan import MatchPlan, Work, ordered, run
from zoo.play.blocks import arena_record
from zoo.work.pool import limit_threads

_SECONDS = 0.0005  # CPU seconds of a seat's step in a small batch, about


@dataclass(frozen=True)
class Chapter:
    """One game of the atlas, and who meets there."""

    venue: Venue
    agents: tuple[str, ...]

    def plan(self, episodes: int) -> MatchPlan:
        """Everybody with everybody else, nobody with itself, on the seed that all know, from its first episode on."""
        entrants = tuple(map(self.venue.entrant, self.agents))
        pairings = ordered(self.venue, combinations(self.agents, 2))
        return MatchPlan(self.venue, entrants, None, pairings, PUBLIC_SEED, 0, episodes)

    def cpu_s(self, episodes: int, store: Store) -> float:
        """CPU seconds that what is missing may take: a rough guess, by the steps of all seats."""
        tasks = self.plan(episodes).tasks
        missing = len(tasks) - len(store.has_blocks(tasks))
        return missing * 2 * self.venue.spec.max_steps * len(self.venue.spec.seats) * _SECONDS

    def play(self, episodes: int, store: Store, work: Work) -> list[AtlasGame]:
        """Play what is missing, and read a game for each role.

        Raises:
            UserError: an entrant breaks.
        """
        plan = self.plan(episodes)
        run(plan, store, work)
        blocks = store.blocks_of(plan.tasks)
        arena = arena_record(self.venue.spec, self.venue.identity)
        ids = [who.id for who in plan.entrants]
        parts = roles(self.venue.spec)
        of_role = episode_returns(blocks, ids, ids, parts, episodes, arena=arena)
        quantity = "games won" if is_head_to_head(arena) else "own return"
        games = []
        for role, returns in of_role.items():
            diagonal = np.eye(len(ids), dtype=bool)
            known = filled(np.where(diagonal, 0.0, returns))
            games.append(atlas_game(arena.id, role if len(parts) > 1 else "", self.agents, known, quantity))
        return games


def chapters(arenas: Sequence[str] = ()) -> list[Chapter]:
    """The games of the atlas, by identity.

    Args:
        arenas: names or identities; none takes all in which the house has two learners or more.

    Raises:
        UserError: an arena is unknown, or the house has fewer than two learners for it.
    """
    limit_threads()
    known = {path.name: house_entrants(path.name) for path in sorted(checkpoint.HOUSE.iterdir()) if path.is_dir()}
    fit = {identity: who for identity, who in known.items() if len(who) > 1}
    chosen = list(fit)
    if arenas:
        chosen = []
        for name in arenas:
            found = [identity for identity in fit if name == identity or identity.partition("(")[0] == _versioned(name)]
            if not found:
                raise UserError(f"the house has no two learners for arena {name!r}; {nearest(name, fit)}")
            chosen += [identity for identity in found if identity not in chosen]
    return [Chapter(Venue(ArenaChoice(identity)), tuple(fit[identity])) for identity in chosen]


def _versioned(name: str) -> str:
    """The name with its version, which stands in identities; the name itself where there is no such arena."""
    try:
        return Venue(ArenaChoice(name)).identity.partition("(")[0]
    except UserError:
        return name


def make_atlas(found: Sequence[Chapter], episodes: int, store: Store, work: Work) -> Atlas:
    """Play all games, those that were played before read from the store, and count the votes."""
    return atlas([game for chapter in found for game in chapter.play(episodes, store, work)])

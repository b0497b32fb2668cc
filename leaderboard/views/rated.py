"""Which blocks a board counts.

Pairings of entrants that ship are rated on the public seed. Everybody knows it, and what it deals can be computed, so
pairings with a stranger are rated on seeds that the home keeps secret, whichever of them was in force when they played.
What strangers play on the public seed is kept, and not rated.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leaderboard.records import BlockRecord
from leaderboard.seeds import PUBLIC_SEED, RATED
from leaderboard.statistics.tally import Tally, disjoint

if TYPE_CHECKING:
    from leaderboard.store.store import Store


@dataclass(frozen=True)
class Counted:
    """The blocks of an arena and mode that are counted.

    Attributes:
        seed: match seed, None for all, `RATED` for those that are rated.
        secret_seeds: commitments of the home's secret seeds, in the order in which these were in force; empty unless
            `seed` is `RATED`.
        strangers: ids of entrants that do not ship; empty unless `seed` is `RATED`.
    """

    seed: int | None
    secret_seeds: tuple[str, ...] = ()
    strangers: frozenset[str] = frozenset()
    numbers: tuple[int, ...] = ()

    def state(self, store: "Store", arena: str, mode: str) -> list[tuple[int, int]]:
        """Numbers that are the same only while no block was added."""
        if self.seed != RATED:
            return [store.block_state(arena, mode, self.seed)]
        return [store.block_state(arena, mode, seed) for seed in (PUBLIC_SEED, *self.numbers)]

    def tallies(
        self,
        store: "Store",
        arena: str,
        mode: str,
        partners: Collection[str] | None = None,
        *,
        rebuild: bool = False,
    ) -> tuple[list[Tally], int]:
        """The tallies of these blocks, see `Store.tallies`, and how many blocks of strangers were left out."""
        if self.seed != RATED:
            return store.tallies(arena, mode, self.seed, partners, rebuild=rebuild), 0
        public = store.tallies(arena, mode, PUBLIC_SEED, partners, rebuild=rebuild)
        if not self.strangers:
            return public, 0
        kept = [tally for tally in public if not self._stranger(tally)]
        apart = [tally for tally in public if self._stranger(tally)]
        first_side = apart[0].side if apart else ""
        for seed in self.numbers:
            secret = store.tallies(arena, mode, seed, partners, rebuild=rebuild)
            kept += [tally for tally in secret if self._stranger(tally)]
        return kept, sum(tally.blocks + tally.repeated for tally in apart if tally.side == first_side)

    def blocks(self, store: "Store", arena: str, mode: str) -> list[BlockRecord]:
        """The blocks behind these tallies, sorted by id; of those that share episodes only those that count."""
        if self.seed != RATED:
            return disjoint(store.blocks_of(store.block_ids(arena, mode, self.seed)))
        ids = [id for seed in (PUBLIC_SEED, *self.numbers) for id in store.block_ids(arena, mode, seed)]
        kept = [
            block
            for block in store.blocks_of(ids)
            if (block.seed != PUBLIC_SEED) == (not self.strangers.isdisjoint(block.entrants))
        ]
        return disjoint(kept)

    def _stranger(self, tally: Tally) -> bool:
        return tally.first in self.strangers or tally.second in self.strangers


def counted(store: "Store", seed: int | None) -> Counted:
    """What is counted under a seed, None for all, or `RATED`."""
    if seed != RATED:
        return Counted(seed)
    seeds = store.seeds()
    numbers = tuple(record.number for record in seeds)
    strangers = store.strangers() | {record.entrant for record in store.submissions()}
    return Counted(seed, tuple(record.id for record in seeds), frozenset(strangers), numbers)

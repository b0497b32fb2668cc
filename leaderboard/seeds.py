"""Seeds of matches: the public one, and secret ones, which records know by their commitments."""

from dataclasses import dataclass

from leaderboard.records import EntrantRecord

PUBLIC_SEED: int = 0
"""The seed on which what ships is rated. A board counts no other, or one could play until lucky."""

RATED: int = -1
"""In the place of a seed: the blocks that a board counts, on the public seed and of strangers on secret ones."""

SECRET_SEEDS: int = 2**62
"""Seeds from here on are numbers of secrets, see `seed_number`; what a secret deals cannot be told from its number."""


def seed_number(commitment: str) -> int:
    """The number in [2^62, 2^63) under which blocks name a secret seed, from its commitment (64 hex digits)."""
    return int(commitment[:16], 16) >> 2 | SECRET_SEEDS


def is_stranger(entrant: EntrantRecord) -> bool:
    """Whether its code or its weights came from outside, so that it is rated on secret seeds."""
    return bool(entrant.provenance.get("stranger"))


def seed_words(seed: int) -> str:
    """What screens call a seed: the number of a secret one says nothing."""
    return "secret" if seed >= SECRET_SEEDS else str(seed)


@dataclass(frozen=True)
class SeedRecord:
    """A secret seed on which strangers are rated: `id` is its commitment, the sha256 of the secret (64 hex digits)."""

    id: str
    created: str

    @property
    def number(self) -> int:
        """The number under which blocks name this seed."""
        return seed_number(self.id)

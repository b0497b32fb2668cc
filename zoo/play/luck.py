"""The luck of matches: who is dealt what, from a seed that all know or from one that the home keeps secret.

On a plain seed, the public one among them, luck is a chain of mixing functions that can be run backwards: from what one
seat is dealt the luck of the other seats, of the arena and of the episodes to come can be computed. That makes a match
quick to reproduce, and does no harm where all that plays ships with the zoo.

Strangers are rated on a secret seed. Its 32 bytes lie in the home, in files that a confined agent cannot read; blocks
name it by a number made of its commitment (sha256), which screens show and which tells nothing. What it deals is

    episode seed = HMAC-SHA256(secret, "episode", number of the episode, identity of the arena)
    seat luck    = HMAC-SHA256(secret, "seat", episode seed, name of the seat), likewise "team"

each cut to 64 bits. No function of what one seat is dealt gives the luck of another seat, the seed of the arena or
another episode, as long as HMAC-SHA256 (RFC 2104) is a pseudo-random function. Neither formula contains an entrant.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from agents.protocol import Seating
from agents.randomness import bits, derive, derive_rows
from leaderboard.seeds import PUBLIC_SEED, SECRET_SEEDS, seed_number
from zoo import home
from zoo.errors import UserError

_EPOCH = "seed-"  # and a number: the names of the secrets on which strangers are rated, one after the other
_REVEALED = ".revealed"


class Known(Protocol):
    """What is asked about an entrant."""

    @property
    def stranger(self) -> bool:
        """Whether its code or its weights came from outside."""

    @property
    def confined(self) -> bool:
        """Whether it can read nothing that the home keeps secret."""

    @property
    def isolation(self) -> str:
        """How its agents are kept apart."""


@dataclass(frozen=True)
class Secret:
    """A secret seed of this home.

    Attributes:
        name: under which the home keeps it.
        key: 32 bytes.
        revealed: whether it was published. Nothing is rated on it from then on; what was stays rated.
    """

    name: str
    key: bytes
    revealed: bool

    @property
    def commitment(self) -> str:
        """What may be shown: sha256 of the key, 64 hex digits. Who is given the key later can check it."""
        return hashlib.sha256(self.key).hexdigest()

    @property
    def number(self) -> int:
        """The match seed that stands for it."""
        return seed_number(self.commitment)


def secret(name: str) -> Secret:
    """The secret of this name, which is made on first use.

    Raises:
        UserError: it cannot be kept or read.
    """
    return Secret(name, home.secret(name), (home.secrets_folder() / f"{name}{_REVEALED}").exists())


def reveal(name: str) -> Secret:
    """Mark a secret as published, on disk before this returns: nothing more is rated on it."""
    made = secret(name)
    home.keep_once(home.secrets_folder() / f"{name}{_REVEALED}", made.commitment)
    return Secret(name, made.key, revealed=True)


def secrets() -> dict[int, Secret]:
    """Number -> secret, of all that this home holds under any name."""
    held = [secret(path.stem) for path in sorted(home.secrets_folder().glob("*.key")) if path.stem != home.SIGNING]
    return {one.number: one for one in held}


def epochs() -> list[Secret]:
    """The secrets on which strangers were and are rated, in their order; the last is the present one unless revealed.

    Raises:
        UserError: one of them is missing.
    """
    numbers = {int(path.stem.removeprefix(_EPOCH)) for path in home.secrets_folder().glob(f"{_EPOCH}[0-9]*.key")}
    return [secret(f"{_EPOCH}{n}") for n in sorted(numbers)]


def present() -> Secret:
    """The secret on which strangers are rated now; made on first use, and again once the last one was revealed."""
    known = epochs()
    if known and not known[-1].revealed:
        return known[-1]
    last = int(known[-1].name.removeprefix(_EPOCH)) if known else 0
    return secret(f"{_EPOCH}{last + 1}")


def rated_seed(entrants: Iterable[Known]) -> int:
    """The seed whose blocks are rated: the public one where all of them ship, else the home's secret one.

    A stranger that is not confined could read the secret. It plays the public seed, where it is not rated.
    """
    strangers = [who for who in entrants if who.stranger]
    return present().number if strangers and all(who.confined for who in strangers) else PUBLIC_SEED


def seed_of(pair: Iterable[Known], seed: int) -> int:
    """The seed on which a pairing plays in a match on `seed`: a secret one deals to pairings with a stranger alone.

    Those that ship play the public seed instead, where their blocks are rated and may have been played before.
    """
    return PUBLIC_SEED if is_secret(seed) and not any(who.stranger for who in pair) else seed


def is_rated(pair: Iterable[Known], seed: int) -> bool:
    """Whether a board counts what a pairing plays on a seed, see `leaderboard.views.rated`."""
    if any(who.stranger for who in pair):
        return any(one.number == seed for one in epochs())
    return seed == PUBLIC_SEED


def check(seed: int, entrants: Iterable[Known]) -> None:
    """See that a match on a seed may be recorded.

    Raises:
        UserError: the seed stands for a secret that is unknown or no secret any more, or a stranger could read it.
    """
    if not is_secret(seed):
        return
    _key(seed)
    if secrets()[seed].revealed:
        raise UserError(f"the secret of seed {seed} was revealed, so nothing more is played on it: leave out --seed")
    for who in entrants:
        if who.stranger and not who.confined:
            raise UserError(
                f"a stranger's agent at isolation {who.isolation} could read the secret seed: leave out --seed, or"
                " `--isolation strict`"
            )


def epoch(seed: int) -> Secret | None:
    """The secret behind a seed, where strangers are or were rated on it."""
    return next((one for one in epochs() if one.number == seed), None) if is_secret(seed) else None


def is_secret(seed: int) -> bool:
    """Whether a seed is the number of a secret."""
    return seed >= SECRET_SEEDS


def episode_seeds(identity: str, seed: int, first: int, count: int, device: str = "cpu") -> Tensor:
    """Seeds long [count] of the episodes from number `first` on of a match with `seed` in the arena `identity`.

    Raises:
        UserError: the number of a secret that this home does not hold.
    """
    if not is_secret(seed):
        return derive_rows(derive(seed, "episode", identity), count, first=first, device=device)
    return _dealt(_key(seed), "episode", range(first, first + count), identity).to(device)


def seatings(rotation: Mapping[str, int], episodes: Tensor, seed: int = PUBLIC_SEED) -> dict[str, Seating]:
    """Seat -> what its policy begins with; luck comes from the episodes' seeds long [B] and the seats' names alone.

    Args:
        rotation: seat -> number of the entrant that sits there; the seats of one entrant share their team luck.
        episodes: their seeds, see `episode_seeds`.
        seed: of the match.

    Raises:
        UserError: the number of a secret that this home does not hold.
    """
    captains: dict[int, str] = {}  # team luck is named by the first seat of each entrant
    for seat, who in rotation.items():
        captains.setdefault(who, seat)
    key = _key(seed) if is_secret(seed) else None

    def luck(kind: str, seat: str) -> Tensor:
        if key is None:
            return bits(episodes, derive(0, kind, seat) >> 1)
        return _dealt(key, kind, episodes.tolist(), seat).to(episodes.device)

    return {seat: Seating(seat, luck("seat", seat), luck("team", captains[who])) for seat, who in rotation.items()}


def fresh_seed(seed: int) -> int:
    """The seed in [0, 2^63) from which the agents of a match are made."""
    if not is_secret(seed):
        return derive(seed, "fresh")
    return int(_dealt(_key(seed), "fresh", [0], "")) & (2**63 - 1)


def _dealt(key: bytes, kind: str, numbers: Iterable[int], name: str) -> Tensor:
    """64 bits of HMAC-SHA256 for each of the numbers, long [n]; `kind` holds no zero byte, so that no two are alike."""
    begun, after, made = hmac.new(key, kind.encode() + b"\0", "sha256"), name.encode(), bytearray()
    for number in numbers:
        one = begun.copy()  # the key is taken in once for all
        one.update((number & _MASK).to_bytes(8, "little") + after)
        made += one.digest()[:8]
    return torch.frombuffer(made, dtype=torch.int64).clone()


_MASK = 2**64 - 1


def _key(number: int) -> bytes:
    """The secret behind a number."""
    try:
        return _held(home.secrets_folder(), number)
    except LookupError:
        raise UserError(
            f"seed {number} is the number of a secret that this home does not hold; plain seeds are below 2^62"
        ) from None


@functools.cache
def _held(_: Path, number: int) -> bytes:
    """The secret that the home in this folder holds, looked up once a process."""
    return secrets()[number].key

"""All luck of agents: seeds derived by words, draws by counter, initialisation under a guarded global generator.

Nothing else in the zoo draws random numbers, so equal seeds give equal games and equal training in any process.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from arenas.luck import below, bits, deal, dealt_bits, fraction, uniform

__all__ = [
    "Draws",
    "Normals",
    "below",
    "bits",
    "categorical",
    "deal",
    "dealt_bits",
    "derive",
    "derive_rows",
    "fraction",
    "generator",
    "initialise",
    "uniform",
]


def derive(seed: int, *words: int | str) -> int:
    """A seed in [0, 2^63) for a named purpose, from a parent seed (SHA-256, so it is the same everywhere)."""
    text = "/".join([str(seed), *map(str, words)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def derive_rows(seed: int, count: int, *words: int | str, first: int = 0, device: str = "cpu") -> Tensor:
    """Seeds long [count] of the rows (or episodes) `first`, `first` + 1, ...: a row's depends on its number only."""
    numbers = torch.arange(first, first + count, device=device)
    return bits(torch.full_like(numbers, derive(seed, *words)), numbers)


def generator(seed: int, device: str = "cpu") -> torch.Generator:
    """A torch generator of one's own, for draws inside one `learn`."""
    return torch.Generator(device).manual_seed(seed)


@contextmanager
def initialise(seed: int) -> Iterator[None]:
    """Build networks inside: torch's global generator is seeded, and put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would also seed every accelerator, which costs a millisecond a network
        torch.default_generator.manual_seed(seed)
        yield


class Draws:
    """`fraction(dealt_bits(luck, step))` [B] for steps asked one after another, computed ahead in blocks.

    Nothing but a cache: it gives the same numbers for any luck and in any order of asking.

    Args:
        most: how many steps are computed ahead at most; an episode's length, where that is known to be short.
    """

    def __init__(self, most: int = 64) -> None:
        self._most = min(64, most)
        self._luck: Tensor | None = None
        self._start = 0
        self._block: tuple[Tensor, ...] = ()

    def at(self, luck: Tensor, step: int) -> Tensor:
        """The draw of one step; `luck` is known again by its identity, as nobody writes into it."""
        offset = step - self._start
        if luck is not self._luck or not 0 <= offset < len(self._block):
            # only who comes back with the same luck will want more of it
            ahead = max(1, min(self._most, 65536 // max(1, len(luck)))) if luck is self._luck else 1
            steps = torch.arange(step, step + ahead, device=luck.device).unsqueeze(1)
            self._luck, self._start, offset = luck, step, 0
            self._block = self._ahead(luck, steps).unbind()
        return self._block[offset]

    def _ahead(self, luck: Tensor, steps: Tensor) -> Tensor:
        """The draws of `steps` long [S, 1], [S, B]."""
        return fraction(dealt_bits(luck, steps))


class Normals(Draws):
    """Standard normal numbers [B, width], a function of (luck, step) row by row (Box and Muller 1958)."""

    def __init__(self, width: int, most: int = 64) -> None:
        super().__init__(most)
        self._width = width

    def _ahead(self, luck: Tensor, steps: Tensor) -> Tensor:
        counter = steps.unsqueeze(-1) * 2 * self._width + torch.arange(2 * self._width, device=luck.device)
        radius, angle = fraction(bits(luck.unsqueeze(1), counter)).chunk(2, dim=-1)
        return (-2 * (1 - radius).log()).sqrt() * (2 * math.pi * angle).cos()


def categorical(probabilities: Tensor, draw: Tensor) -> Tensor:
    """Actions long [B] from `probabilities` [B, A] by inversion of `draw`, uniform [B]; one draw per row."""
    cumulative = probabilities.cumsum(-1)
    # the total may round below 1, and an action of probability 0 must not be drawn
    return torch.searchsorted(cumulative, (draw * cumulative[:, -1]).unsqueeze(-1), right=True).squeeze(-1)

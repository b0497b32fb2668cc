"""Counter-based random numbers: a pure function of (seed, counter), row by row.

A row's luck depends neither on the batch size nor on its neighbours nor on the device, and a game can be resumed
anywhere without the state of a generator. The mixing function is SplitMix64's finaliser (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import torch
from torch import Tensor

_GOLDEN = -0x61C8864680B583EB  # 2^64 / golden ratio, as a signed 64-bit number
_MIX_1 = -0x40A7B892E31B1A47
_MIX_2 = -0x6B2FB644ECCEEE15


def _mix(z: Tensor) -> Tensor:
    # torch shifts signed numbers arithmetically, so the masks make the shifts logical
    z = (z ^ ((z >> 30) & 0x3FFFFFFFF)) * _MIX_1
    z = (z ^ ((z >> 27) & 0x1FFFFFFFFF)) * _MIX_2
    return z ^ ((z >> 31) & 0x1FFFFFFFF)


def bits(seed: Tensor, counter: int | Tensor) -> Tensor:
    """64 random bits per row as long, the shape of `seed` (broadcast against `counter`)."""
    return _mix(_mix(seed + _GOLDEN) + counter * _GOLDEN)


def uniform(seed: Tensor, counter: int | Tensor) -> Tensor:
    """float32 in [0, 1) with 24 random bits per row."""
    return ((bits(seed, counter) >> 40) & 0xFFFFFF) * 2.0**-24


def below(random: Tensor, n: int | Tensor) -> Tensor:
    """Whole numbers in [0, n) from random bits; the bias is below n / 2^31."""
    return (((random >> 33) & 0x7FFFFFFF) * n) >> 31


class Stream:
    """`bits(seed, counter)` for counters asked one after another, computed ahead in blocks.

    Nothing but a cache: `at` gives the same numbers in any order of asking.
    """

    def __init__(self, seed: Tensor) -> None:
        self.seed = seed
        self._ahead = max(1, min(64, 65536 // max(1, len(seed))))
        self._start = 0
        self._block = torch.empty(0, len(seed), dtype=torch.long, device=seed.device)

    def at(self, counter: int) -> Tensor:
        """Random bits, long [B]."""
        offset = counter - self._start
        if not 0 <= offset < len(self._block):
            self._start, offset = counter, 0
            counters = torch.arange(counter, counter + self._ahead, device=self.seed.device).unsqueeze(1)
            self._block = bits(self.seed, counters)
        return self._block[offset]

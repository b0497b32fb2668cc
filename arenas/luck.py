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


def deal(seed: Tensor) -> Tensor:
    """The half of `bits` that does not depend on the counter, for callers that draw from one seed again and again."""
    return _mix(seed + _GOLDEN)


def bits(seed: Tensor, counter: int | Tensor) -> Tensor:
    """64 random bits per row as long, the shape of `seed` (broadcast against `counter`)."""
    return dealt_bits(deal(seed), counter)


def dealt_bits(dealt: Tensor, counter: int | Tensor) -> Tensor:
    """`bits(seed, counter)` from `deal(seed)`, at half the cost."""
    step = counter * _GOLDEN
    if isinstance(step, int):  # Python's numbers do not wrap around as a tensor's do
        step = (step + 2**63) % 2**64 - 2**63
    return _mix(dealt + step)


def uniform(seed: Tensor, counter: int | Tensor) -> Tensor:
    """float32 in [0, 1) with 24 random bits per row."""
    return fraction(bits(seed, counter))


def fraction(random: Tensor) -> Tensor:
    """float32 in [0, 1) from random bits."""
    return ((random >> 40) & 0xFFFFFF) * 2.0**-24


def below(random: Tensor, n: int | Tensor) -> Tensor:
    """Whole numbers in [0, n) from random bits; the bias is below n / 2^31."""
    return (_high_bits(random) * n) >> 31


def _high_bits(random: Tensor) -> Tensor:
    return (random >> 33) & 0x7FFFFFFF


class Stream:
    """`below(bits(seed, counter), n)` for counters asked one after another, computed ahead in blocks.

    Nothing but a cache: it gives the same numbers in any order of asking.
    """

    def __init__(self, seed: Tensor) -> None:
        self.seed = seed
        self._mixed = deal(seed)
        self._ahead = max(1, min(64, 65536 // max(1, len(seed))))
        self._start = 0
        self._high: tuple[Tensor, ...] = ()

    def below(self, counter: int, n: int | Tensor) -> Tensor:
        """`below(bits(seed, counter), n)`, long [B]."""
        offset = counter - self._start
        if not 0 <= offset < len(self._high):
            counters = torch.arange(counter, counter + self._ahead, device=self.seed.device).unsqueeze(1)
            self._start, offset = counter, 0
            self._high = _high_bits(dealt_bits(self._mixed, counters)).unbind()
        return (self._high[offset] * n) >> 31

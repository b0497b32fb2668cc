"""How much of a game may be shown at once, and giving the memory of pictures back."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_MOST = 2**30  # bytes that all copies may show at a moment
_HELD = 3  # times that it is held: in the environments, now, and as it was a step before
_LARGE = 2**17  # bytes of one block of memory
_MMAP_THRESHOLD = -3  # of glibc's mallopt


def copies_that_fit(numbers: int, most: int) -> int:
    """How many copies of a game that shows so many numbers (float32) at a moment are played at once, 1 to `most`."""
    if numbers * 4 > _LARGE:
        _give_back()
    return max(1, min(most, _MOST // (4 * _HELD * max(numbers, 1))))


def _give_back() -> None:
    """Large blocks of memory go back to the system as soon as they are free.

    glibc learns to keep them in its heap, where the small tensors of a trajectory then lie between them, so that a
    process grows by all the pictures of an episode although none is kept.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)

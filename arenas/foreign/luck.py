"""The luck of environments that draw from Python's and NumPy's global generators, kept apart row by row.

PettingZoo wants all luck from the seed of `reset`; many environments of the public call `random.random` or
`numpy.random.rand` all the same. Each copy has a state of both generators of its own, seeded with each reset, and what
the rest of the process draws goes on as if nothing had been between.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.random.mtrand import get_bit_generator, set_bit_generator


class Luck:
    """Both global generators as one copy of a game sees them."""

    def __init__(self) -> None:
        self._numpy = np.random.MT19937(0)
        self._python: Any = None  # until the first reset

    @contextmanager
    def dealt(self, seed: int | None = None) -> Iterator[None]:
        """Inside, the generators are this copy's, begun anew where a seed is given; used within `kept`."""
        set_bit_generator(self._numpy)
        if seed is not None:
            np.random.seed(seed)
            random.seed(seed)
        elif self._python is not None:
            random.setstate(self._python)
        try:
            yield
        finally:
            self._python = random.getstate()


@contextmanager
def kept() -> Iterator[None]:
    """What is drawn inside leaves the process's own generators as they were."""
    numpy, python = get_bit_generator(), random.getstate()
    try:
        yield
    finally:
        set_bit_generator(numpy)
        random.setstate(python)

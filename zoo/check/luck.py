"""Law 5: luck is dealt. An agent that draws from a global generator plays another game in another process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from zoo.check.data import difference
from zoo.check.elsewhere import HASH_SEED, Fingerprint, fingerprint, fingerprint_elsewhere
from zoo.check.subject import Specimen, follow
from zoo.check.verdict import Faults


def luck_is_dealt(subject: Specimen) -> Faults:
    """5: no global generator is touched, and equal seatings give equal games, here and in another process."""
    game = subject.game(17, training=True)
    used: list[str] = []
    with watched("make", used):
        team = subject.team()
    with watched("begin or act", used):
        follow(team, game)
    for lesson in subject.lessons(team, subject.rounds, seed=17):
        with watched("learn", used):
            lesson.learn()
    for what in used:
        yield f"{what}: draw from the seeds that are given, with agents.randomness"
    with scrambled(1):
        here = fingerprint(subject)
    with scrambled(2):
        again = fingerprint(subject)
    yield from _unlike(here, again, "when it was asked again")
    yield from _unlike(here, fingerprint_elsewhere(subject), f"in another process (PYTHONHASHSEED={HASH_SEED})")


def _unlike(a: Fingerprint, b: Fingerprint, where: str) -> Iterator[str]:
    if a != b:
        what = "played another game" if a.fresh != b.fresh else "learned something else"
        mend = "seed only from what make, begin and learn are given, never from hash()"
        yield f"with equal seeds it {what} {where}: {mend}"


def _global_states() -> dict[str, Any]:
    """The state of every generator that all code in a process shares."""
    kept: Any = np.random.get_state(legacy=False)
    numpy = [kept["state"]["key"].tolist(), kept["state"]["pos"]]
    return {"random": random.getstate(), "numpy.random": numpy, "torch": torch.get_rng_state()}


@contextmanager
def watched(what: str, used: list[str]) -> Iterator[None]:
    """Note in `used` which global generators the code inside drew from."""
    before = _global_states()
    yield
    now = _global_states()
    used += [f"{what} used the global generator of {name}" for name in now if difference(before[name], now[name])]


@contextmanager
def scrambled(seed: int) -> Iterator[None]:
    """Global generators in another state than usual, put back afterwards."""
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.set_rng_state(kept[2])

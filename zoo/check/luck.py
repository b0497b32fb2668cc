"""Law 5: luck is dealt. An agent that draws from a global generator plays another game in another process."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from zoo.check.data import difference
from zoo.check.elsewhere import Fingerprint, fingerprint, other_process
from zoo.check.subject import Specimen, follow
from zoo.check.verdict import Verdict, judge
from zoo.play.table import SIGHTS


def luck_is_dealt(subject: Specimen) -> Verdict:
    """5: no global generator is touched, and equal seatings give equal games, here and in another process."""
    return judge(_draws_globally(subject) or _plays_otherwise(subject))


def _draws_globally(subject: Specimen) -> str | None:
    used: list[str] = []
    game = subject.game(17, training=True)
    with watched("make", used):
        team = subject.team()
    with watched("begin or act", used):
        follow(team, game)
    agents = {id(agent): agent for agent in team.values()}.values()
    for update in range(subject.rounds):
        joint = subject.round(team, update)
        for agent in agents:
            context = subject.context(agent.seats, 17, update, team, SIGHTS[-1])
            seen = subject.cut(joint, agent.seats, SIGHTS[-1])
            with watched("learn", used):
                agent.learn(seen, context)
    return f"{used[0]}: draw from the seeds that are given, with agents.randomness" if used else None


def _plays_otherwise(subject: Specimen) -> str | None:
    with scrambled(1):
        here = fingerprint(subject)
    with scrambled(2):
        again = fingerprint(subject)
    there = other_process()
    return _unlike(here, again, "when it was asked again") or _unlike(
        here, there.fingerprint(subject), f"in another process (PYTHONHASHSEED={there.hash_seed})"
    )


def _unlike(a: Fingerprint, b: Fingerprint, where: str) -> str | None:
    if a == b:
        return None
    what = "played another game" if a.fresh != b.fresh else "learned something else"
    return f"with equal seeds it {what} {where}: seed only from what make, begin and learn are given, never from hash()"


def _global_states() -> dict[str, Any]:
    """The generators that all code in a process shares."""
    states = {
        "random": random.getstate(),
        "numpy.random": np.random.get_state(legacy=False),
        "torch": torch.get_rng_state(),
    }
    plain = states["numpy.random"]
    assert isinstance(plain, dict)
    states["numpy.random"] = [plain["state"]["key"].tolist(), plain["state"]["pos"]]
    return states


@contextmanager
def watched(what: str, used: list[str]) -> Iterator[None]:
    """Note in `used` which global generators the code inside drew from."""
    before = _global_states()
    yield
    used += [
        f"{what} used the global generator of {name}"
        for name, s in _global_states().items()
        if difference(before[name], s)
    ]


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

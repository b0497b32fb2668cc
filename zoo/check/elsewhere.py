"""Another process, in which the same seeds must give the same games: its hashes of strings are not ours.

`python -m zoo.check.elsewhere` reads one request a line (JSON: agent, arena, settings, threads) and answers with a
fingerprint or an error, one line each. It ends when its input does.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from typing import IO

from zoo.check.data import digest
from zoo.check.subject import Subject, follow, subject
from zoo.check.verdict import one_line

_DECIMALS = 3  # of continuous actions, in fingerprints that should not change with the machine


@dataclass(frozen=True)
class Fingerprint:
    """Digests of what a fresh team of the agent plays, what it plays after it learned, and all its weights then."""

    fresh: str
    taught: str
    weights: str


def fingerprint(subject: Subject) -> Fingerprint:
    """Play fixed seeds, learn, and play again; a pure function of the subject."""
    team, game = subject.team(), subject.game(21, training=True)
    fresh = _played(subject, game_seed=21)
    subject.teach(team, subject.rounds)
    taught = digest([{s: a.value for s, a in actions.items()} for actions in follow(team, game).actions], _DECIMALS)
    return Fingerprint(fresh, taught, digest({seat: agent.learning_state() for seat, agent in team.items()}))


def _played(subject: Subject, game_seed: int) -> str:
    play = follow(subject.team(), subject.game(game_seed, training=True))
    return digest([{s: a.value for s, a in actions.items()} for actions in play.actions], _DECIMALS)

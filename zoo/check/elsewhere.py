"""Another process, in which the same seeds must give the same games: its hashes of strings are not ours.

It reads one request a line (JSON: agent, arena, settings, threads) and answers with a fingerprint or an error, one line
each. It ends when its input does.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import IO

import torch

from agents.protocol import Agent
from zoo.check.data import digest
from zoo.check.subject import ROWS, Game, Specimen, follow, subject
from zoo.check.verdict import one_line

SEED = 21
_DECIMALS = 3  # of continuous actions: their last digits are noise and say nothing about behaviour


@dataclass(frozen=True)
class Fingerprint:
    """Digests of what a fresh team plays, of what it plays when it has learned, and of all its weights then."""

    fresh: str
    taught: str
    weights: str


def fingerprint(subject: Specimen, copies: int = ROWS) -> Fingerprint:
    """Play `copies` games with fixed seeds, learn, and play again; equal subjects give the same in any process."""
    team, game = subject.team(SEED), subject.game(SEED, copies=copies, training=True)
    fresh = _played(team, game)
    subject.teach(team, subject.rounds, seed=SEED)
    weights = {seat: agent.learning_state() for seat, agent in team.items()}
    return Fingerprint(fresh, _played(team, game), digest(weights))


def _played(team: Mapping[str, Agent], game: Game) -> str:
    play = follow(team, game)
    return digest([{seat: a.value for seat, a in actions.items()} for actions in play.actions], _DECIMALS)


class Elsewhere:
    """A running process that takes fingerprints.

    Attributes:
        hash_seed: the PYTHONHASHSEED under which it runs.
    """

    def __init__(self) -> None:
        self.hash_seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
        path = os.pathsep.join(place for place in sys.path if place)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", f"from {__name__} import main; main()"],
            env={**os.environ, "PYTHONHASHSEED": self.hash_seed, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fingerprint(self, subject: Specimen) -> Fingerprint:
        """What `fingerprint` finds there.

        Raises:
            ChildProcessError: the agent failed there, or ended the process.
        """
        agent, arena, settings = subject.texts
        request = {"agent": agent, "arena": arena, "settings": settings, "threads": torch.get_num_threads()}
        asks, answers = self._pipes()
        try:
            asks.write(json.dumps(request) + "\n")
            asks.flush()
            answer = answers.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            other_process.cache_clear()  # the next subject gets a fresh one
            raise ChildProcessError(f"another process that played this agent ended with code {self._process.wait()}")
        reply = json.loads(answer)
        if "error" in reply:
            raise ChildProcessError(f"in another process: {reply['error']}")
        return Fingerprint(**reply)

    def close(self) -> None:
        """End the process."""
        for pipe in self._pipes():
            pipe.close()
        self._process.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout


@functools.cache
def other_process() -> Elsewhere:
    """The other process, started when first asked for and shared from then on: starting takes seconds."""
    elsewhere = Elsewhere()
    atexit.register(elsewhere.close)
    return elsewhere


def serve(requests: IO[str], replies: IO[str]) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        request = json.loads(line)
        torch.set_num_threads(request["threads"])
        try:
            there = subject(request["agent"], request["arena"], request["settings"])
            reply = asdict(fingerprint(there))
        except Exception as error:
            reply = {"error": one_line(error)}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def main() -> None:
    """Serve standard input and output."""
    replies, sys.stdout = sys.stdout, sys.stderr  # what agents print must not get between the replies
    serve(sys.stdin, replies)

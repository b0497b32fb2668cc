"""Another process, in which the same seeds must give the same games: its hashes of strings are not ours.

It reads one request a line (JSON: agent, arena, settings, threads, folder, level of isolation) and answers with a
fingerprint or an error, one line each. It ends when its input does.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

import torch

from agents.protocol import Agent
from zoo.check.data import digest
from zoo.check.rules import ROWS
from zoo.check.subject import Game, Specimen, follow, subject
from zoo.check.verdict import one_line
from zoo.sandbox.levels import at, isolation

SEED = 21
#: PYTHONHASHSEED of the other process.
HASH_SEED = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
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


def fingerprint_elsewhere(subject: Specimen) -> Fingerprint:
    """What `fingerprint` gives in the other process.

    Raises:
        ChildProcessError: the agent failed there, or ended the process.
    """
    if subject.elsewhere is not None:
        there: Fingerprint = subject.elsewhere()
        return there
    choice, process = subject.venue.choice, other_process()
    assert process.stdin is not None and process.stdout is not None
    request = {"agent": subject.text, "arena": choice.name, "settings": choice.settings}
    # The process may have been started for another subject, in another folder.
    here = {"threads": torch.get_num_threads(), "folder": os.getcwd(), "level": isolation()}
    answer = ""
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps({**request, **here}) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
    if not answer:
        other_process.cache_clear()  # the next subject gets a fresh one
        raise ChildProcessError(f"another process that played this agent ended with code {process.wait()}")
    reply = json.loads(answer)
    if "error" in reply:
        raise ChildProcessError(f"in another process: {reply['error']}")
    return Fingerprint(**reply)


@functools.cache
def other_process() -> subprocess.Popen[str]:
    """The other process, started when first asked for and shared from then on: starting takes seconds."""
    path = os.pathsep.join(folder for folder in sys.path if folder)
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import main; main()"],
        env={**os.environ, "PYTHONHASHSEED": HASH_SEED, "PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(process.communicate)  # which closes its input and waits for its end
    return process


def main() -> None:
    """Answer the requests of standard input until there are no more."""
    replies, sys.stdout = sys.stdout, sys.stderr  # what agents print must not get between the replies
    for line in sys.stdin:
        request = json.loads(line)
        torch.set_num_threads(request.pop("threads"))
        os.chdir(request.pop("folder"))
        try:
            with at(request.pop("level")):
                reply = asdict(fingerprint(subject(**request)))
        except Exception as error:
            reply = {"error": one_line(error)}
        print(json.dumps(reply), file=replies, flush=True)

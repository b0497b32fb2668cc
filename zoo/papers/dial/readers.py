"""Teams that learn the games of digits, all runs in one batch, and what is to be seen in them.

A run is judged as it learns (messages through noise, exploration) and as it plays (bits, the best action), on the
images that it learned from and on those held out. The first two are to stand beside each other: a receiver that reads
more from a message than a bit is paid while it learns, and not when it plays. Whether it does is to be seen in how
often it changes its mind while the last message goes from 0 to 1: once if it reads a bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.protocol import Agent
from agents.randomness import derive, derive_rows
from agents.rollout import rollout
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Json, Tell
from zoo.play.episodes import begin, last_moment, play_episodes
from zoo.play.seating import Seated
from zoo.play.table import Table

GAMES = 400  # of a test, for each run
BINS = 20  # of the histograms of messages
GRID = 101  # messages between 0 and 1 that a receiver is shown
_RECENT = 50  # part of the rounds whose payments are the training reward of a moment


def learned(
    tell: Tell, game: str, settings: list[str], agent: str, copies: int, updates: int, points: int, runs: int, seed: int
) -> Json:
    """What came of a team that learned `runs` times, at `points` moments.

    `training`, `bits` and `held out` are rewards [points][runs]; `messages` [points][BINS] are shares of what was sent
    while they learned and was heard, over all runs; `switches` [runs] and `twice` [runs] are of `minds` at the end, and
    None where a message has several bits.
    """
    choice = ArenaChoice(game, tuple(settings))
    venue = Venue(choice)
    arena = venue.make(runs * copies)
    seats = tuple(arena.spec.seats)
    entrant = venue.entrant(f"{agent},updates={updates}", learning=True)
    players = entrant.agents(arena.spec, seats, derive(seed, "agent"), replicas=runs)
    table = Table(arena, venue.identity, players, seats, seed=derive(seed, "table"), runs=runs)
    tests = {"bits": venue.make(runs * GAMES), "held out": Venue(_held_out(choice)).make(runs * GAMES)}
    marks = [max(1, round(updates * (point + 1) / points)) for point in range(points)]
    recent, paid = max(1, updates // _RECENT), []
    found: dict[str, Any] = {"at": marks, "training": [], "bits": [], "held out": [], "messages": []}
    for done in range(1, updates + 1):
        paid.append(table.play_round().returns[seats[0]].view(runs, -1).mean(1))
        tell(done, updates)
        if done in marks:
            found["training"].append(torch.stack(paid[-recent:]).mean(0).tolist())
            found["messages"].append(_histogram(arena))
            for name, test in tests.items():
                found[name].append(played(test, players, runs, derive(seed, "test", done)).tolist())
    return found | minds(tests["bits"], players, runs, derive(seed, "minds"))


def _held_out(choice: ArenaChoice) -> ArenaChoice:
    return ArenaChoice(choice.name, (*choice.settings, "images=held-out"))


def _histogram(arena: Any) -> list[float]:
    """Shares of the messages of an episode that were heard, in `BINS` equal parts of [0, 1]."""
    counts, _ = np.histogram(arena.said[:, :-1].numpy(), bins=BINS, range=(0, 1))
    return [float(count) for count in counts / counts.sum()]


def _rows(runs: int, count: int, seed: int) -> Tensor:
    """The same episodes for every run, long [runs * count]."""
    return derive_rows(seed, count).repeat(runs)


def played(arena: Any, players: Mapping[str, Agent], runs: int, seed: int) -> Tensor:
    """What every run is paid as it plays, float64 [runs], over B / runs episodes each."""
    seated = Seated(arena, players, dict.fromkeys(players, 0))
    returns = play_episodes(seated, _rows(runs, arena.batch_size // runs, seed)).returns
    return next(iter(returns.values())).view(runs, -1).mean(1)


@torch.no_grad()
def minds(arena: Any, players: Mapping[str, Agent], runs: int, seed: int) -> Json:
    """How often a receiver changes its last action while the last message goes from 0 to 1.

    Everything before is played as a match is, with bits. `switches`: mean over receivers and episodes, of each run;
    `twice`: the share of them that change more than once, which no single bit asks for.
    """
    if arena.settings.bits > 1:
        return {"switches": None, "twice": None}
    start = begin(Seated(arena, players, dict.fromkeys(players, 0)), _rows(runs, arena.batch_size // runs, seed))
    length = arena.spec.max_steps - 1
    joint, memories = rollout(arena, players, start.memories, start.timesteps, length)
    steps, _ = last_moment(joint)
    changes = []
    for seat, player in players.items():
        step, chosen = steps[seat], []
        assert step.messages is not None and step.audible is not None
        for message in torch.linspace(0, 1, GRID):
            heard = step._replace(messages=message * step.audible.unsqueeze(-1))
            chosen.append(player.act(heard, memories[seat])[0].value)
        actions = torch.stack(chosen)
        changes.append((actions[1:] != actions[:-1]).sum(0).view(runs, -1))
    each = torch.cat(changes, dim=1)
    return {"switches": each.double().mean(1).tolist(), "twice": (each > 1).double().mean(1).tolist()}

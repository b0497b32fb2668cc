"""What the tests of the command line share: what was said, what was recorded, agents and environments in files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard.records import BlockRecord
from leaderboard.store.store import Store
from zoo import home
from zoo.entry import checkpoint
from zoo.entry.checkpoint import Card
from zoo.entry.entrant import read_entrant
from zoo.entry.venue import ArenaChoice


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value and nothing else."""
        return json.loads(self.out)


Zoo = Callable[..., Said]
Refused = Callable[..., str]


def recorded(arena: str) -> list[BlockRecord]:
    """All blocks of an arena that the test's records hold, sorted by id."""
    with Store(home.records(), read_only=True) as store:
        return store.blocks(arena)


def contents(blocks: list[BlockRecord]) -> dict[str, list[tuple[object, ...]]]:
    """Block id -> what its games decided, to the byte."""
    return {block.id: [result.content() for result in block.results] for block in blocks}


def fresh_checkpoint(folder: Path, agent: str, choice: ArenaChoice, seed: int = 0, **card: Any) -> Path:
    """A checkpoint of an untrained agent; `card` overrides what its card says."""
    arena = choice.make(1)
    identity = choice.identity(arena)
    entrant = read_entrant(agent, arena, identity, learning=True)
    seats = tuple(arena.spec.seats)
    state: dict[str, Any] = {}
    for player in entrant.agents(arena.spec, seats, seed).values():
        state |= player.acting_state()
    facts: dict[str, Any] = {
        "agent": entrant.entry.key,
        "behaviour": entrant.entry.agent.behaviour,
        "config": dict(vars(entrant.config)),
        "arena": identity,
        "seats": list(seats),
        "seed": seed,
        "steps": 0,
        "command": "",
    }
    checkpoint.save(folder, state, Card(**facts | card))
    return folder


AGENTS = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action


class Plain(Agent):
    needs = frozenset()

    def act(self, timestep, memory):
        return Action(torch.zeros(len(timestep.reward), dtype=torch.long)), {**memory, "step": memory["step"] + 1}


class Raises(Plain):
    def act(self, timestep, memory):
        raise ZeroDivisionError("nothing to divide")


class RaisesAtBegin(Plain):
    def begin(self, seating):
        raise LookupError("no chair")


class Leaves(Plain):
    def act(self, timestep, memory):
        raise SystemExit(0)


class RaisesWhenMade(Plain):
    def __init__(self, *arguments, **names):
        raise OSError("no parts")


class RaisesWhileLearning(Plain):
    learns = True

    def learn(self, joint, context):
        raise FloatingPointError("too hot")


class WrongShape(Plain):
    def act(self, timestep, memory):
        return Action(torch.zeros(1, dtype=torch.long)), memory


class Unfinished(Agent):
    needs = frozenset()


class Cheats(Plain):
    # its fourth action is one that no game has
    def act(self, timestep, memory):
        action, after = super().act(timestep, memory)
        return (action if memory["step"] < 3 else action._replace(value=action.value + 99)), after


class Exits(Plain):
    def act(self, timestep, memory):
        import os
        os._exit(7)


class Stranger:
    pass


number = 3
"""

ENVIRONMENTS = """
import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv


class Env(ParallelEnv):
    metadata = {"name": "own_v0", "render_modes": []}
    possible_agents = ["a_0", "a_1"]

    def __init__(self, breaks=None, render_mode=None):
        self.breaks, self.render_mode = breaks, render_mode

    def observation_space(self, agent):
        return Box(0, 1, (2,), np.float32)

    def action_space(self, agent):
        return Discrete(3)

    def _look(self, agents):
        return {agent: self.luck.random(2).astype(np.float32) for agent in agents}

    def reset(self, seed=None, options=None):
        if self.breaks == "reset" and seed:
            raise RuntimeError("cannot begin")
        self.agents, self.t, self.luck = self.possible_agents[:], 0, np.random.default_rng(seed)
        return self._look(self.agents), {agent: {} for agent in self.agents}

    def step(self, actions):
        self.t += 1
        if self.breaks == "step" and self.t == 3:
            raise RuntimeError("cannot go on")
        agents, over = self.agents, self.t == 6
        self.agents = [] if over else agents
        paid = {agent: float(actions[agent] == 1) + float(self.luck.random()) for agent in agents}
        no, cut = dict.fromkeys(agents, False), dict.fromkeys(agents, over)
        return self._look(agents), paid, no, cut, {agent: {} for agent in agents}


def env():
    return Env()


def raises_in_step():
    return Env("step")


def raises_in_reset():
    return Env("reset")


def raises_when_made():
    raise RuntimeError("no parts")


def no_env():
    return 5
"""

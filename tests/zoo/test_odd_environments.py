"""Environments with mistakes, that print, or that are long: the same line in every command, or their figures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.zoo.command_line import Refused, Zoo

ODD = """
import ctypes
import os
import subprocess

import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv



class Plain(ParallelEnv):
    metadata = {"name": "plain_v0", "render_modes": []}
    length = 5

    def __init__(self):
        self.possible_agents = ["a_0", "a_1"]

    def observation_space(self, agent):
        return Box(-np.inf, np.inf, (2,), np.float32)

    def action_space(self, agent):
        return Discrete(3)

    def see(self):
        return np.zeros(2, np.float32)

    def told(self, names):
        return {name: {} for name in names}

    def paid(self, name):
        return 1.0

    def reset(self, seed=None, options=None):
        self.agents, self.t = list(self.possible_agents), 0
        return {name: self.see() for name in self.agents}, self.told(self.agents)

    def step(self, actions):
        self.t += 1
        names, over = list(self.agents), self.t >= self.length
        if over:
            self.agents = []
        ended = {name: over for name in self.flagged(names)}
        return ({name: self.see() for name in names}, {name: self.paid(name) for name in names}, ended,
                dict.fromkeys(names, False), self.told(names))

    def flagged(self, names):
        return names


class Prints(Plain):
    def __init__(self):
        super().__init__()
        print("made")

    def step(self, actions):
        print("stepped")
        os.write(1, b"written\\n")  # as C code does that knows nothing of sys.stdout
        ctypes.CDLL(None).puts(b"libc")
        subprocess.run(["echo", "child"])
        return super().step(actions)


class SeesNaN(Plain):
    def see(self):
        return np.array([0.0, np.nan if self.t == 2 else 1.0], np.float32)


class SaysNone(Plain):
    def told(self, names):
        return dict.fromkeys(names)


class OldReset(Plain):
    def reset(self, seed=None, options=None):
        return super().reset()[0]


class NarrowMask(Plain):
    def told(self, names):
        return {name: {"action_mask": np.ones(2, np.int8)} for name in names}


class Flags(Plain):
    def flagged(self, names):
        return names[1:]


class PaysArrays(Plain):
    def paid(self, name):
        return np.array([1.0])


class SpacesLater(Plain):
    def observation_space(self, agent):
        return self.spaces[agent]

    def reset(self, seed=None, options=None):
        self.spaces = {name: Box(-1, 1, (2,)) for name in self.possible_agents}
        return super().reset()


class Sleeps(Plain):
    def told(self, names):
        on = f"a_{self.t % 2}"
        return {name: {"action_mask": np.full(3, name == on, np.int8)} for name in names}


class Long(Plain):
    length = 1200

    def paid(self, name):
        return float(self.t == self.length and name == "a_0")
"""
COMMANDS = (
    ("match", "random", "random", "--episodes", 2, "--no-record"),
    ("tournament", "random", "mine.py:Plain", "--trust", "--episodes", 2, "--no-panel"),
    ("crossplay", "random", "mine.py:Plain", "--trust", "--episodes", 2, "--no-record"),
    ("train", "naive", "--steps", 64, "--copies", 2, "--length", 8),
    ("exploit", "random", "--no-record"),
)


@pytest.fixture
def odd(here: Path) -> Path:
    """The folder that commands run in, with `odd.py`."""
    Path("odd.py").write_text(ODD)
    return here


@pytest.mark.parametrize("command", COMMANDS, ids=[words[0] for words in COMMANDS])
def test_a_mistake_is_told_by_the_same_sentence_everywhere(command: tuple[object, ...], zoo: Zoo, odd: Path) -> None:
    said = zoo(*command, "--arena", "odd.py:SeesNaN", code=2)
    sentence = (
        r"odd\.py:SeesNaN, episode seed \d+, step 2, seat a_0: step\(\) showed nan; an observation must be finite"
    )
    assert re.search(f"^zoo: {sentence}", said.err, re.M), said.err
    assert "Traceback" not in said.err
    assert said.out == "" or command[0] == "train"  # which says what it begins


def test_a_mistake_breaks_a_law(zoo: Zoo, odd: Path) -> None:
    found = zoo("check", "odd.py:SeesNaN", "--json", code=1).json
    assert "step 2, seat a_0: step() showed nan; an observation must be finite" in json.dumps(found)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("SaysNone", r"step 0, seat a_0: reset\(\) gave None as the info of a_0; an info must be a dict"),
        ("OldReset", r"step 0: reset\(\) returned a dict; it must return two dicts, observations and infos"),
        (
            "NarrowMask",
            r"step 0, seat a_0: reset\(\) gave a mask of width 2; there are 3 actions, so it must be 3 wide",
        ),
        ("Flags", r"step 1, seat a_0: step\(\) left a_0 out of terminations; each agent that acted needs True or"),
    ],
)
def test_what_is_refused(name: str, line: str, refused: Refused, odd: Path) -> None:
    words = ("match", "random", "random", "--episodes", 2, "--no-record")
    assert re.search(line, refused(*words, "--arena", f"odd.py:{name}"))


@pytest.mark.parametrize("name", ["PaysArrays", "SpacesLater", "Sleeps"])
def test_what_plays(name: str, zoo: Zoo, odd: Path) -> None:
    told = zoo("match", "random", "random", "--arena", f"odd.py:{name}", "--episodes", 2, "--no-record", "--json").json
    assert [line["own_return"]["mean"] for line in told["seats"]] == [5, 5] and told["cut"] == 0
    assert [line["faults"] for line in told["seats"]] == [{}, {}]


def test_cut_games_are_told(zoo: Zoo, odd: Path) -> None:
    words = ("match", "random", "random", "--arena", "odd.py:Long", "--episodes", 1, "--no-record")
    told = zoo(*words, "--json").json
    assert told["cut"] == 1 and [line["own_return"]["mean"] for line in told["seats"]] == [0, 0]
    assert "Every episode was cut before the game had ended" in zoo(*words).out
    competitive = zoo(*words, "--set", "arena.kind=competitive").out
    assert "A draw may be a game that nobody has finished" in " ".join(competitive.split())
    more = ("--set", "arena.max_cycles=1200")
    told = zoo(*words, *more, "--json").json
    assert told["cut"] == 0 and [line["own_return"]["mean"] for line in told["seats"]] == [1, 0]
    assert "cut" not in zoo(*words, *more).out
    short = ("--arena", "odd.py:Plain", "--set", "arena.max_cycles=2")
    pair = ("random", "mine.py:Plain", "--trust", *short, "--episodes", 1)
    assert zoo("tournament", *pair, "--no-panel", "--format", "json").json["cut"] == 1
    assert "Every episode was cut" in zoo("tournament", *pair, "--no-panel").out
    assert zoo("crossplay", *pair, "--no-record", "--json").json["cut"] == 1


@pytest.mark.parametrize("cycles", [0, -3, 99999999999999999999])
def test_a_cap_is_a_number_of_cycles(cycles: int, refused: Refused, odd: Path) -> None:
    words = ("match", "random", "random", "--arena", "odd.py:Plain", "--set", f"arena.max_cycles={cycles}")
    assert re.search(r"max_cycles must be (in \[1, |a whole number of at most)", refused(*words))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_standard_output_belongs_to_the_result(workers: int, odd: Path) -> None:
    words = [
        "match",
        "random",
        "random",
        "--arena",
        "odd.py:Prints",
        "--episodes",
        "30",
        "--no-record",
        "--json",
        "--workers",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "zoo", *words, str(workers)],
        capture_output=True,
        text=True,
        timeout=500,
        env=os.environ | {"ZOO_HOME": str(odd / "home")},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cut"] == 0
    assert {"made", "stepped", "written", "libc", "child"} <= set(done.stderr.split())

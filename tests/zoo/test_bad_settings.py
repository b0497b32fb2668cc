"""Checkpoints, classes and settings that cannot be used: one line that names the fault, nothing that hangs or grows."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.command_line import Refused
from zoo.entry.checkpoint import CARD, HOUSE, WEIGHTS

COIN = ("--arena", "coin", "--episodes", "2", "--no-record")
IPD = ("--arena", "ipd", "--episodes", "2", "--no-record")
MINE = """
from pathlib import Path
from agents.scripts.random import Random


class Out(BaseException):
    pass


def out(*_):
    raise Out("of luck")


class NeedsText(Random):
    needs = "discrete"


class NeedsList(Random):
    needs = ["discrete"]


class ConfigDict(Random):
    Config = dict


class ConfigNumber(Random):
    Config = 3


class Behaviour(Random):
    behaviour = "two"


class Owns(Random):
    owns = None


class Learns(Random):
    learns = 3


class Departed(Random):
    departed = ("lr",)


class Acts(Random):
    act = out


class Begins(Random):
    begin = out


class IsMade(Random):
    build = out


class Files(Random):
    files = classmethod(out)


class Pipe(Random):
    @classmethod
    def files(cls):
        return (Path(__file__).resolve().parent / "pipe",)
"""


@pytest.fixture
def place(here: Path) -> Path:
    """The folder that commands run in, with a file of agents and a pipe that nobody writes into."""
    (here / "odd.py").write_text(MINE)
    (here / "leaves.py").write_text("raise BaseException('never mind')\n")
    os.mkfifo(here / "pipe")
    return here


def checkpoint(folder: Path, **changes: Any) -> Path:
    """The house's checkpoint of `lola-dice` with another card."""
    shutil.copytree(HOUSE / "coin-v1" / "lola-dice", folder, ignore=shutil.ignore_patterns("seed-*"))
    card = json.loads((folder / CARD).read_text())
    card["config"] |= changes
    (folder / CARD).write_text(json.dumps(card))
    return folder


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("NeedsText", r"NeedsText.needs is 'discrete', expected a set of words such as frozenset\(\{\"discrete\"\}\)"),
        ("NeedsList", r"NeedsList.needs is \['discrete'\], expected a set of words"),
        ("ConfigDict", "ConfigDict.Config is <class 'dict'>, expected a frozen dataclass"),
        ("ConfigNumber", "ConfigNumber.Config is 3, expected a frozen dataclass"),
        ("Behaviour", "Behaviour.behaviour is 'two', expected a whole number"),
        ("Owns", 'Owns.owns is None, expected "seat", "side" or "all"'),
        ("Learns", "Learns.learns is 3, expected True or False"),
        ("Departed", r"Departed.departed is \('lr',\), expected a mapping"),
        ("Acts", r"Out: of luck \(odd.py, line \d+\)"),
        ("Begins", r"Out: of luck \(odd.py, line \d+\)"),
        ("IsMade", r"cannot be made: Out: of luck \(odd.py, line \d+\)"),
        ("Files", r"cannot name its files: Out: of luck"),
        ("Pipe", r"there is no file .*pipe"),
    ],
)
def test_a_class_that_cannot_be_used_is_one_line(kind: str, line: str, refused: Refused, place: Path) -> None:
    assert re.search(line, refused("match", f"odd.py:{kind}", "random", *IPD, "--trust"))


@pytest.mark.parametrize("kind", ["NeedsText", "ConfigDict", "Behaviour"])
def test_so_it_is_in_a_process_of_its_own(kind: str, refused: Refused, place: Path) -> None:
    assert re.search(rf"odd.py .*{kind}.* expected", refused("match", f"odd.py:{kind}", "random", *IPD))


def test_a_file_that_raises_what_nothing_catches_is_one_line(refused: Refused, place: Path) -> None:
    assert "leaves.py cannot be imported: BaseException: never mind" in refused(
        "match", "leaves.py:X", "random", *IPD, "--trust"
    )


def test_a_card_that_is_nested_without_end_is_broken(refused: Refused, place: Path) -> None:
    folder = checkpoint(place / "deep")
    (folder / CARD).write_text("[" * 200_000)
    assert re.search("checkpoint deep is broken", refused("match", "lola-dice@deep", "random", *COIN))


def test_weights_that_are_a_pipe_are_not_waited_for(refused: Refused, place: Path) -> None:
    folder = checkpoint(place / "piped")
    (folder / WEIGHTS).unlink()
    os.mkfifo(folder / WEIGHTS)
    assert f"{WEIGHTS}: it is no regular file" in refused("match", "lola-dice@piped", "random", *COIN)


@pytest.mark.parametrize("hidden", [10**7, 10**9])
def test_a_network_that_fits_nowhere_is_refused_before_memory_is_asked_for(
    hidden: int, refused: Refused, place: Path
) -> None:
    checkpoint(place / "wide", hidden=hidden)
    line = r"a layer of [\d,]+ x [\d,]+ weights is too large"
    assert re.search(line, refused("match", "lola-dice@wide", "random", *COIN))
    assert re.search(line, refused("match", f"lola-dice,hidden={hidden}", "random", "--arena", "coin", "--learn"))


@pytest.mark.parametrize("arena", ["ipd", "pettingzoo:classic/rps_v2"])
@pytest.mark.parametrize("steps", [10**7 + 1, 10**12])
def test_an_episode_without_end_is_refused(arena: str, steps: int, refused: Refused, place: Path) -> None:
    words = ("match", "random", "random", "--arena", arena, "--set", f"arena.max_steps={steps}", "--no-record")
    assert re.search(rf"max_steps .*{steps}", refused(*words))

"""Attacks by what an agent's class says of itself, before anybody plays: its process answers with lies.

They are played as a file of which the referee gathers what belongs to it. Nothing happens where there is no stage
beside the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from zoo.sandbox import worker
from zoo.sandbox.attacks.base import Attack
from zoo.sandbox.declare import describe

_STAGE = Path(__file__).with_name("aims.json")


class NameForeignFile(Attack):
    """Says that another entrant's file is one of its own, so that the referee copies it into its folder."""

    defence = "names of files are read before the files are"
    claims: ClassVar[tuple[str, ...]] = ("@secret",)

    def strike(self) -> None:
        """It prints the secret."""
        for file in self.here.rglob("*"):
            print(file.read_bytes()[:99])


class NameFileAbove(NameForeignFile):
    """Says that a file outside its folder, named by the way up, is one of its own."""

    claims = ("../../entrants/secret",)


class NameLink(NameForeignFile):
    """Says that a link in its folder is one of its own files."""

    defence = "links are not followed"
    claims = ("link",)


class NameEndlessFile(NameForeignFile):
    """Says that a file of the kernel's, which never ends, is one of its own."""

    claims = ("/proc/kmsg",)


class NameNoFile(NameForeignFile):
    """Names files by what is no name."""

    claims = ("a\0b", "", ".", "x" * 900)


class ManySettings(NameForeignFile):
    """Declares settings without end."""

    defence = "answers with bounds"
    claims = ()


def _lie(agent: type[Any], files: tuple[str, ...]) -> list[Any]:
    said: list[Any] = describe(agent, files)
    if issubclass(agent, ManySettings):
        said[2] = [[f"field_{number}", "any", number] for number in range(1_000_000)]
    elif issubclass(agent, NameForeignFile):
        secret = json.loads(_STAGE.read_text())["secrets"][0]
        said[3] = [name.replace("@secret", secret) for name in agent.claims]
    return said


if _STAGE.exists():
    vars(worker)["describe"] = _lie

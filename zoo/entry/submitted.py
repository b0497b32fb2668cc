"""Submissions as entrants: a name that was given to one stands for the files in `submissions/` of the home folder.

my-learner      its latest version that still counts, in this arena if it was entered here
my-learner/2    this version, whatever became of it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leaderboard.errors import StoreError
from zoo import home
from zoo.entry import checkpoint as checkpoints
from zoo.entry.checkpoint import Card, Checkpoint
from zoo.entry.settings import typed
from zoo.errors import UserError

if TYPE_CHECKING:
    from leaderboard.views.submissions import Version

FOLDER = "submissions"


@dataclass(frozen=True)
class Submitted:
    """A submission as it lies in a folder.

    Attributes:
        label: what people read: name and version.
        folder: its files.
        arena: identity of the arena that it was entered for.
        entry: "agent.py:Class", or "" where it is a checkpoint of an agent of the zoo's.
        agent: registered name of that agent, or "".
        weights: name of its file of weights, "" without any.
        config: settings that differ from the agent's own.
        seats: seats that the weights were trained for.
    """

    label: str
    folder: Path
    arena: str
    entry: str = ""
    agent: str = ""
    weights: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    seats: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What `load_agent` is asked for."""
        return f"{self.folder / self.entry}" if self.entry else self.agent

    @property
    def assignments(self) -> list[str]:
        """Its settings as `field=value` texts."""
        return typed(self.config)

    def checkpoint(self, key: str, behaviour: int) -> Checkpoint | None:
        """Its weights; None without any.

        Args:
            key: identifies the code of its agent.
            behaviour: version of what that agent does.

        Raises:
            UserError: they are broken.
        """
        if not self.entry:
            return checkpoints.load(self.folder)
        if not self.weights:
            return None
        state = checkpoints.read_tensors(self.folder / self.weights)
        seats = list(self.seats or dict.fromkeys(name.partition("/")[0] for name in state))
        state = checkpoints.unfolded(state, seats)
        card = Card(key, behaviour, {}, self.arena, seats, seed=0, steps=0, command="")
        return Checkpoint(self.folder, card, state, checkpoints.digest(state))


def find(text: str, arena: str = "") -> Submitted | None:
    """The submission that a name, or name and version, stands for; None where there is none.

    Args:
        text: what was typed.
        arena: identity of the arena in which it is to play, if there is one.

    Raises:
        UserError: its files are not in this home folder.
    """
    if text in _tried:
        return _tried[text]
    if ":" in text or not text:
        return None
    from leaderboard.views.submissions import named  # here, as listing names must not wait for numpy

    try:
        with home.read_records() as store:
            version = named(store.submissions(), text, arena)
    except StoreError:  # nothing is recorded
        return None
    return None if version is None else kept(version)


def kept(version: Version) -> Submitted:
    """A version as it lies in the home folder.

    Raises:
        UserError: its files are not there.
    """
    record, details = version.record, version.record.details
    folder = place(record.id)
    if not folder.is_dir():
        raise UserError(
            f"the files of {version.label} are not in {folder.parent}: submit them again there, or copy that folder"
        )
    names = ("entry", "agent", "weights", "config", "seats")
    parts = {name: details[name] for name in names if details.get(name)}
    return Submitted(version.label, folder, record.arena, **parts)


def place(digest: str) -> Path:
    """The folder for the files of a submission."""
    return home.folder() / FOLDER / digest[:32]


#: Submissions that are being looked at and are not entered yet, by what they are called meanwhile.
_tried: dict[str, Submitted] = {}


@contextmanager
def tried(one: Submitted) -> Iterator[None]:
    """Inside, this process knows a submission by its label, although it has not been entered."""
    _tried[one.label] = one
    try:
        yield
    finally:
        del _tried[one.label]

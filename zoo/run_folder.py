"""The folder of a training run: the checkpoint, its curve, and while it runs all that it takes to go on.

    weights.safetensors, card.json   the checkpoint (zoo.entry.checkpoint)
    curve.json                       which run this is, and its learning curve
    resume/state.safetensors         every tensor that the next round depends on; the numbers stand in its header

What a run goes on from is one file, replaced by one rename: tensors and numbers of different moments cannot mix,
whenever the process is killed. The checkpoint is written after it and says nothing that the resumed run would not
write again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.curve import Row
from zoo.entry import checkpoint as checkpoints
from zoo.entry.checkpoint import CARD, RESUME, WEIGHTS
from zoo.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

CURVE, STATE = "curve.json", "state.safetensors"
_FORMAT = 1
_NOTES = "zoo"  # the key of the numbers in the header of the state file


@dataclass(frozen=True)
class Saved:
    """Where a run stands: `notes` are numbers and texts in JSON, the run's identity among them."""

    tensors: dict[str, Tensor]
    notes: dict[str, Any]


class RunFolder:
    """One run's folder; `run` is its identity in JSON, alike for equal runs.

    Args:
        path: the folder, made where it does not exist.
        run: what tells this run from others, by name.

    Raises:
        UserError: the folder cannot be made.
    """

    def __init__(self, path: Path, run: Mapping[str, Any]) -> None:
        self.path = path
        self.run: dict[str, Any] = json.loads(json.dumps(dict(run)))
        checkpoints.make_folder(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training in this folder, and sweep up what a killed one was writing.

        Raises:
            UserError: another process trains here, or the folder cannot be used.
        """
        try:
            import fcntl
        except ImportError:  # such a system has no advisory locks, and equal runs write equal files anyway
            yield
            return
        try:
            handle = os.open(self.path, os.O_RDONLY)
        except OSError as error:
            raise UserError(f"cannot use the folder {self.path}: {error.strerror or error}") from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UserError(f"another process is training in {self.path}: wait for it, or use --out") from error
            for place in (self.path, self.path / RESUME):
                for torso in place.glob(".*.tmp"):
                    torso.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)

    def stage(self) -> Literal["new", "unfinished", "finished"]:
        """How far this run is here.

        Raises:
            UserError: the folder holds another run, or what it holds is broken.
        """
        if (self.path / RESUME / STATE).exists():
            notes = self._read(tensors=False).notes
            self._must_be_this(notes["run"], "an unfinished run")
            return "unfinished" if notes["rounds"] < notes["of"] else "finished"
        if not (self.path / CARD).exists():
            return "new"
        try:
            found = json.loads((self.path / CURVE).read_text())["run"]
        except (OSError, ValueError, KeyError, TypeError):
            found = {}
        self._must_be_this(found, "a checkpoint")
        return "finished"

    def _must_be_this(self, found: dict[str, Any], what: str) -> None:
        if found == self.run:
            return
        names = [name for name in self.run | found if found.get(name) != self.run.get(name)]
        there = ", ".join(f"{name}={_brief(found[name])}" for name in names if name in found) or "unknown settings"
        here = ", ".join(f"{name}={_brief(self.run[name])}" for name in names if name in self.run)
        raise UserError(
            f"{self.path} holds {what} of another plan ({there}; now {here}): choose another folder with --out,"
            " or start anew with --force"
        )

    def load(self) -> Saved:
        """What `keep` wrote last.

        Raises:
            UserError: it is broken.
        """
        return self._read(tensors=True)

    def _read(self, *, tensors: bool) -> Saved:
        import safetensors

        path = self.path / RESUME / STATE
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                notes = json.loads(file.metadata()[_NOTES])
                found = {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
            if notes["format"] != _FORMAT or not {"run", "rounds", "of"} <= notes.keys():
                raise ValueError(f"its format is {notes['format']}, this version reads {_FORMAT}")
        except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is broken ({_brief(error)}): start anew with --force") from error
        return Saved(found, notes)

    def keep(self, tensors: Mapping[str, Tensor], notes: Mapping[str, Any], *, rounds: int, of: int) -> None:
        """Write all that it takes to go on after `rounds` of `of` rounds, atomically."""
        checkpoints.make_folder(self.path / RESUME)
        full = {"format": _FORMAT, "run": self.run, "rounds": rounds, "of": of, **notes}
        checkpoints.write_tensors(self.path / RESUME / STATE, dict(tensors), {_NOTES: json.dumps(full)})

    def publish(self, state: Mapping[str, Tensor], card: checkpoints.Card, rows: list[Row]) -> None:
        """Write checkpoint and curve."""
        curve = json.dumps({"run": self.run, "rows": rows}, indent=None, separators=(",", ":"))
        checkpoints.write_atomically(self.path / CURVE, (curve.replace('{"steps"', '\n{"steps"') + "\n").encode())
        checkpoints.save(self.path, dict(state), card)

    def forget_resume(self) -> None:
        """Remove what it takes to go on; the run is finished."""
        (self.path / RESUME / STATE).unlink(missing_ok=True)
        if (self.path / RESUME).is_dir() and not any((self.path / RESUME).iterdir()):
            (self.path / RESUME).rmdir()

    def clear(self) -> None:
        """Remove a run from this folder, whichever it is; files that are not a run's stay."""
        self.forget_resume()
        for name in (CARD, WEIGHTS, CURVE):  # without its card a folder is no checkpoint
            (self.path / name).unlink(missing_ok=True)


def _brief(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."

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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.entry import checkpoint as checkpoints
from zoo.entry.checkpoint import CARD, RESUME, WEIGHTS
from zoo.errors import UserError
from zoo.training.curve import Row
from zoo.work.jobs import Saved, brief, read_state, write_state

if TYPE_CHECKING:
    from torch import Tensor

CURVE, STATE = "curve.json", "state.safetensors"
_FORMAT = 1
_CURE = "start anew with --force"


class RunFolder:
    """One run's folder; `run` is its identity in JSON, the same for equal runs.

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
        """Keep other processes from training in this folder, and remove the half-written files of a killed one.

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
                for rest in place.glob(".*.tmp"):
                    rest.unlink(missing_ok=True)
            yield
        finally:
            os.close(handle)

    def stage(self) -> Literal["new", "unfinished", "finished"]:
        """How far this run is here.

        Raises:
            UserError: the folder holds another run, or what it holds is broken.
        """
        if (self.path / RESUME / STATE).exists():
            notes = self.load(tensors=False).notes
            self._must_be_this(notes["run"], "an unfinished run")
            return "unfinished" if notes["rounds"] < notes["of"] else "finished"
        if not (self.path / CARD).exists():
            return "new"
        try:
            kept = json.loads((self.path / CURVE).read_text())["run"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            kept = {}
        self._must_be_this(kept, "a checkpoint")
        return "finished"

    def _must_be_this(self, kept: dict[str, Any], what: str) -> None:
        if kept == self.run:
            return
        names = [name for name in self.run | kept if kept.get(name) != self.run.get(name)]
        there = ", ".join(f"{name}={brief(kept[name])}" for name in names if name in kept) or "unknown settings"
        here = ", ".join(f"{name}={brief(self.run[name])}" for name in names if name in self.run)
        raise UserError(
            f"{self.path} holds {what} of another plan ({there}; now {here}): choose another folder with --out,"
            " or start anew with --force"
        )

    def load(self, *, tensors: bool = True) -> Saved:
        """What `keep` wrote last.

        Raises:
            UserError: it is broken.
        """
        path = self.path / RESUME / STATE
        saved = read_state(path, _CURE, tensors=tensors)
        if saved.notes.get("format") != _FORMAT or not {"run", "rounds", "of"} <= saved.notes.keys():
            raise UserError(f"{path} has format {saved.notes.get('format')}, this version reads {_FORMAT}: {_CURE}")
        return saved

    def keep(self, tensors: Mapping[str, Tensor], notes: Mapping[str, Any], *, rounds: int, of: int) -> None:
        """Write all that it takes to go on after `rounds` of `of` rounds, atomically."""
        checkpoints.make_folder(self.path / RESUME)
        full = {"format": _FORMAT, "run": self.run, "rounds": rounds, "of": of, **notes}
        write_state(self.path / RESUME / STATE, tensors, full)

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

    def give_back(self) -> None:
        """Leave nothing of a run that never began."""
        self.clear()
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def clear(self) -> None:
        """Remove a run from this folder, whichever it is; files that are not a run's stay."""
        self.forget_resume()
        for name in (CARD, WEIGHTS, CURVE):  # without its card a folder is no checkpoint
            (self.path / name).unlink(missing_ok=True)

"""Jobs that are done once: a result lies under its job's key, whole or not there, and is never made again.

    for done in do(jobs, Results(folder), workers=2):
        print(done.job.key, done.result)

Every file is written beside its place, flushed to the disk and renamed. So the same call goes on where it was stopped,
whatever stopped it, kill -9 included. A job that takes long keeps, in the same way, the state that it goes on from:
`write_state` puts tensors and numbers of one moment into one file.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.entry import checkpoint as checkpoints
from zoo.errors import UserError
from zoo.work.pool import Contact, Job, name_of, work

if TYPE_CHECKING:
    from torch import Tensor

_NOTES = "zoo"  # the key of the numbers in the header of a state file


@dataclass(frozen=True)
class Done:
    """A job that is done, and what it took. `kept`: by an earlier call."""

    job: Job
    result: Any  # plain JSON
    cpu_s: float
    wall_s: float
    kept: bool = False


@dataclass(frozen=True)
class Saved:
    """Where a job stands: tensors, and numbers and texts in JSON."""

    tensors: dict[str, Tensor]
    notes: dict[str, Any]


def key_of(*words: Any) -> str:
    """A key of 16 letters for plain JSON that decides a job's result."""
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:16]


class Results:
    """The results in a folder, a JSON file for each key.

    Raises:
        UserError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        checkpoints.make_folder(folder)
        self.folder = folder

    def read(self, job: Job) -> Done | None:
        """A result that was kept; None where there is none that can be read."""
        try:
            kept = json.loads(self._file(job).read_text())
            return Done(job, kept["result"], kept["cpu_s"], kept["wall_s"], kept=True)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, done: Done) -> None:
        """Keep a result."""
        kept = {"job": done.job.arguments, "cpu_s": done.cpu_s, "wall_s": done.wall_s, "result": done.result}
        checkpoints.write_atomically(self._file(done.job), json.dumps(kept).encode())

    def _file(self, job: Job) -> Path:
        return self.folder / f"{job.key}.json"


def do(
    jobs: Sequence[Job],
    results: Results,
    workers: int,
    *,
    force: bool = False,
    watch: Callable[[Job, Any], None] = lambda job, news: None,
) -> Iterator[Done]:
    """The jobs as they are done, those kept from before first.

    Args:
        jobs: functions that return plain JSON.
        results: where they are kept.
        workers: processes.
        force: do them all again.
        watch: given a job and its news.

    Raises:
        UserError: a result cannot be written, or a worker was ended from outside.
        Exception: the first that a job raised.
    """
    missing: list[Job] = []
    for job in jobs:
        kept = None if force else results.read(job)
        if kept is None:
            missing.append(job)
        else:
            yield kept
    timed = {job.key: Job(job.key, name_of(_timed), (job,), job.stops) for job in missing}
    for job, (result, cpu_s, wall_s) in work(list(timed.values()), workers, watch=watch):
        done = Done(job.arguments[0], result, cpu_s, wall_s)
        results.write(done)
        yield done


def _timed(contact: Contact, job: Job) -> tuple[Any, float, float]:
    cpu, wall = time.process_time(), time.monotonic()
    result = json.loads(json.dumps(job.call(contact)))  # as it will be read back: a kept result is no different
    return result, time.process_time() - cpu, time.monotonic() - wall


def write_state(path: Path, tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> None:
    """Write tensors, and plain JSON in their file's header, at once."""
    checkpoints.write_tensors(path, dict(tensors), {_NOTES: json.dumps(notes)})


def read_state(path: Path, cure: str, *, tensors: bool = True) -> Saved:
    """What `write_state` wrote; without the tensors where only the notes are asked for.

    Raises:
        UserError: the file is broken; the message ends with the `cure`.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            (text,) = file.metadata().values()
            notes = dict(json.loads(text))
            kept = {name: file.get_tensor(name) for name in file.keys()} if tensors else {}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{path} is broken ({brief(error)}): {cure}") from error
    return Saved(kept, notes)


def brief(value: object) -> str:
    """A value in one line of at most 60 letters."""
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Several training runs, one after another or in processes side by side; the results are the same either way.

A worker process gets its plan when it starts, sends readings and its outcome as JSON over a pipe, and stops, saving,
when the pipe tells it to or breaks: nobody trains on for a parent that was killed.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import FrameType
from typing import Any

from zoo.errors import UserError
from zoo.plan import Plan
from zoo.progress import Reading
from zoo.train import Outcome, train

_BREATH = 0.2  # seconds between two readings from a worker, and between two looks at `stop`


@dataclass(frozen=True)
class Job:
    """A run to be made; the fields are the arguments of `zoo.train.train`."""

    plan: Plan
    out: Path | None = None
    force: bool = False
    keep_resume: bool = False
    save_every: float = 30.0


Watch = Callable[[Job, Reading], None]


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C or SIGTERM only makes the function given say True; a second Ctrl-C interrupts."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if caught and number == signal.SIGINT:
            raise KeyboardInterrupt
        caught.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train_all(jobs: Sequence[Job], workers: int, stop: Callable[[], bool], watch: Watch) -> Iterator[Outcome]:
    """Outcomes as they come; after `stop()` the runs at work are saved and no other is begun.

    Raises:
        UserError: a run failed; those beside it are saved and stopped.
    """
    if min(workers, len(jobs)) > 1:
        yield from _side_by_side(jobs, workers, stop, watch)
        return
    for job in jobs:
        if not stop():
            yield _run(job, stop, lambda reading, job=job: watch(job, reading))  # type: ignore[misc]  # a bound default


def _run(job: Job, stop: Callable[[], bool], watch: Callable[[Reading], None]) -> Outcome:
    return train(
        job.plan,
        job.out,
        force=job.force,
        keep_resume=job.keep_resume,
        save_every=job.save_every,
        stop=stop,
        watch=watch,
    )


def _side_by_side(jobs: Sequence[Job], workers: int, stop: Callable[[], bool], watch: Watch) -> Iterator[Outcome]:
    waiting, at_work = list(jobs), dict[Connection, tuple[Job, SpawnProcess]]()
    fault: UserError | None = None
    try:
        while waiting or at_work:
            if stop() or fault is not None:
                waiting.clear()
                _tell_to_stop(at_work)
            while waiting and len(at_work) < workers:
                job = waiting.pop(0)
                pipe, process = _start(job)
                at_work[pipe] = (job, process)
            for pipe in (ready for ready in wait(list(at_work), timeout=_BREATH) if isinstance(ready, Connection)):
                job, process = at_work[pipe]
                message = _receive(pipe)
                if "reading" in message:
                    watch(job, Reading.from_json(message["reading"]))
                    continue
                process.join()
                del at_work[pipe]
                if "outcome" in message:
                    yield Outcome(**{**message["outcome"], "folder": Path(message["outcome"]["folder"])})
                else:
                    died = f"the process that trained seed {job.plan.seed} died (exit code {process.exitcode})"
                    fault = fault or UserError(message.get("fault", f"{died}; the same command goes on"))
    finally:
        _tell_to_stop(at_work)
        for _, process in at_work.values():
            process.join()
    if fault is not None:
        raise fault


def _start(job: Job) -> tuple[Connection, SpawnProcess]:
    context = get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_work, args=(job, theirs))
    process.start()
    theirs.close()
    return mine, process


def _tell_to_stop(at_work: dict[Connection, tuple[Job, SpawnProcess]]) -> None:
    for pipe in at_work:
        try:
            pipe.send_bytes(b"stop")
        except OSError:
            continue  # it has ended already


def _receive(pipe: Connection) -> dict[str, Any]:
    """The next message; empty where the worker died."""
    try:
        message: dict[str, Any] = json.loads(pipe.recv_bytes())
    except (EOFError, OSError):
        return {}
    return message


def _work(job: Job, pipe: Connection) -> None:
    """What a worker process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says what to do
    told, last = False, 0.0

    def send(**message: Any) -> None:
        nonlocal told
        try:
            pipe.send_bytes(json.dumps(message).encode())
        except OSError:
            told = True  # nobody listens any more

    def stop() -> bool:
        nonlocal told
        told = told or pipe.poll()
        return told

    def watch(reading: Reading) -> None:
        nonlocal last
        if time.monotonic() - last >= _BREATH:
            last = time.monotonic()
            send(reading=reading.to_json())

    try:
        outcome = _run(job, stop, watch)
        send(outcome={**asdict(outcome), "folder": str(outcome.folder)})
    except UserError as error:
        send(fault=str(error))

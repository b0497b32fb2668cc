"""Several training runs, one after another or in processes side by side; the results are the same either way."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from zoo.training.plan import Plan
from zoo.training.run import Outcome, train
from zoo.work.pool import Contact, Job, name_of, work
from zoo.work.progress import Reading


@dataclass(frozen=True)
class TrainingRun:
    """A run to be made; the fields are the arguments of `zoo.training.run.train`."""

    plan: Plan
    out: Path | None = None
    force: bool = False
    keep_resume: bool = False
    save_every: float = 30.0


@contextmanager
def stop_on_signals() -> Iterator[Callable[[], bool]]:
    """Within, the first Ctrl-C or SIGTERM only makes the yielded function say True; a second Ctrl-C interrupts."""
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


def train_all(
    runs: Sequence[TrainingRun],
    workers: int,
    stop: Callable[[], bool],
    watch: Callable[[TrainingRun, Reading], None],
) -> Iterator[Outcome]:
    """Outcomes as they come; after `stop()` the runs at work are saved and no other is begun.

    Raises:
        UserError: a run failed; those beside it are saved and stopped.
    """
    jobs = [Job(str(number), name_of(_train), (run,), stops=True) for number, run in enumerate(runs)]

    def told(job: Job, reading: Reading) -> None:
        watch(job.arguments[0], replace(reading, runs=len(runs)))

    for _, outcome in work(jobs, workers, stop=stop, watch=told):
        yield outcome


def _train(contact: Contact, run: TrainingRun) -> Outcome:
    return train(**vars(run), stop=contact.stopped, watch=contact.tell)

"""Does the parts of a figure, here or in worker processes, and keeps the result of each as soon as it is done.

A part's result lies in `parts/KEY.json` of the figure's folder. KEY is a hash of the version, the figure and its
revision, the function and the settings: the same command goes on where it was stopped, whatever stopped it, and a
part with another setting is another part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoo import __version__
from zoo.errors import UserError
from zoo.papers.figure import Figure, Json, Part, Reproduction
from zoo.work.jobs import Done, Results, do, key_of
from zoo.work.pool import Contact, Job, function_of, name_of
from zoo.work.progress import Reading, Watch


def key(figure: Figure, part: Part) -> str:
    """The name under which a part's result is kept."""
    return key_of(__version__, figure.name, figure.revision, part.function.__qualname__, dict(part.settings))


def reproduce(
    figure: Figure, folder: Path, *, quick: bool, seeds: int, workers: int, force: bool, watch: Watch
) -> Iterator[Done]:
    """The parts as they are done, those kept from before first, each a job with the part's `key`.

    `assembled` makes a report of all of them.

    Raises:
        UserError: the folder cannot be written, or a worker process was ended from outside.
    """
    parts = {key(figure, part): part for part in figure.work(quick, seeds)}
    jobs = [Job(k, name_of(_do), (name_of(part.function), dict(part.settings))) for k, part in parts.items()]
    try:
        results = Results(folder / "parts")
    except UserError as error:
        raise UserError(f"{error}; choose another --out") from error

    def news(job: Job, at: tuple[int, int]) -> None:
        watch(parts[job.key].name, Reading(*at, {}))

    yield from do(jobs, results, workers, force=force, watch=news)


def _do(contact: Contact, function: str, settings: dict[str, Any]) -> Json:
    return function_of(function)(lambda done, total: contact.tell((done, total)), **settings)


def assembled(figure: Figure, done: Sequence[Done], *, quick: bool, seeds: int) -> Reproduction:
    """The report, whatever the order in which the parts came."""
    results = {one.job.key: one.result for one in done}
    parts = figure.work(quick, seeds)
    report = figure.assemble([(part, results[key(figure, part)]) for part in parts], quick, seeds)
    if not figure.first_seed:
        return report
    words = f"{report.seeds} of first seed {figure.first_seed}"
    return replace(report, seeds=words, settings={**report.settings, "first seed": figure.first_seed})

"""Does the parts of a figure, here or in worker processes, and keeps the result of each as soon as it is done.

A part's result lies in `parts/KEY.json` of the figure's folder. KEY is a hash of the version, the figure and its
revision, the function and the settings: the same command goes on where it was stopped, whatever stopped it, and a
part with another setting is another part. A part that takes long keeps its state beside it, in `KEY.safetensors`.
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
    kept = folder / "parts"
    jobs = [
        Job(k, name_of(_do), (name_of(p.function), dict(p.settings), str(kept / f"{k}.safetensors") if p.keeps else ""))
        for k, p in parts.items()
    ]
    try:
        results = Results(kept)
    except UserError as error:
        raise UserError(f"{error}; choose another --out") from error

    def news(job: Job, at: tuple[int, int]) -> None:
        watch(parts[job.key].name, Reading(*at, {}))

    if force:
        for job in jobs:
            (kept / f"{job.key}.safetensors").unlink(missing_ok=True)
    yield from do(jobs, results, workers, force=force, watch=news)


def _do(contact: Contact, function: str, settings: dict[str, Any], state: str) -> Json:
    where = {"state": Path(state)} if state else {}
    result = function_of(function)(lambda done, total: contact.tell((done, total)), **settings, **where)
    for path in where.values():
        path.unlink(missing_ok=True)
    return result


def assembled(figure: Figure, done: Sequence[Done], *, quick: bool, seeds: int) -> Reproduction:
    """The report, whatever the order in which the parts came."""
    results = {one.job.key: one.result for one in done}
    parts = figure.work(quick, seeds)
    report = figure.assemble([(part, results[key(figure, part)]) for part in parts], quick, seeds)
    if not figure.first_seed:
        return report
    words = f"{report.seeds} of first seed {figure.first_seed}"
    return replace(report, seeds=words, settings={**report.settings, "first seed": figure.first_seed})

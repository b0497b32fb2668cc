"""Does a figure's parts, here or in worker processes, and keeps each as it is done.

A part's result lies in `parts/KEY.json` of the figure's folder, written beside it first and then renamed, so that it is
whole or not there. KEY is a hash of the version, the figure and its revision, the function and the settings: the same
command goes on where it was stopped, whatever stopped it, and a changed setting is a part of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

from zoo import __version__
from zoo.errors import UserError
from zoo.play.pool import start_worker
from zoo.reproduce.report import Figure, Json, Part, Reproduction
from zoo.work.pool import limit_threads

#: Told to whoever watches: part, done, of how many.
Watch = Callable[[str, int, int], None]
_BREATH = 0.2  # seconds between two looks at what workers tell


@dataclass(frozen=True)
class Done:
    """A part that is done: what came out and what it took."""

    part: Part
    result: Json
    cpu_s: float
    wall_s: float
    kept: bool = False  # from an earlier run


def key(figure: Figure, part: Part) -> str:
    """Under which name a part is kept."""
    what = [__version__, figure.name, figure.revision, part.function.__qualname__, dict(part.settings)]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def reproduce(
    figure: Figure, folder: Path, *, quick: bool, seeds: int, workers: int, force: bool, watch: Watch
) -> Iterator[Done]:
    """The parts as they are done, those kept from before first; `assembled` makes a report of all of them.

    Raises:
        UserError: the folder cannot be written, or a worker process was ended from outside.
    """
    parts = figure.parts(quick, seeds)
    keeper = folder / "parts"
    try:
        keeper.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write into {folder}: {error.strerror or error}; choose another --out") from error
    missing: list[Part] = []
    for part in parts:
        found = None if force else _read(keeper / f"{key(figure, part)}.json", part)
        if found is None:
            missing.append(part)
        else:
            yield found
    for done in _work_off(missing, workers, watch):
        told = {
            "name": done.part.name,
            "settings": dict(done.part.settings),
            "cpu_s": done.cpu_s,
            "wall_s": done.wall_s,
            "result": done.result,
        }
        write(keeper / f"{key(figure, done.part)}.json", json.dumps(told))
        yield done


def assembled(figure: Figure, done: Sequence[Done], *, quick: bool, seeds: int) -> Reproduction:
    """The report, whatever the order in which the parts came."""
    results = {key(figure, d.part): d.result for d in done}
    parts = figure.parts(quick, seeds)
    return figure.assemble([(part, results[key(figure, part)]) for part in parts], quick, seeds)


def write(file: Path, text: str | bytes) -> None:
    """Write a file whole or not at all."""
    data = text.encode() if isinstance(text, str) else text
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        os.replace(beside, file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise UserError(f"cannot write {file}: {error.strerror or error}; choose another --out") from error


def _read(file: Path, part: Part) -> Done | None:
    """A part that was kept; None where there is none that can be read."""
    try:
        told = json.loads(file.read_text())
        return Done(part, told["result"], told["cpu_s"], told["wall_s"], kept=True)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _do(part: Part, watch: Watch) -> Done:
    cpu, wall = time.process_time(), time.monotonic()
    result = part.function(lambda done, total: watch(part.name, done, total), **part.settings)
    # as it will be read back, so that a kept result is no different
    return Done(part, json.loads(json.dumps(result)), time.process_time() - cpu, time.monotonic() - wall)


def _work_off(parts: Sequence[Part], workers: int, watch: Watch) -> Iterator[Done]:
    if min(workers, len(parts)) <= 1:
        limit_threads()
        for part in parts:
            yield _do(part, watch)
        return
    context = get_context("spawn")
    told: Any = context.Queue()
    with ProcessPoolExecutor(min(workers, len(parts)), context, _start_worker, (told,)) as pool:
        waiting: set[Future[Done]] = {pool.submit(_do_there, part) for part in parts}
        try:
            while waiting:
                ready, waiting = wait(waiting, timeout=_BREATH, return_when=FIRST_COMPLETED)
                for name, done, total in _told(told):
                    watch(name, done, total)
                for future in ready:
                    yield future.result()
        except BrokenProcessPool as error:
            raise UserError("a worker process was ended from outside; type the command again to go on") from error
        except BaseException:
            # a part may take minutes: those at work are given up, and done again by the next command
            for future in waiting:
                future.cancel()
            for process in active_children():
                process.terminate()
            raise


def _told(messages: Any) -> Iterator[tuple[str, int, int]]:
    while True:
        try:
            yield messages.get_nowait()
        except queue.Empty:
            return


_messages: Any = None  # in a worker: where to tell what is done


def _start_worker(messages: Any) -> None:
    """A worker has one thread, and ends when the process that started it does, however that ends."""
    global _messages
    _messages = messages
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says what to do
    messages.cancel_join_thread()  # nobody waits for what the last messages say
    start_worker()


def _do_there(part: Part) -> Done:
    last = 0.0

    def tell(name: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _BREATH:
            last = time.monotonic()
            _messages.put((name, done, total))

    return _do(part, tell)

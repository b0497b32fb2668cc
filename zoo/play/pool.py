"""Work done here or in worker processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import TypeVar

import torch

from zoo.errors import UserError

Work = TypeVar("Work")
Result = TypeVar("Result")


def limit_threads() -> None:
    """One torch thread: our networks are small, and results must not depend on the number of cores."""
    torch.set_num_threads(1)


def work_off(function: Callable[[Work], Result], todo: Sequence[Work], workers: int) -> Iterator[tuple[Work, Result]]:
    """Pieces of work with their results as they come, done here or in worker processes.

    Raises:
        UserError: a worker was ended from outside; and whatever `function` raises.
    """
    if workers <= 1 or len(todo) <= 1:
        yield from ((work, function(work)) for work in todo)
        return
    with ProcessPoolExecutor(min(workers, len(todo)), get_context("spawn"), start_worker) as pool:
        futures = {pool.submit(function, work): work for work in todo}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BrokenProcessPool as error:
            raise UserError("a worker process was ended from outside; type the command again to go on") from error
        finally:
            for future in futures:
                future.cancel()


def start_worker() -> None:
    """A worker ends when the process that started it does, however that ends."""

    def leave() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
    limit_threads()

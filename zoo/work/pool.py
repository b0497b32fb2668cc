"""Jobs in worker processes: they are submitted, polled and cancelled, and they are plain data.

    for job, result in work(jobs, workers=2, watch=lambda job, news: print(job.key, news)):
        ...

A job names its function by module and name, so that any process can call it. `work` is what the zoo calls. It stands on
a `Pool`; another one (a cluster) is one more class with the same methods. The results are the same whatever the number
of workers; only their order may differ.

A worker has one torch thread. It is deaf to Ctrl-C, which reaches the whole group: the parent says what to do. When its
parent ends, however that ends, the worker ends too, at once or, where its job can be stopped, as soon as it has saved.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from zoo.errors import UserError
from zoo.handed import handed

_STOP = b""
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # names of options in glibc's malloc.h
_BREATH = 0.2  # seconds between two pieces of news of a job, and between two looks at `stop`


class Contact(NamedTuple):
    """What a job may say and ask while it works: its function's first argument."""

    tell: Callable[[Any], None]  # news, plain data
    stopped: Callable[[], bool]  # True: save and return
    once: Callable[..., Any]  # `once(make, *arguments)` is `make(*arguments)`, made once and kept for later jobs


@dataclass(frozen=True)
class Job:
    """A call that any process can make: `function(contact, *arguments)`.

    Args:
        key: tells it from the other jobs.
        function: "module:name"; see `name_of`.
        arguments: plain data: numbers, texts, arrays, and containers and dataclasses of these.
        stops: the function asks `Contact.stopped`; a job that does not is ended where it is when it is cancelled.
    """

    key: str
    function: str
    arguments: tuple[Any, ...] = ()
    stops: bool = False

    def call(self, contact: Contact) -> Any:
        """What the function returns, here and now."""
        return function_of(self.function)(contact, *self.arguments)


@dataclass(frozen=True)
class Event:
    """Something that happened to a job: it told news, gave its result, or failed with an exception."""

    job: Job
    kind: Literal["news", "result", "fault"]
    value: Any


def work(
    jobs: Sequence[Job],
    workers: int,
    *,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[Job, Any], None] = lambda job, news: None,
) -> Iterator[tuple[Job, Any]]:
    """Jobs with their results as they come, done here or, with several workers, in processes side by side.

    Args:
        jobs: what to do, begun in this order.
        workers: processes.
        stop: once it says True, no job is begun, and those at work are stopped.
        watch: given a job and its news.

    Raises:
        UserError: a worker was ended from outside.
        Exception: the first that a job raised; the jobs beside it are stopped before.
    """
    if min(workers, len(jobs)) <= 1:
        once = lru_cache(maxsize=None)(_made)
        for job in jobs:
            if not stop():
                with one_thread():
                    result = job.call(Contact(partial(watch, job), stop, once))
                yield job, result
        return
    fault: BaseException | None = None
    pool = Pool(min(workers, len(jobs)))
    try:
        for job in jobs:
            pool.submit(job)
        while pool.busy:
            if fault is not None or stop():
                pool.cancel()
            for event in pool.poll():
                if event.kind == "news":
                    watch(event.job, event.value)
                elif event.kind == "result":
                    yield event.job, event.value
                else:
                    fault = fault or event.value
    finally:
        pool.close()
    if fault is not None:
        raise fault


def _made(make: Callable[..., Any], *arguments: Any) -> Any:
    return make(*arguments)


def name_of(function: Callable[..., Any]) -> str:
    """By what name any process finds a function: "module:name"."""
    return f"{function.__module__}:{function.__qualname__}"


def function_of(name: str) -> Callable[..., Any]:
    """The function that `name_of` named."""
    module, _, path = name.partition(":")
    function: Callable[..., Any] = attrgetter(path)(importlib.import_module(module))
    return function


def limit_threads() -> None:
    """One torch thread: our networks are small, and results must not depend on the number of cores.

    Memory that was freed is kept for the next batch, too, where the C library can be told so: given back to the system,
    it is asked for again at once, which took up to a third of the time of play.
    """
    import torch

    torch.set_num_threads(1)
    with suppress(AttributeError, OSError, TypeError):  # not every system has `mallopt`
        library = ctypes.CDLL(None)
        for option, size in ((_MMAP_THRESHOLD, 1 << 30), (_TRIM_THRESHOLD, (1 << 31) - 1)):
            library.mallopt(option, size)


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread within; as many as before afterwards."""
    import torch

    threads = torch.get_num_threads()
    limit_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass
class _Worker:
    process: SpawnProcess
    job: Job | None = None


class Pool:
    """Worker processes on this machine, started when there is work for them, each with a pipe of its own."""

    def __init__(self, workers: int) -> None:
        self._most = workers
        self._waiting: deque[Job] = deque()
        self._workers: dict[Connection, _Worker] = {}
        self._cancelled = False

    @property
    def busy(self) -> bool:
        """Whether a job waits or is at work."""
        return bool(self._waiting) or any(worker.job is not None for worker in self._workers.values())

    def submit(self, job: Job) -> None:
        """Take in a job, to be begun when a worker is free."""
        self._waiting.append(job)

    def poll(self) -> list[Event]:
        """What happened since the last call; waits for a moment where nothing did."""
        self._hand_out()
        ready = wait(list(self._workers), timeout=_BREATH)
        return [event for pipe in ready if isinstance(pipe, Connection) for event in self._heard(pipe)]

    def cancel(self) -> None:
        """Forget the jobs that wait, end those at work, and ask those that can be stopped to stop."""
        if self._cancelled:
            return
        self._cancelled = True
        self._waiting.clear()
        for pipe, worker in self._workers.items():
            if worker.job is None or not worker.job.stops:
                worker.process.terminate()
            else:
                with suppress(OSError):  # it has ended already
                    pipe.send_bytes(_STOP)

    def close(self) -> None:
        """Cancel, and return when every worker has ended."""
        self.cancel()
        for pipe in self._workers:
            pipe.close()  # an idle worker ends, another one when it has saved
        for worker in self._workers.values():
            worker.process.join()
        self._workers.clear()

    def _hand_out(self) -> None:
        """A job for every worker that is free, and a new worker where there are too few."""
        while self._waiting:
            free = next((pipe for pipe, worker in self._workers.items() if worker.job is None), None)
            if free is None:
                if len(self._workers) == self._most:
                    return
                free = self._start()
            self._workers[free].job = job = self._waiting.popleft()
            with suppress(OSError):  # it was ended from outside: `poll` will hear of it
                free.send_bytes(pickle.dumps((handed(), job)))

    def _start(self) -> Connection:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,))
        with _deaf_to_ctrl_c():  # which the process inherits, also for the time until it runs its first line
            process.start()
        theirs.close()
        self._workers[ours] = _Worker(process)
        return ours

    def _heard(self, pipe: Connection) -> list[Event]:
        worker = self._workers[pipe]
        job = worker.job
        try:
            kind, value = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            worker.process.join()
            pipe.close()
            del self._workers[pipe]
            end = f"a worker process was ended from outside (exit code {worker.process.exitcode})"
            kind, value = "fault", UserError(f"{end}; type the command again to go on")
            if self._cancelled:
                return []
        if kind != "news":
            worker.job = None
        return [] if job is None else [Event(job, kind, value)]


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # others may not say so
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(pipe: Connection) -> None:
    """What a worker process does: job after job, until its parent closes the pipe or ends."""
    os.environ["OMP_NUM_THREADS"] = "1"  # torch obeys it when it is imported, which not every job needs
    if "torch" in sys.modules:
        limit_threads()
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stopping = threading.Event()
    can_save = False  # the job at work ends by itself when it is asked to

    def listen() -> None:
        while True:
            try:
                message = pipe.recv_bytes()
            except (EOFError, OSError):
                stopping.set()
                inbox.put(_STOP)
                if not can_save:
                    os._exit(1)
                return
            if message == _STOP:
                stopping.set()
            else:
                inbox.put(message)

    threading.Thread(target=listen, daemon=True).start()
    once = lru_cache(maxsize=None)(_made)  # of this worker
    while (message := inbox.get()) != _STOP:
        try:
            known, job = pickle.loads(message)
            for take, value in known.items():
                function_of(take)(value)
            can_save = job.stops
            answer = pickle.dumps(("result", job.call(Contact(_teller(pipe), stopping.is_set, once))))
        except BaseException as error:  # whatever a job raises is raised where it was asked for
            answer = pickle.dumps(("fault", _portable(error)))
        with suppress(OSError):  # nobody listens any more
            pipe.send_bytes(answer)
        can_save = False


def _teller(pipe: Connection) -> Callable[[Any], None]:
    last = 0.0

    def tell(news: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= _BREATH:
            last = time.monotonic()
            with suppress(OSError):
                pipe.send_bytes(pickle.dumps(("news", news)))

    return tell


def _portable(error: BaseException) -> Exception:
    """An exception that survives the pipe, with the traceback of the worker as a note."""
    text = "".join(traceback.format_exception(error))
    try:
        if isinstance(error, Exception) and isinstance(pickle.loads(pickle.dumps(error)), type(error)):
            error.add_note(f"in a worker process:\n{text}")
            return error
    except Exception:  # its class cannot be made again from its arguments
        pass
    return RuntimeError(text)

"""Pages that are drawn once and handed out many times.

Drawing happens in another process, one page at a time, so that readers wait for no drawing but that of a page which
nobody has asked for before. A page whose records have changed is handed out as it was until the new one is there.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from leaderboard.errors import StoreError
from leaderboard.store.news import News
from zoo.work.pool import Job, Pool

#: Bytes of pages that are kept, and pages that may wait to be drawn.
ROOM, WAITING = 64 << 20, 32
#: Seconds for which a person waits for a page before being told that it is being drawn.
PATIENCE_S = 0.7
_KNOWN_S = 60.0  # for which it is known what came of a page that somebody was told to look for again
#: Seconds between two looks at the records, and after which a look is waited for.
LOOK_S, OLD_S = 1.0, 10.0


class PageKey(NamedTuple):
    """Which page: its kind, what it is about, and the arena on whose records it depends, "" for all of them."""

    kind: str
    name: str = ""
    arena: str = ""


@dataclass(frozen=True)
class DrawnPage:
    """A page as it is handed out.

    Attributes:
        status: of HTTP; body: HTML; policy: its Content-Security-Policy.
        state: of the records from which it was drawn, see `News.state`.
    """

    status: int
    body: bytes
    policy: str
    state: str = ""

    @cached_property
    def packed(self) -> bytes:
        """The body in gzip, the same for the same body."""
        return gzip.compress(self.body, 6, mtime=0)

    @cached_property
    def tag(self) -> str:
        """What tells it from another page at the same address."""
        return f'W/"{hashlib.sha256(self.body).hexdigest()[:32]}"'


class TooBusyError(Exception):
    """More pages wait to be drawn than are taken in."""


class BeingDrawnError(Exception):
    """The page is not there yet; `seconds` for which it has been drawn."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"being drawn for {seconds:.0f} s")
        self.seconds = seconds


class Artist:
    """Draws pages in a process of its own; its methods may be called from any thread, one call works at a time.

    Args:
        function: what draws, see `name_of`.
        most: how many may wait for it at once, so that those who wait leave threads to others.
    """

    def __init__(self, function: str, most: int = WAITING) -> None:
        self._function = function
        self._most, self._waiting = most, 0
        self._lock, self._asking = threading.Lock(), threading.Lock()
        self._pool = Pool(1)
        self._count = 0
        self._ended = False

    def draw(self, key: PageKey) -> DrawnPage:
        """A page; blocks until it is there.

        Raises:
            TooBusyError: too many wait.
            Exception: whatever was raised where it was drawn.
        """
        with self._asking:
            if self._waiting >= self._most:
                raise TooBusyError
            self._waiting += 1
        try:
            return self._drawn(key)
        finally:
            with self._asking:
                self._waiting -= 1

    def _drawn(self, key: PageKey) -> DrawnPage:
        with self._lock:
            self._count += 1
            if self._ended:
                raise TooBusyError
            self._pool.submit(Job(str(self._count), self._function, (key.kind, key.name)))
            while not self._ended:
                for event in self._pool.poll():
                    if event.kind == "fault":
                        raise event.value
                    if event.kind == "result":
                        page: DrawnPage = event.value
                        return page
            raise TooBusyError

    def stop(self) -> None:
        """Draw nothing more: whoever waits for a page is told soon that there is none."""
        self._ended = True

    def close(self) -> None:
        """End the process, also in the midst of a page."""
        self.stop()
        with self._lock:
            self._pool.close()


class Keeper:
    """The pages, to be asked for from one event loop.

    Args:
        news: what is new in the records.
        draw: a page, drawn anew; called in a thread.
    """

    def __init__(self, news: News, draw: Callable[[PageKey], DrawnPage]) -> None:
        self._news, self._draw = news, draw
        self._kept: OrderedDict[PageKey, DrawnPage] = OrderedDict()
        self._size = 0
        self._drawing: dict[PageKey, asyncio.Task[DrawnPage]] = {}
        self._begun: dict[PageKey, float] = {}
        self._awaited: dict[PageKey, asyncio.Task[DrawnPage]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looked = -OLD_S
        self.drawn = 0

    @property
    def busy(self) -> bool:
        """Whether any page is being drawn."""
        return bool(self._drawing)

    async def page(self, key: PageKey, patience: float | None = None) -> DrawnPage:
        """The page, as it is kept or drawn now.

        Args:
            key: which.
            patience: seconds after which to give up waiting while it is being drawn; None waits until it is there.

        Raises:
            TooBusyError: it is not kept, and too many wait.
            BeingDrawnError: patience has ended. Who asks again later gets it, or what came of it.
            Exception: whatever was raised where it was drawn.
        """
        age = time.monotonic() - self._looked
        if age >= LOOK_S:
            looking = self._look()
            if age >= OLD_S:
                await asyncio.shield(looking)
        # what came of a page for which somebody did not wait: also where it is an error, which is not kept
        awaited = self._awaited.pop(key, None)
        kept = self._kept.get(key)
        if kept is None:
            return await self._within(key, awaited or self._fresh(key), patience)
        self._kept.move_to_end(key)
        if kept.state != self._news.state(key.arena):
            with suppress(TooBusyError):
                fresh = self._fresh(key)
                if age >= OLD_S:  # nobody has asked for long: then rather wait than show what is old
                    return await self._within(key, fresh, patience)
        return kept

    async def _within(self, key: PageKey, task: asyncio.Task[DrawnPage], patience: float | None) -> DrawnPage:
        """What a task comes to, as far as patience goes."""
        try:
            return await asyncio.wait_for(asyncio.shield(task), patience)
        except TimeoutError:
            if task.done():  # the error is the task's own
                raise
            self._awaited[key] = task
            asyncio.get_running_loop().call_later(_KNOWN_S, self._awaited.pop, key, None)
            raise BeingDrawnError(time.monotonic() - self._begun[key]) from None

    def _look(self) -> asyncio.Task[None]:
        """Begin to look at the records, unless somebody does."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._looks())
        return self._looking

    async def _looks(self) -> None:
        try:
            with suppress(StoreError):  # what is wrong with the records is told by the pages drawn from them
                await asyncio.to_thread(self._news.look)
        finally:
            self._looked = time.monotonic()
            self._looking = None

    def _fresh(self, key: PageKey) -> asyncio.Task[DrawnPage]:
        """Begin to draw a page, unless somebody does."""
        if key not in self._drawing:
            if len(self._drawing) >= WAITING:
                raise TooBusyError
            task = asyncio.create_task(self._draws(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # of a page nobody waits for
            self._drawing[key], self._begun[key] = task, time.monotonic()
        return self._drawing[key]

    async def _draws(self, key: PageKey) -> DrawnPage:
        state = self._news.state(key.arena)  # what is added meanwhile may be missing, so it is drawn again
        try:
            page = await asyncio.to_thread(self._made, key, state)
        finally:
            del self._drawing[key], self._begun[key]
        self.drawn += 1
        if page.status == 200:
            self._keep(key, page)
        return page

    def _made(self, key: PageKey, state: str) -> DrawnPage:
        page = replace(self._draw(key), state=state)
        assert page.packed and page.tag  # made here, not while readers wait
        return page

    def _keep(self, key: PageKey, page: DrawnPage) -> None:
        old = self._kept.pop(key, None)
        self._size += len(page.body) - (len(old.body) if old else 0)
        self._kept[key] = page
        while self._size > ROOM and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1].body)

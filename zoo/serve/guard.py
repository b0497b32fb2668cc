"""What stands between a network and the pages: headers, hosts, limits of size, time and number."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Collection
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

#: Seconds in which the head of a request must have come, and in which its body must.
HEAD_S, BODY_S = 10.0, 30.0
#: Bytes of the head of a request.
HEAD = 16 << 10

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Refusal(Exception):  # an answer, like a page, not a mistake of ours
    """A request is refused: a status of HTTP, why in one sentence, and seconds after which it may come again."""

    def __init__(self, status: int, words: str, after: int = 0) -> None:
        super().__init__(words)
        self.status, self.words, self.after = status, words, after


class Guard:
    """Adds the headers of security to every answer, and refuses other hosts than those by which the server is known.

    A page of somebody else can make a browser send requests to 127.0.0.1 under a name of its own; `hosts` stops that.
    None takes every name, for servers that others reach by names of which we know nothing.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] | None) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
                headers.setdefault("cache-control", "no-store")
            await send(message)

        app = self._app
        if self._hosts is not None and _host(scope) not in self._hosts:
            app = PlainTextResponse("This server is not known by that name.\n", 421)
        await app(scope, receive, guarded)


def _host(scope: Scope) -> str:
    """The name by which the server was called, without its port."""
    named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    text = named[0] if len(named) == 1 else ""
    return text.rpartition(":")[0] if text.rpartition(":")[2].isdecimal() else text


async def read_body(request: Request, limit: int, seconds: float = BODY_S) -> bytes:
    """The body of a request.

    Raises:
        Refusal: it is larger than `limit` bytes, comes too slowly, or stops.
    """
    too_much = Refusal(413, f"At most {limit / (1 << 20):g} MB are taken.")
    said = request.headers.get("content-length", "")
    if said and (not said.isdecimal() or int(said) > limit):
        raise too_much
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_much
                parts.append(part)
    except TimeoutError:
        raise Refusal(408, f"The upload took more than {seconds:g} s.") from None
    except ClientDisconnect:
        raise Refusal(400, "The upload was cut off.") from None
    return b"".join(parts)


class Allowance:
    """So many times within so many seconds, for each key on its own; the keys used last are remembered."""

    def __init__(self, times: int, seconds: float, keys: int = 10_000) -> None:
        self._times, self._seconds, self._keys = times, seconds, keys
        self._used: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Seconds until the key may be used again; 0 where it may be now."""
        used = self._used.get(key, deque())
        now = time.monotonic()
        while used and used[0] <= now - self._seconds:
            used.popleft()
        return used[0] + self._seconds - now if len(used) >= self._times else 0.0

    def use(self, key: str) -> None:
        """Count one use."""
        self._used.setdefault(key, deque()).append(time.monotonic())
        self._used.move_to_end(key)
        while len(self._used) > self._keys:
            self._used.popitem(last=False)


class PunctualProtocol(H11Protocol):
    """uvicorn's, which hangs up where the head of a request is not there in time: slow senders hold no connection."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection was opened."""
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Some of a request has come."""
        cycle = self.cycle
        super().data_received(data)
        if self.cycle is not cycle:  # a whole head: from here on `read_body` watches
            self._unexpect()
        elif cycle is None or cycle.response_complete:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is no more."""
        self._unexpect()
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self._late is None:
            self._late = self.loop.call_later(HEAD_S, self._hang_up)

    def _unexpect(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _hang_up(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.close()

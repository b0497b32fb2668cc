"""What the tests of the server share: requests without a network, and pages drawn in this process."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from zoo.serve import pages
from zoo.serve.keeper import DrawnPage, PageKey
from zoo.work.pool import Contact


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, unpacked."""
        packed = self.headers.get("content-encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(app: ASGIApp, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """One request; `_` in the names of headers stands for `-`."""
    return asyncio.run(asked(app, path, method, body, **headers))


async def asked(
    app: ASGIApp, path: str, method: str = "GET", body: bytes = b"", client: str = "127.0.0.1", **headers: str
) -> Answer:
    """The same within an event loop."""
    raw, _, query = path.partition("?")
    named = {"host": "127.0.0.1:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    parts = [body[at : at + 1000] for at in range(0, len(body), 1000)] or [b""]
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": (client, 1),
        "server": ("127.0.0.1", 8000),
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start = next(message for message in sent if message["type"] == "http.response.start")
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    whole = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
    return Answer(start["status"], found, whole)


def draw_here(key: PageKey) -> DrawnPage:
    """A page drawn in this process."""
    return pages.draw(Contact(lambda news: None, lambda: False, lambda make: None), key.kind, key.name)

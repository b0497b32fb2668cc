"""Starting and ending a server."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from contextlib import suppress
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from zoo.errors import UserError
from zoo.serve.guard import HEAD, PunctualProtocol

#: Connections at once.
MOST = 1000


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server there."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def known_hosts(host: str) -> Collection[str] | None:
    """The names by which a server at this address is called; None where others may have names for it."""
    return {"localhost", "127.0.0.1", "[::1]", host} if is_loopback(host) else None


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        UserError: the address is taken, or not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise UserError(f"--host {host}: {error.strerror or error}; 127.0.0.1 is this machine alone") from error
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(1024)
    except OSError as error:
        made.close()
        raise UserError(
            f"cannot listen at {host}, port {port} ({error.strerror or error}); --port N names another"
        ) from error
    return made


def address_of(listening: socket.socket) -> str:
    """The address that a browser opens."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn's, which says at once that it was asked to end, and not when the last answer has gone."""

    stop: Callable[[], None]

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """It was asked to end."""
        self.stop()
        super().handle_exit(sig, frame)


def serve(app: ASGIApp, listening: socket.socket, stop: Callable[[], None] = lambda: None) -> None:
    """Answer requests until Ctrl-C or SIGTERM; `stop` is called as soon as one of them comes."""
    config = uvicorn.Config(
        app,
        http=PunctualProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST,
        h11_max_incomplete_event_size=HEAD,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config)
    server.stop = stop
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])

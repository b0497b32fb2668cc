"""A real server at a real port: who reaches it, slow senders, uploads through the sandbox, and how fast it answers."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import uvicorn

from tests.zoo.serve import load
from tests.zoo.serve.test_serve_uploads import form
from zoo import home
from zoo.cli import main
from zoo.serve import running, tokens
from zoo.serve.guard import PunctualProtocol
from zoo.serve.site import application

AGENT = b"""
from agents.protocol import Agent
from arenas.protocol import Action


class Mine(Agent):
    def act(self, timestep, memory):
        return Action(timestep.action_mask.long().argmax(-1)), {**memory, "step": memory["step"] + 1}
"""


@contextmanager
def here() -> Iterator[int]:
    """A server without pages in a thread of this process, and its port."""
    with running.bound("127.0.0.1", 0) as listening:
        config = uvicorn.Config(
            application(None, None, None),
            http=PunctualProtocol,
            log_config=None,
            h11_max_incomplete_event_size=16 << 10,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def received(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """What the server sends until it hangs up."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        connection.settimeout(20)
        got = b""
        while piece := connection.recv(1 << 16):
            got += piece
        return got


def test_slow_heads_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.serve.guard.HEAD_S", 0.05)
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with here() as port:
        assert received(port) == b""  # nothing comes
        assert received(port, b"GET / HTTP/1.1\r\nHost: a\r\n") == b""  # it never ends
        # the second request on a connection is watched as the first one
        answered = received(port, whole, b"GET / HT")
        assert answered.startswith(b"HTTP/1.1 404") and answered.count(b"HTTP/1.1") == 1


def test_large_and_broken_heads_are_refused() -> None:
    with here() as port:
        for head in (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000, b"\x16\x03\x01 nonsense\r\n\r\n"):
            assert received(port, head).startswith(b"HTTP/1.1 400")


@contextmanager
def served(*words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`zoo serve` as it is typed, and its port."""
    server, port = load.started(str(home.folder()), 0, core=None, words=words)
    try:
        yield server, port
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
        assert server.wait(60) == 0


def play(*words: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(list(words))
    assert not end.value.code


def get(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


SHORT = ("--arena", "ipd", "--set", "arena.max_steps=4", "--episodes", "4")


@pytest.mark.slow
def test_pages_follow_the_records_and_only_loopback_listens() -> None:
    play("match", "tit-for-tat", "random", *SHORT, "--panel", "tit-for-tat,random")
    with served() as (server, port):
        status, text = get(port, "/boards/ipd-v1(max_steps=4)")
        assert status == 200 and "always-defect" not in text
        play("match", "tit-for-tat", "always-defect", *SHORT)
        for _ in range(600):
            status, text = get(port, "/boards/ipd-v1(max_steps=4)")
            if "always-defect" in text:
                break
            time.sleep(0.1)
        assert "always-defect" in text
        listening = [line.split()[1] for line in Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]]
        assert f"0100007F:{port:04X}" in listening and f"00000000:{port:04X}" not in listening


@pytest.mark.slow
def test_an_upload_gets_its_place() -> None:
    play("panel", "ipd", "--renew", "random", "grim", "always-cooperate", "--episodes", "4")
    token = tokens.new_token("Ada")
    with served("--submit") as (_, port):
        body, kind = form(AGENT, "mine.py", arena="ipd", name="mine", author="Ada", token=token)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("POST", "/submit", body, {"content-type": kind})
            answer = connection.getresponse()
            assert answer.status == 303 and not answer.read()
        news: dict[str, Any] = {"over": False}
        while not news["over"]:  # the server ends what takes too long
            time.sleep(0.2)
            news = json.loads(get(port, f"{answer.headers['location']}/news")[1])
        assert news["state"] == "entered", news
        assert "laws: it keeps all" in news["said"] and re.search(r"Rank \d of \d", news["said"])


@pytest.mark.slow
def test_it_answers_while_a_tournament_writes() -> None:
    """All requests are answered, and readers cost few pages; times are measured by `load`, on an idle machine."""
    play("tournament", "tit-for-tat", "random", "grim", *SHORT, "--panel", "tit-for-tat,random")
    writer = threading.Thread(target=play, args=("tournament", "tit-for-tat", "random", "grim", *SHORT[:-1], "2000"))
    with served() as (_, port):
        paths = ["/", "/boards/ipd-v1(max_steps=4)", "/matches", "/entrants"]
        for path in paths:
            assert get(port, path)[0] == 200
        writer.start()
        took, statuses = asyncio.run(load.readers(port, paths, 50, 200.0, 5.0))
        writer.join()
    assert statuses == {200: 1000} and len(took) == 1000

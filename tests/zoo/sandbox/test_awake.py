"""Waiting awake: what is there is seen at once, and a wait in vain makes the next ones rarer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from zoo.sandbox import frames
from zoo.sandbox.frames import Awake


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        os.close(fd)


def looks(awake: Awake, waits: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of so many waits look at the pipe at all."""
    seen = []
    look = awake._readable
    monkeypatch.setattr(awake, "_readable", lambda patience: seen.append(0) or look(patience))
    monkeypatch.setattr(frames, "_AWAKE", -1.0)  # one look a wait
    for _ in range(waits):
        awake.wait()
    return len(seen)


def test_what_is_there_is_seen_at_once(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"x")
    awake = Awake(pipe[0])
    assert [awake.wait() for _ in range(1000)] == [True] * 1000


def test_waits_in_vain_become_rare(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks(Awake(pipe[0]), 2000, monkeypatch) <= 20


def test_answers_that_come_in_time_bring_the_waits_back(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    awake = Awake(pipe[0])
    assert looks(awake, 2000, monkeypatch) <= 20
    os.write(pipe[1], b"x")
    assert looks(awake, 5000, monkeypatch) > 2500


def test_a_wait_ends(pipe: tuple[int, int]) -> None:
    started = time.monotonic()
    assert not Awake(pipe[0]).wait()
    assert time.monotonic() - started < 30

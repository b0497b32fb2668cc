"""How an agent's process ended, as its fault says; and names of what it learned."""

from __future__ import annotations

import resource
import signal

import pytest

from leaderboard.records import Status
from zoo.sandbox import spawn
from zoo.sandbox.limits import Limits
from zoo.sandbox.remote import _names_a_metric


def test_what_the_kernel_ended_for_want_of_memory_is_no_crash() -> None:
    killed = spawn._obituary(-signal.SIGKILL, "")
    short = spawn._obituary(-signal.SIGKILL, "", short=True)
    assert (killed.status, short.status) == (Status.CRASH, Status.MEMORY)
    assert killed.retry and short.retry  # neither need be its own doing
    assert spawn._obituary(-signal.SIGSEGV, "", short=True).status is Status.CRASH


def test_the_end_of_cpu_time_is_told_before_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: kept.__setitem__(kind, limits))
    monkeypatch.setattr("zoo.sandbox.limits._write", lambda path, content: None)
    Limits(cpu_seconds=100).enforce(64)
    assert kept[resource.RLIMIT_CPU] == (100, 105)
    assert kept[resource.RLIMIT_NOFILE] == (64, 64)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY, 50))
    Limits(cpu_seconds=100).enforce(64)
    assert kept[resource.RLIMIT_CPU] == (50, 50)


@pytest.mark.parametrize(("name", "fits"), [("loss", True), ("x" * 101, False), ("a\nb", False), (3, False)])
def test_names_of_metrics_are_short_and_printable(name: object, fits: bool) -> None:
    assert _names_a_metric(name) is fits

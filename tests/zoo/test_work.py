"""Jobs in worker processes: results, news, faults, and ends from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from zoo import handed
from zoo.errors import UserError
from zoo.work.pool import Contact, Job, name_of, work


class Odd(Exception):
    """An exception that cannot be made again from its arguments."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}")


def square(contact: Contact, number: int) -> int:
    contact.tell({"number": number})
    return number**2


def half(contact: Contact, number: int) -> float:
    if number % 2:
        raise UserError(f"{number} is odd")
    return number / 2


def odd(contact: Contact, number: int) -> None:
    raise Odd(number, number + 1)


def killed(contact: Contact) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def endless(contact: Contact, mark: str) -> None:
    Path(mark).touch()
    time.sleep(600)


def waits(contact: Contact, mark: str) -> str:
    """Ends when it is asked to, having saved."""
    Path(mark).touch()
    while not contact.stopped():
        time.sleep(0.01)
    Path(mark).write_text("saved")
    return "saved"


def taken(contact: Contact, number: int) -> list[str]:
    return [*TAKEN]


TAKEN: list[str] = []


def take(what: list[str]) -> None:
    TAKEN[:] = what


def jobs(function: Any, *arguments: Any, stops: bool = False) -> list[Job]:
    return [Job(f"{n}", name_of(function), (n,), stops) for n in arguments]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_results_do_not_depend_on_the_number_of_workers(workers: int) -> None:
    news: list[tuple[str, Any]] = []
    found = work(jobs(square, 1, 2, 3), workers, watch=lambda job, value: news.append((job.key, value)))
    assert sorted((job.key, result) for job, result in found) == [("1", 1), ("2", 4), ("3", 9)]
    assert ("1", {"number": 1}) in news
    halves = [(job.key, result) for job, result in work(jobs(half, 2, 4, 6), workers)]
    assert sorted(halves) == [("2", 1.0), ("4", 2.0), ("6", 3.0)]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_job_raises_is_raised_where_it_was_asked_for(workers: int) -> None:
    with pytest.raises(UserError, match="3 is odd"):
        list(work(jobs(half, 2, 3, 4), workers))
    with pytest.raises((Odd, RuntimeError), match="1 and 2"):
        list(work(jobs(odd, 1, 1), workers))


def test_a_worker_that_is_killed_is_told_in_one_line_and_the_others_are_saved(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    both = [Job("waits", name_of(waits), (str(mark),), stops=True), Job("killed", name_of(killed))]
    results: list[str] = []
    with pytest.raises(UserError, match=r"a worker process was ended from outside \(exit code -9\)") as fault:
        results.extend(result for _, result in work(both, 2))
    assert "\n" not in str(fault.value)
    assert results == ["saved"] and mark.read_text() == "saved"


def test_stop_ends_what_cannot_be_stopped_and_begins_nothing_more(tmp_path: Path) -> None:
    marks = [tmp_path / str(n) for n in range(3)]
    found = list(work(jobs(endless, *map(str, marks)), 2, stop=lambda: marks[0].exists() and marks[1].exists()))
    assert found == []
    assert not marks[2].exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_when_their_parent_does(number: int, tmp_path: Path) -> None:
    code = f"""
import signal, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_work import Job, endless, name_of, waits, work

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    jobs = [Job("endless", name_of(endless), ({str(tmp_path / "endless")!r},)),
            Job("waits", name_of(waits), ({str(tmp_path / "waits")!r},), stops=True)]
    try:
        list(work(jobs, 2))
    except KeyboardInterrupt:
        sys.exit(7)
"""
    (tmp_path / "main.py").write_text(code)
    process = subprocess.Popen(
        [sys.executable, tmp_path / "main.py"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 60
    while not ((tmp_path / "endless").exists() and (tmp_path / "waits").exists()):
        assert time.monotonic() < end
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(process.pid, number)  # as a terminal does
    else:
        process.kill()
    _, said = process.communicate(timeout=60)  # its workers hold its standard error open until they end
    assert process.returncode == (7 if number == signal.SIGINT else -number)
    assert said == ""
    assert (tmp_path / "waits").read_text() == "saved"


def test_workers_know_what_is_handed_down_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handed, "_given", {})
    told = ["found out here"]
    handed.hand_down(lambda: told, take)
    assert [result for _, result in work(jobs(taken, 1, 2), 2)] == [told, told]
    told.clear()
    assert [result for _, result in work(jobs(taken, 1, 2), 2)] == [[], []]

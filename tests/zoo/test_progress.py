"""Progress: sparklines, and what is shown in a terminal and elsewhere."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from zoo.matches.plan import Work
from zoo.season.games import _as_part
from zoo.work import progress
from zoo.work.progress import Progress, Reading, clock, short, sparkline


def console(**more: object) -> Console:
    return Console(file=io.StringIO(), width=100, **more)  # type: ignore[arg-type]


def shown(where: Console) -> str:
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def reading(done: int, seats: int = 2) -> Reading:
    curve = [i / 10 for i in range(done // 10)]
    return Reading(done, 100, {f"seat-{i}": curve for i in range(seats)}, {"seat-0": {"own_colour_share": 0.5}})


def test_a_sparkline_runs_from_lowest_to_highest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([3, 3, 3]) == "▄▄▄"
    assert sparkline([]) == ""
    assert sparkline([math.nan, 1, 2]) == "▁█"
    assert sparkline(range(1000), width=8) == "▁▂▃▄▅▆▇█"


def test_clocks_and_numbers() -> None:
    assert [clock(s) for s in (0, 65, 3723)] == ["0:00", "1:05", "1:02:03"]
    assert [short(n) for n in (0, 950, 8_192, 31_000, 4_000_000)] == ["0", "950", "8.2k", "31k", "4.0M"]


def test_without_a_terminal_there_is_a_plain_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    where = console()
    with Progress(console=where) as bar:
        for done in range(10, 101, 10):
            bar.update("lola in coin", reading(done))
            now += 2.0
    lines = shown(where).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("lola in coin: 10%, 10 of 100 steps")  # at once
    assert lines[1] == (
        "lola in coin: 40%, 40 of 100 steps; 5 steps/s, 0:06 elapsed, 0:12 left;"
        " seat-0 +0.3000/step (own colour share 0.5); seat-1 +0.3000/step"
    )


def test_in_a_terminal_a_few_lines_are_kept_alive() -> None:
    where = console(force_terminal=True, color_system=None)
    with Progress(unit="rounds", console=where) as bar:
        bar.update("a match", reading(0))
        bar.update("a match", reading(100, seats=9))
    told = shown(where)
    assert "a match" in told
    assert "100%" in told
    assert "seat-5" in told
    assert "seat-6" not in told
    assert "and 3 more" in told
    assert "own colour share 0.5" in told
    assert "▁" in told


def test_several_runs_have_a_line_each_until_they_are_finished() -> None:
    where = console(force_terminal=True, color_system=None)
    with Progress(console=where) as bar:
        bar.update("first", reading(50))
        bar.update("second", reading(90))
        assert "first" in shown(where)
        assert "second" in shown(where)
        bar.finish("first")
        assert bar.line("second").startswith("second: 90%")


def test_quiet_is_quiet() -> None:
    where = console(force_terminal=True)
    with Progress(console=where, quiet=True) as bar:
        bar.update("a run", reading(100))
    assert shown(where) == ""


def test_the_time_left_is_shown_at_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    where = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    long = "maddpg-ensemble,k=3,batch=256,rate=0.02 in pettingzoo:sisl/multiwalker_v9, seed 17"
    with Progress(console=where) as bar:
        bar.update(long, reading(10))
        bar.update("lola in coin, seed 0", reading(10))
        now += 3600.0
        bar.update(long, reading(20))
    line = next(line for line in shown(where).splitlines() if "1:00:00, 8:00:00 left" in line)
    assert "maddpg" in line and "seed 17" in line and "━" in line


def test_what_a_run_is_at_stands_behind_its_name() -> None:
    where = console()
    with Progress("pairings", console=where) as bar:
        bar.update("lola", Reading(0, 14, doing="meets itself"))
    assert shown(where) == "lola meets itself: 0%, 0 of 14 pairings\n"


def test_work_that_does_not_print_at_once_prints_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    where = console()
    with Progress("rounds", console=where, at_once=False) as bar:
        for done in range(40):
            bar.update("run 1 of 3", reading(done))
            now += 0.25
    assert [line.partition(";")[0] for line in shown(where).splitlines()] == [
        "run 1 of 3: 4%, 4 of 100 rounds",
        "run 1 of 3: about 0:25 with 1 worker",
        "run 1 of 3: 24%, 24 of 100 rounds",
    ]


def test_work_that_begins_anew_has_a_speed_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with Progress(console=console()) as bar:
        for moment, done in ((0.0, 0), (100.0, 10), (101.0, 0), (102.0, 50)):
            now = moment
            bar.update("ipd-v1", reading(done, 0))
        assert bar.line("ipd-v1") == "ipd-v1: 50%, 50 of 100 steps; 50 steps/s, 0:01 elapsed, 0:01 left"


def foretold(monkeypatch: pytest.MonkeyPatch, runs: int, workers: int, seconds: float, parts: int) -> list[str]:
    """The lines that foresee something, of work whose parts take so many seconds each."""
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    where = Console(file=io.StringIO(), width=200)
    with Progress("blocks", where, at_once=False, workers=workers) as bar:
        for done in range(parts + 1):
            bar.update("coin-v1", Reading(done, parts, runs=runs))
            now += seconds
    return [line for line in shown(where).splitlines() if "about" in line]


def test_long_work_says_once_how_long_it_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert foretold(monkeypatch, 1, 1, 0.5, 60) == ["coin-v1: about 0:30 with 1 worker"]
    assert foretold(monkeypatch, 1, 2, 0.5, 60) == ["coin-v1: about 0:30 with 2 workers, 1:00 of processor time"]
    # three runs of a minute each: two workers need two rounds
    assert foretold(monkeypatch, 3, 2, 0.5, 120) == ["3 runs: about 2:00 with 2 workers, 3:00 of processor time"]
    assert foretold(monkeypatch, 1, 1, 30.0, 4) == ["coin-v1: about 2:00 with 1 worker"]  # after its first part


def test_pieces_of_unlike_cost_are_foreseen_by_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    where = Console(file=io.StringIO(), width=200)
    costs = [1.0, 2.0, 2.0, 50.0, 5.0]  # seconds
    with Progress("pairings", where, at_once=False) as bar:
        for done in range(len(costs) + 1):
            bar.update("lola", Reading(done, len(costs), share=sum(costs[:done]) / sum(costs)))
            now += costs[done] if done < len(costs) else 0.0
        assert bar.line("lola").startswith("lola: 100%, 5 of 5 pairings; ")
    # by the number of pieces it would be about 0:08
    assert [line for line in shown(where).splitlines() if "about" in line] == ["lola: about 1:00 with 1 worker"]


def test_short_work_foresees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert foretold(monkeypatch, 1, 1, 0.5, 39) == []
    assert foretold(monkeypatch, 1, 2, 0.5, 19) == []
    assert progress.forecast("coin-v1", 30.0, 2) == ""  # two workers have it done in 15 s
    assert progress.forecast("coin-v1", 30.0, 2, wall_s=30.0) != ""


def test_what_was_foreseen_before_is_not_foreseen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    where = console()
    with Progress("blocks", where, at_once=False, workers=2) as bar:
        bar.foresee(7200.0)
        for done in range(100):
            bar.update("coin-v1", Reading(done, 1000))
            now += 5.0
    assert [line for line in shown(where).splitlines() if "about" in line] == [
        "this takes about 1:00:00 with 2 workers, 2:00:00 of processor time"
    ]


def test_a_forecast_fits_into_eighty_columns() -> None:
    line = progress.forecast("maddpg-ensemble,k=3,batch=256 in pettingzoo:sisl/multiwalker_v9, seed 17", 9e6, 128)
    assert len(line) < 80
    assert line.endswith("about 19:31:52 with 128 workers, 2500:00:00 of processor time".removeprefix("about "))
    assert progress.forecast("coin-v1", 20.0, 1) == ""


def test_a_season_is_foreseen_as_a_whole() -> None:
    told: list[Reading] = []
    work = _as_part(Work(watch=lambda name, reading: told.append(reading)), 30, 80)
    work.watch("coin-v1", Reading(5, 10))
    assert [(reading.done, reading.total) for reading in told] == [(35, 80)]

"""What a long run looks like while it runs: a few live lines in a terminal, a plain line now and then elsewhere.

    with Progress(unit="steps") as progress:
        progress.update("lola in coin-v1, seed 0", reading)

What will take more than 20 seconds says so once, near its start: from what is known before (`Progress.foresee`), or
from its first parts.

Functions that work for long take a `Watch` and draw nothing; `Progress.update` is one. It may be called as often as
one likes; the screen follows ten times a second at most.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from leaderboard.report.layout import shortened

BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 24  # cells of a sparkline
_BAR, _LEAST_BAR = 20, 5  # cells of a bar
_LEAST_NAME = 8  # cells of a run's name
_LINES = 6  # seats shown at most
_REFRESH = 0.1  # seconds between two pictures
_SOON = 0.8  # seconds until the first plain line of a run that does not print one at once
_MEASURED = 2.0  # seconds of work, at least, from which the rest is foreseen
_COLUMNS = 79  # letters of a forecast, so that no terminal of 80 columns breaks it
_LONG = 20.0  # seconds that are announced


@dataclass(frozen=True)
class Reading:
    """Where a run stands. A line is a seat in training, an entrant or a seat in a learning match."""

    done: int
    total: int
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)  # line -> return per step so far, oldest first
    figures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # line -> figure -> value now
    doing: str = ""  # what the run is at
    runs: int = 1  # how many like it are to be made, itself among them
    share: float | None = None  # of the work that is behind it, where what is counted costs unlike much

    @property
    def at(self) -> float:
        """How much of the work is done, in what is counted."""
        return float(self.done) if self.share is None else self.share * self.total


#: Given the name of a run and where it stands.
Watch = Callable[[str, Reading], None]


def unwatched(run: str, reading: Reading) -> None:
    """A `Watch` that shows nothing."""


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """A curve as blocks, at most `width` of them, lowest to highest value; "" without values."""
    finite = [v for v in values if math.isfinite(v)]
    count = min(width, len(finite))
    edges = [i * len(finite) // count for i in range(count + 1)] if count else []
    means = [sum(finite[a:b]) / (b - a) for a, b in itertools.pairwise(edges)]
    if not means:
        return ""
    low, span = min(means), max(means) - min(means)
    return "".join(BLOCKS[round((m - low) / span * 7) if span > 0 else 3] for m in means)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any: "1:05", "2:03:04"."""
    whole = max(0, round(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def short(number: float) -> str:
    """A number in few letters: "0.4", "950", "8.2k", "31k", "4.0M"."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.1f}{letter}" if abs(number) < 10 * size else f"{number / size:.0f}{letter}"
    return f"{number:.1f}" if 0 < number < 0.95 else f"{number:.0f}"


def forecast(name: str, cpu_s: float, workers: int, wall_s: float | None = None) -> str:
    """How long work takes that costs so many CPU seconds, in a line of at most 79 letters; "" where that is short.

    Args:
        name: what it is called; "" for all that a command does.
        cpu_s: of all workers.
        workers: processes that do it.
        wall_s: seconds until it is done; None where it can be shared among all workers.
    """
    seconds = cpu_s / workers if wall_s is None else wall_s
    if seconds <= _LONG:
        return ""
    crew = f"{workers} worker{'s' * (workers > 1)}"
    spent = f", {clock(cpu_s)} of processor time" if workers > 1 else ""
    line = f"about {clock(seconds)} with {crew}{spent}"
    return f"{shortened(name, _COLUMNS - len(line) - 2) or 'this takes'}{': ' if name else ' '}{line}"


def figure_texts(figures: Mapping[str, float]) -> list[str]:
    """A text such as "own colour share 0.71" for each figure."""
    return [f"{name.replace('_', ' ')} {value:.3g}" for name, value in figures.items()]


class _Run:
    """One run's newest reading, and the clock since its first."""

    def __init__(self, reading: Reading, now: float) -> None:
        self.reading, self.started, self.first = reading, now, reading.at
        self.now = now
        self.warm: tuple[float, float] | None = None  # when the first part was done, and how much that was

    def take(self, reading: Reading, now: float) -> None:
        """The next reading."""
        self.reading, self.now = reading, now
        if self.warm is None and reading.at > self.first:
            self.warm = now, reading.at

    def whole(self, workers: int) -> float | None:
        """Seconds from the first reading to the end, once enough was measured to foresee that.

        Workers take seconds to start, so the speed is measured from the first part that was done; where parts are that
        long themselves, from the start.
        """
        if self.warm is None:
            return None
        since, done = self.warm
        ready = self.reading.at - done >= workers and self.now - since >= _MEASURED
        if ready:
            speed: float | None = (self.reading.at - done) / (self.now - since)
        else:
            speed = self.speed if self.elapsed > _LONG else None
        return None if speed is None else self.elapsed + (self.reading.total - self.reading.at) / speed

    @property
    def share(self) -> float:
        return self.reading.at / max(1, self.reading.total)

    @property
    def elapsed(self) -> float:
        return self.now - self.started

    @property
    def speed(self) -> float | None:
        """Units per second since the first reading; None while nothing was done since."""
        done = self.reading.at - self.first
        return done / self.elapsed if done > 0 and self.elapsed > 0 else None

    @property
    def left(self) -> str:
        speed = self.speed
        return "-:--" if speed is None else clock((self.reading.total - self.reading.at) / speed)


class Progress:
    """Live lines about one run, or several at a time.

    Args:
        unit: what is counted ("steps", "rounds").
        console: where to; standard output by default.
        quiet: show nothing.
        every: seconds between plain lines where the console is no terminal.
        at_once: print the first plain line of a run at its first reading, else only if it goes on for a while, so that
            short work prints none.
        workers: processes that do the work, for the forecast.
    """

    def __init__(
        self,
        unit: str = "steps",
        console: Console | None = None,
        *,
        quiet: bool = False,
        every: float = 5.0,
        at_once: bool = True,
        workers: int = 1,
    ) -> None:
        self.unit, self.console, self.quiet = unit, console or Console(), quiet
        self.every, self.at_once, self.workers = every, at_once, workers
        self._foreseen: set[str] = set()
        self._runs: dict[str, _Run] = {}
        self._shown: dict[str, float] = {}
        self._drawn = -math.inf
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.file.isatty() and not self.console.is_dumb_terminal:
            self.console.file.write("\r\x1b[2K")  # what the command line wrote before the libraries were loaded
        if self.console.is_terminal and not self.quiet:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
            self._live.update(Text("starting", "dim"), refresh=True)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, key: str, reading: Reading) -> None:
        """Take in where the run `key` stands, and show it if it is time."""
        now = time.monotonic()
        new = key not in self._runs
        run = self._runs.setdefault(key, _Run(reading, now))
        if reading.done < run.reading.done:  # the next round of the same work: its own speed says when it ends
            run = self._runs[key] = _Run(reading, now)
        run.take(reading, now)
        if self.quiet:
            return
        self._announce(key, run)
        if self._live is not None:
            if new or now - self._drawn >= _REFRESH or reading.done >= reading.total:
                self._drawn = now
                self._live.update(self.picture(), refresh=True)
        elif now - self._shown.setdefault(key, -math.inf if self.at_once else now + _SOON - self.every) >= self.every:
            self._shown[key] = now
            self.say(self.line(key))

    def foresee(self, cpu_s: float, name: str = "", wall_s: float | None = None) -> None:
        """Say once how long work takes that is this long, or that of this name; see `forecast`."""
        if not self._foreseen & {name, ""} and (line := forecast(name, cpu_s, self.workers, wall_s)):
            self.say(line)
        self._foreseen.add(name)

    def _announce(self, key: str, run: _Run) -> None:
        """Foresee the end of a run from its first part; several that are alike have a worker each."""
        runs = run.reading.runs
        name, among = (key, self.workers) if runs == 1 else (f"{runs} runs", 1)
        if not self._foreseen & {name, ""} and (whole := run.whole(among)) is not None:
            self.foresee(whole * among * runs, name, whole * math.ceil(runs / min(self.workers, runs)))

    def say(self, line: str) -> None:
        """Print a line that stays."""
        if not self.quiet:
            self.console.print(line, soft_wrap=True, highlight=False, markup=False)

    def finish(self, key: str) -> None:
        """Take the run `key` off the screen."""
        self._runs.pop(key, None)
        if self._live is not None:
            self._live.update(self.picture(), refresh=True)

    def line(self, key: str) -> str:
        """One run as one plain line."""
        run = self._runs[key]
        name = f"{key} {run.reading.doing}".rstrip()
        parts = [f"{name}: {run.share:.0%}, {short(run.reading.done)} of {short(run.reading.total)} {self.unit}"]
        if run.speed is not None:
            parts.append(f"{short(run.speed)} {self.unit}/s, {clock(run.elapsed)} elapsed, {run.left} left")
        for seat, curve in list(run.reading.curves.items())[:_LINES] if run.reading.done else ():
            figures = ", ".join(figure_texts(run.reading.figures.get(seat, {})))
            parts.append(f"{seat} {curve[-1]:+.4f}/step" + (f" ({figures})" if figures else "") if curve else seat)
        return "; ".join(parts)

    def picture(self) -> RenderableType:
        """The live area: with one run a bar and a line per seat, with several a line for each that is not done."""
        if len(self._runs) == 1:
            ((key, run),) = self._runs.items()
            return Group(self._head({key: run}), self._seats(run.reading))
        going = {key: run for key, run in self._runs.items() if run.share < 1}
        return self._head(going or self._runs, curves=True)

    def _head(self, runs: Mapping[str, _Run], *, curves: bool = False) -> RenderableType:
        """A line a run; where the terminal is narrow the name and the bar give way, never the time that is left."""
        tails = {key: self._tail(run) for key, run in runs.items()}
        names = {key: f"{key} {run.reading.doing}".rstrip() for key, run in runs.items()}
        room = self.console.width - max(map(len, tails.values()), default=0) - 2
        wide = min(max(map(len, names.values()), default=0), max(room - _LEAST_BAR, _LEAST_NAME))
        bar = max(0, min(_BAR, room - wide))
        lines: list[RenderableType] = []
        for key, run in runs.items():
            line = Text(no_wrap=True, overflow="ellipsis")
            line.append(f"{shortened(names[key], wide):<{wide}}  ", "bold")
            full = round(run.share * bar)
            line.append("━" * full, "green").append("─" * (bar - full), "dim").append(tails[key])
            for name, curve in list(run.reading.curves.items())[:2] if curves else ():
                piece = Text(f"  {name} {curve[-1]:+.3f} " if curve else "").append(sparkline(curve, 8), "green")
                if line.cell_len + piece.cell_len <= self.console.width:
                    line.append_text(piece)
            lines.append(line)
        return Group(*lines)

    def _tail(self, run: _Run) -> str:
        speed = "-" if run.speed is None else short(run.speed)
        return f" {run.share:4.0%}  {speed} {self.unit}/s  {clock(run.elapsed)}, {run.left} left"

    def _seats(self, reading: Reading) -> RenderableType:
        names = list(reading.curves)[:_LINES]
        wide = max((len(name) for name in names), default=0)
        lines: list[RenderableType] = []
        for name in names:
            curve = reading.curves[name]
            line = Text(no_wrap=True, overflow="ellipsis")
            line.append(f"{name:<{wide}}  ")
            line.append(f"{curve[-1]:+9.4f}/step  " if curve else "", "bold")
            line.append(f"{sparkline(curve):<{_WIDTH}}  ", "green")
            line.append("  ".join(figure_texts(reading.figures.get(name, {}))), "dim")
            lines.append(line)
        if len(reading.curves) > _LINES:
            lines.append(Text(f"and {len(reading.curves) - _LINES} more", style="dim"))
        return Group(*lines)

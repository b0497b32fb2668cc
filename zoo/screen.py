"""What a match and a tournament look like in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from leaderboard.report.terminal import change_view
from zoo.progress import sparkline

if TYPE_CHECKING:
    from zoo.learning import LearningSummary
    from zoo.match import Duplicate, Estimate, SeatLine, Summary

T = TypeVar("T")


def figure(value: Estimate | None, digits: int = 3, *, signed: bool = False) -> str:
    """A mean with its interval: "0.312 [0.309, 0.315]"; "-" where nothing is known."""
    if value is None or value.n == 0:
        return "-"
    sign = "+" if signed else ""
    mean = f"{value.mean:{sign}.{digits}f}"
    if value.low is None or value.high is None:
        return f"{mean} (n = {value.n})"
    return f"{mean} [{value.low:{sign}.{digits}f}, {value.high:{sign}.{digits}f}]"


def short(value: Estimate | None) -> str:
    """A mean with half its interval: "0.312 ±0.003"."""
    if value is None or value.n == 0:
        return "-"
    half = "" if value.high is None else f" ±{value.high - value.mean:.3f}"
    return f"{value.mean:.3f}{half}"


def match_screen(summary: Summary) -> RenderableType:
    """The whole screen of a match."""
    parts: list[RenderableType] = [_title(summary), _seats(summary.seats)]
    if summary.duplicate is not None:
        parts += [Text(), _duplicate(summary, summary.duplicate)]
    if summary.rating:
        parts += [Text(), Text("Rating", style="bold"), change_view(summary.rating)]
    parts += [Text(), *(Text(note, style="dim") for note in [*summary.notes, _closing(summary)])]
    return Group(*parts)


def learning_screen(summary: LearningSummary) -> RenderableType:
    """The whole screen of a learning match."""
    schedule = summary.schedule
    title = Text(" against ".join(summary.entrants), style="bold")
    title.append(f", both learning in {summary.arena}; ", style="bold")
    title.append(
        f"{summary.runs} runs of {schedule['rounds']} rounds ({schedule['copies']} games x {schedule['length']} steps,"
        f" sight {schedule['sight']}), seed {summary.seed}"
    )
    metrics = list(dict.fromkeys(name for line in summary.seats for name in line.metrics))
    table = _table()
    table.add_column("entrant", no_wrap=True)
    table.add_column("seat", no_wrap=True)
    table.add_column("last tenth", justify="right", style="bold", no_wrap=True)
    for name in ("all rounds", "frozen at the end", *(m.replace("_", " ") for m in metrics)):
        table.add_column(name, justify="right", no_wrap=True)
    for line in summary.seats:
        cells = [line.entrant, line.seat, *map(short, (line.last_tenth, line.all_rounds, line.frozen))]
        table.add_row(*cells, *(short(line.metrics.get(name)) for name in metrics))
    curves = Table.grid(padding=(0, 2))
    for name, curve in summary.curves.items():
        curves.add_row(
            Text(name), Text(f"{curve[0]:+.3f}"), Text(sparkline(curve, 40), "green"), Text(f"{curve[-1]:+.3f}")
        )
    kept = f"match {summary.match}" if summary.recorded else f"match {summary.match}, not recorded"
    return Group(
        title,
        table,
        Text("own return per step, mean over runs ±95 %", style="dim"),
        Text(),
        Text("Return per step over the rounds", style="bold"),
        curves,
        Text(),
        Text(f"{' less '.join(summary.entrants)}, paired by run: {figure(summary.difference, 4, signed=True)}"),
        Text(f"Verdict: {summary.verdict}.", style="bold"),
        Text(kept, style="dim"),
    )


def _title(summary: Summary) -> RenderableType:
    names = summary.entrants if len(set(summary.entrants)) > 1 else [summary.entrants[0], "itself"]
    text = Text()
    text.append(" against ".join(names), style="bold")
    text.append(f" in {summary.arena}, {summary.kind} game; ", style="bold")
    text.append(f"{summary.episodes:,} episodes in each seating, seed {summary.seed}")
    if summary.first_episode:
        text.append(f", from episode {summary.first_episode:,}")
    return text


def _seats(lines: list[SeatLine]) -> Table:
    metrics = list(dict.fromkeys(name for line in lines for name in line.metrics))
    table = _table()
    table.add_column("entrant", no_wrap=True)
    table.add_column("seat", no_wrap=True)
    table.add_column("return/step [95 %]", justify="right", style="bold", no_wrap=True)
    exact = any(line.exact is not None for line in lines)
    if exact:
        table.add_column("exact", justify="right", no_wrap=True)
    for name in metrics:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    faults = any(line.faults for line in lines)
    if faults:
        table.add_column("faults", justify="right", style="red")
    for line in lines:
        cells = [line.entrant, line.seat, figure(line.per_step, 4)]
        if exact:
            cells.append("-" if line.exact is None else f"{line.exact:.6f}")
        cells += [short(line.metrics.get(name)) for name in metrics]
        if faults:
            cells.append(", ".join(f"{count} {status}" for status, count in line.faults.items()) or "0")
        table.add_row(*cells)
    return table


def _duplicate(summary: Summary, duplicate: Duplicate) -> RenderableType:
    first, second = summary.entrants
    table = _table()
    table.add_column("own return/step, mean over partners", no_wrap=True)
    table.add_column("[95 %]", justify="right", no_wrap=True)
    table.add_row(first, figure(duplicate.first, 4))
    table.add_row(second, figure(duplicate.second, 4))
    table.add_row(f"{first} less {second}, paired", figure(duplicate.difference, 4, signed=True), style="bold")
    panel = f"panel {summary.panel} and the two: " if summary.panel else ""
    return Group(
        Text("Duplicate comparison", style="bold"),
        Text(f"same seats, same partners, same seeds; partners: {panel}{', '.join(duplicate.partners)}", style="dim"),
        table,
        Text(f"Verdict: {duplicate.verdict}.", style="bold"),
    )


def _closing(summary: Summary) -> str:
    kept = f"match {summary.match}" if summary.recorded else f"match {summary.match}, not recorded"
    rated = "" if summary.rated else "; not rated: only the public seed 0 is"
    return f"{kept}{rated}; {summary.steps:,} steps played, {summary.cpu_s:.1f} CPU s"


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1), header_style="bold")


@contextmanager
def progress(total: int, what: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A progress bar on standard error, which goes when it is done; nothing where `quiet` or no terminal."""
    console = Console(stderr=True)
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        bar.add_task(what, total=total)
        yield bar


def watch(items: Iterable[T], total: int, what: str, *, quiet: bool = False) -> Iterator[T]:
    """The items, with a progress bar of `total` steps beside them."""
    with progress(total, what, quiet=quiet) as bar:
        for item in items:
            yield item
            bar.advance(bar.task_ids[0])

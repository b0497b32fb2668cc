"""What a match and a tournament look like in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from leaderboard.report.cells import scaled
from leaderboard.report.layout import MISSING, clean, number, plural, together
from leaderboard.report.sheet import Column, Sheet, figures, labels, spreads
from leaderboard.report.terminal import change_view
from leaderboard.statistics.estimate import mean_of
from leaderboard.statistics.panel_means import UNPAIRED
from leaderboard.views.cuts import CUT, cut_line
from zoo.matches.match import TOGETHER
from zoo.work.progress import sparkline

if TYPE_CHECKING:
    from zoo.matches.explain import SideExplanation
    from zoo.matches.learning import LearningSummary
    from zoo.matches.match import Comparison, SeatLine, Summary

_CURVE = 40  # cells of a learning curve
_SELDOM = 0.0005  # share of steps below which a state is not shown
_LINES = 8  # of seats, above which those that earn the same share one


def match_screen(summary: Summary, note: str = "") -> RenderableType:
    """The whole screen of a match; `note` is a remark on how it came about."""
    names = summary.entrants if len(set(summary.entrants)) > 1 else [summary.entrants[0], "itself"]
    title = Text(clean(f"{' against '.join(names)} in {summary.arena}, {summary.kind} game; "), style="bold")
    title.append(f"{plural(summary.episodes, 'episode')} in each rotation, {_seed(summary)}", "not bold")
    if summary.first_episode:
        title.append(f", from episode {summary.first_episode} on", "not bold")
    parts: list[RenderableType] = [title, Text(), _seats(summary)]
    if line := cut_line(summary.cut, summary.kind == "competitive"):
        parts.append(Text(line, style="yellow"))
    for name, level in summary.isolation.items():
        parts.append(Text(clean(f"{name} ran in a process of its own: {level}."), style="dim"))
    for name, arena in summary.trained_elsewhere.items():
        parts.append(Text(clean(f"{name} was trained in {arena}."), style="dim"))
    for comparison in summary.comparisons:
        parts += [Text(), _comparison(summary, comparison)]
    if summary.alone:
        parts += [Text(), Text(clean(_strangers(summary)))]
    if summary.rating:
        parts += [Text(), Text("Rating", style="bold"), change_view(summary.rating)]
        if all(change.rank_after is None for change in summary.rating):
            parts.append(Text("Unranked: no panel was met here; --panel A,B,C makes one.", style="dim"))
    rated = f"; not rated: {summary.not_rated}" if summary.not_rated and summary.recorded else ""
    work = f"{_kept(summary)}{rated}; {plural(summary.steps, 'step')}, {summary.cpu_s:.1f} CPU s"
    return Group(*parts, Text(), Text(f"{work}; {note}" if note else work, style="dim"))


def _strangers(summary: Summary) -> str:
    """What two who did not train together earn with themselves and with each other, and why that differs."""
    own = {name: estimate for name, estimate in summary.alone.items() if name != TOGETHER}
    both = summary.alone[TOGETHER]
    each = " and ".join(f"{name} earns {number(estimate.mean, 2)}" for name, estimate in own.items())
    said = f"With itself {each}, with each other they earn {number(both.mean, 2)} an episode"
    lows = [estimate.low for estimate in own.values() if estimate.low is not None]
    if both.high is None or len(lows) < len(own):
        return f"{said}; so few episodes give no interval."
    if both.high < min(lows):
        return f"{said}: they did not train together, and may mean different things by what they do."
    if both.mean < max(estimate.mean for estimate in own.values()):
        return f"{said}: as far as these games show, no less than the weaker of them earns with itself."
    return f"{said}."


def _seed(summary: Summary) -> str:
    """On which seed a match was played."""
    if summary.commitment is None:
        return f"seed {summary.seed}"
    return f"secret seed of commitment {summary.commitment[:16]}..."


def learning_screen(summary: LearningSummary) -> RenderableType:
    """The whole screen of a learning match."""
    schedule = summary.schedule
    title = Text(clean(f"{' against '.join(summary.entrants)}, learning in {summary.arena}; "), style="bold")
    title.append(
        f"{plural(summary.runs, 'run')} of {plural(schedule['rounds'], 'round')} ({plural(schedule['copies'], 'game')}"
        f" x {plural(schedule['length'], 'step')}, sight {schedule['sight']}), seed {summary.seed}",
        "not bold",
    )
    lines = summary.seats
    metrics = dict.fromkeys(n for line in lines for n, x in line.metrics.items() if n != CUT or x.mean)
    first, second = (clean(name) for name in summary.entrants)
    difference = figures("", [summary.difference]).cells[0]
    faults = [_faults(line.faults) for line in lines]
    return Group(
        title,
        Text(),
        Sheet(
            [
                labels("entrant", [line.entrant for line in lines]),
                labels("seat", [line.seat for line in lines]),
                *([Column("faults", faults, style="red")] if any(line.faults for line in lines) else []),
                spreads("last tenth", [line.last_tenth for line in lines], style="bold"),
                spreads("all rounds", [line.all_rounds for line in lines]),
                spreads("frozen at the end", [line.frozen for line in lines]),
                *(spreads(name.replace("_", " "), [line.metrics.get(name) for line in lines]) for name in metrics),
            ]
        ),
        Text("Own return per step, mean over runs ±95 %; metrics over the last tenth of the rounds.", style="dim"),
        Text(),
        *_curves(summary),
        Text(f"{first} less {second}, paired by run [95 %]: {difference}"),
        Text(f"Verdict: {clean(summary.verdict)}.", style="bold"),
        Text(),
        Text(_kept(summary), style="dim"),
    )


def _curves(summary: LearningSummary) -> list[RenderableType]:
    """The learning curves, of those that were trained to the end."""
    drawn = list(summary.curves.values())
    if not drawn:
        return []
    columns = [
        labels("entrant and seat", summary.curves),
        Column("first", [number(curve[0], 3) for curve in drawn]),
        Column("curve", [sparkline(curve, _CURVE) for curve in drawn], style="green"),
        Column("last", [number(curve[-1], 3) for curve in drawn]),
    ]
    return [Text("Return per step over the rounds", style="bold"), Sheet(columns), Text()]


def _fewer(lines: Sequence[SeatLine]) -> Sequence[SeatLine]:
    """Where there are many lines, those of seats that earn the same as one, with the means of their metrics."""
    if len(lines) <= _LINES:
        return lines
    keys = [(line.entrant, line.partner, line.own_return, line.exact, str(line.faults)) for line in lines]
    fewer = []
    for label, numbers in together([line.seat for line in lines], keys):
        alike = [lines[n] for n in numbers]
        shared = [name for name in alike[0].metrics if all(name in line.metrics for line in alike)]
        metrics = {name: mean_of([line.metrics[name] for line in alike]) for name in shared}
        fewer.append(replace(alike[0], seat=label, metrics=metrics))
    return fewer


def _seats(summary: Summary) -> Sheet:
    lines, unit = _fewer(summary.seats), float(summary.length or 1)
    metrics = dict.fromkeys(name for line in lines for name in line.metrics if name != CUT)  # that is told apart
    own = [scaled(line.own_return, unit) for line in lines]
    halves = [x.half for x in own]
    # play without chance has no spread that would tell how many digits mean something: as many as the exact value has
    digits = 6 if all(half is not None and half < 1e-9 for half in halves) else 4
    columns = [
        labels("entrant", [line.entrant for line in lines]),
        labels("seat", [line.seat for line in lines]),
        figures(f"own return{_per(summary)} [95 %]", own, digits, style="bold"),
    ]
    if any(line.exact is not None for line in lines):
        exact = [number(None if line.exact is None else line.exact / unit, 6) for line in lines]
        columns.append(Column("exact, undiscounted", exact))
    if any(line.faults for line in lines):
        columns.append(Column("faults", [_faults(line.faults) for line in lines], style="red"))
    for name in metrics:
        columns.append(spreads(name.replace("_", " "), [line.metrics.get(name) for line in lines]))
    return Sheet(columns)


def _faults(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items()) or "0"


def _comparison(summary: Summary, comparison: Comparison) -> RenderableType:
    estimates = [comparison.first, comparison.second, comparison.difference]
    if comparison.quantity == "games won":
        about, title, unit, means = "Each game is won by the higher own return.", "games won [95 %]", 1.0, "share"
    else:
        panel = f"panel {summary.panel}, weighted: " if summary.panel else "the two themselves: "
        paired = comparison.difference.method != UNPAIRED
        seeds = "same seeds" if paired else "other seeds, as one of the two is a stranger: an unpaired comparison"
        about = f"Same seats, same partners, {seeds}; partners: {panel}{', '.join(comparison.partners)}."
        title, unit, means = f"own return{_per(summary)} [95 %]", float(summary.length or 1), "mean over partners"
    heading = f"Comparison on side {comparison.side}" if comparison.side else "Comparison"
    figures_of = figures(title, [scaled(x, unit) for x in estimates], style="bold")
    return Group(
        Text(clean(heading), style="bold"),
        Text(clean(about), style="dim"),
        Text(),
        Sheet([labels(means, [*summary.entrants, "difference"]), figures_of]),
        Text(f"Verdict: {clean(comparison.verdict)}.", style="bold"),
    )


def explanation_view(explained: Sequence[SideExplanation], summary: Summary) -> RenderableType:
    """Why one of the two got more: the difference by partner, by seat and by state."""
    if not explained:
        return Text("Both are the same entrant: there is no difference to explain.")
    parts: list[RenderableType] = []
    for side, comparison in zip(explained, summary.comparisons, strict=True):
        games = comparison.quantity == "games won"
        unit = 1.0 if games else float(summary.length or 1)
        what = "share of games won" if games else f"own return{_per(summary)}"
        where = f" on side {side.side}" if side.side else ""
        parts += [Text(), Text(clean(f"Why{where}"), style="bold")]
        lines = [("by partner", side.partners), ("by seat", side.seats)]
        for title, some in ((title, some) for title, some in lines if some):
            sheet = Sheet(
                [
                    labels(title, [part.name for part in some]),
                    *([Column("weight", [number(part.weight, 3) for part in some])] if title == "by partner" else []),
                    Column(summary.entrants[0], [number(part.first.mean / unit, 3) for part in some]),
                    Column(summary.entrants[1], [number(part.second.mean / unit, 3) for part in some]),
                    figures("difference [95 %]", [scaled(part.difference, unit) for part in some], 3),
                    Column("adds", [number(part.adds / unit, 4) for part in some], style="bold"),
                ]
            )
            parts += [Text(), sheet]
        if side.states:
            parts += [Text(), *_states(side, summary)]
        total = comparison.difference.mean / unit
        parts.append(
            Text(f"In each table what is added sums to the difference, {number(total, 4)}; {what}.", style="dim")
        )
    return Group(*parts)


def _states(side: SideExplanation, summary: Summary) -> list[RenderableType]:
    unit, states = float(summary.length or 1), [line for line in side.states if max(line.visited) > _SELDOM]
    steps = [[number(share, 3) for share in line.visited] for line in states]
    paid = [[number(x / unit, 3) for x in line.paid] for line in states]
    sheet = Sheet(
        [
            labels("by state", [line.state for line in states]),
            *(
                Column(header, [" / ".join(text or MISSING for text in pair) for pair in cells])
                for header, cells in (("steps", steps), ("plays", [line.acts for line in states]), ("paid", paid))
            ),
            Column("adds", [number(line.adds / unit, 4) for line in states], style="bold"),
        ]
    )
    told = (
        f"{' / '.join(summary.entrants)}: share of steps in a state, likeliest action there with its share, and what"
        f" was paid from there{_per(summary)}; {plural(side.episodes, 'episode')} of each pairing, played again."
    )
    return [sheet, Text(clean(told), style="dim")]


def _per(summary: Summary) -> str:
    """The unit of returns: per step where all episodes have one length."""
    return "/step" if summary.length else ""


def _kept(summary: Summary | LearningSummary) -> str:
    return f"match {summary.match}" if summary.recorded else f"match {summary.match}, not recorded"

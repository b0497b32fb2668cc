"""What a page shows of several runs or several arenas at once: learning curves, profiles, and who does better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from leaderboard.report import marks
from leaderboard.report.charts import STEPS
from leaderboard.report.layout import clean, number, plural
from leaderboard.views.across import Across
from leaderboard.views.learning import LearningCurve


@dataclass(frozen=True)
class DrawnChart:
    """A chart: its heading, and SVG."""

    title: str
    drawing: str


def curves(drawn: Sequence[LearningCurve]) -> tuple[list[DrawnChart], str]:
    """A chart for each group of learning curves, and what they are, in a sentence."""
    figures = []
    for group, some in groupby(sorted(drawn, key=lambda one: one.group), key=lambda one: one.group):
        lines = [
            marks.ChartLine(
                clean(f"{one.label}, n = {one.runs}"),
                one.x,
                [point.mean for point in one.points],
                [point.low for point in one.points],
                [point.high for point in one.points],
            )
            for one in some
        ]
        unit = next(one.unit for one in drawn if one.group == group)
        label = f"Learning curves of {clean(group)}: " + "; ".join(line.name for line in lines)
        drawing = marks.lines(lines, (unit, "return per step"), size=(560.0, 260.0), label=label)
        figures.append(DrawnChart(clean(group), drawing))
    caption = (
        "Return per step while learning; the line is the mean over n independent runs, each from a seed of its own, "
        "and the band its 95 % interval (Student's; none for a single run)."
    )
    return figures, caption


def profiles(found: Across) -> tuple[DrawnChart, str]:
    """The performance profiles, and how they are read."""
    lines = [
        marks.ChartLine(clean(label), found.levels.tolist(), share.tolist(), stairs=True)
        for label, share in zip(found.labels, found.profile, strict=True)
    ][: len(marks.LINES)]
    label = "Performance profiles of " + ", ".join(line.name for line in lines)
    captions = ("score, 0 the lowest ranked of a game and 1 the highest", "share of games with at least that score")
    games = f"the {plural(len(found.games), 'game')} ({', '.join(map(clean, found.games))})"
    caption = (
        f"A line says in which share of {games} an entrant's score is at least that below: its headline there, as a "
        "share of the way from the lowest ranked entrant to the highest. Games are few, so a line has no interval; the "
        "headlines have theirs below."
    )
    drawing = marks.lines(lines, captions, size=(760.0, 320.0), label=label, zero=True)
    return DrawnChart("Performance profiles", drawing), caption


@dataclass(frozen=True)
class BetterCell:
    """How probable it is that the row does better: its text, the interval in words, and the number of its shade."""

    text: str
    title: str
    shade: int


def better(found: Across) -> tuple[list[tuple[str, list[BetterCell | None]]], str]:
    """The table of the probabilities of improvement, and how it is read."""
    rows = []
    for label, line in zip(found.labels, found.better, strict=True):
        cells: list[BetterCell | None] = []
        for x in line:
            if x is None or not x.n:
                cells.append(None)
                continue
            ends = "no interval" if x.low is None else f"95 % {number(x.low, 3)} to {number(x.high, 3)}"
            title = f"{number(x.mean, 3)}, {ends}, n = {plural(x.n, 'episode')}"
            cells.append(BetterCell(number(x.mean, 2), title, round(max(-1.0, min(1.0, 2 * x.mean - 1)) * STEPS)))
        rows.append((clean(label), cells))
    caption = (
        "How probable it is that the row earns more than the column over the panel, in an episode of one of the games "
        "drawn at random, under the same luck; a tie counts half, and white is a half. The interval of a cell, which "
        "episodes leave, stands in its title."
    )
    return rows, caption

"""The marks that charts of a page are made of, as inline SVG: axes, intervals, dots and bands.

Every function returns SVG text in user units of one pixel. Colours are classes, which the page's style sheet defines
for light and for dark screens; texts are escaped here. The same values give the same bytes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from leaderboard.report.layout import number

MARGIN = 10.0  # pixels beside the ends of a scale
HEIGHT = 24  # pixels of a strip
_LETTER = 7.0  # pixels of a digit, about
_NARROW, _WIDE = "ijlt.,:;'|!()[]- ", "mwMW@"


@dataclass(frozen=True)
class Ruler:
    """Values from `low` to `high` on `width` pixels."""

    low: float
    high: float
    width: float

    def at(self, value: float) -> float:
        """Where a value lies; values beyond the ends lie at them."""
        share = (value - self.low) / (self.high - self.low)
        return MARGIN + (self.width - 2 * MARGIN) * min(max(share, 0.0), 1.0)

    def ticks(self, most: int = 5) -> list[float]:
        """Round numbers between the ends, at most so many."""
        span = self.high - self.low
        step = next(
            step
            for power in range(math.floor(math.log10(span)) - 2, math.floor(math.log10(span)) + 3)
            for step in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
            if span / step < most
        )
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(k * step, 12) for k in range(first, last + 1)]


def ruler(values: Iterable[float | None], width: float) -> Ruler:
    """A ruler that holds all values which are known, with a little room at either end."""
    known = [x for x in values if x is not None and math.isfinite(x)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    room = (high - low) * 0.04 or max(abs(high), 1.0) * 0.1
    return Ruler(low - room, high + room, width)


def svg(width: float, height: float, body: str, *, label: str = "", classes: str = "") -> str:
    """A picture; one without a label is decoration, as the text beside it says the same."""
    about = f'role="img" aria-label="{escape(label)}"' if label else 'aria-hidden="true"'
    size = f'width="{px(width)}" height="{px(height)}" viewBox="0 0 {px(width)} {px(height)}"'
    return f'<svg class="{escape(classes)}" {size} {about}>{body}</svg>'


def px(x: float) -> str:
    """Pixels with at most one decimal."""
    return f"{x:.1f}".removesuffix(".0")


def line(x1: float, y1: float, x2: float, y2: float, classes: str) -> str:
    """A line between two points."""
    return f'<line class="{classes}" x1="{px(x1)}" y1="{px(y1)}" x2="{px(x2)}" y2="{px(y2)}"/>'


def dot(x: float, y: float, radius: float, classes: str, title: str = "") -> str:
    """A disc; its title is shown where the pointer rests."""
    inside = f"<title>{escape(title)}</title>" if title else ""
    return f'<circle class="{classes}" cx="{px(x)}" cy="{px(y)}" r="{px(radius)}">{inside}</circle>'


def text(x: float, y: float, words: str, *, anchor: str = "middle", classes: str = "") -> str:
    """A line of text."""
    return f'<text class="{classes}" x="{px(x)}" y="{px(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def width_of(words: str) -> float:
    """Pixels that words take, about; rather too many than too few."""
    return sum(4.5 if x in _NARROW else 11.0 if x in _WIDE else 8.0 if x.isupper() else _LETTER for x in words)


def band(across: Ruler, low: float, high: float, height: float, classes: str = "band") -> str:
    """A vertical band between two values."""
    left, right = across.at(low), across.at(high)
    return f'<rect class="{classes}" x="{px(left)}" y="0" width="{px(max(right - left, 1.0))}" height="{px(height)}"/>'


def axis(across: Ruler, caption: str) -> str:
    """The scale with its ticks and what it measures."""
    ticks = across.ticks()
    digits = max((len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in ticks), default=0)
    body = line(MARGIN, 4, across.width - MARGIN, 4, "axis")
    for tick in ticks:
        words = number(tick, digits)
        half = _LETTER * len(words) / 2  # the words of the outermost ticks stay inside
        at = min(max(across.at(tick), half), across.width - half)
        body += line(across.at(tick), 4, across.at(tick), 8, "axis") + text(at, 21, words)
    return svg(across.width, 24, body, label=f"scale: {caption}", classes="strip")


def strip(
    across: Ruler, marks: Sequence[tuple[float, str]], span: tuple[float | None, float | None], under: str = ""
) -> str:
    """One line of a forest plot: a span and dots on it.

    Args:
        across: the ruler.
        marks: (value, class) of each dot.
        span: the ends of the line; None for none.
        under: SVG beneath, such as a `band`.
    """
    middle = HEIGHT / 2
    body = under
    low, high = span
    if low is not None and high is not None:
        body += line(across.at(low), middle, across.at(high), middle, "span")
        body += "".join(line(across.at(end), middle - 4, across.at(end), middle + 4, "span") for end in (low, high))
    body += "".join(dot(across.at(value), middle, 4.5, classes) for value, classes in marks)
    return svg(across.width, HEIGHT, body, classes="strip")


def scatter(
    points: Sequence[tuple[float, float, float, str]],
    captions: tuple[str, str],
    *,
    size: tuple[float, float],
    label: str,
) -> str:
    """Labelled discs over two scales.

    Args:
        points: (x, y, radius in pixels, name) of each.
        captions: of the two axes.
        size: pixels.
        label: what the picture shows, for those who do not see it.
    """
    left, below, (width, height) = 56.0, 44.0, size
    across = ruler([x for x, *_ in points], width - left)
    up = ruler([y for _, y, *_ in points], height - below)
    xs = [left + across.at(x) for x, *_ in points]
    ys = [height - below - up.at(y) for _, y, *_ in points]
    body = line(left, height - below, width, height - below, "axis") + line(left, 0, left, height - below, "axis")
    for tick in across.ticks():
        body += line(left + across.at(tick), 0, left + across.at(tick), height - below, "grid")
        body += text(left + across.at(tick), height - below + 16, f"{tick:g}")
    for tick in up.ticks():
        y = height - below - up.at(tick)
        body += line(left, y, width, y, "grid") + text(left - 6, y + 4, f"{tick:g}", anchor="end")
    for x, y, (*_, radius, name) in zip(xs, ys, points, strict=True):
        body += dot(x, y, radius, "point", name)
    discs = [(x, y, radius) for x, y, (_, _, radius, _) in zip(xs, ys, points, strict=True)]
    for x, y, name in _placed(discs, [name for *_, name in points], (left, width), height - below):
        body += text(x, y, name, anchor="start", classes="name")
    body += text(left + (width - left) / 2, height - 6, captions[0], classes="caption")
    turned = f'<g transform="rotate(-90)">{text(-(height - below) / 2, 14, captions[1], classes="caption")}</g>'
    return svg(width, height, body + turned, label=label, classes="chart")


#: Classes of lines that are told apart, by colour first and then by dashes.
LINES = tuple(f"line{colour} dash{dash}" for dash in range(3) for colour in range(6))


@dataclass(frozen=True)
class ChartLine:
    """A line of a chart: where it goes, its band where one is known, and what it is called."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    stairs: bool = False  # the value holds until the next x


def lines(
    drawn: Sequence[ChartLine], captions: tuple[str, str], *, size: tuple[float, float], label: str, zero: bool = False
) -> str:
    """Lines with their bands over two scales, and their names below.

    Args:
        drawn: at most as many as `LINES` can tell apart.
        captions: of the two axes.
        size: pixels of the picture without the names.
        label: what the picture shows, for those who do not see it.
        zero: the upward scale holds 0 and 1.
    """
    left, below, (width, height) = 56.0, 44.0, size
    across = ruler([x for one in drawn for x in one.x], width - left)
    ends = [y for one in drawn for some in (one.y, one.low, one.high) for y in some]
    up = ruler([*ends, 0.0, 1.0] if zero else ends, height - below)
    floor = height - below

    def point(x: float, y: float) -> tuple[float, float]:
        return left + across.at(x), floor - up.at(y)

    body = line(left, floor, width, floor, "axis") + line(left, 0, left, floor, "axis")
    for tick in across.ticks():
        at = left + across.at(tick)
        body += line(at, 0, at, floor, "grid") + text(
            at, floor + 16, f"{tick:,g}" if tick < 1e4 else f"{tick / 1000:,g}k"
        )
    for tick in up.ticks():
        body += line(left, floor - up.at(tick), width, floor - up.at(tick), "grid")
        body += text(left - 6, floor - up.at(tick) + 4, f"{tick:g}", anchor="end")
    for one, classes in zip(drawn, LINES, strict=False):
        known = [
            (x, a, b) for x, a, b in zip(one.x, one.low, one.high, strict=False) if a is not None and b is not None
        ]
        if known:
            edge = [point(x, b) for x, _, b in known] + [point(x, a) for x, a, _ in reversed(known)]
            body += f'<polygon class="{classes}" points="{_path(edge)}"/>'
        way = [point(x, y) for x, y in zip(one.x, one.y, strict=True)]
        if one.stairs:
            way = [p for a, b in itertools.pairwise(way) for p in (a, (b[0], a[1]))] + way[-1:]
        body += f'<polyline class="{classes}" points="{_path(way)}"/>'
    body += text(left + (width - left) / 2, height - 6, captions[0], classes="caption")
    body += f'<g transform="rotate(-90)">{text(-floor / 2, 14, captions[1], classes="caption")}</g>'
    names, x, y = "", left, height + 12.0
    for one, classes in zip(drawn, LINES, strict=False):
        wide = 40 + width_of(one.name)
        if x + wide > width and x > left:
            x, y = left, y + 18
        names += f'<polyline class="{classes}" points="{_path([(x, y), (x + 20, y)])}"/>'
        names += text(x + 25, y + 4, one.name, anchor="start", classes="name")
        x += wide
    return svg(width, y + 12, body + names, label=label, classes="chart")


def _path(points: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{px(x)},{px(y)}" for x, y in points)


def _placed(
    discs: Sequence[tuple[float, float, float]], names: Sequence[str], ends: tuple[float, float], bottom: float
) -> list[tuple[float, float, str]]:
    """Where names stand beside their discs, or as near below or above as there is room; from the highest down."""
    placed: list[tuple[float, float, str]] = []
    for i in sorted(range(len(names)), key=lambda i: (discs[i][1], discs[i][0], names[i])):
        (at, y, radius), wide = discs[i], width_of(names[i])
        x = at + radius + 4
        if x + wide > ends[1]:
            x = max(at - radius - 4 - wide, ends[0] + 2)
        level = min(max(y + 4, 12.0), bottom - 4)
        steps = [step for k in range(0, int(bottom), 2) for step in ((k, -k) if k else (0,))]
        free = (
            level + step
            for step in steps
            if 12.0 <= level + step <= bottom - 4
            and not any(abs(level + step - b) < 14 and a < x + wide and x < a + width_of(w) for a, b, w in placed)
            and not any(
                abs(level + step - 4 - b) < r + 4 and x - r < a < x + wide + r
                for k, (a, b, r) in enumerate(discs)
                if k != i
            )
        )
        placed.append((x, next(free, level), names[i]))
    return placed

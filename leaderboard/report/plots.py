"""Pictures: one style for all figures, drawn without a window; matplotlib is imported at use."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from leaderboard.report.layout import number

if TYPE_CHECKING:
    from typing import TypeAlias

    from matplotlib.axes import Axes as MatplotlibAxes
    from matplotlib.figure import Figure as MatplotlibFigure

    from leaderboard.statistics.estimate import Estimate

    #: What is drawn: one panel, and the whole picture.
    Axes: TypeAlias = MatplotlibAxes
    Plot: TypeAlias = MatplotlibFigure

#: Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_Name = TypeVar("_Name", bound=Hashable)
_TITLE, _CAPTION = (11, 9.6), (8, 15.0)  # points, and letters in an inch of a line
_MAP = "viridis"  # even in lightness, which colour-blind readers and grey printers need
_STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.dpi": 150,  # letters are as wide when all is laid out as when it is saved
    "savefig.dpi": 150,
    "svg.hashsalt": "zoo",  # the same picture is the same file
}


def colours_of(names: Iterable[_Name]) -> dict[_Name, str]:
    """Each of some names -> its colour, the same in all panels of a picture; where there are too many, once more."""
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(dict.fromkeys(names))}


def panels(
    columns: int, rows: int = 1, *, width: float = 4.4, height: float = 3.6, share_y: bool = False
) -> tuple[Plot, list[Axes]]:
    """A fresh picture of rows x columns panels, row by row; width and height of a panel in inches."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        plot = Figure(figsize=(width * columns, height * rows), layout="constrained")
        FigureCanvasAgg(plot)
        axes = plot.subplots(rows, columns, squeeze=False, sharey=share_y)
    return plot, list(axes.flat)


def curve(
    axes: Axes,
    x: Sequence[float],
    mean: Sequence[float],
    low: Sequence[float | None],
    high: Sequence[float | None],
    *,
    label: str,
    colour: str,
    marker: str = "",
    style: str = "-",
) -> None:
    """A line with its 95 % band, where the band is known."""
    axes.plot(x, mean, style, color=colour, marker=marker or None, markersize=4, linewidth=1.6, label=label)
    known = [(a, b, c) for a, b, c in zip(x, low, high, strict=True) if b is not None and c is not None]
    if known:
        at, bottom, top = zip(*known, strict=True)
        axes.fill_between(at, bottom, top, color=colour, alpha=0.18, linewidth=0)


def line_of(estimates: Sequence[Estimate]) -> dict[str, list[Any]]:
    """Estimates along a curve as the lists that `curve` takes: "mean", "low" and "high"."""
    return {word: [getattr(x, word) for x in estimates] for word in ("mean", "low", "high")}


def bars(
    panel: Axes,
    labels: Sequence[str],
    values: Sequence[Sequence[float]],
    colours: Sequence[str],
    *,
    faint: Collection[bool] = (),
    bare: Collection[bool] = (),
    dots: str = "a pair of training seeds",
) -> None:
    """A bar for the mean of every group of values and a dot for each; faint bars are set apart, bare have no dots."""
    pale, without = (list(which) or [False] * len(labels) for which in (faint, bare))
    for at, (group, colour) in enumerate(zip(values, colours, strict=True)):
        alpha, hatch = (0.3, "///") if pale[at] else (0.6, None)
        label = "both of one run, mean" if pale[at] else None
        height = np.mean(group)
        panel.bar(at, height, width=0.62, color=colour, alpha=alpha, hatch=hatch, edgecolor="white", label=label)
        if not without[at]:
            beside = np.linspace(-0.18, 0.18, len(group)) if len(group) > 1 else np.zeros(1)
            panel.plot(at + beside, group, "o", color="black", markersize=2.6, alpha=0.75, label=dots)
    panel.axhline(0, color="0.4", linewidth=0.8)
    if len(labels) > 3:
        panel.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    else:
        panel.set_xticks(range(len(labels)), labels)
    panel.grid(axis="x", visible=False)


def published(axes: Axes, value: float, text: str, *, colour: str = "0.35") -> None:
    """A published number as a dashed line across."""
    axes.axhline(value, color=colour, linestyle="--", linewidth=1.1, label=text)


def published_mark(
    panel: Axes, at: float, value: float, label: str = "paper", *, half: float = 0.4, colour: str = "black"
) -> None:
    """A published number across one bar or dot, `half` to either side."""
    panel.plot([at - half, at + half], [value, value], "--", color=colour, linewidth=1.4, label=label)


def heat_map(
    plot: Plot,
    panel: Axes,
    values: np.ndarray,
    ends: tuple[float, float],
    *,
    digits: int | None,
    dark: float,
    extend: str = "neither",
    caption: str = "",
) -> None:
    """A matrix in colours with a bar beside it.

    Args:
        plot: the picture.
        panel: where it is drawn.
        values: float [rows, columns].
        ends: what the first and the last colour stand for.
        digits: of the numbers written into the cells; None for no numbers.
        dark: numbers are white up to this share of the way between the ends.
        extend: at which ends values lie beyond, as matplotlib says it.
        caption: of the bar.
    """
    low, high = ends
    drawn = panel.imshow(values, cmap=_MAP, vmin=low, vmax=high, aspect="auto")
    panel.grid(False)
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0, labelsize=8)
    for (i, j), value in np.ndenumerate(values):
        if digits is None:
            break
        colour = "white" if (value - low) / (high - low) < dark else "black"
        panel.text(j, i, number(float(value), digits), ha="center", va="center", fontsize=7.5, color=colour)
    bar = plot.colorbar(drawn, ax=panel, pad=0.02, fraction=0.05, extend=extend)
    bar.set_label(caption, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def legend_below(plot: Plot, axes: Iterable[Axes], columns: int) -> None:
    """One legend for all panels, each name once, in as many columns as the picture holds, at most `columns`."""
    named: dict[str, Any] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    for count in range(columns, 0, -1):
        legend = plot.legend(named.values(), named.keys(), loc="outside lower center", ncols=count, frameon=False)
        if count == 1 or legend.get_window_extent().width <= plot.bbox.width:
            break
        legend.remove()


def captioned(plot: Plot, title: str, caption: str) -> Plot:
    """The same picture, made higher for a title above it and, in small letters below, where it is from."""
    width, height = plot.get_size_inches()
    texts = (title, _TITLE[1]), (caption, _CAPTION[1])
    above, below = (textwrap.wrap(text, int(width * letters), break_on_hyphens=False) for text, letters in texts)
    plot.draw_without_rendering()  # lays everything out, for the last time: what follows only moves it
    plot.set_layout_engine("none")
    edge, line = 0.1, 1.25  # inches around the texts, and the distance of lines in their size
    low = 2 * edge + len(below) * line * _CAPTION[0] / 72
    whole = low + height + 2 * edge + len(above) * line * _TITLE[0] / 72
    frame = (0, low / whole, 1, height / whole)
    plot.set_size_inches(width, whole)
    for panel in plot.axes:
        x, y, wide, high = panel.get_position().bounds
        panel.set_position((x, frame[1] + y * frame[3], wide, high * frame[3]))
    for legend in plot.legends:
        legend.set_bbox_to_anchor(frame, transform=plot.transFigure)
    at = edge / width
    place: dict[str, Any] = {"linespacing": line}
    plot.text(at, 1 - edge / whole, "\n".join(above), va="top", size=_TITLE[0], weight="bold", **place)
    plot.text(at, edge / whole, "\n".join(below), va="bottom", size=_CAPTION[0], color="0.35", **place)
    return plot


def pictures(plot: Plot, kinds: Iterable[str]) -> Mapping[str, bytes]:
    """The picture as files' contents, by kind ("png", "svg")."""
    from matplotlib import rc_context

    contents: dict[str, bytes] = {}
    for kind in kinds:
        buffer = io.BytesIO()
        with rc_context(_STYLE):
            plot.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
        contents[kind] = buffer.getvalue()
    return contents

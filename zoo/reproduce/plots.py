"""Pictures: one style for all figures, drawn without a window."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Plot

#: Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
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
    "savefig.dpi": 150,
    "svg.hashsalt": "zoo",  # the same picture is the same file
}


def panels(
    columns: int, rows: int = 1, *, width: float = 4.4, height: float = 3.6, share_y: bool = False
) -> tuple[Plot, list[Axes]]:
    """A fresh picture of rows x columns panels, row by row; width and height of a panel in inches."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Plot

    with rc_context(_STYLE):
        plot = Plot(figsize=(width * columns, height * rows), layout="constrained")
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


def published(axes: Axes, value: float, text: str, *, colour: str = "0.35") -> None:
    """A published number as a dashed line across."""
    axes.axhline(value, color=colour, linestyle="--", linewidth=1.1, label=text)


def legend_below(plot: Plot, axes: Iterable[Axes], columns: int) -> None:
    """One legend for all panels, each name once."""
    named: dict[str, Any] = {}
    for one in axes:
        for handle, label in zip(*one.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    plot.legend(named.values(), named.keys(), loc="outside lower center", ncols=columns, frameon=False)


def pictures(plot: Plot, kinds: Iterable[str]) -> Mapping[str, bytes]:
    """The picture as files' contents, by kind ("png", "svg")."""
    from matplotlib import rc_context

    found: dict[str, bytes] = {}
    for kind in kinds:
        buffer = io.BytesIO()
        with rc_context(_STYLE):
            plot.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
        found[kind] = buffer.getvalue()
    return found

"""Pictures: what stands above and below them, and that nothing lies over anything else."""

from __future__ import annotations

import pytest

pytest.importorskip("matplotlib")

from leaderboard.report import plots

NAMES = ["a name that takes much room", "another name that takes much room", "a third"]


def test_a_title_and_a_caption_lie_over_nothing():
    plot, axes = plots.panels(2, width=2.2)
    for panel in axes:
        panel.set(title="panel", xlabel="updates")
        for number, name in enumerate(NAMES):
            panel.plot([0, 1], [number, 1], label=name)
    plots.legend_below(plot, axes, 3)
    plots.captioned(
        plot, "A title that is longer than the picture is wide, by far", "Somebody 2020. Seeds 0 to 9, n = 10."
    )
    (legend,), (above, below) = plot.legends, plot.texts
    height = plot.bbox.height
    tops = [0.0]
    for part in (below, legend, axes[0], above):
        box = part.get_tightbbox() if part is axes[0] else part.get_window_extent()
        assert box.y0 > tops[-1] and box.x0 >= 0 and box.x1 <= plot.bbox.width
        tops.append(box.y1)
    assert tops[-1] < height
    drawn = plots.pictures(plot, ["svg"])["svg"].decode()
    assert drawn == plots.pictures(plot, ["svg"])["svg"].decode()


def test_a_name_has_one_colour_and_the_first_names_have_their_own():
    colours = plots.colours_of(["a", "b", "a", *range(2, 9)])
    assert list(colours)[:2] == ["a", "b"] and len(colours) == 9
    assert list(colours.values())[: len(plots.COLOURS)] == list(plots.COLOURS)
    assert colours[7] == colours["a"] and colours[8] == colours["b"]

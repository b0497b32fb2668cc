"""When do pairs delegate? Figure 4.7 of the thesis: by what they know in common, at stages of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, seed_words
from zoo.papers.mackrl.battle import AGENTS, GAMES, MACKRL, POINTS, QUICK_STEPS, STEPS, arena_of, run

SCENARIO = "2s3z"
#: Stage -> share of delegation with 0 to 5 foes known in common, read off the figure to about .02.
PUBLISHED = {
    "400 steps": (0.04, 0.04, 0.03, 0.03, 0.03, 0.02),
    "0.5 M": (0.09, 0.39, 0.15, 0.03, 0.0, 0.0),
    "1.2 M": (0.16, 0.68, 0.18, 0.03, 0.0, 0.0),
    "1.6 M": (0.14, 0.64, 0.93, 0.23, 0.0, 0.0),
}
#: The tests that are shown, and the stage of the figure at the same part of its 2.5 million steps, where there is one.
STAGES = {0: "", POINTS // 5 - 1: "0.5 M", POINTS // 2 - 1: "1.2 M", POINTS * 2 // 3 - 1: "1.6 M", POINTS - 1: ""}


class MackrlDelegation(Figure):
    """Share of delegation by the number of foes that a pair knows of in common."""

    name = "mackrl-delegation"
    unit = "updates"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each run."""
        steps = QUICK_STEPS if quick else STEPS
        settings = {
            "agent": AGENTS[MACKRL],
            "arena": arena_of(SCENARIO),
            "steps": steps,
            "points": POINTS,
            "games": GAMES,
        }
        return [Part(f"run {seed}", run, settings | {"seed": seed}) for seed in range(seeds)]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """At each of `STAGES` the mean chance that a pair delegates, over runs in which it came about."""
        seen = np.array([result["seen"] for _, result in done])  # [runs, points, foes + 1, 2]
        times = done[0][1]["steps"]
        with np.errstate(invalid="ignore"):
            share = seen[..., 0] / seen[..., 1]
        rows: list[FigureRow] = []
        curves: dict[str, Json] = {}
        for at, stage in STAGES.items():
            group = f"share of delegation after {times[at]:,} steps"
            line: list[Json] = []
            for foes in range(share.shape[2]):
                values = share[:, at, foes][~np.isnan(share[:, at, foes])]
                if not len(values):
                    continue
                theirs = Published(PUBLISHED[stage][foes], basis=f"at {stage}", rounding=0.02) if stage else None
                rows.append(FigureRow(f"{foes} foes known", estimate.t(values), theirs, group))
                line.append([foes, rows[-1].ours.mean, rows[-1].ours.low, rows[-1].ours.high])
            curves[f"{times[at]:,}"] = line
        moments = seen[:, :, :, 1].sum((0, 1))
        settings = {
            "agent": AGENTS[MACKRL],
            "scenario": SCENARIO,
            "steps": done[0][0].settings["steps"],
            "moments of pairs by foes known": ", ".join(f"{int(n):,}" for n in moments),
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, curves)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Ours and the figure's, beside each other."""
        plot, (ours, theirs) = plots.panels(2, share_y=True)
        for (steps, line), colour in zip(report.data.items(), plots.COLOURS, strict=False):
            x, mean, low, high = (list(column) for column in zip(*line, strict=True))
            ends: dict[str, Any] = {"mean": mean, "low": low, "high": high}
            plots.curve(ours, x, **ends, label=f"{steps} steps", colour=colour, marker="o")
        for (stage, values), colour in zip(PUBLISHED.items(), plots.COLOURS, strict=False):
            none = [None] * len(values)
            plots.curve(theirs, range(len(values)), values, none, none, label=stage, colour=colour, marker="x")
        ours.set(title="ours", xlabel="foes known in common", ylabel="share of delegation", ylim=(0, 1.02))
        theirs.set(title="thesis, figure 4.7", xlabel="foes known in common")
        for panel in (ours, theirs):
            panel.legend()
        return plot


FIGURE = MackrlDelegation()

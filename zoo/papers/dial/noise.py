"""Figure 6.9 of the thesis: what noise in the channel does to what is left of a reward once messages are bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from leaderboard.report import plots
from zoo.papers.dial.digits import SLOWLY, read
from zoo.papers.dial.readers import BINS, learned
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, over_runs, seed_words

DIGITS, COPIES, UPDATES, QUICK = 4, 128, 400, 8
STEPS, SIGMAS = (2, 3, 4, 5), (0.0, 0.5, 1.0, 2.0)
#: The thesis's execution reward over training reward by steps, for ten digits; each for the sigmas in turn.
PUBLISHED = {
    2: (0.39, 0.77, 1.03, 1.07),
    3: (0.24, 0.59, 1.06, 1.03),
    4: (0.15, 0.80, 1.04, 1.04),
    5: (0.11, 1.02, 1.03, 1.02),
}
ENOUGH = 3  # steps in which as many bits arrive as four digits need: bars are of this game
MOST, LEAST = (0.0, 0.85), (1.0, 0.9)  # sigma, and the most or the least that is to be left


class DialNoise(Figure):
    """Execution over training reward, by the noise and by how many bits arrive."""

    name = "dial-noise"
    unit = "rounds"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each number of steps and each noise, with all its runs; a quick run has two and three steps."""
        common = {"copies": COPIES, "updates": UPDATES // QUICK if quick else UPDATES, "points": 5, "runs": seeds}
        parts = []
        for steps in STEPS[:2] if quick else STEPS:
            for sigma in SIGMAS:
                own = {
                    "game": "multi-step-digits",
                    "settings": [f"digits={DIGITS}", f"steps={steps}"],
                    "agent": f"dial,{SLOWLY},sigma={sigma:g}",
                }
                parts.append(Part(_label(steps, sigma), learned, {**own, **common, "seed": 0}))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for each noise in a group for each number of steps; notes hold both rewards."""
        results = {part.name: result for part, result in done}
        rows, messages = [], {}
        for steps, published in PUBLISHED.items():
            for sigma, theirs in zip(SIGMAS, published, strict=True):
                found = results.get(_label(steps, sigma))
                if found is not None:
                    rows.append(_row(steps, sigma, theirs, found))
                    messages[_label(steps, sigma)] = found["messages"][-1]
        settings = {
            "arena": f"multi-step-digits, {DIGITS} digits",
            "rounds": done[0][0].settings["updates"],
            "games a round": COPIES,
            "agent": f"dial,{SLOWLY}",
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, {"messages": messages})

    def plot(self, report: Reproduction) -> plots.Plot:
        """What is left, by the noise; and the messages of the three-step game while it is learned."""
        messages = report.data["messages"]
        steps = sorted({int(name[0]) for name in messages})
        plot, (left, right) = plots.panels(2)
        ours = {row.label + row.group: row.ours.mean for row in report.rows}
        for n, colour in zip(steps, plots.COLOURS, strict=False):
            mine = [ours[f"sigma {sigma:g}{_group(n)}"] for sigma in SIGMAS]
            left.plot(SIGMAS, mine, "o-", color=colour, label=f"{n} steps")
            left.plot(SIGMAS, PUBLISHED[n], ":", color=colour, linewidth=1, label=f"{n} steps, thesis (ten digits)")
        left.axhline(1, color="0.6", linewidth=0.8)
        left.set(xlabel="sigma", ylabel="reward with bits / as it learns", ylim=(0, 1.2))
        middle = (np.arange(BINS) + 0.5) / BINS
        for sigma, colour in plots.colours_of(SIGMAS).items():
            right.plot(middle, messages[_label(ENOUGH, sigma)], color=colour, label=f"sigma {sigma:g}")
        right.set(xlabel="message", ylabel="share", title=f"messages as it learns, {ENOUGH} steps")
        plots.legend_below(plot, [left, right], 4)
        return plot


def _label(steps: int, sigma: float) -> str:
    return f"{steps} steps, sigma {sigma:g}"


def _group(steps: int) -> str:
    return f"reward with bits over reward as it learns: {DIGITS} digits, {steps} steps"


def _row(steps: int, sigma: float, theirs: float, found: Json) -> FigureRow:
    learns, plays = (np.array(found[name][-1]) for name in ("training", "bits"))
    both = f"as it learns {learns.mean():.2f}, with bits {plays.mean():.2f}"
    bar = ""
    if (steps, sigma) == (ENOUGH, MOST[0]):
        bar = f"; at most {MOST[1]:g}: {'met' if (plays / learns).mean() <= MOST[1] else 'missed'}"
    published = Published(theirs, basis="figure 6.9, ten digits", rounding=0.02)
    row = over_runs(f"sigma {sigma:g}", plays / learns, published, _group(steps), note=both + read(found) + bar)
    return replace(row, at_least=LEAST[1] if (steps, sigma) == (ENOUGH, LEAST[0]) else None)


FIGURE = DialNoise()

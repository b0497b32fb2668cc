"""Figure 6.4 of the thesis: the switch riddle for three and four prisoners, learned by DIAL, by RIAL and in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from arenas.riddle import certainty, days
from leaderboard.report import plots
from leaderboard.statistics.estimate import t
from zoo.entry.venue import ArenaChoice
from zoo.papers.dial.exact import exact_value
from zoo.papers.figure import Figure, Json, Part, Published, Reproduction, Results, Tell, over_runs, seed_words
from zoo.training.plan import Plan, set_up

POINTS = {3: 10, 4: 5}  # tests of a run; with four prisoners each takes seconds
CHOICES = "DIAL, choices"  # which learns nothing from days on which a prisoner is not inside
QUICK = 10  # part of the updates that a quick run makes
MOST_OF_FOUR = 3  # runs with four prisoners, which are long


class SwitchMethod(NamedTuple):
    """A learner, how many rounds it has, and the thesis's share of what can be had."""

    agent: str
    updates: int
    published: float


#: Copies of the game, and the methods by their names in the figure, for each number of prisoners.
GAMES: dict[int, tuple[int, dict[str, SwitchMethod]]] = {
    3: (
        32,
        {
            "DIAL": SwitchMethod("dial", 600, 1.0),
            "DIAL-NS": SwitchMethod("dial,share=false", 600, 1.0),
            "RIAL": SwitchMethod("rial", 1000, 1.0),
            "RIAL-NS": SwitchMethod("rial,share=false", 1000, 0.98),
            "none": SwitchMethod("rial,talk=false", 600, 0.72),
        },
    ),
    4: (
        128,
        {
            "DIAL": SwitchMethod("dial,lambda_=0.8,epsilon=0.1,epsilon_last=0.01", 1000, 0.90),
            CHOICES: SwitchMethod("dial,lambda_=1,epsilon=0.1,epsilon_last=0,recall=0.2,waiting=false", 1500, 0.90),
            "RIAL": SwitchMethod("rial,lambda_=0.8,epsilon=0.1,epsilon_last=0.01", 1000, 0.91),
        },
    ),
}
BARS = {(3, "DIAL"): 0.98, (4, "DIAL"): 0.8, (4, CHOICES): 0.8}


def one_run(tell: Tell, seed: int, agent: str, n: int, copies: int, updates: int) -> Json:
    """Train a team; shares of what can be had by the greedy team with hard messages, exact, at `POINTS` tests."""
    text = f"{agent},updates={updates}"
    choice = ArenaChoice("switch", (f"n={n}",))
    plan = Plan(text, choice, copies=copies, length=None, steps=updates * copies * days(n), seed=seed)
    table = set_up(plan).table
    marks = [max(1, round(updates * (point + 1) / POINTS[n])) for point in range(POINTS[n])]
    shares = []
    for done in range(1, updates + 1):
        table.play_round()
        if done in marks:
            shares.append(exact_value(table.players, n=n) / float(certainty(n)))
        tell(done, updates)
    return {"at": marks, "shares": shares}


class DialSwitch(Figure):
    """Shares of what can be had, against rounds of training."""

    name = "dial-switch"
    unit = "rounds"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each number of prisoners, method and seed; a quick run has three prisoners alone."""
        parts = []
        for n, (copies, methods) in GAMES.items():
            for label, method in methods.items():
                updates = max(1, method.updates // QUICK) if quick else method.updates
                settings = {"agent": method.agent, "n": n, "copies": copies, "updates": updates}
                for seed in range(seeds if n == 3 else min(seeds, MOST_OF_FOUR) * (not quick)):
                    parts.append(Part(_label(n, label, seed), one_run, {"seed": seed, **settings}))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for each method: what the team has at the end, and at its best test."""
        results = {part.name: result for part, result in done}
        rows, curves = [], {}
        for n, (copies, methods) in GAMES.items():
            for label, method in methods.items():
                runs = [found for s in range(seeds) if (found := results.get(_label(n, label, s)))]
                if not runs:
                    continue
                shares = np.array([run["shares"] for run in runs])
                best = " ".join(f"{x:.2f}" for x in shares.max(1))
                note = f"{' '.join(f'{x:.3f}' for x in shares[:, -1])}; at the best test {best}"
                theirs = Published(method.published, basis="figure 6.4", rounding=0.02)
                group = f"share of what can be had, n = {n}, {copies} episodes a round"
                row = over_runs(label, shares[:, -1], theirs, group, "higher", note=note)
                rows.append(replace(row, at_least=BARS.get((n, label))))
                curves[f"n = {n}: {label}"] = {"at": runs[0]["at"], "shares": shares.tolist()}
        settings = {
            f"n = {n}, {label}": f"{method.agent}, {method.updates // QUICK if quick else method.updates} rounds"
            for n, (_, methods) in GAMES.items()
            for label, method in methods.items()
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, {"curves": curves})

    def plot(self, report: Reproduction) -> plots.Plot:
        """A panel for each number of prisoners, a line for each method."""
        groups = sorted({name.partition(":")[0] for name in report.data["curves"]})
        colours = plots.colours_of(name.partition(": ")[2] for name in report.data["curves"])
        plot, axes = plots.panels(len(groups))
        for panel, group in zip(axes, groups, strict=True):
            mine = {name: curve for name, curve in report.data["curves"].items() if name.startswith(group)}
            for name, curve in mine.items():
                label = name.partition(": ")[2]
                line: dict[str, Any] = plots.line_of([t(point) for point in np.array(curve["shares"]).T])
                plots.curve(panel, curve["at"], **line, label=label, colour=colours[label])
            panel.set(xlabel="rounds", ylabel="share of what can be had", title=group, ylim=(0, 1.05))
        plots.legend_below(plot, list(axes), 5)
        return plot


def _label(n: int, label: str, seed: int) -> str:
    return f"n = {n}, {label}, seed {seed}"


FIGURE = DialSwitch()

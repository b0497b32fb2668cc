"""Figure 5.1 of the thesis: what independent DQN earns in a battle by how it replays, ten columns in four panels.

Without exploration it is tested after every tenth of the training, and at the end in more episodes. What counts is the
mean over the last three tests, as one policy may be much better or worse than the one of a moment before.

`replay-curves,panel=3v3` is one panel alone, and `columns=order` the three columns whose order is compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from arenas.settings import Checked
from leaderboard.report import plots
from leaderboard.statistics.estimate import t
from zoo.papers.figure import (
    Figure,
    FigureRow,
    Json,
    Part,
    Published,
    Reproduction,
    Results,
    Tell,
    over_runs,
    seed_words,
)
from zoo.papers.replay.training import EPISODES, NAMES, Run

POINTS, TEST, FINAL = 10, 64, 256  # tests while it trains, battles in each, and in the last
LAST = 3  # tests that count
QUICK = 10  # a tenth of the episodes
#: Units of a team and whether the network is recurrent -> the mean return at the end, in the order of `NAMES`.
PUBLISHED: Mapping[tuple[int, bool], Sequence[float]] = {
    (3, True): (2.7, 14.0, 14.7, 12.7, 12.1),
    (3, False): (5.0, 11.0, 11.7, 13.4, 12.9),
    (5, True): (3.7, 15.4, 15.0, 18.0, 18.2),
    (5, False): (5.5, 10.0, 11.0, 18.6, 18.4),
}
#: The order of the feed-forward panel of 5v5, each less the one before.
ORDER = ("none", "plain", "fingerprint")
#: What the setting calls a panel.
PANELS = {"3v3-recurrent": (3, True), "3v3": (3, False), "5v5-recurrent": (5, True), "5v5": (5, False)}


@dataclass(frozen=True)
class CurveSettings(Checked):
    """Which panels the figure has, and which columns."""

    panel: Literal["all", "3v3", "3v3-recurrent", "5v5", "5v5-recurrent"] = "all"  # units, and feed-forward or not
    columns: Literal["all", "order"] = "all"  # all ways of replaying, or none, plain and fingerprint alone


def column(tell: Tell, units: int, recurrent: bool, replay: str, episodes: int, seed: int) -> Json:
    """Returns and shares of battles won at the tests of one training."""
    run = Run(units, recurrent, replay, seed, episodes)
    tests = []
    for point in range(1, POINTS + 1):
        run.train(run.rounds * point // POINTS, tell)
        tests.append(run.test(TEST if point < POINTS else FINAL))
    return {name: [test[name] for test in tests] for name in ("return", "won")}


def settled(runs: list[Json], name: str) -> np.ndarray:
    """Mean over the last tests of each run, [runs]."""
    return np.array([np.mean(run[name][-LAST:]) for run in runs])


def panel_of(units: int, recurrent: bool) -> str:
    """The name of a panel."""
    return f"{units}v{units} {'recurrent' if recurrent else 'feed-forward'}"


class ReplayCurves(Figure):
    """Returns by way of replaying, network and size of the teams."""

    name = "replay-curves"
    unit = "rounds"
    revision = 2
    Settings = CurveSettings
    settings: CurveSettings = CurveSettings()

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each run."""
        episodes = EPISODES // QUICK if quick else EPISODES
        chosen = self.settings
        panels = list(PUBLISHED) if chosen.panel == "all" else [PANELS[chosen.panel]]
        columns = list(NAMES) if chosen.columns == "all" else ORDER
        return [
            Part(
                f"{panel_of(units, recurrent)} {NAMES[replay]}, seed {seed}",
                column,
                {"units": units, "recurrent": recurrent, "replay": replay, "episodes": episodes, "seed": seed},
            )
            for seed in range(seeds)
            for units, recurrent in panels
            for replay in columns
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """The return of every column at the end, and whether replay and fingerprint each help."""
        runs: dict[tuple[int, bool], dict[str, list[Json]]] = {}
        for part, result in done:
            panel = part.settings["units"], part.settings["recurrent"]
            runs.setdefault(panel, {}).setdefault(part.settings["replay"], []).append(result)
        rows: list[FigureRow] = []
        for panel, by_replay in runs.items():
            last = {replay: settled(of, "return") for replay, of in by_replay.items()}
            printed = dict(zip(NAMES, PUBLISHED[panel], strict=True))
            for replay, values in last.items():
                won = settled(by_replay[replay], "won").mean()
                peak = np.mean([run["return"] for run in by_replay[replay]], axis=0).max()
                theirs = Published(printed[replay], basis="figure 5.1", rounding=0.4)
                note = f"peak, share won {peak:.1f}, {won:.2f}"
                rows.append(over_runs(NAMES[replay], values, theirs, panel_of(*panel), "higher", note))
        for panel, by_replay in runs.items():
            last = {replay: settled(of, "return") for replay, of in by_replay.items()}
            for less, more in itertools.pairwise(ORDER):
                label = f"{NAMES[more]} less {NAMES[less]}"
                group = f"{panel_of(*panel)}, by seed"
                rows.append(FigureRow(label, t(last[more] - last[less]), None, group, "higher", at_least=0.0))
        settings = {
            "arena": "skirmish 3m and 5m, reward=thesis, scaled so that the best return is 20",
            "episodes": done[0][0].settings["episodes"],
            "tested in": f"{TEST} battles without exploration, {FINAL} at the end; the mean over the last {LAST} tests",
        }
        data = {
            panel_of(*panel): {NAMES[r]: [run["return"] for run in of] for r, of in x.items()}
            for panel, x in runs.items()
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """The returns while it trains: a panel each, a line for each way of replaying."""
        side = 1 if len(report.data) == 1 else 2
        plot, axes = plots.panels(side, side, width=4.6, height=3.4)
        shares = [100 * point / POINTS for point in range(1, POINTS + 1)]
        colours = plots.colours_of(NAMES.values())
        for panel, (name, by_replay) in zip(axes, report.data.items(), strict=True):
            for label, runs in by_replay.items():
                line: dict[str, Any] = plots.line_of([t(point) for point in np.array(runs).T])
                plots.curve(panel, shares, **line, label=label, colour=colours[label])
            panel.set(title=name, xlabel="% of the training", ylabel="return")
        plots.legend_below(plot, axes, 5)
        return plot


FIGURE = ReplayCurves()

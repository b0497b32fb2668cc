"""Figure 5.3 of the thesis: does a recurrent network know when an episode was played?

After the training its network reads the episodes of its replay again. A linear regression from what it remembers
halfway through an episode to the epsilon with which that episode was played is fitted on every other row of the replay
and judged on the rest.
"""

from __future__ import annotations

import numpy as np
import torch

from agents.parts.recurrent import unrolled
from leaderboard.report import plots
from leaderboard.statistics.estimate import t
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, over_runs, seed_words
from zoo.papers.replay.training import COPIES, EPISODES, NAMES, Run

UNITS, QUICK = 3, 10
REPLAYS = ("plain", "fingerprint")
RIDGE = 1e-3  # of the regression, times the number of rows


def regression(tell: Tell, replay: str, episodes: int, seed: int) -> Json:
    """R^2 and root mean squared error on held-out episodes, and points (epsilon, predicted) to draw."""
    run = Run(UNITS, True, replay, seed, episodes)
    epsilons = []
    while run.table.update < run.rounds:
        epsilons.append(run.agent.epsilon)
        run.train(run.table.update + 1, tell)
    hidden = halfway(run)
    truth = np.repeat(epsilons, COPIES)  # a round's copies are rows that follow one another
    predicted = fitted(hidden, truth)
    error = float(np.sqrt(np.mean((truth[1::2] - predicted) ** 2)))
    return {
        "r2": 1 - error**2 / float(np.var(truth[1::2])),
        "error": error,
        "points": [truth[1::2][::5].tolist(), predicted[::5].tolist()],
    }


@torch.no_grad()
def halfway(run: Run) -> np.ndarray:
    """What the first unit's network remembers halfway through the first episode of every row, [rows, H]."""
    agent = run.agent
    rows = agent.replay.newest(len(agent.replay))
    batch = {name: leaf.movedim(0, 2) for name, leaf in rows.items()}
    first = batch["first"][:-1]
    _, after = unrolled(agent.networks.team.parameters, batch["observation"][:-1], batch["hidden"][0], first)
    begins = first[1:, 0].float()  # [S - 1, rows]
    length = torch.where(begins.amax(0) > 0, begins.argmax(0) + 1, len(first))
    middle = (length // 2).view(1, -1, 1).expand(1, -1, after.shape[-1])
    found: np.ndarray = after[:, 0].gather(0, middle).squeeze(0).double().numpy()
    return found


def fitted(hidden: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Predictions of the odd rows by a regression on the even ones."""
    known = np.column_stack([hidden, np.ones(len(hidden))])
    x, y = known[::2], truth[::2]
    weights = np.linalg.solve(x.T @ x + RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
    predicted: np.ndarray = known[1::2] @ weights
    return predicted


class ReplayHistory(Figure):
    """How well epsilon is known from what the network remembers."""

    name = "replay-history"
    unit = "rounds"
    revision = 2

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each run."""
        episodes = EPISODES // QUICK if quick else EPISODES
        return [
            Part(f"{NAMES[replay]}, seed {seed}", regression, {"replay": replay, "episodes": episodes, "seed": seed})
            for seed in range(seeds)
            for replay in REPLAYS
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """R^2 and error of both, and by how much the fingerprint helps."""
        found = {replay: [result for part, result in done if part.settings["replay"] == replay] for replay in REPLAYS}
        rows: list[FigureRow] = []
        for name, words, better in (("r2", "R^2 on held-out episodes", 1), ("error", "root mean squared error", -1)):
            values = {replay: np.array([result[name] for result in of]) for replay, of in found.items()}
            for replay, of in values.items():
                rows.append(over_runs(NAMES[replay], of, None, words, "higher" if better > 0 else "lower"))
            gain = better * (values["fingerprint"] - values["plain"])
            rows.append(FigureRow("the fingerprint gains", t(gain), None, words, "higher", at_least=0.0))
        settings = {
            "arena": "skirmish 3m, reward=thesis",
            "network": "recurrent",
            "episodes": done[0][0].settings["episodes"],
        }
        data = {NAMES[replay]: of[0]["points"] for replay, of in found.items()}
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Predicted against true epsilon, one run of each."""
        plot, axes = plots.panels(2, share_y=True)
        for panel, (name, (truth, predicted)) in zip(axes, report.data.items(), strict=True):
            panel.plot(truth, predicted, ".", color=plots.COLOURS[0], markersize=3, alpha=0.5, label="an episode")
            panel.plot([0, 1], [0, 1], ":", color="0.4", label="exact")
            panel.set(title=name, xlabel="epsilon", ylabel="predicted")
        plots.legend_below(plot, axes, 2)
        return plot


FIGURE = ReplayHistory()

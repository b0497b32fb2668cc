"""Figure 5.2 of the thesis: the value of one initial observation against the epsilon in its fingerprint, by stage."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from agents.parts.logits import masked
from agents.parts.networks import mlp
from agents.randomness import derive_rows
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
from zoo.papers.replay.training import EPISODES, Run

UNITS, QUICK = 3, 10
STAGES = (500, 1000, 1500, 2000, 2500)  # of the paper's episodes
GRID = tuple(k / 10 for k in range(11))  # epsilon
#: Stage -> values at epsilon 0 and 1.
PUBLISHED = {1500: (9.4, 1.4), 2000: (13.4, 0.3)}


def values(tell: Tell, episodes: int, seed: int) -> Json:
    """The best action's value [stages][GRID] of the first unit at the start of one battle, by the epsilon told."""
    run = Run(UNITS, False, "fingerprint", seed, episodes)
    arena = run.venue.arena(1)
    steps, _ = arena.reset(derive_rows(0, 1, "initial"))
    first = steps[run.agent.seats[0]]
    by_stage = []
    for stage in STAGES:
        run.train(run.rounds * stage // EPISODES, tell)
        fingerprints = torch.tensor([[eps, float(run.agent.fingerprint[1])] for eps in GRID])
        seen = torch.cat([first.observation.flatten(1).expand(len(GRID), -1), fingerprints], dim=1)
        with torch.no_grad():
            q = masked(mlp(run.agent.networks.team.of(0), seen), first.action_mask)
        by_stage.append([float(value) * run.scale for value in q.amax(1)])
    return by_stage


class ReplayFingerprints(Figure):
    """Values by stage and epsilon."""

    name = "replay-fingerprints"
    unit = "rounds"
    revision = 2

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each run."""
        episodes = EPISODES // QUICK if quick else EPISODES
        return [Part(f"seed {seed}", values, {"episodes": episodes, "seed": seed}) for seed in range(seeds)]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """At every stage the values at both ends, and by how much they fall."""
        found = np.array([result for _, result in done])  # [runs, stages, GRID]
        rows: list[FigureRow] = []
        for at, stage in enumerate(STAGES):
            group = f"after {stage / EPISODES:.0%} of the training"
            for end, epsilon in ((0, 0), (-1, 1)):
                known = PUBLISHED.get(stage)
                theirs = Published(known[epsilon], basis="figure 5.2", rounding=0.3) if known else None
                rows.append(over_runs(f"epsilon {epsilon}", found[:, at, end], theirs, group))
            falls = found[:, at, 0] - found[:, at, -1]
            rows.append(FigureRow("falls by", t(falls), None, group, at_least=0.0))
        settings = {
            "arena": "skirmish 3m, reward=thesis",
            "network": "feed-forward",
            "episodes": done[0][0].settings["episodes"],
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, {"values": found.tolist()})

    def plot(self, report: Reproduction) -> plots.Plot:
        """Value against epsilon, a line for each stage."""
        plot, (panel,) = plots.panels(1)
        found = np.array(report.data["values"])
        for at, (stage, colour) in enumerate(zip(STAGES, plots.COLOURS, strict=False)):
            line: dict[str, Any] = plots.line_of([t(point) for point in found[:, at].T])
            plots.curve(panel, list(GRID), **line, label=f"after {stage / EPISODES:.0%} of training", colour=colour)
        panel.set(xlabel="epsilon in the fingerprint", ylabel="value of an initial observation")
        plots.legend_below(plot, [panel], 5)
        return plot


FIGURE = ReplayFingerprints()

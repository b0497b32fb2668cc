"""How much a baseline is worth as it errs: figure 9.4 (a) of the thesis.

DiCE's first derivative from 128 episodes of the prisoner's dilemma is compared with the exact one. The baseline is the
exact value of the two policies plus an error of each of the five states, N(0, sd^2) and drawn anew for every 128
episodes: whatever it is, the derivative stays unbiased. A seed is a pair of memory-one policies with logits N(0, 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from agents.parts import dice
from agents.randomness import derive, generator
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.registry import load_arena
from zoo.papers.dice.derivatives import GAMMA, PAY, SET, STEPS, Pair, correlation, exact, play, with_graph
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell, seed_words

EPISODES = 128
SAMPLES, QUICK = 64, 8  # of so many episodes
ERRORS = (0.0, 3.0, 10.0, 20.0, 30.0, 50.0, 75.0)  # standard deviations, in units of the return
EXACT = Published(1.0, basis="figure 9.4", rounding=0.02)  # without error; the unit of its other errors is not known


def one_pair(tell: Tell, seed: int, samples: int) -> Json:
    """At each of `ERRORS` the mean correlation over samples of 128 episodes, for the pair of this seed."""
    logits = torch.randn(2, 5, dtype=torch.float64, generator=generator(derive(seed, "logits")))
    pair = Pair(logits)
    truth, _ = exact(load_arena("ipd").make(1), logits)
    states, joints = play(pair, derive(seed, "sample"), 0, EPISODES * samples)
    reward = dice.discounted(PAY[joints], GAMMA)
    value = pair.values()[torch.arange(STEPS).unsqueeze(1), states]
    errors = torch.randn(samples, 5, dtype=torch.float64, generator=generator(derive(seed, "error")))
    error = errors[torch.arange(samples).repeat_interleave(EPISODES), states]
    correlations = []
    for sd in ERRORS:
        theta, log_prob = with_graph(pair, states, joints)
        objective = dice.dice_with_baseline(log_prob, reward, dice.discounted(value + sd * error, GAMMA)) / SET
        (gradient,) = torch.autograd.grad(objective.sum(), theta)  # [sets of 8 episodes, 10]
        means = gradient.view(samples, -1, 10).mean(1)
        correlations.append(float(correlation(means, truth).mean()))
        tell(len(correlations), len(ERRORS))
    return correlations


class DiceBaseline(Figure):
    """Correlation of the first derivative with the exact one against the error of the baseline."""

    name = "dice-baseline"
    unit = "baselines"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each pair of policies."""
        samples = QUICK if quick else SAMPLES
        return [Part(f"pair {seed}", one_pair, {"seed": seed, "samples": samples}) for seed in range(seeds)]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """The mean correlation over pairs at each error."""
        values = np.array([result for _, result in done])  # [pairs, errors]
        group = f"correlation of the gradient from {EPISODES} episodes with the exact one"
        rows = [
            FigureRow(f"error {sd:g}", estimate.t(column), None if sd else EXACT, group, "higher")
            for sd, column in zip(ERRORS, values.T, strict=True)
        ]
        settings = {
            "game": "ipd, row's value",
            "T": STEPS,
            "gamma": GAMMA,
            "episodes": EPISODES,
            "samples of a pair": done[0][0].settings["samples"],
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Correlation against the error."""
        plot, (panel,) = plots.panels(1)
        line: dict[str, Any] = plots.line_of([row.ours for row in report.rows])
        plots.curve(panel, ERRORS, **line, label="ours, 95 % interval over pairs", colour=plots.COLOURS[0])
        panel.plot([0], [EXACT.value], "x", color="0.25", label="thesis, figure 9.4 (a)")
        panel.set(xlabel="standard deviation of the baseline's error", ylabel="correlation", ylim=(0, 1.03))
        plots.legend_below(plot, [panel], 2)
        return plot


FIGURE = DiceBaseline()

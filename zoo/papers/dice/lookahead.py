"""LOLA-DiCE with K look-aheads beside the naive learner and the surrogate loss: the learning curves of DiCE.

The iterated prisoner's dilemma, 64 episodes of 150 steps an update, 200 updates, both seats alike. What is shown is the
exact expectation of the mean reward per step over an episode, so that it holds no noise of an evaluation. The published
numbers are means over the last 20 updates of the authors' own run files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from agents.protocol import Agent
from agents.randomness import derive
from leaderboard.report import plots
from zoo.entry.venue import ArenaChoice, Venue
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
from zoo.papers.learning_runs import band, seat_rows, share_of_runs, thinned
from zoo.play.table import Table

GAMES, UPDATES, TAIL = 64, 200, 20
_RATES = "lr=0.1,eta=0.3"  # eta is shared by the K look-aheads
#: Of gradient corrections without DiCE, as in `lola-ipd`, which has eight times as many episodes an update.
_LOLA = "hidden=0,optimizer=sgd,weigh=start,entropy=0,lr=0.3,critic_lr=1"
COOPERATES = -1.2  # the least mean of both seats with which a run counts as one that has learned to cooperate
#: Method -> entrant, published mean over the last 20 updates and its standard deviation over 5 runs.
METHODS = {
    "naive": (f"lola-dice,{_RATES},look_aheads=0", -1.991, 0.001),
    "SL, K = 1": (f"lola-sl,{_RATES},look_aheads=1", -1.990, 0.001),
    "LOLA, no DiCE": (f"lola,{_LOLA},eta=1,decay=1", -1.746, 0.356),
    "LOLA-DiCE, K = 1": (f"lola-dice,{_RATES},look_aheads=1", -1.182, 0.057),
    "LOLA-DiCE, K = 2": (f"lola-dice,{_RATES},look_aheads=2", -1.123, 0.050),
    "LOLA-DiCE, K = 3": (f"lola-dice,{_RATES},look_aheads=3", -1.105, 0.059),
}


def learn_with_like(tell: Tell, entrant: str, updates: int, games: int, replicas: int, seed: int) -> Json:
    """Seat -> the expected mean reward per step at every update, [updates, R], in `replicas` runs of self-play."""
    venue = Venue(ArenaChoice("ipd"))
    arena, learner = venue.make(replicas * games), venue.entrant(entrant, learning=True)
    players: dict[str, Agent] = {}
    for seat in arena.spec.seats:
        players |= learner.agents(arena.spec, (seat,), derive(seed, "fresh"), replicas=replicas)
    table = Table(arena, venue.identity, players, list(players), length=None, seed=seed)
    steps = arena.spec.max_steps
    values: dict[str, list[list[float]]] = {seat: [] for seat in players}
    for done in range(updates):
        policies = {seat: policy for seat, player in players.items() if (policy := player.policy(seat)) is not None}
        with torch.no_grad():
            value = arena.value(policies, steps=steps, gamma=1.0)
        for seat, v in value.items():
            values[seat].append((v.expand(replicas) / steps).tolist())
        table.play_round()
        tell(done + 1, updates)
    return values


class DiceLookahead(Figure):
    """How far one must look ahead to cooperate."""

    name = "dice-lookahead"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each method, with all seeds; --quick leaves out the longest look-ahead and half of the updates."""
        settings = {"updates": UPDATES // 2 if quick else UPDATES, "games": GAMES, "replicas": seeds, "seed": 0}
        return [
            Part(name, learn_with_like, {"entrant": entrant, **settings})
            for name, (entrant, _, _) in METHODS.items()
            if not (quick and name.endswith("3"))
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """The mean of both seats beside the published one, both seats of the runs, and how many runs cooperate."""
        rows: list[FigureRow] = []
        each: list[FigureRow] = []
        count: list[FigureRow] = []
        curves: dict[str, Any] = {}
        for part, result in done:
            _, value, sd = METHODS[part.name]
            values = {seat: np.array(numbers) for seat, numbers in result.items()}
            row, column = (values[seat][-TAIL:].mean(0) for seat in ("row", "column"))
            pair = (row + column) / 2
            note = ", ".join(f"{a:.2f}/{b:.2f}" for a, b in zip(row[:5], column[:5], strict=True))
            rows.append(over_runs(part.name, pair, _published(value, sd), "mean of both seats", "higher", note))
            each += seat_rows(part.name, (row, column), "the {} seat of each run")
            if "LOLA-DiCE" in part.name:
                group = f"share of runs whose mean is at least {COOPERATES:g}"
                count.append(share_of_runs(part.name, pair, COOPERATES, group, better="higher", at_least=0.8))
            every = max(1, len(values["row"]) // 50)
            seats = [[v[::every, run].tolist() for v in values.values()] for run in range(seeds)]
            curves[part.name] = {"pair": thinned((values["row"] + values["column"]) / 2), "seats": seats}
        updates = done[0][0].settings["updates"]
        notes = [
            f"Mean reward per step over 150 steps, expected, over the last {TAIL} of {updates} updates"
            f" (published: of 200). Noted: row/column of the first runs.",
            *self.remarks,
        ]
        settings = {
            "game": f"ipd, {GAMES} episodes of 150 steps an update",
            "updates": updates,
            **{part.name: part.settings["entrant"] for part, _ in done},
        }
        data = {"curves": curves, "updates": updates}
        return Reproduction([*rows, *count, *each], settings, seed_words(seeds), notes, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """The pairs' means on the left, every run's two seats on the right."""
        plot, (left, right) = plots.panels(2, width=5.2, height=4.0, share_y=True)
        updates = report.data["updates"]
        for number, (name, shown) in enumerate(report.data["curves"].items()):
            colour = plots.COLOURS[number]
            plots.curve(left, **band(shown["pair"]), label=name, colour=colour)
            _, value, _ = METHODS[name]
            left.plot([0.9 * updates, updates], [value] * 2, "--", color=colour)
            for run in shown["seats"] if "LOLA-DiCE" in name else ():
                for values in run:
                    right.plot(np.linspace(1, updates, len(values)), values, color=colour, linewidth=0.7, alpha=0.8)
        left.plot([], [], "--", color="0.35", label="published, last 20 updates")
        left.set(title="mean of both seats", xlabel="update", ylabel="reward per step", ylim=(-2.1, -0.9))
        right.set(title="each seat of each run, LOLA-DiCE", xlabel="update")
        plots.legend_below(plot, [left, right], 3)
        return plot


def _published(value: float, sd: float) -> Published:
    """The mean of the authors' 5 runs; +- .01 agrees with it where these do not differ."""
    if sd <= 0.001:
        return Published(value, value - 0.01, value + 0.01, "+-0.01", sd=sd)
    return Published.of_runs(value, sd, 5, rounding=0.0005)


FIGURE = DiceLookahead()

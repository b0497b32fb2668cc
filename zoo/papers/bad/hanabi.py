"""Small games of Hanabi learned with and without public beliefs; section 7.4.2 of the thesis, at a size for two cores.

All learners are `bad` with the same networks, PPO's objective and the same entropy, and differ in what the policy reads
of the hidden cards: BAD reads V1 and V2 (or Bayes' rule over all deals), the baselines V1 or V0 with a GRU in the place
of the second layer, and PPO hints alone. A team plays greedily with itself. Scores are printed under both rules for a
game whose last life is lost, as publications differ in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics.estimate import t
from zoo.papers.bad.teams import score, settings_of, trained
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, over_runs, seed_words


class HanabiGame(NamedTuple):
    """A game, and for how long it is learned."""

    settings: tuple[str, ...]
    best: int  # points
    steps: int
    methods: tuple[str, ...]
    most: int  # seeds


#: Method -> what `bad` reads.
METHODS = {
    "BAD, V2": "bad,belief=v2",
    "BAD, exact belief": "bad,belief=exact",
    "recurrent, V1": "bad,belief=v1,recurrent=true",
    "recurrent, V0": "bad,belief=v0,recurrent=true",
    "PPO": "bad,belief=none",
}
FEWER = ("BAD, V2", "recurrent, V1", "PPO")
GAMES = {
    "mini": HanabiGame(("variant=mini",), 4, 650_000, tuple(METHODS), 5),
    "very small, 3 lives": HanabiGame(("variant=very-small", "lives=3"), 5, 1_300_000, FEWER, 3),
    "small": HanabiGame(("variant=small",), 10, 1_000_000, FEWER, 1),
}
#: What BAD is to reach where a lost game counts 0, and of how many games at most it may lose.
BARS = {"mini": (3.5, 0.02), "very small, 3 lives": (4.5, None), "small": (None, None)}
POINTS, TESTS, FINAL = 5, 1000, 10_000
QUICK = 10  # part of the steps that a quick run makes


def one_run(tell: Tell, seed: int, agent: str, game: Sequence[str], steps: int) -> Json:
    """`curve`, scores at `POINTS` moments of training, and `end`, the score of many games at its end."""
    players, curve = trained(tell, settings_of(agent, steps), game, steps, seed, POINTS, TESTS)
    return {"curve": curve, "end": score(players, game, FINAL, seed)}


class BadHanabi(Figure):
    """Scores at the end of training, and on the way."""

    name = "bad-hanabi"
    unit = "rounds"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each game, method and seed."""
        parts = []
        for name, game in GAMES.items():
            steps = game.steps // QUICK if quick else game.steps
            for method in game.methods:
                own = {"agent": METHODS[method], "game": list(game.settings), "steps": steps}
                for seed in range(min(seeds, game.most)):
                    parts.append(Part(_label(name, method, seed), one_run, {"seed": seed, **own}))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for each method under each rule, and for the games it lost."""
        results = {part.name: result for part, result in done}
        rows: list[FigureRow] = []
        curves: dict[str, Json] = {}
        for name, game in GAMES.items():
            runs = {
                method: [results[_label(name, method, seed)] for seed in range(min(seeds, game.most))]
                for method in game.methods
            }
            rows += _rows(name, game, runs)
            curves[name] = {
                "steps": [point["steps"] for point in next(iter(runs.values()))[0]["curve"]],
                "lines": {method: _line([run["curve"] for run in found]) for method, found in runs.items()},
            }
        settings: dict[str, Json] = {
            "learning": settings_of("bad", 0) + "; calm and anneal are all the steps; 256 copies"
        }
        settings |= {
            f"{name}: steps of training": game.steps // QUICK if quick else game.steps for name, game in GAMES.items()
        }
        settings |= {**METHODS, "games at the end": FINAL}
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, {"curves": curves})

    def plot(self, report: Reproduction) -> plots.Plot:
        """The score where a lost game counts 0, against steps of training, a panel for each game."""
        curves = report.data["curves"]
        plot, panels = plots.panels(len(curves))
        for panel, (name, curve) in zip(panels, curves.items(), strict=True):
            for method, line in curve["lines"].items():
                ends: dict[str, Any] = line
                plots.curve(panel, curve["steps"], **ends, label=method, colour=plots.colours_of(METHODS)[method])
            best = GAMES[name].best
            panel.set(title=f"{name}: best {best}", xlabel="steps of training", ylim=(0, best * 1.02))
        panels[0].set(ylabel="points a game, a lost game counting 0")
        plots.legend_below(plot, panels, 5)
        return plot


def _rows(name: str, game: HanabiGame, runs: dict[str, list[Json]]) -> list[FigureRow]:
    """The rows of a game, rule by rule."""
    rows = []
    bar, most = BARS[name]
    for what, group in {
        "zero": f"{name}: points of {game.best}, a lost game counts 0",
        "kept": f"{name}: points of {game.best}, a lost game keeps its points",
        "lost": f"{name}: share of games lost",
    }.items():
        for method, found in runs.items():
            ends = np.array([run["end"][what] for run in found])
            note = " ".join(f"{end:.3f}" for end in ends)
            if what == "lost" and most is not None and method.startswith("BAD"):
                note += f"; at most {most:g} in {int((ends <= most).sum())} of {len(ends)}"
            row = over_runs(method, ends, None, group, "lower" if what == "lost" else "higher", note=note)
            rows.append(replace(row, at_least=bar if what == "zero" and method == "BAD, V2" else None))
    return rows


def _line(curves: Sequence[Sequence[Json]]) -> Json:
    """The score where a lost game counts 0, over runs."""
    return plots.line_of([t(np.array([point["zero"] for point in points])) for points in zip(*curves, strict=True)])


def _label(game: str, method: str, seed: int) -> str:
    return f"{game}, {method}, seed {seed}"


FIGURE = BadHanabi()

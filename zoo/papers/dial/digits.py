"""Figure 6.6 of the thesis: two games of digits learned by DIAL, by RIAL, without sharing and in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics.estimate import t
from zoo.papers.dial.readers import BINS, learned
from zoo.papers.figure import (
    Figure,
    FigureRow,
    Json,
    Part,
    Published,
    Reproduction,
    Results,
    over_runs,
    seed_words,
)
from zoo.papers.learning_runs import share_of_runs

POINTS, QUICK = 10, 6  # tests of a run; a quick run has this part of the rounds
MEASURES = {"training": "as it learns", "bits": "with bits", "held out": "with bits, held-out images"}
SETTING = "lambda_=1,picture=64,lr=0.004"
#: Of games in which a bit has to be kept: the steps and the messages count for more in the first networks.
SLOWLY = f"{SETTING},recall=0.2,say=8,hear=5,date=15"
#: Of ten digits: targets of one step, as the returns of the many steps that pay nothing are noise. One bit is found
#: while all guess alike, the others by guessing at random: exploration grows.
MANY = "lambda_=0,picture=64,lr=0.002,recall=0.2,say=4,hear=3,date=5,epsilon=0.05,epsilon_last=0.5"
METHODS = {
    "DIAL": "dial",
    "DIAL-NS": "dial,share=false",
    "RIAL": "rial",
    "RIAL-NS": "rial,share=false",
    "none": "rial,talk=false",
}


class DigitGame(NamedTuple):
    """A game, how it is learned, and what the thesis has, by method, as a share of the best."""

    arena: str
    settings: tuple[str, ...]
    best: float  # the most that can be paid
    config: str  # of every method
    noise: float  # sigma of DIAL's channel
    copies: int
    updates: int
    published: dict[str, float]
    most: int = 100  # runs of a method

    @property
    def words(self) -> str:
        """The game with its settings."""
        return ", ".join([self.arena, *self.settings])


GAMES = (
    DigitGame(
        "colour-digit",
        (),
        4.0,
        SETTING,
        2.0,
        256,
        300,
        {"DIAL": 0.92, "DIAL-NS": 0.68, "none": 0.0},
    ),
    DigitGame("multi-step-digits", ("digits=4", "steps=3"), 1.0, SLOWLY, 0.5, 128, 600, {}, 3),
    DigitGame("multi-step-digits", (), 1.0, MANY, 0.5, 512, 800, {"DIAL": 0.98}, most=1),
)
#: Of DIAL, the share of runs and the least share of the best: colour-digit with bits, four digits as it learns.
BARS = {"colour-digit": ("bits", 0.9, 4 / 6), "multi-step-digits, digits=4, steps=3": ("training", 0.93, 1.0)}


class DialDigits(Figure):
    """Shares of the best payment, as teams learn, with bits, and with bits on images that they have not seen."""

    name = "dial-digits"
    unit = "rounds"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each game and method, with all its runs; ten digits are learned by DIAL alone."""
        parts = []
        for game in GAMES[:2] if quick else GAMES:
            for method, agent in METHODS.items():
                if game.most == 1 and method != "DIAL":
                    continue
                sigma = f",sigma={game.noise:g}" if agent.startswith("dial") else ""
                updates = max(POINTS, game.updates // QUICK) if quick else game.updates
                settings = {
                    "game": game.arena,
                    "settings": list(game.settings),
                    "agent": f"{agent},{game.config}{sigma}",
                    "copies": game.copies,
                    "updates": updates,
                    "points": POINTS,
                    "runs": min(seeds, game.most),
                    "seed": 0,
                }
                parts.append(Part(f"{game.words}: {method}", learned, settings))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Three rows for each method: as it learns, with bits, and with bits on held-out images."""
        results = {part.name: result for part, result in done}
        rows: list[FigureRow] = []
        curves: dict[str, Json] = {}
        for game in GAMES:
            for method in METHODS:
                found = results.get(f"{game.words}: {method}")
                if found is None:
                    continue
                rows += _rows(game, method, found)
                curves[f"{game.words}: {method}"] = {
                    "at": found["at"],
                    "messages": found["messages"],
                    **{name: (np.array(found[name]) / game.best).tolist() for name in MEASURES},
                }
        settings = {
            game.words: f"{game.config}; {game.updates // QUICK if quick else game.updates} rounds of {game.copies}"
            for game in (GAMES[:2] if quick else GAMES)
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, {"curves": curves})

    def plot(self, report: Reproduction) -> plots.Plot:
        """Above, a panel for each game, a line for each method; below, DIAL's messages over training."""
        curves = report.data["curves"]
        games = list(dict.fromkeys(name.rpartition(": ")[0] for name in curves))
        plot, axes = plots.panels(len(games), 2)
        for panel, below, game in zip(axes, axes[len(games) :], games, strict=False):
            mine = {name.rpartition(": ")[2]: curve for name, curve in curves.items() if name.startswith(f"{game}: ")}
            for method, colour in plots.colours_of(METHODS).items():
                if method in mine:
                    line: dict[str, Any] = plots.line_of([t(point) for point in np.array(mine[method]["bits"])])
                    plots.curve(panel, mine[method]["at"], **line, label=method, colour=colour)
            title = "multi-step-digits, digits=10, steps=5" if game == "multi-step-digits" else game
            panel.set(xlabel="rounds", ylabel="share of the best, with bits", title=title, ylim=(-0.1, 1.05))
            messages_over_training(plot, below, mine["DIAL"])
        plots.legend_below(plot, axes, len(METHODS))
        return plot


def messages_over_training(plot: plots.Plot, panel: plots.Axes, curve: Json) -> None:
    """How often which message is sent, as colours: from left to right over training, 0 below and 1 above."""
    shares = np.array(curve["messages"]).T[::-1]
    ends = (0.0, max(0.25, float(np.quantile(shares, 0.95))))
    plots.heat_map(plot, panel, shares, ends, digits=None, dark=0, extend="max", caption="share of messages")
    at = range(0, len(curve["at"]), 3)
    panel.set_xticks(list(at), [str(curve["at"][n]) for n in at])
    panel.set_yticks([0, BINS - 1], ["1", "0"])
    panel.set(xlabel="rounds", ylabel="message of DIAL as it learns")


def _rows(game: DigitGame, method: str, found: Json) -> list[FigureRow]:
    """What a method has at the end; DIAL's notes say how its receivers read."""
    rows, group = [], f"share of the best: {game.words}"
    for name, words in MEASURES.items():
        values = np.array(found[name][-1]) / game.best
        note = " ".join(f"{x:.2f}" for x in values)
        if name == "bits":
            best = np.array(found[name]).max(0) / game.best
            note += f"; at the best test {' '.join(f'{x:.2f}' for x in best)}{read(found)}"
        theirs = game.published.get(method) if name == "bits" else None
        published = None if theirs is None else Published(theirs, basis="figure 6.6", rounding=0.02)
        rows.append(over_runs(f"{method}, {words}", values, published, group, "higher", note=note))
    if method == "DIAL" and game.words in BARS:
        name, least, share = BARS[game.words]
        values, label = np.array(found[name][-1]) / game.best, f"DIAL, {MEASURES[name]}: runs with {least:g} or more"
        rows.append(replace(share_of_runs(label, values, least - 1e-9, group), at_least=share))
    return rows


def read(found: Json) -> str:
    """How often receivers change their mind over a message from 0 to 1, in words."""
    if found["switches"] is None:
        return ""
    return f"; changes of mind {np.mean(found['switches']):.2f}, more than one in {np.mean(found['twice']):.0%}"


FIGURE = DialDigits()

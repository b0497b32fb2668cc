"""Tan's hunters: do those that share what they see, what they lived through or what they learned catch prey sooner?

Ten runs of a column are played at once, each with tables of its own; what is learned from five steps plays in the next
five. A trial counts its steps up to a catch, and "training" is the mean over the second half of the trials, with
exploration.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics.estimate import t
from zoo.entry.venue import ArenaChoice
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
from zoo.play.replicas import seated

LENGTH, RANDOM_LENGTH = 5, 100  # steps of a round
RANDOM_COPIES = 20  # games at once in a run of hunters that do not learn
BLOCK, FIRST = 50, 50  # trials of a point of a curve, and of those that show how fast it is learned
QUICK = 10  # a tenth of the trials
TEMPERATURE, PRINTED = 0.1, 0.4
LEARNER = "independent-q,alpha=0.8,alpha_decay=0,gamma=0.9,init=0"
MOST = 2000  # steps a trial may take on average before a part gives up


class Hunt(NamedTuple):
    """What is played: the game, how hunters share, and for how many trials."""

    label: str
    group: str
    game: tuple[str, ...]
    published: Published | None = None
    share: str = "none"  # "random" for hunters that do not learn
    trials: int = 500
    temperature: float = TEMPERATURE


def _known(value: float, reach: float | None = None) -> Published:
    """A printed mean, with its 90 % interval where there is one."""
    if reach is None:
        return Published(value, basis="no interval", rounding=0.005)
    return Published(value, value - reach, value + reach, "90 % interval", 5, None, 0.005)


def _columns() -> list[Hunt]:
    """All of them, by the paper's tables."""
    tasks = {
        "one prey, one hunter": (("hunters=1",), 123.08, 25.32),
        "one prey, two hunters": ((), 56.47, 12.21),
        "one prey, two hunters, joint task": (("joint=true",), 354.45, 119.17),
        "two prey, two hunters, joint task": (("joint=true", "prey=2"), 224.92, 100.61),
    }
    found = [
        Hunt(label, "table 1: hunters that move at random", game, _known(value), "random")
        for label, (game, value, _) in tasks.items()
    ]
    for label, (game, _, value) in list(tasks.items())[:2]:
        found.append(Hunt(label, "table 1: hunters that learn, in training", game, _known(value)))
        words = f"the same with the printed temperature of {PRINTED:g}"
        found.append(Hunt(label, words, game, _known(value), temperature=PRINTED))
    scouted = {0: _known(47.14, 1.28), 2: _known(46.33, 1.39), 3: _known(39.78, 1.06), 4: _known(32.67, 1.03)}
    for scout, theirs in scouted.items():
        game = ("hunters=1", "depth=2", *(("sense=shared", f"scout={scout}") if scout else ()))
        label = f"a scout that sees {scout} cells" if scout else "no scout"
        found.append(Hunt(label, "table 2: one hunter that sees 2 cells, in training", game, theirs))
    mutual = {2: ((20.38, 0.57), (25.20, 0.79)), 3: ((14.65, 0.53), (14.02, 0.75)), 4: ((12.21, 0.65), (11.05, 0.56))}
    for depth, numbers in mutual.items():
        for (sense, label), number in zip((("own", "independent"), ("shared", "mutual")), numbers, strict=True):
            game = (f"depth={depth}", f"sense={sense}")
            found.append(
                Hunt(label, f"table 3: two hunters that see {depth} cells, in training", game, _known(*number))
            )
    for share in ("policy", "episodes"):
        found.append(Hunt(share, SPEED, (), None, share))
    joint = {1: (116, 84, 76), 2: (101, 49, 39)}
    for prey, values in joint.items():
        for (sense, label), value in zip(JOINT.items(), values, strict=True):
            group = f"figure {9 - prey}: joint task, {'one' if prey == 1 else 'two'} prey, in training"
            theirs = Published(value, basis="typical run", rounding=0.5)
            game = ("joint=true", f"prey={prey}", f"sense={sense}")
            found.append(Hunt(label, group, game, theirs, trials=400))
    return found


SPEED = f"figures 3 and 5: two hunters that see 4 cells, the first {FIRST} trials"
#: What a hunter knows in a joint task -> its name in the figure.
JOINT = {"own": "independent", "partner": "passively observing", "both": "mutual scouting"}
INDEPENDENT = ("depth=4", "sense=own")  # the column of table 3 against which sharing is held
COLUMNS = _columns()


def column(tell: Tell, game: list[str], share: str, temperature: float, trials: int, runs: int, seed: int) -> Json:
    """Steps a trial of `runs` runs: [runs][blocks] over all blocks of trials, by the steps up to each catch."""
    learner = "random" if share == "random" else f"{LEARNER},temperature={temperature}"
    learner += f",share={share}" if share in ("policy", "episodes") else ""
    hunters = 1 if "hunters=1" in game else 2
    texts = {f"hunter_{n}": learner for n in range(hunters)}
    copies, length = (RANDOM_COPIES, RANDOM_LENGTH) if share == "random" else (1, LENGTH)
    choice = ArenaChoice("hunter-prey", tuple(game))
    table = seated(choice, texts, runs, seed=seed, copies=copies, length=length, sight="actions")
    steps, ends = [np.zeros(runs)], [np.zeros(runs)]
    while ends[-1].min() < trials and steps[-1].max() < MOST * trials:
        played = table.play_round()
        moved = played.counted["hunter_0"].numpy().astype(float)
        each = played.by_copy["hunter_0"]["steps_per_catch"].numpy()
        caught = np.nan_to_num(moved / each)  # NaN where nobody caught any
        steps.append(steps[-1] + moved.reshape(runs, -1).sum(1))
        ends.append(ends[-1] + caught.reshape(runs, -1).sum(1))
        tell(min(trials, int(ends[-1].min())), trials)
    marks = np.arange(0, trials + 1, BLOCK)
    when = [np.interp(marks, done, at) for done, at in zip(np.array(ends).T, np.array(steps).T, strict=True)]
    return [(np.diff(run) / BLOCK).tolist() for run in when]


def _settled(blocks: np.ndarray) -> np.ndarray:
    """Mean over the second half of the trials, [runs], of [runs, blocks]."""
    mean: np.ndarray = blocks[:, blocks.shape[1] // 2 :].mean(1)
    return mean


class IndependentSharing(Figure):
    """Steps to a catch, by what hunters share."""

    name = "independent-sharing"
    unit = "trials"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each column; all runs of it are played at once."""
        return [
            Part(
                f"{one.group}: {one.label}",
                column,
                {
                    "game": list(one.game),
                    "share": one.share,
                    "temperature": one.temperature,
                    "trials": max(2 * BLOCK, one.trials // (QUICK if quick else 1)),
                    "runs": seeds,
                    "seed": 0,
                },
            )
            for one in COLUMNS
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for each column, and by how much sharing shortens the first trials."""
        rows: list[FigureRow] = []
        curves: dict[str, Json] = {}
        found = {
            (one.game, one.share, one.temperature): np.array(result)
            for one, (_, result) in zip(COLUMNS, done, strict=True)
        }
        alone = found[INDEPENDENT, "none", TEMPERATURE]
        for one in COLUMNS:
            blocks = found[one.game, one.share, one.temperature]
            if one.group == SPEED:
                if one.share == "policy":
                    rows.append(over_runs("none", alone[:, : FIRST // BLOCK].mean(1), None, SPEED, "lower"))
                early = blocks[:, : FIRST // BLOCK].mean(1)
                rows.append(over_runs(one.label, early, None, SPEED, "lower"))
                saved = t(alone[:, : FIRST // BLOCK].mean(1) - early)
                rows.append(FigureRow(f"{one.label} saves", saved, None, SPEED, "higher", at_least=0.0))
                curves[one.label] = _line(blocks)
                continue
            values = blocks.mean(1) if one.share == "random" else _settled(blocks)
            rows.append(
                over_runs(one.label, values, one.published, one.group, "" if one.share == "random" else "lower")
            )
        curves = {"none": _line(alone), **curves}
        settings = {
            "learner": f"{LEARNER},temperature={TEMPERATURE:g}",
            "trials": done[4][0].settings["trials"],
            "steps of a round": LENGTH,
        }
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, curves)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Steps a trial against trials, by what two hunters share."""
        plot, (panel,) = plots.panels(1)
        for (label, line), colour in zip(report.data.items(), plots.COLOURS, strict=False):
            ends: dict[str, Any] = line
            plots.curve(panel, [BLOCK * (n + 1) for n in range(len(line["mean"]))], **ends, label=label, colour=colour)
        panel.set(xlabel="trials", ylabel="steps to a catch")
        plots.legend_below(plot, [panel], 3)
        return plot


def _line(blocks: np.ndarray) -> Json:
    return plots.line_of([t(point) for point in blocks.T])


FIGURE = IndependentSharing()

"""LOLA's round robin among the learners of its time: figure 4 of the paper, 8.4 of the thesis.

Every learner meets every other and its like, in 21 pairings of six learners and episodes of 200 steps; `hall` plays
all pairings and all seeds at once. A seed is one whole tournament. What counts is the reward per step, averaged over a
learner's six partners; where it meets its like, over both seats too.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leaderboard.report import plots
from leaderboard.statistics import estimate
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
from zoo.papers.lola.hall import EXACT, GAMMA, LEARNERS, PAIRS, Hall
from zoo.work.jobs import read_state, write_state

EPISODES, STEPS = 1000, 200
QUICK = 100  # episodes
POINTS = 50  # of a curve
PAPER = dict(zip(LEARNERS, ("NL-Q", "JAL-Q", "PHC", "WoLF-PHC", "NL-Ex", "LOLA-Ex"), strict=True))
GAMES = {"ipd": "Iterated prisoner's dilemma", "imp": "Iterated matching pennies"}
#: The thesis's figure 8.4, read off after 1,000 episodes: reward per step, to about .02.
FIGURE_8_4 = {
    "ipd": {"LOLA-Ex": -1.10, "WoLF-PHC": -1.35, "PHC": -1.60, "NL-Q": -1.60, "JAL-Q": -2.00, "NL-Ex": -2.12},
    "imp": {"NL-Q": 0.13, "JAL-Q": 0.11, "PHC": 0.09, "WoLF-PHC": 0.02, "LOLA-Ex": -0.10, "NL-Ex": -0.25},
}
READ = 0.02  # how well a figure can be read
SAVE = 30.0  # seconds between two saves of what a tournament has learned
PLAYED = "played"  # the name of the rewards in it


def tournament(
    tell: Tell, game: str, seeds: int, episodes: int, steps: int, seed: int = 0, state: Path | None = None
) -> Json:
    """Reward per step of every learner and in every pairing, all seeds at once; it goes on from what `state` holds.

    Returns:
        `learners`: learner -> [R][POINTS], mean over its partners in each stretch of the episodes, and `pairs`:
        "A/B" -> for A and for B [R], over the last tenth of the episodes. `all` and `last` are means [R] of the
        learners over all episodes and the last tenth.
    """
    hall = Hall(game, seeds, steps, seed)
    played: list[torch.Tensor] = []
    if state is not None and state.exists():
        kept = read_state(state, "remove it, and the tournament begins anew").tensors
        played = list(kept.pop(PLAYED))
        hall.restore(kept)
    saved = time.monotonic()
    for number in range(len(played), episodes):
        played.append(hall.episode(number).view(2, seeds, len(PAIRS)))
        tell(number + 1, episodes)
        if state is not None and time.monotonic() - saved >= SAVE:
            write_state(state, {**hall.state(), PLAYED: torch.stack(played)}, {})
            saved = time.monotonic()
    values: NDArray[np.float64] = torch.stack(played).numpy()  # [episodes, 2, R, 21]
    tail = max(1, episodes // 10)
    own = {who: average(values, who) for who in LEARNERS}  # [episodes, R]
    stretches = np.array_split(np.arange(episodes), min(POINTS, episodes))
    return {
        "at": [float(stretch.mean()) + 1 for stretch in stretches],
        "learners": {who: np.array([v[stretch].mean(0) for stretch in stretches]).T.tolist() for who, v in own.items()},
        "all": {who: v.mean(0).tolist() for who, v in own.items()},
        "last": {who: v[-tail:].mean(0).tolist() for who, v in own.items()},
        "pairs": {"/".join(pair): values[-tail:, :, :, number].mean(0).tolist() for number, pair in enumerate(PAIRS)},
    }


def average(values: NDArray[np.float64], who: str) -> NDArray[np.float64]:
    """A learner's reward per step [episodes, R], mean over its six partners, from `values` [episodes, 2, R, 21]."""
    means = []
    for number, pair in enumerate(PAIRS):
        seats = [seat for seat in (0, 1) if pair[seat] == who]
        if seats:
            means.append(values[..., number][:, seats].mean(1))
    return np.asarray(np.mean(means, axis=0))


class LolaTournament(Figure):
    """The round robin of six learners in two games."""

    name = "lola-tournament"
    unit = "episodes"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """One for each game; all seeds of it are played at once."""
        settings = {"seeds": seeds, "episodes": QUICK if quick else EPISODES, "steps": STEPS}
        return [Part(game, tournament, {"game": game} | settings) for game in GAMES]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Every learner's average in both games, and how LOLA stands among the others."""
        results = {part.settings["game"]: result for part, result in done}
        rows = [row for game, result in results.items() for row in _rows(game, result)]
        notes = [*(_standing(game, result) for game, result in results.items()), *self.remarks]
        settings = {
            "episodes": QUICK if quick else EPISODES,
            "steps": STEPS,
            "gamma": GAMMA,
            "learners": [f"{PAPER[who]} = {who}" for who in LEARNERS],
        }
        return Reproduction(rows, settings, seed_words(seeds), notes, {"games": _curves(results)})

    def plot(self, report: Reproduction) -> plots.Plot:
        """A panel for each game, reward per step against episodes."""
        plot, axes = plots.panels(2)
        for panel, (game, shown) in zip(axes, report.data["games"].items(), strict=True):
            for who, colour in plots.colours_of(LEARNERS).items():
                style = "-" if who in EXACT else "--"
                plots.curve(panel, shown["at"], **shown["lines"][who], label=PAPER[who], colour=colour, style=style)
            panel.set(xlabel="episodes", title=GAMES[game])
        axes[0].set_ylabel("reward per step, mean over partners")
        plots.legend_below(plot, axes, 6)
        return plot


def _ranking(result: Mapping[str, Any]) -> list[str]:
    """The learners, in the order of what they earned over the last tenth, the highest first."""
    return sorted(LEARNERS, key=lambda who: -float(np.mean(result["last"][who])))


def _rows(game: str, result: Mapping[str, Any]) -> list[FigureRow]:
    group = f"{GAMES[game]}: average over partners, last tenth of the episodes"
    rows = []
    for who in _ranking(result):
        published = Published(FIGURE_8_4[game][PAPER[who]], basis="figure 8.4", rounding=READ)
        note = f"all episodes {np.mean(result['all'][who]):+.3f}"
        rows.append(over_runs(PAPER[who], np.array(result["last"][who]), published, group, "higher", note))
    return rows


def _standing(game: str, result: Mapping[str, Any]) -> str:
    """Where LOLA stands in the thesis's figure, and where it stands here."""
    published, lola, order = FIGURE_8_4[game], EXACT[-1], _ranking(result)
    theirs = sorted(published, key=lambda name: -published[name])
    first = next(name for name in theirs if name != PAPER[lola])
    best = next(who for who in order if who != lola)
    ahead = estimate.t(np.array(result["last"][lola]) - np.array(result["last"][best]))
    interval = "" if ahead.low is None or ahead.high is None else f" [{ahead.low:+.3f}, {ahead.high:+.3f}]"
    return (
        f"{GAMES[game]}. Thesis, figure 8.4: {PAPER[lola]} is number {theirs.index(PAPER[lola]) + 1} of {len(theirs)},"
        f" {published[PAPER[lola]] - published[first]:+.2f} per step against the best of the others, {first}. Ours: it"
        f" is number {order.index(lola) + 1}, {ahead.mean:+.3f}{interval} against {PAPER[best]}, paired by seed."
    )


def _curves(results: Mapping[str, Any]) -> Json:
    """Game -> the learners' curves with their intervals over seeds, and the averages of each seed and pairing."""
    return {
        game: {
            "at": result["at"],
            "lines": {
                who: plots.line_of([estimate.t(column) for column in np.array(runs).T])
                for who, runs in result["learners"].items()
            },
            **{name: result[name] for name in ("all", "last", "pairs")},
        }
        for game, result in results.items()
    }


FIGURE = LolaTournament()

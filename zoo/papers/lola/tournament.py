"""LOLA's round robin among the learners of its time: figure 4 of the paper.

Every learner meets every other and its like, in 21 pairings of six learners and episodes of 200 steps; `hall` plays
all pairings and all seeds at once. A seed is one whole tournament. What counts is the reward per step, averaged over a
learner's six partners; where it meets its like, over both seats too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, seed_words
from zoo.papers.lola.hall import EXACT, GAMMA, LEARNERS, PAIRS, Hall

EPISODES, STEPS = 1000, 200
QUICK = 100  # episodes
POINTS = 50  # of a curve
PAPER = dict(zip(LEARNERS, ("NL-Q", "JAL-Q", "PHC", "WoLF-PHC", "NL-Ex", "LOLA-Ex"), strict=True))
GAMES = {"ipd": "Iterated prisoner's dilemma", "imp": "Iterated matching pennies"}
STATEMENTS = {
    "ipd": "LOLA has the highest average",
    "imp": "LOLA is mid-field, all within error bars",
}


def tournament(tell: Tell, game: str, seeds: int, episodes: int, steps: int) -> Json:
    """Reward per step of every learner and in every pairing, all seeds at once.

    Returns:
        `learners`: learner -> [R][POINTS], mean over its partners in each stretch of the episodes, and `pairs`:
        "A/B" -> for A and for B [R], over the last tenth of the episodes. `all` and `last` are means [R] of the
        learners over all episodes and the last tenth.
    """
    hall = Hall(game, seeds, steps)
    played = []
    for number in range(episodes):
        played.append(hall.episode(number).view(2, seeds, len(PAIRS)))
        tell(number + 1, episodes)
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
            for colour, who in zip(plots.COLOURS, LEARNERS, strict=False):
                style = "-" if who in EXACT else "--"
                plots.curve(panel, shown["at"], **shown["lines"][who], label=PAPER[who], colour=colour, style=style)
            panel.set(xlabel="episodes", title=GAMES[game])
        axes[0].set_ylabel("reward per step, mean over partners")
        plots.legend_below(plot, axes, 6)
        return plot


def _ranking(result: Mapping[str, Any]) -> list[str]:
    """The learners, in the order of what they earned, the highest first."""
    return sorted(LEARNERS, key=lambda who: -float(np.mean(result["all"][who])))


def _rows(game: str, result: Mapping[str, Any]) -> list[FigureRow]:
    group = f"{GAMES[game]}: average over partners"
    rows = []
    for who in _ranking(result):
        note = f"last tenth {np.mean(result['last'][who]):+.3f}"
        rows.append(FigureRow(PAPER[who], estimate.t(result["all"][who]), group=group, better="higher", note=note))
    return rows


def _standing(game: str, result: Mapping[str, Any]) -> str:
    """What the paper says of LOLA in this game, and where it stands here."""
    lola, order = EXACT[-1], _ranking(result)
    best = next(who for who in order if who != lola)
    ahead = estimate.t(np.array(result["all"][lola]) - np.array(result["all"][best]))
    interval = "" if ahead.low is None or ahead.high is None else f" [{ahead.low:+.3f}, {ahead.high:+.3f}]"
    return (
        f"{GAMES[game]}. Paper: {STATEMENTS[game]}. Ours: {PAPER[lola]} is number {order.index(lola) + 1} of"
        f" {len(order)}, by {ahead.mean:+.3f}{interval} per step against the best of the others, {PAPER[best]}, paired"
        " by seed."
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

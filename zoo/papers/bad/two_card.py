"""Policy gradient, BAD and BAD with the counterfactual gradient in the two-card game: section 7.4.1 of the thesis.

All runs of a method learn in one batch. A run's value is exact: its greedy plan is played for every deal. The methods
are compared at equal weights of the entropy, which falls to 0 at seven tenths of the run, as more of it helps them all.
As in the paper the first seat has a table of logits and the second a network, which learns faster: the first is to
decide only once the second answers. With one network for both nearly all runs end at 8.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from agents.protocol import Agent, Seating
from agents.randomness import derive, derive_rows
from agents.rollout import rollout
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.registry import load_arena
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
from zoo.play.table import Table

PLAIN, DECODER, COUNTERFACTUAL = "policy gradient", "BAD", "BAD, counterfactual"
#: Method -> its settings.
METHODS = {PLAIN: "belief=none", DECODER: "belief=v2", COUNTERFACTUAL: "belief=v2,counterfactual=true"}
#: What each is to reach on the mean without entropy.
BARS = {PLAIN: 8.8, DECODER: 9.3, COUNTERFACTUAL: 9.3}
#: Method -> mean reward after 20,000 updates, read off the figure to about .02.
PUBLISHED = {PLAIN: 9.07, DECODER: 9.48, COUNTERFACTUAL: 9.52}
SHARED = "lr=0.003,critic_lr=0.01,hidden=32,opening=true"
ENTROPIES = (0.0, 0.5, 1.0, 2.0)
SEATS, SUITE = ("first", "second"), "ABCDEF"
UPDATES, QUICK_UPDATES, BATCH, POINTS = 2000, 300, 32, 10
DEALS = 64  # games of a test; that one of four deals is missing among them has probability 4e-8
SUITE_ENTROPY = 0.2  # of the six games, for each unit of the best return


def game_of(name: str, copies: int = 1) -> Any:
    """A game of the suite."""
    return load_arena("two-card", [f"game={name}"]).make(copies)


def values(agent: Agent, arena: Any, runs: int) -> Tensor:
    """The exact value of every run's greedy plan, float64 [R], from games in which every deal comes up."""
    count = arena.batch_size // runs
    rows = derive_rows(0, count, "deals").repeat(runs)
    steps, state = arena.reset(rows, autoreset=False)
    memories = {seat: agent.begin(Seating(seat, rows, rows)) for seat in SEATS}
    joint, _ = rollout(arena, dict.fromkeys(SEATS, agent), memories, steps, 2, state)
    assert joint.state is not None
    cards = arena.pay.shape[0]
    first, second = (joint.state[0, :count, n * cards : (n + 1) * cards].argmax(1) for n in range(2))
    paid = joint.seats[SEATS[0]].timesteps.reward.sum(0).double().view(runs, count)
    deal = first * cards + second
    return torch.stack([paid[:, deal == number].mean(1) for number in range(cards**2)], dim=1).mean(1)


def learn(tell: Tell, game: str, settings: str, entropy: float, runs: int, updates: int, seed: int) -> Json:
    """What every run is worth at `POINTS` moments, [POINTS][R]."""
    calm = int(0.7 * updates * 2 * BATCH)
    venue = Venue(ArenaChoice("two-card", (f"game={game}",)))
    entrant = venue.entrant(f"bad,{settings},{SHARED},entropy={entropy},calm={calm}", learning=True)
    arena, tests = game_of(game, runs * BATCH), game_of(game, runs * DEALS)
    players = entrant.agents(arena.spec, SEATS, derive(seed, "agent"), replicas=runs)
    table = Table(arena, venue.identity, players, SEATS, seed=derive(seed, "table"))
    found = []
    for update in range(updates):
        table.play_round()
        if (update + 1) * POINTS % updates < POINTS:
            found.append(values(players[SEATS[0]], tests, runs).tolist())
        tell(update + 1, updates)
    return found


def shares(found: np.ndarray) -> str:
    """How many runs end at 10, 9 and 8, and elsewhere."""
    at = {level: float((abs(found - level) < 0.01).mean()) for level in (10, 9, 8)}
    rest = 1 - sum(at.values())
    parts = [f"{share:.0%} at {level}" for level, share in at.items() if share]
    return ", ".join([*parts, *([f"{rest:.0%} elsewhere"] if rest > 1e-6 else [])])


class BadTwoCard(Figure):
    """Value of the greedy plan against updates, at several weights of the entropy; and the six games of the suite."""

    name = "bad-two-card"
    unit = "updates"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each method and entropy, then one for each game of the suite."""
        common = {"runs": seeds, "updates": QUICK_UPDATES if quick else UPDATES, "seed": 0}
        parts = []
        for entropy in (0.0, 2.0) if quick else ENTROPIES:
            for method, settings in METHODS.items():
                own = {"game": "E", "settings": settings, "entropy": entropy}
                parts.append(Part(f"{method}, entropy {entropy:g}", learn, own | common))
        for game in SUITE:
            if game != "E":
                entropy = round(SUITE_ENTROPY * game_of(game).optimum(), 3)
                own = {"game": game, "settings": METHODS[COUNTERFACTUAL], "entropy": entropy}
                parts.append(Part(f"game {game}", learn, own | common))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Values at the end with the shares of runs at 8, 9 and 10, beside the thesis's without entropy."""
        method_of = {settings: method for method, settings in METHODS.items()}
        rows: list[FigureRow] = []
        curves: dict[str, Json] = {}
        for part, result in done:
            found, s = np.array(result), part.settings
            if s["game"] == "E":
                method, entropy = method_of[s["settings"]], s["entropy"]
                theirs = Published(PUBLISHED[method], basis="30 runs, curve", rounding=0.02) if not entropy else None
                group = f"entropy {entropy:g}: value of the greedy plan"
                row = over_runs(method, found[-1], theirs, group, "higher", note=shares(found[-1]))
                rows.append(row if entropy else replace(row, at_least=BARS[method]))
                curves.setdefault(f"{entropy:g}", {})[method] = plots.line_of([estimate.t(v) for v in found])
            else:
                best = game_of(s["game"]).optimum()
                there = f"{float((found[-1] > best - 1e-4).mean()):.0%} of runs at the best, {best:g}"
                rows.append(over_runs(f"game {s['game']}", found[-1], None, f"the suite: {COUNTERFACTUAL}", note=there))
        updates = done[0][0].settings["updates"]
        settings = {
            "updates": updates,
            "games an update": BATCH,
            "step sizes": "0.003 and of the value 0.01 (Adam)",
            "networks": "32-32, the first seat's plan a table",
            "entropy": "falls to 0 at 70 % of the run",
        }
        steps = [updates * (n + 1) // POINTS for n in range(POINTS)]
        data = {"updates": steps, "curves": curves}
        return Reproduction(rows, settings, seed_words(seeds), self.remarks, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Value against updates, a panel for each weight of the entropy."""
        curves = report.data["curves"]
        plot, panels = plots.panels(len(curves), share_y=True)
        for panel, (entropy, lines) in zip(panels, curves.items(), strict=True):
            for method, colour in plots.colours_of(lines).items():
                ends: dict[str, Any] = lines[method]
                plots.curve(panel, report.data["updates"], **ends, label=method, colour=colour)
                if entropy == "0":
                    panel.axhline(PUBLISHED[method], color=colour, linestyle=":")
            panel.set(title=f"entropy {entropy}", xlabel="updates", ylim=(4, 10.2))
        panels[0].set(ylabel="value of the greedy plan (dotted: thesis)")
        plots.legend_below(plot, panels, 3)
        return plot


FIGURE = BadTwoCard()

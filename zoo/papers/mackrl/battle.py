"""MACKRL and central-V in battles: figure 4.6 of the thesis in small.

The published runs are of StarCraft II, 2.5 million steps each. Here both fight our own battles against a script that
attacks the nearest, see as far as they shoot, and learn for a twentieth of that. Each method has the best of the same
six settings (`TRIED`), chosen on a seed that does not count.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from agents.protocol import Agent
from agents.randomness import derive_rows
from arenas.skirmish.orders import FIRST_ATTACK
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.venue import ArenaChoice
from zoo.papers.battles import learn
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
from zoo.play.episodes import Played
from zoo.training.plan import Plan, set_up

MACKRL, CENTRAL = "mackrl", "central-v"
METHODS = (MACKRL, CENTRAL)
#: Settings -> share of 256 battles of 2s3z that MACKRL and central-V win after `STEPS` steps, both on seed 100.
TRIED: Mapping[str, tuple[float, float]] = {
    "": (0.602, 0.453),
    "entropy=0.02": (0.477, 0.539),
    "entropy=0.03": (0.414, 0.711),
    "entropy=0.02,lambda_=0.9,passes=2": (0.602, 0.465),
    "lr=0.001,batch=512,entropy=0.02": (0.75, 0.512),
    "lr=0.001,batch=512,entropy=0.04": (0.574, 0.539),
}
#: Method -> the agent, with the settings that won most.
AGENTS = {
    method: ",".join([method, *filter(None, [max(TRIED, key=lambda settings: TRIED[settings][number])])])
    for number, method in enumerate(METHODS)
}
STEPS, QUICK_STEPS, COPIES = 120_000, 20_000, 32
POINTS, GAMES = 10, 128
FIFTH = POINTS // 5 - 1  # the test after a fifth of the steps
#: Scenario -> the longest battle, as the authors have it.
LIMITS: Mapping[str, int] = {"2s3z": 60, "3m": 40}
#: Scenario -> method -> share of battles won after 2.5 million steps, and how many runs.
LAST = {"2s3z": {MACKRL: (0.845, 22), CENTRAL: (0.775, 24)}, "3m": {MACKRL: (0.945, 24), CENTRAL: (0.92, 20)}}
#: The same after half a million.
EARLY = {"2s3z": {MACKRL: (0.57, 22), CENTRAL: (0.20, 24)}}


def arena_of(scenario: str) -> list[str]:
    """The game: sight is as far as the weapons reach."""
    return ["skirmish", f"scenario={scenario}", "sight=0", f"limit={LIMITS[scenario]}"]


def run(tell: Tell, agent: str, arena: list[str], steps: int, points: int, games: int, seed: int) -> Json:
    """One run, see `learn`, and the CPU seconds that it took; for MACKRL with `delegated` at every test.

    Tests are evenly spaced, the last at the end.
    """
    started = time.process_time()
    choice = ArenaChoice(arena[0], tuple(arena[1:]))
    setting = set_up(Plan(agent, choice, steps=steps, copies=COPIES, length=32, seed=seed))
    marks = {math.ceil(setting.rounds * (n + 1) / points) for n in range(points)}
    watch = delegated if method_of(agent) == MACKRL else None
    found = learn(tell, setting, marks, derive_rows(seed, games, "test"), seed=seed, watch=watch)
    return {**found, "cpu_s": time.process_time() - started}


def method_of(agent: str) -> str:
    """An agent without its settings."""
    return agent.partition(",")[0]


def delegated(learners: Mapping[str, Agent], played: Played) -> Json:
    """By how many foes a pair knows of in common: the sum of its chances to delegate, and of how many there are.

    All pairs that meet count at every moment, whether or not the partition that was drawn has them.
    """
    agent: Any = next(iter(learners.values()))
    spec = played.seated.arena.spec
    found = np.zeros((max(seat.actions for seat in spec.seats.values()) - FIRST_ATTACK + 1, 2))
    for group, chance in agent.delegation(played.joint).items():
        members = spec.groups[group]
        common = played.steps[members[0]].common[group][:-1]
        foes = spec.seats[members[0]].actions - FIRST_ATTACK
        told = common[..., 1 + sum(spec.seats[member].actions for member in members) :]
        known = (told.reshape(*told.shape[:-1], -1, 4 * len(members))[..., :foes, 0] > 0).sum(-1)
        for number in range(foes + 1):
            there = (known == number) & ~chance.isnan()
            found[number] += float(chance[there].double().sum()), int(there.sum())
    return found.tolist()


def published(numbers: Mapping[str, Mapping[str, tuple[float, int]]], scenario: str, agent: str) -> Published | None:
    """What figure 4.6 shows, to about .02."""
    found = numbers.get(scenario, {}).get(agent)
    return None if found is None else Published(found[0], basis=f"{found[1]} runs", runs=found[1], rounding=0.02)


def tried_words() -> list[str]:
    """What the settings were chosen from, a line each."""
    words = ["Settings were chosen on seed 100 in 2s3z, by the share won at the end, of mackrl and of central-v:"]
    for settings, (ours, theirs) in TRIED.items():
        words.append(f"  {settings or 'as they are'}: {ours:.2f} {theirs:.2f}")
    return words


class MackrlBattle(Figure):
    """Share of battles won against steps."""

    name = "mackrl-battle"
    unit = "updates"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each run."""
        settings = {"steps": QUICK_STEPS if quick else STEPS, "points": POINTS, "games": GAMES}
        found: list[Part] = []
        for scenario, seed, agent in product(LIMITS, range(seeds), METHODS):
            own = {"agent": AGENTS[agent], "arena": arena_of(scenario), "seed": seed}
            found.append(Part(f"{agent} in {scenario}, run {seed}", run, own | settings))
        return found

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Shares at the end and after a fifth of the steps, and by how much MACKRL is ahead."""
        rows: list[FigureRow] = []
        curves: dict[str, Json] = {}
        for scenario in LIMITS:
            here = [
                (method_of(part.settings["agent"]), r)
                for part, r in done
                if part.settings["arena"] == arena_of(scenario)
            ]
            mine = {agent: np.array([r["won"] for of, r in here if of == agent]) for agent in METHODS}
            times = here[0][1]["steps"]
            for words, at, numbers in (("at the end", -1, LAST), ("after a fifth of the steps", FIFTH, EARLY)):
                group = f"{scenario}: share of battles won, {words}"
                rows += [
                    over_runs(agent, won[:, at], published(numbers, scenario, agent), group, "higher")
                    for agent, won in mine.items()
                ]
            ahead = [estimate.welch(mine[MACKRL][:, at], mine[CENTRAL][:, at]) for at in (-1, FIFTH)]
            ahead.append(estimate.welch(mine[MACKRL].mean(1), mine[CENTRAL].mean(1)))
            gaps = [
                numbers[scenario][MACKRL][0] - numbers[scenario][CENTRAL][0] if scenario in numbers else None
                for numbers in (LAST, EARLY)
            ]
            for label, ours, gap in zip(
                ("at the end", "after a fifth", "all tests"), ahead, [*gaps, None], strict=True
            ):
                theirs = None if gap is None else Published(round(gap, 3), basis="figure 4.6", rounding=0.03)
                rows.append(FigureRow(label, ours, theirs, f"{scenario}: mackrl less central-v", "higher"))
            lines = {agent: plots.line_of([estimate.t(column) for column in won.T]) for agent, won in mine.items()}
            curves[scenario] = {"steps": times, "lines": lines}
        spent = sorted(result["cpu_s"] for _, result in done)
        settings = {
            "steps": done[0][0].settings["steps"],
            "copies": COPIES,
            "test games": GAMES,
            "in tests": "the most likely choice",
            "foes": "attack the nearest",
            "CPU s a run": f"{spent[0]:.0f} to {spent[-1]:.0f}",
            **AGENTS,
        }
        notes = [*self.remarks, *tried_words()]
        return Reproduction(rows, settings, seed_words(seeds), notes, curves)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Share of battles won against steps."""
        plot, panels = plots.panels(len(LIMITS), share_y=True)
        for panel, (scenario, data) in zip(panels, report.data.items(), strict=True):
            for agent, colour in plots.colours_of(METHODS).items():
                line: dict[str, Any] = data["lines"][agent]
                plots.curve(panel, data["steps"], **line, label=agent, colour=colour, marker="o")
            panel.set(title=scenario, xlabel="environment steps", ylim=(0, 1.02))
        panels[0].set(ylabel="share of battles won")
        plots.legend_below(plot, panels, 2)
        return plot


FIGURE = MackrlBattle()

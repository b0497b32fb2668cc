"""The table of COMA's chapter: how often teams win that were trained by each method.

The battle is our own (`skirmish`), not StarCraft's, so that only the order of the methods can be compared. Each run
trains a team from scratch for as many environment steps, and is judged by what it plays at the end, its most likely
actions, in `GAMES` fresh battles whose luck nothing else has: the last evaluation counts, not the best.

The thesis's table has a column a map: here `coma-table` is 2s3z, and `coma-table,scenario=3m,enemy=1` another battle.

The settings were chosen on training seed 100 in 2s3z, by the last evaluation, among those of `TRIED`, and are used as
they are elsewhere, as the thesis's were that were tuned on 5m; the table's seeds from 0 on took no part in that. A run
takes 9 to 55 CPU seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from agents.randomness import derive, derive_rows
from arenas.settings import Amount, Checked
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.battles import learn, won
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
from zoo.papers.games import play
from zoo.training.plan import Plan, set_up

ARENA, USUAL = "skirmish", ("scenario=2s3z", "enemy=0.9")
STEPS, QUICK_STEPS, COPIES = 150_000, 4096, 64
GAMES, POINTS = 256, 4  # of an evaluation, and evaluations of a run
SCRIPTS = {"focus fire": "focus-fire", "nearest first": "nearest-first"}

#: What the paper's methods share here, and what those with clipped steps do.
PLAIN = "lambda_=0.9,warmup=10,passes=2,batch=256,critic_hidden=64,lr=0.0007"
CLIPPED = "ratio=0.2,epochs=4,normalise=true,lambda_=0.95,passes=4,batch=512,critic_hidden=64"
FALLING = "anneal=150000"
#: What the learners of values share.
VALUES = "epsilon_steps=50000,warmup=2048,gamma=0.99"


class Method(NamedTuple):
    """A row: the agent, the steps of a round, and in which panel of the picture it is drawn."""

    agent: str
    length: int
    panel: int = 0  # 0 the thesis's methods, 1 those with clipped steps, 2 learners of values


METHODS: Mapping[str, Method] = {
    "IAC-V": Method(f"iac,{PLAIN},entropy=0.005,{FALLING}", 16),
    "IAC-Q": Method(f"iac,critic=q,{PLAIN},entropy=0.005,{FALLING}", 16),
    "central-V": Method(f"central-v,{PLAIN},entropy=0.005,{FALLING}", 16),
    "central-QV": Method(f"central-qv,{PLAIN},entropy=0.02", 16),
    "COMA": Method(f"coma,{PLAIN},entropy=0.02", 16),
    "COMA, return for Q, clipped": Method(f"coma,advantage=return,{CLIPPED},entropy=0.01,lr=0.0007", 32, 1),
    "central-V, GAE, clipped": Method(f"central-v,advantage_lambda=0.95,{CLIPPED},entropy=0.01,lr=0.0007", 32, 1),
    "MAPPO": Method(f"mappo,{CLIPPED},entropy=0.01,lr=0.0007", 32, 1),
    "IPPO": Method(f"ippo,{CLIPPED},entropy=0.01,lr=0.0007", 32, 1),
    "VDN": Method(f"vdn,{VALUES},batch=512,rate=0.02,lr=0.0005", 16, 2),
    "QMIX": Method(f"qmix,{VALUES},batch=256,rate=0.04,lr=0.0007,tau=0.005", 16, 2),
    "IQL": Method(f"iql,{VALUES},batch=512,rate=0.02,lr=0.001,share=true,double=true", 16, 2),
}
MAPS = ("3m", "5m", "5w", "2d_3z")
#: Row -> what the thesis has on its maps: mean share won of the last 1,000 evaluations, and half its 95 % interval.
THESIS: Mapping[str, tuple[tuple[float, float | None], ...]] = {
    "focus fire": ((0.35, None), (0.66, None), (0.70, None), (0.63, None)),
    "IAC-V": ((0.47, 0.03), (0.63, 0.02), (0.18, 0.05), (0.27, 0.09)),
    "IAC-Q": ((0.56, 0.06), (0.58, 0.03), (0.57, 0.05), (0.19, 0.21)),
    "central-V": ((0.83, 0.03), (0.67, 0.05), (0.65, 0.03), (0.36, 0.06)),
    "central-QV": ((0.83, 0.05), (0.71, 0.09), (0.76, 0.01), (0.39, 0.05)),
    "COMA": ((0.87, 0.03), (0.81, 0.05), (0.82, 0.03), (0.47, 0.05)),
    "COMA, best": ((0.98, None), (0.95, None), (0.98, None), (0.65, None)),
}
#: What it has with a full view of the map, by map.
FULL_VIEW = {
    "3m": "heuristic .74",
    "5m": "heuristic .98, DQN .99, GMEZO 1.00",
    "5w": "heuristic .82, DQN .70, GMEZO .74",
    "2d_3z": "heuristic .68, DQN .61, GMEZO .90",
}
#: What was tried on seed 100: agent, and what came out, the share won at the end of 150,000 steps.
TRIED: Mapping[str, Mapping[str, float]] = json.loads(Path(__file__).with_name("tried.json").read_text())


@dataclass(frozen=True)
class TableSettings(Checked):
    """Which battle the table is of, and which rows it has."""

    scenario: Literal["3m", "5m", "8m", "2s3z", "3s5z", "5m_vs_6m", "5w", "2d_3z"] = "2s3z"  # who fights whom
    enemy: Amount = 0.9  # what the foes' damage is multiplied by
    sight: Amount = 9.0  # how far a unit sees; 0 as far as its weapon reaches, as in the thesis
    methods: Literal["all", "thesis"] = "all"  # all rows, or the thesis's alone

    @property
    def battle(self) -> list[str]:
        """The arena's settings."""
        return [f"scenario={self.scenario}", f"enemy={self.enemy:g}", *[f"sight={self.sight:g}"] * (self.sight != 9)]


# -- runs -------------------------------------------------------------------------------------------------------------


def one_run(tell: Tell, seed: int, agent: str, length: int, steps: int, battle: list[str]) -> Json:
    """Train a team; `curve` is the share won at `POINTS` evaluations, the last of which counts."""
    arena = ArenaChoice(ARENA, tuple(battle))
    setting = set_up(Plan(agent, arena, copies=COPIES, length=length, steps=steps, sight="actions", seed=seed))
    marks = {max(1, round(setting.rounds * (n + 1) / POINTS)) for n in range(POINTS)}
    curve = learn(tell, setting, marks, derive_rows(derive(seed, "evaluation"), GAMES))["won"]
    return {"won": curve[-1], "curve": curve}


def script(tell: Tell, entrant: str, episodes: int, battle: list[str]) -> Json:
    """Share of battles that a team of one script wins, of the first of the public seed."""
    venue = Venue(ArenaChoice(ARENA, tuple(battle)))
    played = play(venue, dict.fromkeys(venue.spec.seats, venue.entrant(entrant)), episodes)
    tell(1, 1)
    return int(won(played).sum())


# -- the figure -------------------------------------------------------------------------------------------------------


class ComaTable(Figure):
    """Win rates of the methods of chapter 3 beside their like."""

    name = "coma-table"
    unit = "rounds"
    revision = 2
    Settings = TableSettings
    settings: TableSettings = TableSettings()

    @property
    def methods(self) -> dict[str, Method]:
        """The rows that are learned."""
        return {label: m for label, m in METHODS.items() if self.settings.methods == "all" or label in THESIS}

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each script, and for each method and seed."""
        games, battle = GAMES if quick else 4 * GAMES, self.settings.battle
        told = {"episodes": games, "battle": battle}
        parts = [Part(label, script, {"entrant": who, **told}) for label, who in SCRIPTS.items()]
        told = {"steps": QUICK_STEPS if quick else STEPS, "battle": battle}
        for seed in range(seeds):
            for label, method in self.methods.items():
                own = {"seed": seed, "agent": method.agent, "length": method.length}
                parts.append(Part(f"{label}, seed {seed}", one_run, own | told))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for each script and method, and what the bars say."""
        results = {part.name: result for part, result in done}
        games, steps, chosen = done[0][0].settings["episodes"], QUICK_STEPS if quick else STEPS, self.settings
        group = f"share of battles won after {steps:,} steps, {chosen.scenario}, enemy x {chosen.enemy:g}"
        rows = [
            FigureRow(name, estimate.wilson(results[name], games), self._published(name), group, "higher")
            for name in SCRIPTS
        ]
        shares, curves = {}, {}
        for label in self.methods:
            runs = [results[f"{label}, seed {seed}"] for seed in range(seeds)]
            shares[label], curves[label] = np.array([run["won"] for run in runs]), [run["curve"] for run in runs]
            each = " ".join(f"{x:.2f}" for x in shares[label])
            rows.append(over_runs(label, shares[label], self._published(label), group, "higher", note=each))
        best = np.array([max(curve) for curve in curves["COMA"]])
        label = "COMA, best"
        rows.append(over_runs(label, best, self._published(label), group, "higher", note="evaluation of each run"))
        settings = {
            "arena": "skirmish, " + ", ".join(chosen.battle),
            "environment steps of a run": steps,
            "copies": COPIES,
            "games of an evaluation": GAMES,
            **{label: method.agent for label, method in self.methods.items()},
        }
        notes = [*self.remarks, thesis_words(chosen.scenario), *bars(shares), *tried_words()]
        return Reproduction(rows, settings, seed_words(seeds), notes, {"curves": curves})

    def _published(self, label: str) -> Published | None:
        """What the thesis has for a row on this map."""
        if label not in THESIS or self.settings.scenario not in MAPS:
            return None
        value, half = THESIS[label][MAPS.index(self.settings.scenario)]
        if half is None:
            return Published(value, basis="thesis", rounding=0.005)
        return Published(value, value - half, value + half, "thesis", rounding=0.005)

    def plot(self, report: Reproduction) -> plots.Plot:
        """The mean share won against steps, a line a method."""
        curves = report.data["curves"]
        plot, axes = plots.panels(1 + max(METHODS[label].panel for label in curves))
        steps = report.settings["environment steps of a run"]
        for number, panel in enumerate(axes):
            here = [label for label in curves if METHODS[label].panel == number]
            for label, colour in plots.colours_of(here).items():  # a method is in one panel alone
                mean = np.array(curves[label]).mean(0)
                at = [steps * (n + 1) / len(mean) for n in range(len(mean))]
                panel.plot(at, mean, "o-", color=colour, label=label)
            panel.set(xlabel="environment steps", ylabel="share of battles won", ylim=(0, 1.02))
            panel.legend(fontsize="small", loc="lower right")
        return plot


def thesis_words(scenario: str) -> str:
    """What the thesis has and the table cannot show beside ours."""
    if scenario in MAPS:
        return f"The thesis's best is the highest share of any run. With a full view it has: {FULL_VIEW[scenario]}."
    listed = "; ".join(f"{label} {' '.join(f'{x:.2f}' for x, _ in row)}" for label, row in THESIS.items())
    return f"The thesis, on {', '.join(MAPS)}: {listed}."


def bars(shares: Mapping[str, np.ndarray]) -> list[str]:
    """In words, how many runs reach what, and whether central-V is above IAC-V."""
    words = []
    for label, least in (("central-V", 0.9), ("COMA", 0.5), ("COMA, return for Q, clipped", 0.5)):
        if label not in shares:
            continue
        count = int((shares[label] >= least).sum())
        words.append(f"{label}: at least {least:g} in {count} of {len(shares[label])} runs.")
    for one, other in (("central-V", "IAC-V"), ("MAPPO", "IPPO"), ("COMA", "IAC-Q"), ("COMA", "central-V")):
        if not {one, other} <= set(shares):
            continue
        gap = estimate.welch(shares[one], shares[other])
        if gap.low is None or gap.high is None:
            continue
        verdict = "above" if gap.low > 0 else "below" if gap.high < 0 else "cannot be told apart from"
        words.append(f"{one} {verdict} {other}: {gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}] (Welch).")
    return words


def tried_words() -> list[str]:
    """What the settings were chosen from, a line a method."""
    words = ["Settings were chosen on seed 100 in 2s3z, enemy x 0.9, by the share won at the end:"]
    for label, found in TRIED.items():
        listed = "; ".join(f"{share:.2f} {settings}" for settings, share in found.items())
        words.append(f"  {label}: {listed}.")
    return words


FIGURE: Any = ComaTable()

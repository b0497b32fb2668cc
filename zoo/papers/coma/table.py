"""The table of COMA's chapter: how often teams win that were trained by each method.

The battle is our own (`skirmish`), not StarCraft's, so that only the order of the methods can be compared. Each run
trains a team from scratch for as many environment steps, and is judged by what it plays at the end, its most likely
actions, in `GAMES` fresh battles whose luck nothing else has: the last evaluation counts, not the best.

The settings were chosen on training seed 100, by the last evaluation, among those of `TRIED`; the table's
seeds from 0 on took no part in that. A run takes 15 to 55 CPU seconds. Runs of the usual seeds are kept beside
this file (`runs.json`, one line a run); a run that is not kept, or whose settings were changed, is trained, and
`--first-seed 5` trains others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from agents.randomness import derive, derive_rows
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.battles import learn, won
from zoo.papers.figure import Figure, FigureRow, Json, Part, Reproduction, Results, Tell, over_runs, seed_words
from zoo.papers.games import play
from zoo.training.plan import Plan, set_up

ARENA, BATTLE = "skirmish", ("scenario=2s3z", "enemy=0.9")
STEPS, QUICK_STEPS, COPIES = 150_000, 4096, 64
GAMES, POINTS = 256, 4  # of an evaluation, and evaluations of a run
SCRIPTS = {"focus fire": "focus-fire", "nearest first": "nearest-first"}
KEPT = Path(__file__).with_name("runs.json")

#: What the paper's methods share here, and what those with clipped steps do.
PLAIN = "lambda_=0.9,warmup=10,passes=2,batch=256,critic_hidden=64,lr=0.0007"
CLIPPED = "ratio=0.2,epochs=4,normalise=true,lambda_=0.95,passes=4,batch=512,critic_hidden=64"
FALLING = "anneal=150000"
#: What the learners of values share.
VALUES = "epsilon_steps=50000,warmup=2048,gamma=0.99"


class Method(NamedTuple):
    """A row: the agent, the steps of a round, and what the thesis has for it on 3m, 5m, 5w and 2d_3z."""

    agent: str
    length: int
    published: str = ""


METHODS: Mapping[str, Method] = {
    "IAC-V": Method(f"iac,{PLAIN},entropy=0.005,{FALLING}", 16, ".47 .63 .18 .27"),
    "IAC-Q": Method(f"iac,critic=q,{PLAIN},entropy=0.005,{FALLING}", 16, ".56 .58 .57 .19"),
    "central-V": Method(f"central-v,{PLAIN},entropy=0.005,{FALLING}", 16, ".83 .67 .65 .36"),
    "central-QV": Method(f"central-qv,{PLAIN},entropy=0.02", 16, ".83 .71 .76 .39"),
    "COMA": Method(f"coma,{PLAIN},entropy=0.02", 16, ".87 .81 .82 .47"),
    "COMA, return for Q, clipped": Method(f"coma,advantage=return,{CLIPPED},entropy=0.01,lr=0.0007", 32),
    "central-V, GAE, clipped": Method(f"central-v,advantage_lambda=0.95,{CLIPPED},entropy=0.01,lr=0.0007", 32),
    "MAPPO": Method(f"mappo,{CLIPPED},entropy=0.01,lr=0.0007", 32),
    "IPPO": Method(f"ippo,{CLIPPED},entropy=0.01,lr=0.0007", 32),
    "VDN": Method(f"vdn,{VALUES},batch=512,rate=0.02,lr=0.0005", 16),
    "QMIX": Method(f"qmix,{VALUES},batch=256,rate=0.04,lr=0.0007,tau=0.005", 16),
    "IQL": Method(f"iql,{VALUES},batch=512,rate=0.02,lr=0.001,share=true,double=true", 16),
}
#: What was tried on seed 100: agent, and what came out, the share won at the end of 150,000 steps.
TRIED: Mapping[str, Mapping[str, float]] = json.loads(Path(__file__).with_name("tried.json").read_text())


# -- runs -------------------------------------------------------------------------------------------------------------


def one_run(tell: Tell, seed: int, agent: str, length: int, steps: int) -> Json:
    """Train a team; `curve` is the share won at `POINTS` evaluations, the last of which counts."""
    if (kept := _kept().get(_name(seed, agent, length, steps))) is not None:
        tell(1, 1)
        return kept
    setting = set_up(
        Plan(agent, ArenaChoice(ARENA, BATTLE), copies=COPIES, length=length, steps=steps, sight="actions", seed=seed)
    )
    marks = {max(1, round(setting.rounds * (n + 1) / POINTS)) for n in range(POINTS)}
    curve = learn(tell, setting, marks, derive_rows(derive(seed, "evaluation"), GAMES))["won"]
    return {"won": curve[-1], "curve": curve}


def _name(seed: int, agent: str, length: int, steps: int) -> str:
    """The settings of a run in a line."""
    return f"{agent} length={length} steps={steps} seed={seed}"


@cache
def _kept() -> Mapping[str, Json]:
    """The runs that are kept, by their settings."""
    found: dict[str, Json] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    return found


def script(tell: Tell, entrant: str, episodes: int) -> Json:
    """Share of battles that a team of one script wins, of the first of the public seed."""
    venue = Venue(ArenaChoice(ARENA, BATTLE))
    played = play(venue, dict.fromkeys(venue.spec.seats, venue.entrant(entrant)), episodes)
    tell(1, 1)
    return int(won(played).sum())


# -- the figure -------------------------------------------------------------------------------------------------------

_GROUP = f"share of battles won after {STEPS:,} steps, 2s3z, enemy x .9"


class ComaTable(Figure):
    """Win rates of the methods of chapter 3 beside their like."""

    name = "coma-table"
    unit = "rounds"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each script, and for each method and seed."""
        games = GAMES if quick else 4 * GAMES
        parts = [Part(label, script, {"entrant": who, "episodes": games}) for label, who in SCRIPTS.items()]
        steps = QUICK_STEPS if quick else STEPS
        for seed in range(seeds):
            for label, method in METHODS.items():
                settings = {"seed": seed, "agent": method.agent, "length": method.length, "steps": steps}
                parts.append(Part(f"{label}, seed {seed}", one_run, settings))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """A row for each script and method, and what the bars say."""
        results = {part.name: result for part, result in done}
        games = done[0][0].settings["episodes"]
        rows = [
            FigureRow(label, estimate.wilson(results[label], games), group=_GROUP, better="higher") for label in SCRIPTS
        ]
        shares, curves = {}, {}
        for label, method in METHODS.items():
            runs = [results[f"{label}, seed {seed}"] for seed in range(seeds)]
            shares[label] = np.array([run["won"] for run in runs])
            curves[label] = [run["curve"] for run in runs]
            each = " ".join(f"{x:.2f}" for x in shares[label])
            beside = f"; thesis {method.published}" if method.published else ""
            rows.append(over_runs(label, shares[label], None, _GROUP, "higher", note=f"{each}{beside}"))
        settings = {
            "arena": "skirmish, " + ", ".join(BATTLE),
            "environment steps of a run": QUICK_STEPS if quick else STEPS,
            "copies": COPIES,
            "games of an evaluation": GAMES,
            **{label: method.agent for label, method in METHODS.items()},
        }
        notes = [*self.remarks, *bars(shares), tried_words()]
        return Reproduction(rows, settings, seed_words(seeds), notes, {"curves": curves})

    def plot(self, report: Reproduction) -> plots.Plot:
        """The mean share won against steps, a line a method."""
        plot, axes = plots.panels(3)
        steps = report.settings["environment steps of a run"]
        for number, (label, curves) in enumerate(report.data["curves"].items()):
            group = (number >= 5) + (number >= 9)  # the paper's methods, those with clipped steps, learners of values
            panel, colour = axes[group], plots.COLOURS[number - (0, 5, 9)[group]]
            mean = np.array(curves).mean(0)
            at = [steps * (n + 1) / len(mean) for n in range(len(mean))]
            panel.plot(at, mean, "o-", color=colour, label=label)
        for panel in axes:
            panel.set(xlabel="environment steps", ylabel="share of battles won", ylim=(0, 1.02))
            panel.legend(fontsize="small", loc="lower right")
        return plot


def bars(shares: Mapping[str, np.ndarray]) -> list[str]:
    """In words, how many runs reach what, and whether central-V is above IAC-V."""
    words = []
    for label, least in (("central-V", 0.9), ("COMA", 0.5), ("COMA, return for Q, clipped", 0.5)):
        count = int((shares[label] >= least).sum())
        words.append(f"{label}: at least {least:g} in {count} of {len(shares[label])} runs.")
    for one, other in (("central-V", "IAC-V"), ("MAPPO", "IPPO"), ("COMA", "IAC-Q"), ("COMA", "central-V")):
        gap = estimate.welch(shares[one], shares[other])
        if gap.low is None or gap.high is None:
            continue
        verdict = "above" if gap.low > 0 else "below" if gap.high < 0 else "cannot be told apart from"
        words.append(f"{one} {verdict} {other}: {gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}] (Welch).")
    return words


def tried_words() -> str:
    """What the settings were chosen from, in one sentence a method."""
    words: list[str] = []
    for label, found in TRIED.items():
        listed = "; ".join(f"{settings} {share:.2f}" for settings, share in found.items())
        words.append(f"{label}: {listed}")
    return "Tried on seed 100 (share won at the end): " + ". ".join(words) + "."


FIGURE: Any = ComaTable()

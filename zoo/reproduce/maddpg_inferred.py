"""Inferred policies: does MADDPG lose anything when it has to guess what the others' policies are?

Lowe et al. 2017, figure 6, in cooperative communication: with inferred policies agents learn as well and as fast as
with the true ones, although the KL divergence between both stays fairly large (their axis ends at 1.4) over some 7,000
iterations. There the divergence is that of the listener's policy as the speaker infers it; ours is the mean over both
directions, from the learning curves that lie beside the checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from zoo.curve import RETURN as PER_STEP
from zoo.reproduce import house_play
from zoo.reproduce.house_play import Told, between, by_rule, cards, house, teams
from zoo.reproduce.report import Figure, Json, Part, Published, Report, Row, Tell, mean
from zoo.run_folder import CURVE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Plot

TRUE, INFERRED = "maddpg", "maddpg-inferred"
RULES = (TRUE, INFERRED)
#: Arena -> its seats. The paper's comes first.
ARENAS = {"speaker-listener": ("speaker_0", "listener_0"), "spread": ("agent_0", "agent_1", "agent_2")}
STEPS = 25  # of an episode
RETURN, DIVERGENCE = "return", "divergence"
SAME = Published(0.0, basis="same")


def reached(told: Told) -> float:
    """Share of episodes at whose end the listener is within .1 of the goal."""
    return told["listener_0"]["at_goal"]


def reward(told: Told) -> float:
    """Return of an episode, mean over seats."""
    return sum(by_name["return"] for by_name in told.values()) / len(told)


#: Arena -> what is compared there, in words.
COMPARED: dict[str, dict[str, Callable[[Told], float]]] = {
    "speaker-listener": {"listener within .1 of the goal at the end": reached, "return of an episode": reward},
    "spread": {"return per agent of an episode": reward},
}


def read_curve(tell: Tell, arena: str, entrant: str, digest: str) -> Json:
    """Return of an episode and divergence over training, as pairs with the steps; `digest` tells contents apart."""
    rows = json.loads((house_play.folder_of(house_play.identity_of(arena), entrant) / CURVE).read_text())["rows"]
    found: dict[str, list[list[float]]] = {RETURN: [], DIVERGENCE: []}
    for row in rows:
        returns = [value for name, value in row.items() if name.endswith(f"/{PER_STEP}")]
        apart = [value for name, value in row.items() if name.startswith("learn/") and name.endswith(f"/{DIVERGENCE}")]
        for name, values, scale in ((RETURN, returns, STEPS), (DIVERGENCE, apart, 1)):
            if values:
                found[name].append([row["steps"], scale * float(np.mean(values))])
    tell(1, 1)
    return found


class MaddpgInferred(Figure):
    """MADDPG with inferred policies beside MADDPG with the true ones."""

    name = "maddpg-inferred"
    title = "Inferred policies: what is lost when the others' policies are not known?"
    source = "Lowe et al. 2017 (MADDPG), section 5.4 and figure 6"
    minutes = (0.02, 0.01)
    unit = "games"
    seeds = (5, 2)

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """In every arena for which policies were inferred, all runs of either rule, and their curves."""
        found: list[Part] = []
        for arena, seats in ARENAS.items():
            identity = house_play.identity_of(arena)
            own = [run for rule in RULES for run in house(identity, rule, seeds) if run.rule == rule]
            if all(run.rule != INFERRED for run in own):
                continue
            for rule, some in by_rule(own).items():
                games = [dict.fromkeys(seats, run.entrant) for run in some]
                found.append(house_play.part(f"{rule} in {arena}", house_play.measure, arena, games, some, quick))
            for run in own:
                file = house_play.folder_of(identity, run.entrant) / CURVE
                if file.is_file():
                    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
                    settings = {"arena": arena, "entrant": run.entrant, "digest": digest}
                    found.append(Part(f"curve of {run.entrant} in {arena}", read_curve, settings))
        if not found:  # which says what to do
            house_play.runs(next(iter(ARENAS)), [INFERRED], seeds)
        return found

    def assemble(self, done: Sequence[tuple[Part, Json]], quick: bool, seeds: int) -> Report:
        """Success of both rules and their difference, and the divergence at the end of training."""
        rows: list[Row] = []
        settings: dict[str, Json] = {}
        arenas: dict[str, Json] = {}
        without: list[str] = []
        played = [(part, result) for part, result in done if "games" in part.settings]
        for arena, compared in COMPARED.items():
            here = [(part, result) for part, result in played if part.settings["arena"] == arena]
            if not here:
                continue
            found, known = teams(here), cards(here)
            told = house_play.settings(arena, here)
            settings |= {"episodes a game": told["episodes a game"], f"runs in {arena}": told["runs"]}
            bars = []
            for words, value in compared.items():
                by_seed = {rule: [value(one) for one in own.values()] for rule, own in found.items()}
                heading = f"{arena}: {words}"
                rows += [Row(rule, mean(values), None, heading) for rule, values in by_seed.items()]
                if len(found) == len(RULES):
                    lost = between(found[INFERRED], found[TRUE], partial(_less, value))
                    rows.append(Row("inferred less true", lost, SAME, heading, "higher"))
                bars.append([words, [[rule, values] for rule, values in by_seed.items()]])
            apart = [card["learned"][DIVERGENCE] for card in known.values() if DIVERGENCE in card.get("learned", {})]
            if apart:
                heading = "KL divergence from the true policies to the inferred, end of training, nats"
                rows.append(Row(arena, mean(apart), None, heading))
            curves = {
                part.settings["entrant"]: [house_play.rule_of(part.settings["entrant"]), result]
                for part, result in done
                if "entrant" in part.settings and part.settings["arena"] == arena
            }
            without += [f"{text} in {arena}" for text in known if text not in curves]
            arenas[arena] = {"bars": bars, "curves": list(curves.values())}
        notes = [
            "The paper: same success, and a divergence that stays fairly large (axis 0 to 1.4, over 7,000 iterations),"
            " of the listener's policy as the speaker infers it. Ours is the mean over all pairs of seats, and over the"
            " last tenth of training.",
            *([f"No learning curve is kept of {', '.join(without)}."] if without else []),
            *house_play.notes(RULES, played),
        ]
        data = {"arenas": arenas, "commands": house_play.commands(played)}
        return Report(rows, settings, house_play.seeds_of(played), notes, data)

    def plot(self, report: Report) -> Plot:
        """In every arena: success, return over training, divergence over training."""
        from zoo.reproduce import plots

        plot, axes = plots.panels(3, len(report.data["arenas"]), width=4.2, height=3.4)
        for line, (arena, told) in enumerate(report.data["arenas"].items()):
            success, returns, apart = axes[3 * line : 3 * line + 3]
            words, by_rule = told["bars"][0]
            colours = [plots.COLOURS[RULES.index(rule)] for rule, _ in by_rule]
            names = [rule for rule, _ in by_rule]
            house_play.bars(success, names, [values for _, values in by_rule], colours, dots="a training seed")
            success.set(title=f"{arena}:\n{words}")
            for panel, name in ((returns, RETURN), (apart, DIVERGENCE)):
                lines(panel, [(rule, curve[name]) for rule, curve in told["curves"]])
                panel.set_xlabel("steps of training, thousands")
            returns.set(title=f"{arena}:\nreturn of an episode while learning")
            apart.set(title=f"{arena}:\nKL from true to inferred, nats")
            apart.set_ylim(bottom=0)
        plots.legend_below(plot, axes, 4)
        return plot


def _less(value: Callable[[Told], float], one: Told, other: Told) -> float:
    return value(one) - value(other)


def lines(panel: Axes, curves: Sequence[tuple[str, Sequence[Sequence[float]]]]) -> None:
    """A thin line for every run, and a thick one for the mean of a rule's runs at the steps that all have."""
    from zoo.reproduce import plots

    for rule in RULES:
        own = [{point[0]: point[1] for point in points} for name, points in curves if name == rule and points]
        if not own:
            continue
        colour = plots.COLOURS[RULES.index(rule)]
        for one in own:
            panel.plot([x / 1000 for x in one], list(one.values()), color=colour, linewidth=0.7, alpha=0.5)
        steps = [x for x in own[0] if all(x in other for other in own)]
        middle = [float(np.mean([one[x] for one in own])) for x in steps]
        panel.plot([x / 1000 for x in steps], middle, color=colour, linewidth=1.8, label=f"{rule}, mean of seeds")
    if not panel.lines:
        panel.text(0.5, 0.5, "no learning curve is kept", ha="center", transform=panel.transAxes)


FIGURE = MaddpgInferred()

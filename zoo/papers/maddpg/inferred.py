"""Inferred policies: does MADDPG lose anything when it has to guess what the others' policies are?

Lowe et al. 2017, figure 6, in cooperative communication: with inferred policies agents learn as well and as fast as
with the true ones, although the KL divergence between both stays fairly large (their axis ends at 1.4) over some 7,000
iterations. There the divergence is that of the listener's policy as the speaker infers it; ours is the mean over both
directions, from the learning curves that lie beside the checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.papers import games
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell
from zoo.papers.games import Outcome, Value, at, mean_return
from zoo.papers.house import by_rule, folder_of, house, identity_of, rule_of, runs_of
from zoo.papers.maddpg import UNLIKE
from zoo.papers.tables import between
from zoo.training.curve import RETURN as PER_STEP
from zoo.training.run_folder import CURVE

TRUE, INFERRED = "maddpg", "maddpg-inferred"
RULES = (TRUE, INFERRED)
#: Arena -> its seats. The paper's comes first.
ARENAS = {"speaker-listener": ("speaker_0", "listener_0"), "spread": ("agent_0", "agent_1", "agent_2")}
STEPS = 25  # of an episode
RETURN, DIVERGENCE = "return", "divergence"
SAME = Published(0.0, basis="same")
#: Arena -> what is compared there, in words.
COMPARED: dict[str, dict[str, Value]] = {
    "speaker-listener": {
        "listener within .1 of the goal at the end": at("listener_0", "at_goal"),
        "return of an episode": mean_return,
    },
    "spread": {"return per agent of an episode": mean_return},
}


def read_curve(tell: Tell, arena: str, entrant: str, digest: str) -> Json:
    """Return of an episode and divergence over training, as pairs with the steps.

    `digest` only makes the part's key depend on the contents.
    """
    rows = json.loads((folder_of(identity_of(arena), entrant) / CURVE).read_text())["rows"]
    curves: dict[str, list[list[float]]] = {RETURN: [], DIVERGENCE: []}
    for row in rows:
        returns = [value for name, value in row.items() if name.endswith(f"/{PER_STEP}")]
        apart = [value for name, value in row.items() if name.startswith("learn/") and name.endswith(f"/{DIVERGENCE}")]
        for name, values, scale in ((RETURN, returns, STEPS), (DIVERGENCE, apart, 1)):
            if values:
                curves[name].append([row["steps"], scale * float(np.mean(values))])
    tell(1, 1)
    return curves


class InferredPolicies(Figure):
    """MADDPG with inferred policies beside MADDPG with the true ones."""

    name = "maddpg-inferred"
    unit = "games"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """In every arena for which policies were inferred, all runs of either rule, and their curves."""
        parts: list[Part] = []
        for arena, seats in ARENAS.items():
            identity = identity_of(arena)
            own = [run for rule in RULES for run in house(identity, rule, seeds)]
            if all(run.rule != INFERRED for run in own):
                continue
            for rule, some in by_rule(own).items():
                seatings = [dict.fromkeys(seats, run.entrant) for run in some]
                parts.append(games.part(f"{rule} in {arena}", games.measure, arena, seatings, some, quick))
            for run in own:
                file = folder_of(identity, run.entrant) / CURVE
                if file.is_file():
                    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
                    settings = {"arena": arena, "entrant": run.entrant, "digest": digest}
                    parts.append(Part(f"curve of {run.entrant} in {arena}", read_curve, settings))
        if not parts:  # which says what to do
            runs_of(next(iter(ARENAS)), [INFERRED], seeds)
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Success of both rules and their difference, and the divergence at the end of training."""
        rows: list[FigureRow] = []
        settings: dict[str, Json] = {}
        arenas: dict[str, Json] = {}
        without: list[str] = []
        played = [(part, result) for part, result in done if part.function is games.measure]
        for arena in dict.fromkeys(part.settings["arena"] for part, _ in played):
            here = [(part, result) for part, result in played if part.settings["arena"] == arena]
            known, of_arena = games.cards(here), games.settings(arena, here)
            settings |= {"episodes a game": of_arena["episodes a game"], f"runs in {arena}": of_arena["runs"]}
            bars, own = [], games.teams(here)
            for words, value in COMPARED[arena].items():
                rows += _compared(own, value, f"{arena}: {words}")
                bars.append([words, [[rule, list(map(value, runs.values()))] for rule, runs in own.items()]])
            apart = [card["learned"][DIVERGENCE] for card in known.values() if DIVERGENCE in card.get("learned", {})]
            if apart:
                heading = "KL divergence from the true policies to the inferred, end of training, nats"
                rows.append(FigureRow(arena, estimate.t(apart), None, heading))
            curves = {
                part.settings["entrant"]: [rule_of(part.settings["entrant"]), result]
                for part, result in done
                if part.function is read_curve and part.settings["arena"] == arena
            }
            without += [f"{text} in {arena}" for text in known if text not in curves]
            arenas[arena] = {"bars": bars, "curves": list(curves.values())}
        notes = [
            *self.remarks,
            *([f"No learning curve is kept of {', '.join(without)}."] if without else []),
            *games.missing(RULES, played),
            *UNLIKE,
        ]
        data = {"arenas": arenas, "commands": games.commands(played)}
        return Reproduction(rows, settings, games.seeds_of(played), notes, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """In every arena: success, return over training, divergence over training."""
        plot, axes = plots.panels(3, len(report.data["arenas"]), width=4.2, height=3.4)
        for line, (arena, shown) in enumerate(report.data["arenas"].items()):
            success, returns, apart = axes[3 * line : 3 * line + 3]
            words, bars = shown["bars"][0]
            names, values = zip(*bars, strict=True)
            colours = [plots.colours_of(RULES)[rule] for rule in names]
            plots.bars(success, names, values, colours, dots="a training seed")
            success.set(title=f"{arena}:\n{words}")
            for panel, name in ((returns, RETURN), (apart, DIVERGENCE)):
                lines(panel, [(rule, curve[name]) for rule, curve in shown["curves"]])
                panel.set_xlabel("steps of training, thousands")
            returns.set(title=f"{arena}:\nreturn of an episode while learning")
            apart.set(title=f"{arena}:\nKL from true to inferred, nats")
            apart.set_ylim(bottom=0)
        plots.legend_below(plot, axes, 4)
        return plot


def _compared(own: Mapping[str, Mapping[int, Outcome]], value: Value, heading: str) -> list[FigureRow]:
    """A number's rows: each rule, and their difference."""
    rows = [FigureRow(rule, estimate.t(list(map(value, runs.values()))), None, heading) for rule, runs in own.items()]
    if len(own) == len(RULES):
        lost = between(own[INFERRED], own[TRUE], lambda one, other: value(one) - value(other))
        rows.append(FigureRow("inferred less true", lost, SAME, heading, "higher"))
    return rows


def lines(panel: plots.Axes, curves: Sequence[tuple[str, Sequence[Sequence[float]]]]) -> None:
    """A thin line for every run, and a thick one for the mean of a rule's runs at the steps that all have."""
    for rule, colour in plots.colours_of(RULES).items():
        own = [{point[0]: point[1] for point in points} for name, points in curves if name == rule and points]
        if not own:
            continue
        for one in own:
            panel.plot([x / 1000 for x in one], list(one.values()), color=colour, linewidth=0.7, alpha=0.5)
        steps = [x for x in own[0] if all(x in other for other in own)]
        middle = [float(np.mean([one[x] for one in own])) for x in steps]
        panel.plot([x / 1000 for x in steps], middle, color=colour, linewidth=1.8, label=f"{rule}, mean of seeds")
    if not panel.lines:
        panel.text(0.5, 0.5, "no learning curve is kept", ha="center", transform=panel.transAxes)


FIGURE = InferredPolicies()

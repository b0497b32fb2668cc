"""How likely a sampled policy gradient points the right way: the proposition of MADDPG, by exact enumeration.

`step_signs` says what is listed, and which steps are right. The probabilities of each estimator are compared with a
law in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell
from zoo.papers.maddpg import step_signs
from zoo.papers.maddpg.step_signs import HALF, Steps, in_batch

AGENTS, QUICK = 12, 8
BESIDE = Fraction(513, 1024)  # where the reward as printed has a gradient
BITS = 12  # agents x draws: the largest minibatches that are listed
#: How many draws the plotted minibatches have; the last is the paper's.
BATCHES = (1, 32, 1024)
SHOWN = (2, 4, 8, 12)  # numbers of agents in the table; for the estimators in `NEVER_WRONG` it shows all
NEVER_WRONG = {"score": "score function", "critic": "central critic"}


@dataclass(frozen=True)
class Variant:
    """An estimator with a reward, and the law in closed form that its probabilities are compared with."""

    title: str
    estimator: str
    reward: str
    law: Callable[[int, Fraction], Steps]
    words: str  # the law, as the table says it
    theta: Fraction = HALF

    @property
    def published(self) -> bool:
        """Whether the paper gives a number for it, 0.5^N."""
        return self.estimator == "score" and self.theta == HALF


_ONES = "R = 1[all a_i = 1]"
_EACH_WAY = "P(> 0) = theta^N, P(< 0) = (1 - theta)^N"
_BELOW = "P(> 0) = P(fewer ones than zeros) + 2^-N"
_BASELINE = f"score function with baseline E[R], {_ONES}"
_PRINTED = "score function, reward as printed, R = 1[a_1 = ... = a_N]"
_NEAR = f"the same at theta = 1/2 + {BESIDE - HALF}"
VARIANTS = {
    "score": Variant(f"score function, {_ONES}", "score", "all ones", step_signs.law_of_ones, "P(> 0) = 2^-N"),
    "critic": Variant(
        f"central critic, {_ONES}", "critic", "all ones", step_signs.law_of_critic, "P(> 0) = (N + 1) 2^-N"
    ),
    "baseline": Variant(_BASELINE, "baseline", "all ones", step_signs.law_of_baseline, _BELOW),
    "printed": Variant(_PRINTED, "score", "all equal", step_signs.law_of_equal, "P(= 0) = 1"),
    "beside": Variant(_NEAR, "score", "all equal", step_signs.law_of_equal, _EACH_WAY, BESIDE),
}


def list_steps(tell: Tell, estimator: str, reward: str, theta: str, sizes: list[list[int]]) -> Json:
    """The three probabilities as fractions for every size, a number of agents N and one of draws M."""
    steps = []
    for agents, draws in sizes:
        pairs = step_signs.products(estimator, agents, Fraction(theta), step_signs.REWARDS[reward])
        steps.append(list(map(str, step_signs.shares(pairs, draws))))
        tell(len(steps), len(sizes))
    return steps


def _steps(texts: Sequence[str]) -> Steps:
    right, none, wrong = map(Fraction, texts)
    return right, none, wrong


class GradientDirection(Figure):
    """Probability of a right step over the number of agents."""

    name = "gradient-direction"
    unit = "enumerations"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """A part for each variant, and one for the minibatches of each estimator that is never wrong."""
        agents, bits = (QUICK, QUICK) if quick else (AGENTS, BITS)
        single = [[count, 1] for count in range(1, agents + 1)]
        several = [[count, draws] for count in range(1, bits) for draws in range(2, bits // count + 1)]
        listed = [(name, name, single) for name in VARIANTS]
        listed += [(f"{name}, batches", name, several) for name in NEVER_WRONG]
        parts = []
        for title, name, sizes in listed:
            v = VARIANTS[name]
            settings = {"estimator": v.estimator, "reward": v.reward, "theta": str(v.theta), "sizes": sizes}
            parts.append(Part(title, list_steps, settings))
        return parts

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Fractions beside the proposition."""
        results = {part.name: result for part, result in done}
        listed = {name: [_steps(texts) for texts in results[name]] for name in VARIANTS}
        agents = len(listed["score"])
        rows: list[FigureRow] = []
        for name, variant in VARIANTS.items():
            wrong = [str(n) for n, steps in enumerate(listed[name], 1) if variant.law(n, variant.theta) != steps]
            held = f"NOT so at N = {', '.join(wrong)}" if wrong else "so at every N"
            group = f"{variant.title}: {variant.words}, {held}"
            shown = [n for n in range(1, agents + 1) if n in SHOWN or name in NEVER_WRONG]
            rows += [_row(group, variant, n, listed[name][n - 1]) for n in shown]
        sizes = {part.name: part.settings["sizes"] for part, _ in done}
        batches: dict[str, list[Json]] = {}
        for name in NEVER_WRONG:
            listing = zip(sizes[f"{name}, batches"], results[f"{name}, batches"], strict=True)
            batches[name] = [{"agents": n, "draws": m, "steps": steps} for (n, m), steps in listing]
        rows += _batch_rows(listed, batches)
        needed = {name: step_signs.draws_needed(listed[name][-1][0]) for name in NEVER_WRONG}
        notes = [
            *self.remarks,
            "It leaves out minibatches too: the mean of M draws is right with probability 1 - (1 - P(> 0))^M. At"
            f" N = {agents}, 19 in 20 steps are right from M = {needed['score']:,} on, with the critic from"
            f" M = {needed['critic']:,} on.",
        ]
        settings = {"joint actions": "all 2^N", "N": f"1 to {agents}", "arithmetic": "rational"}
        data = {"agents": agents, "steps": {name: results[name] for name in VARIANTS}, "batches": batches}
        return Reproduction(rows, settings, "", notes, data)

    def plot(self, report: Reproduction) -> plots.Plot:
        """Left one joint action, right the mean of several; both over the number of agents."""
        counts = list(range(1, report.data["agents"] + 1))
        listed = {name: [_steps(texts) for texts in steps] for name, steps in report.data["steps"].items()}
        plot, (left, right) = plots.panels(2, share_y=True, width=4.8, height=4.0)
        for name, kind, label, style in _LINES:
            at = [(n, float(steps[kind])) for n, steps in zip(counts, listed[name], strict=True) if steps[kind]]
            left.plot(*zip(*at, strict=True), style, color=_COLOURS[name], markersize=4, label=label)
        left.plot(counts, [0.5**n for n in counts], ":", color=plots.COLOURS[6], linewidth=2.4, label="paper, 0.5^N")
        if not any(steps[0] for steps in listed["printed"]):
            left.text(0.03, 0.03, "reward as printed: 0 for every N", transform=left.transAxes, fontsize=9, va="bottom")
        left.set(title="from one joint action", ylabel="probability of a right step")
        labelled: list[float] = []
        for draws, alpha in zip(BATCHES, (0.35, 0.65, 1.0), strict=True):
            for name, style in (("critic", "s-"), ("score", "o-")):
                chance = [float(in_batch(steps[0], draws)) for steps in listed[name]]
                right.plot(counts, chance, style, color=_COLOURS[name], alpha=alpha, markersize=4)
                if any(abs(math.log2(chance[-1] / other)) < 0.3 for other in labelled):
                    continue  # two labels in one place cannot be read
                labelled.append(chance[-1])
                look: Any = {"textcoords": "offset points", "va": "center", "color": _COLOURS[name], "fontsize": 8}
                right.annotate(f"M = {draws:,}", (counts[-1], chance[-1]), (6, 0), **look)
        right.set(title="from the mean of M joint actions", xlim=(None, counts[-1] * 1.17))
        for axes in (left, right):
            axes.set_yscale("log", base=2)
            axes.set(xlabel="agents N", xticks=counts)
        plots.legend_below(plot, (left, right), 5)
        return plot


_COLOURS = dict(zip(("score", "critic", "baseline"), plots.COLOURS, strict=False))
#: Lines of the left panel: estimator, which of the three probabilities, label and style.
_LINES = (
    ("baseline", 0, "baseline E[R], right", "^-"),
    ("baseline", 2, "baseline E[R], wrong", "v--"),
    ("critic", 0, "central critic", "s-"),
    ("score", 0, "score function", "o-"),
)


def _row(group: str, variant: Variant, agents: int, steps: Steps) -> FigureRow:
    half = 0.5**agents
    published = Published(half, half, half, f"0.5^{agents}") if variant.published else None
    exact = dict(zip(("P(> 0)", "P(= 0)", "P(< 0)"), map(str, steps), strict=True))
    if variant.theta != HALF and steps == variant.law(agents, variant.theta):
        # written out these fractions would have a hundred digits
        powers = (f"({variant.theta})^{agents}", "the rest", f"({1 - variant.theta})^{agents}")
        exact = dict(zip(exact, powers, strict=True))
    return FigureRow(f"N = {agents}", estimate.exact(float(steps[0])), published, group, exact=exact)


def _batch_rows(listed: Mapping[str, Sequence[Steps]], batches: Mapping[str, Any]) -> list[FigureRow]:
    """Rows of the largest minibatches that were listed, for some numbers of agents."""
    right: list[tuple[str, Fraction]] = []
    same = []
    for name, label in NEVER_WRONG.items():
        largest = {}
        for batch in batches[name]:
            agents, draws, p = batch["agents"], batch["draws"], _steps(batch["steps"])[0]
            same.append(p == in_batch(listed[name][agents - 1][0], draws))
            largest[agents] = (f"{label}, N = {agents}, M = {draws}", p)
        right += [largest[agents] for agents in (2, 4, 6) if agents in largest]
    law = "1 - (1 - P(> 0))^M, so at every N and M listed" if all(same) else "NOT 1 - (1 - P(> 0))^M"
    group = f"mean of M draws, {_ONES}: {law}"
    return [FigureRow(label, estimate.exact(float(p)), None, group, exact={"P(> 0)": str(p)}) for label, p in right]


FIGURE = GradientDirection()

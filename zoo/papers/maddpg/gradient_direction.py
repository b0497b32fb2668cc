"""How likely a sampled policy gradient points the right way: the proposition of MADDPG, by exact enumeration.

N agents play once, each 0 or 1, with P(a_i = 1) = theta_i = theta; everybody is paid R(a). J is the expected reward and
g its gradient in the theta_i. A step g_hat, estimated from one joint action, is right where <g_hat, g> > 0, wrong where
it is < 0, and none where it is 0. All 2^N joint actions are listed, in rational arithmetic: nothing is sampled and
nothing rounded. Steps, with the score s_i = a_i / theta - (1 - a_i) / (1 - theta):

- score function: g_hat_i = R(a) s_i, the estimator of the proposition;
- central critic: g_hat_i = sum over own actions b of dpi(b)/dtheta_i Q(b, a_-i) = Q(1, a_-i) - Q(0, a_-i), with the
  others' actions a_-i as sampled, as in MADDPG's actor update; Q = R is exact;
- baseline: g_hat_i = (R(a) - J) s_i.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from leaderboard.report import plots
from leaderboard.statistics.estimate import Estimate, within
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell

AGENTS, QUICK = 12, 8
HALF = Fraction(1, 2)
BESIDE = Fraction(513, 1024)  # where the reward as printed has a gradient
BITS = 12  # of what is listed for minibatches: agents x draws
#: Draws of the minibatches that are plotted; the last is the paper's.
BATCHES = (1, 32, 1024)
SURE = Fraction(19, 20)

Joint = tuple[int, ...]
Reward = Callable[[Joint], Fraction]
#: Probability of a right step, of none, and of a wrong one.
Steps = tuple[Fraction, Fraction, Fraction]


def all_ones(joint: Joint) -> Fraction:
    """1 where everybody plays 1."""
    return Fraction(all(joint))


def all_equal(joint: Joint) -> Fraction:
    """1 where everybody plays the same: the reward as the paper prints it."""
    return Fraction(len(set(joint)) == 1)


REWARDS: Mapping[str, Reward] = {"all ones": all_ones, "all equal": all_equal}


def joint_actions(agents: int) -> list[Joint]:
    """All 2^N of them."""
    return list(itertools.product((0, 1), repeat=agents))


def probability(joint: Joint, theta: Fraction) -> Fraction:
    """Of a joint action."""
    ones = sum(joint)
    return theta**ones * (1 - theta) ** (len(joint) - ones)


def score(action: int, theta: Fraction) -> Fraction:
    """Derivative of log pi(a) in theta."""
    return 1 / theta if action else -1 / (1 - theta)


def objective(agents: int, theta: Fraction, reward: Reward) -> Fraction:
    """J, the expected reward."""
    return sum((probability(a, theta) * reward(a) for a in joint_actions(agents)), Fraction(0))


def gradient(agents: int, theta: Fraction, reward: Reward) -> list[Fraction]:
    """The true g [N]."""
    total = [Fraction(0)] * agents
    for a in joint_actions(agents):
        if weight := probability(a, theta) * reward(a):
            total = [g + weight * score(own, theta) for g, own in zip(total, a, strict=True)]
    return total


def estimate(estimator: str, joint: Joint, theta: Fraction, reward: Reward, baseline: Fraction) -> list[Fraction]:
    """g_hat [N] from one joint action; `baseline` is J, and used by the estimator of that name alone."""
    if estimator == "critic":
        ways = [[reward((*joint[:i], own, *joint[i + 1 :])) for own in (0, 1)] for i in range(len(joint))]
        return [one - zero for zero, one in ways]
    paid = reward(joint) - (baseline if estimator == "baseline" else 0)
    return [paid * score(own, theta) for own in joint]


def products(estimator: str, agents: int, theta: Fraction, reward: Reward) -> list[tuple[Fraction, Fraction]]:
    """(probability, <g_hat, g>) of every joint action."""
    g, j = gradient(agents, theta, reward), objective(agents, theta, reward)
    pairs = []
    for a in joint_actions(agents):
        step = estimate(estimator, a, theta, reward, j)
        pairs.append((probability(a, theta), sum((x * y for x, y in zip(step, g, strict=True)), Fraction(0))))
    return pairs


def shares(pairs: Sequence[tuple[Fraction, Fraction]], draws: int = 1) -> Steps:
    """Probabilities of the three kinds of steps, from what `products` gives, for the mean of so many draws.

    The inner product of a mean is the mean of the inner products, so that all draws are listed by their products.
    """
    right, none, wrong = Fraction(0), Fraction(0), Fraction(0)
    for batch in itertools.product(pairs, repeat=draws):
        weight = math.prod((p for p, _ in batch), start=Fraction(1))
        product = sum((d for _, d in batch), Fraction(0))
        if product > 0:
            right += weight
        elif product < 0:
            wrong += weight
        else:
            none += weight
    return right, none, wrong


def in_batch(right: Fraction, draws: int) -> Fraction:
    """Probability of a right step from the mean of so many draws, where no draw is wrong."""
    return 1 - (1 - right) ** draws


def draws_needed(right: Fraction, sure: Fraction = SURE) -> int:
    """The least number of draws whose mean is right with probability `sure`, where no draw is wrong."""
    if right >= sure:
        return 1
    least = max(1, math.floor(math.log(1 - sure) / math.log(1 - right)) - 1)  # the logarithm may be off by a bit
    return next(draws for draws in itertools.count(least) if in_batch(right, draws) >= sure)


def _of_ones(agents: int, theta: Fraction) -> Steps:
    return theta**agents, 1 - theta**agents, Fraction(0)


def _of_equal(agents: int, theta: Fraction) -> Steps:
    if agents == 1 or theta == HALF:  # one agent is paid whatever it does
        return Fraction(0), Fraction(1), Fraction(0)
    right, wrong = theta**agents, (1 - theta) ** agents
    return right, 1 - right - wrong, wrong


def _of_critic(agents: int, theta: Fraction) -> Steps:
    """Agent i has a gradient where all others play 1: the all-ones joint action, and the N that miss it by one."""
    right = theta**agents + agents * theta ** (agents - 1) * (1 - theta)
    return right, 1 - right, Fraction(0)


def _of_baseline(agents: int, theta: Fraction) -> Steps:
    """At 1/2: without reward a step goes against the majority, which is right where that plays 0."""
    ways = [Fraction(math.comb(agents, ones), 2**agents) for ones in range(agents + 1)]
    right = sum((p for ones, p in enumerate(ways) if 2 * ones < agents), Fraction(0)) + ways[agents]
    none = sum((p for ones, p in enumerate(ways) if 2 * ones == agents), Fraction(0))
    return right, none, 1 - right - none


@dataclass(frozen=True)
class Variant:
    """What is listed, and the law that it is held against."""

    title: str
    estimator: str
    reward: str
    law: Callable[[int, Fraction], Steps]
    words: str  # the law
    theta: Fraction = HALF
    published: bool = False  # the paper says 0.5^N of it
    shown: tuple[int, ...] = (2, 4, 8, 12)  # numbers of agents in the table


_EVERY = tuple(range(1, AGENTS + 1))
VARIANTS: Mapping[str, Variant] = {
    "score": Variant(
        "score function, R = 1[all a_i = 1]",
        "score",
        "all ones",
        _of_ones,
        "P(> 0) = 2^-N",
        published=True,
        shown=_EVERY,
    ),
    "critic": Variant(
        "central critic, R = 1[all a_i = 1]", "critic", "all ones", _of_critic, "P(> 0) = (N + 1) 2^-N", shown=_EVERY
    ),
    "baseline": Variant(
        "score function with baseline E[R], R = 1[all a_i = 1]",
        "baseline",
        "all ones",
        _of_baseline,
        "P(> 0) = P(fewer ones than zeros) + 2^-N",
    ),
    "printed": Variant(
        "score function, reward as printed, R = 1[a_1 = ... = a_N]",
        "score",
        "all equal",
        _of_equal,
        "P(= 0) = 1",
        published=True,
    ),
    "beside": Variant(
        f"the same at theta = 1/2 + {BESIDE - HALF}",
        "score",
        "all equal",
        _of_equal,
        "P(> 0) = theta^N, P(< 0) = (1 - theta)^N",
        theta=BESIDE,
    ),
}


def list_steps(tell: Tell, estimator: str, reward: str, theta: str, agents: int) -> Json:
    """The three probabilities as fractions for N = 1 to `agents`."""
    steps = []
    for count in range(1, agents + 1):
        steps.append(_texts(shares(products(estimator, count, Fraction(theta), REWARDS[reward]))))
        tell(count, agents)
    return steps


def list_batches(tell: Tell, estimator: str, reward: str, bits: int) -> Json:
    """The same for minibatches of M >= 2 draws, wherever N M <= `bits`."""
    sizes = [(count, draws) for count in range(1, bits) for draws in range(2, bits // count + 1)]
    batches = []
    for number, (count, draws) in enumerate(sizes):
        steps = shares(products(estimator, count, HALF, REWARDS[reward]), draws)
        batches.append({"agents": count, "draws": draws, "steps": _texts(steps)})
        tell(number + 1, len(sizes))
    return batches


def _texts(steps: Steps) -> list[str]:
    return [str(p) for p in steps]


def _steps(texts: Sequence[str]) -> Steps:
    right, none, wrong = map(Fraction, texts)
    return right, none, wrong


class GradientDirection(Figure):
    """Probability of a right step over the number of agents."""

    name = "gradient-direction"
    unit = "enumerations"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """One for each variant, and the minibatches of the two estimators that are never wrong."""
        agents, bits = (QUICK, QUICK) if quick else (AGENTS, BITS)

        def settings(variant: Variant) -> dict[str, Json]:
            return {"estimator": variant.estimator, "reward": variant.reward}

        return [
            *(
                Part(name, list_steps, settings(v) | {"theta": str(v.theta), "agents": agents})
                for name, v in VARIANTS.items()
            ),
            *(
                Part(f"{name}, batches", list_batches, settings(VARIANTS[name]) | {"bits": bits})
                for name in ("score", "critic")
            ),
        ]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """Fractions beside the proposition."""
        results = {part.name: result for part, result in done}
        agents = len(results["score"])
        rows: list[FigureRow] = []
        for name, variant in VARIANTS.items():
            listed = [_steps(texts) for texts in results[name]]
            same = [variant.law(count + 1, variant.theta) == steps for count, steps in enumerate(listed)]
            group = f"{variant.title}: {variant.words}, {_held(same)}"
            rows += [_row(group, variant, count, listed[count - 1]) for count in variant.shown if count <= agents]
        batches = {name: results[f"{name}, batches"] for name in ("score", "critic")}
        rows += _batch_rows(results, batches)
        right = {name: _steps(results[name][-1])[0] for name in ("score", "critic")}
        needed = {name: draws_needed(p) for name, p in right.items()}
        notes = [
            "A step g_hat is right where <g_hat, g> > 0, g the true gradient of J = E[R]. Everybody plays 1 with"
            " probability theta = 1/2 and g_hat comes from one joint action, unless a line says otherwise.",
            "Published: P(> 0) is proportional to 0.5^N, for R = 1[a_1 = ... = a_N]. With that reward J = theta^N +"
            " (1 - theta)^N has gradient 0 at 1/2, so that no step is right. The proposition holds, as an equality,"
            " for R = 1[all a_i = 1]; or for the printed reward in the limit theta -> 1/2, where wrong steps are then"
            " as many as right ones.",
            "Central critic: the expectation over the own action, with the others' actions as sampled, of an exact Q;"
            " the paper gives no number for it. A learned critic must first have met the reward, in a joint action of"
            " probability 2^-N. The score function times Q(a) would gain nothing: here Q is R.",
            "The proposition leaves out baselines, under which the sign tells little: without reward a step goes"
            " against the majority, right or wrong, and is as small as the baseline. E<g_hat, g> is |g|^2 for all"
            " three.",
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
        lines: list[tuple[str, int, str, str, str]] = [
            ("baseline", 0, "baseline E[R], right", "-", "^"),
            ("baseline", 2, "baseline E[R], wrong", "--", "v"),
            ("critic", 0, "central critic", "-", "s"),
            ("score", 0, "score function", "-", "o"),
        ]
        for name, kind, label, style, marker in lines:
            colour = plots.COLOURS[("score", "critic", "baseline").index(name)]
            at = [(n, float(steps[kind])) for n, steps in zip(counts, listed[name], strict=True) if steps[kind]]
            left.plot(*zip(*at, strict=True), style, color=colour, marker=marker, markersize=4, label=label)
        left.plot(counts, [0.5**n for n in counts], ":", color=plots.COLOURS[6], linewidth=2.4, label="paper, 0.5^N")
        if not any(steps[0] for steps in listed["printed"]):
            left.text(0.03, 0.03, "reward as printed: 0 for every N", transform=left.transAxes, fontsize=9, va="bottom")
        left.set(title="from one joint action", ylabel="probability of a right step")
        labelled: list[float] = []
        for draws, alpha in zip(BATCHES, (0.35, 0.65, 1.0), strict=True):
            for name, style in (("critic", "s-"), ("score", "o-")):
                colour = plots.COLOURS[("score", "critic").index(name)]
                chance = [float(in_batch(steps[0], draws)) for steps in listed[name]]
                right.plot(counts, chance, style, color=colour, alpha=alpha, markersize=4)
                if any(abs(math.log2(chance[-1] / other)) < 0.3 for other in labelled):
                    continue  # two labels in one place cannot be read
                labelled.append(chance[-1])
                right.annotate(
                    f"M = {draws:,}",
                    (counts[-1], chance[-1]),
                    (6, 0),
                    textcoords="offset points",
                    va="center",
                    color=colour,
                    fontsize=8,
                )
        right.set(title="from the mean of M joint actions", xlim=(None, counts[-1] * 1.17))
        for axes in (left, right):
            axes.set_yscale("log", base=2)
            axes.set(xlabel="agents N", xticks=counts)
        plots.legend_below(plot, (left, right), 5)
        return plot


def _held(same: Sequence[bool]) -> str:
    wrong = [str(number) for number, good in enumerate(same, 1) if not good]
    return f"NOT so at N = {', '.join(wrong)}" if wrong else "so at every N"


def _row(group: str, variant: Variant, agents: int, steps: Steps) -> FigureRow:
    half = 0.5**agents
    published = Published(half, half, half, f"0.5^{agents}") if variant.published else None
    exact = dict(zip(("P(> 0)", "P(= 0)", "P(< 0)"), map(str, steps), strict=True))
    if variant.theta != HALF and steps == variant.law(agents, variant.theta):
        # written out they would have a hundred digits
        powers = (f"({variant.theta})^{agents}", "the rest", f"({1 - variant.theta})^{agents}")
        exact = dict(zip(exact, powers, strict=True))
    return FigureRow(f"N = {agents}", _exactly(steps[0]), published, group, exact=exact)


def _batch_rows(results: Mapping[str, Any], batches: Mapping[str, Any]) -> list[FigureRow]:
    """Of some numbers of agents the largest minibatch that was listed."""
    right: list[tuple[str, Fraction]] = []
    same = []
    for name, label in (("score", "score function"), ("critic", "central critic")):
        largest = {}
        for batch in batches[name]:
            agents, draws, p = batch["agents"], batch["draws"], _steps(batch["steps"])[0]
            same.append(p == in_batch(_steps(results[name][agents - 1])[0], draws))
            largest[agents] = (f"{label}, N = {agents}, M = {draws}", p)
        right += [largest[agents] for agents in (2, 4, 6) if agents in largest]
    law = "1 - (1 - P(> 0))^M, so at every N and M listed" if all(same) else "NOT 1 - (1 - P(> 0))^M"
    group = f"mean of M draws, R = 1[all a_i = 1]: {law}"
    return [FigureRow(label, _exactly(p), group=group, exact={"P(> 0)": str(p)}) for label, p in right]


def _exactly(p: Fraction) -> Estimate:
    return within(float(p), None, 1, "exact")


FIGURE = GradientDirection()

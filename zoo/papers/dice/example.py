"""The small example in which the surrogate loss fails, and a use of Hessian-vector products: thesis, 9.3.3 and 9.4.4.

x ~ Bernoulli(theta), and f = x (1 - theta) + (1 - x) (1 + theta) depends on theta itself. Its mean, which is
1 + theta - 2 theta^2, has the derivatives 1 - 4 theta and -4. All expectations are taken by
enumeration of x, so that nothing is drawn.

The surrogate loss of a cost f is log p(x) stop(f) + f. Its gradient g is right. The surrogate loss of g is built alike,
but g holds f as a constant already, so that what f owes to theta is lost: the second derivative becomes -2. DiCE's
box(log p) f is differentiated twice. Newton's method with -4 is done in one step (theta = 1/4); with -2 every step
multiplies the error by -1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.parts.dice import magic_box
from agents.parts.gradients import conjugate_gradients, gradient, hessian_vector
from agents.protocol import Parameters
from agents.randomness import generator
from leaderboard.report import plots
from leaderboard.statistics import estimate
from zoo.entry.registry import load_arena
from zoo.papers.dice.derivatives import GAMMA, STEPS, LogitTable, exact
from zoo.papers.figure import Figure, FigureRow, Json, Part, Published, Reproduction, Results, Tell

START, BEST, TRIES = 0.4, 0.25, 4  # of Newton's method: where it begins, the maximum, and its steps
SECOND = {"exact": -4.0, "DiCE": -4.0, "surrogate loss": -2.0}
DAMPING = 1.0  # added to the largest eigenvalue, so that the system is positive definite


def costs(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities [2] and costs f [2] of x = 1 and x = 0."""
    x = theta.new_tensor([1.0, 0.0])
    return torch.stack((theta, 1 - theta)), x * (1 - theta) + (1 - x) * (1 + theta)


def derivatives(estimator: str, at: float) -> list[float]:
    """Value, first and second derivative at theta, as an estimator has them in the mean."""
    theta = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    p, f = costs(theta)
    if estimator == "surrogate loss":
        return _by_surrogate(theta, p, f)
    mean = (p * f).sum() if estimator == "exact" else (p.detach() * magic_box(p.log()) * f).sum()
    (first,) = torch.autograd.grad(mean, theta, create_graph=True)
    (second,) = torch.autograd.grad(first, theta)
    return [mean.item(), first.item(), second.item()]


def _by_surrogate(theta: Tensor, p: Tensor, f: Tensor) -> list[float]:
    """The surrogate loss of the cost, and the surrogate loss of its gradient."""

    def slopes(cost: Tensor) -> Tensor:
        losses = p.log() * cost.detach() + cost
        return torch.stack([torch.autograd.grad(loss, theta, create_graph=True)[0] for loss in losses])

    first = slopes(f)
    return [(p * values).sum().item() for values in (f, first, slopes(first))]


def newton(estimator: str) -> list[float]:
    """Where Newton's method is after each step."""
    way = [START]
    for _ in range(TRIES):
        _, first, second = derivatives(estimator, way[-1])
        way.append(way[-1] - first / second)
    return way[1:]


def solved() -> list[float]:
    """Relative error of conjugate gradients after each step, for a damped Newton step in the prisoner's dilemma.

    The system is (c - H) x = g with the gradient g [10] and the Hessian H [10, 10] of the row player's value in both
    policies' logits. Conjugate gradients see H in products with a vector alone.
    """
    arena = load_arena("ipd").make(1)
    logits = torch.randn(2, 5, dtype=torch.float64, generator=generator(0))
    slope, hessian = exact(arena, logits)
    damping = torch.linalg.eigvalsh(hessian).max() + DAMPING
    dense = torch.linalg.solve(damping * torch.eye(10, dtype=torch.float64) - hessian, slope)
    theta = {"logits": logits.flatten().clone().requires_grad_()}
    policies = {seat: LogitTable(own) for seat, own in zip(arena.spec.seats, theta["logits"].view(2, 5), strict=True)}
    value = next(iter(arena.value(policies, steps=STEPS, gamma=GAMMA).values())).sum()
    first = gradient(value, theta, higher=True)

    def product(vector: Parameters) -> Parameters:
        return {name: damping * vector[name] - part for name, part in hessian_vector(first, theta, vector).items()}

    iterates = conjugate_gradients(product, {"logits": slope}, steps=10)
    return [float((x["logits"] - dense).norm() / dense.norm()) for x in iterates]


def worked(tell: Tell) -> Json:
    """All numbers of the example."""
    at = {name: derivatives(name, START) for name in SECOND}
    result = {"derivatives": at, "newton": {name: newton(name) for name in ("DiCE", "surrogate loss")}}
    tell(1, 1)
    return result | {"solved": solved()}


class DiceExample(Figure):
    """Second derivatives of a Bernoulli cost, Newton's method with them, and conjugate gradients."""

    name = "dice-example"
    unit = "examples"

    def parts(self, quick: bool, seeds: int) -> list[Part]:
        """One; nothing is drawn."""
        return [Part("the example", worked, {})]

    def assemble(self, done: Results, quick: bool, seeds: int) -> Reproduction:
        """The second derivatives beside the thesis's, and the ways of Newton's method."""
        ((_, result),) = done
        rows = []
        for name, (value, first, second) in result["derivatives"].items():
            cells = {"value": f"{value:.4g}", "first": f"{first:.4g}", "second": f"{second:.4g}"}
            group = f"derivatives at theta = {START:g}; published is the second"
            rows.append(FigureRow(name, estimate.exact(second), Published(SECOND[name]), group, exact=cells))
        for name, way in result["newton"].items():
            cells = {f"step {number}": f"{theta:.4g}" for number, theta in enumerate(way, start=1)}
            group = f"Newton's method from theta = {START:g}; the maximum is at {BEST:g}"
            rows.append(FigureRow(name, estimate.exact(way[-1]), None, group, exact=cells))
        cells = {
            f"step {number}": f"{error:.1e}" for number, error in enumerate(result["solved"], 1) if number % 2 == 0
        }
        group = "damped Newton step in ipd by conjugate gradients on Hessian-vector products: relative error"
        rows.append(FigureRow("10 logits", estimate.exact(result["solved"][-1]), None, group, exact=cells))
        settings = {"x": "Bernoulli(theta), enumerated", "f": "x (1 - theta) + (1 - x) (1 + theta)"}
        return Reproduction(rows, settings, "", self.remarks, result)

    def plot(self, report: Reproduction) -> plots.Plot:
        """The ways of Newton's method."""
        plot, (panel,) = plots.panels(1)
        for colour, (name, way) in zip(plots.COLOURS, report.data["newton"].items(), strict=False):
            panel.plot(range(TRIES + 1), [START, *way], "o-", color=colour, label=name)
        panel.axhline(BEST, color="0.4", linestyle=":", label="maximum")
        panel.set(xlabel="step of Newton's method", ylabel="theta", title="a Bernoulli cost")
        plots.legend_below(plot, [panel], 3)
        return plot


FIGURE = DiceExample()

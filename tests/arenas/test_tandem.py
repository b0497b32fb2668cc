"""The Tandem game: its payoffs, its Nash line, and its exact value with gradient and mixed second derivative."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pettingzoo.test import render_test
from torch import Tensor

import arenas.tandem
from agents.scripts.random import Random
from arenas.protocol import Action, MeanPolicy, TimeStep
from arenas.tandem import Tandem, env, parallel_env, payoffs
from zoo.check.stranger import Stranger
from zoo.entry.registry import load_arena

SEEDS = torch.arange(4)


class Point:
    """Always the same action: `theta` [R, 1] in units of [-1, 1]."""

    memoryless = True

    def __init__(self, theta: Tensor) -> None:
        self.theta, self.replicas = theta, len(theta)

    def means(self, timestep: TimeStep) -> Tensor:
        assert timestep.observation.shape == (self.replicas, 1)
        return self.theta


def moves(x: list[float], y: list[float], bound: float = 10.0) -> dict[str, Action]:
    return {
        seat: Action(torch.tensor(v).unsqueeze(1) / bound) for seat, v in zip(("front", "rear"), (x, y), strict=True)
    }


@pytest.mark.parametrize("bound", [10.0, 4.0])
def test_payoffs_are_the_papers(bound: float) -> None:
    """-((x + y)^2 - 2x) and -((x + y)^2 - 2y), worked out by hand."""
    arena = Tandem(4, bound=bound)
    first, state = arena.reset(SEEDS)
    told, _ = arena.step(moves([0.5, 1.0, 0.0, 2.0], [0.5, 0.0, 0.0, 1.0], bound))
    assert state is None
    assert told["front"].reward.tolist() == pytest.approx([0, 1, 0, -5])
    assert told["rear"].reward.tolist() == pytest.approx([0, -1, 0, -7])
    assert all(step.last.all() and not step.discount.any() for step in told.values())
    assert all(step.first.all() and step.active.all() for step in first.values())


def test_the_worst_payoff_is_what_a_forfeit_costs() -> None:
    for bound in (0.5, 10.0):
        arena = Tandem(1, bound=bound)
        grid = torch.linspace(-bound, bound, 41)
        x, y = torch.meshgrid(grid, grid, indexing="ij")
        assert arena.spec.forfeit == pytest.approx(float(torch.stack(payoffs(x, y)).min()))


def test_a_row_plays_once_in_a_match_and_anew_in_training() -> None:
    for autoreset in (False, True):
        arena = Tandem(4)
        arena.reset(SEEDS, autoreset=autoreset)
        arena.step(moves([1.0] * 4, [1.0] * 4))
        told, _ = arena.step(moves([3.0] * 4, [3.0] * 4))
        assert all(not step.reward.any() for step in told.values())
        assert all(step.first.all() == autoreset and step.last.all() != autoreset for step in told.values())


def test_the_value_is_the_payoff_and_carries_its_derivatives() -> None:
    """d/dx -L1 = 2 - 2 (x + y), and the mixed second derivative is -2, each times the bound per action."""
    arena = Tandem(1, bound=2.0)
    a = torch.tensor([[0.3], [-0.8], [0.25]], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([[0.1], [0.9], [0.25]], dtype=torch.float64, requires_grad=True)
    value = arena.value({"front": Point(a), "rear": Point(b)})  # type: ignore[dict-item]
    x, y = 2 * a.detach().squeeze(1), 2 * b.detach().squeeze(1)
    assert value["front"].dtype == torch.float64 and value["front"].shape == (3,)
    assert torch.allclose(value["front"].detach(), 2 * x - (x + y) ** 2, rtol=0, atol=1e-12)
    assert torch.allclose(value["rear"].detach(), 2 * y - (x + y) ** 2, rtol=0, atol=1e-12)
    (own,) = torch.autograd.grad(value["front"].sum(), a, create_graph=True)
    assert torch.allclose(own.squeeze(1), 2 * (2 - 2 * (x + y)), rtol=0, atol=1e-12)
    (mixed,) = torch.autograd.grad(own.sum(), b)
    assert torch.allclose(mixed, torch.full((3, 1), -8.0, dtype=torch.float64), rtol=0, atol=1e-12)


def test_nash_equilibria_are_the_line_and_no_other_point() -> None:
    arena = Tandem(1)

    def slope(x: float, y: float) -> float:
        """The larger of the two own slopes, in absolute value."""
        theta = [torch.tensor([[v / 10]], dtype=torch.float64, requires_grad=True) for v in (x, y)]
        value = arena.value({"front": Point(theta[0]), "rear": Point(theta[1])})  # type: ignore[dict-item]
        own = [torch.autograd.grad(value[s], t, retain_graph=True)[0] for s, t in zip(value, theta, strict=True)]
        return max(float(g.abs()) for g in own)

    assert max(slope(x, 1 - x) for x in (-3.0, 0.0, 0.5, 2.25)) < 1e-9
    assert min(slope(0.5, 0.4), slope(-1.0, 0.0), slope(2.0, 1.0)) > 0.5


@pytest.mark.learning
def test_lola_leaves_the_nash_line_for_a_place_where_both_lose() -> None:
    """The known result, by a simulation of the paper's update on the arena's own value.

    theta_i + lr * d/d theta_i V_i(theta_i, theta_j + lr_in * d V_j / d theta_j), through the look-ahead.
    """
    arena = Tandem(1, bound=10.0)
    inner = 0.1 / 100  # 0.1 in units of x

    def climb(shaping: bool) -> tuple[Tensor, Tensor]:
        theta = [torch.tensor([[v]], dtype=torch.float64, requires_grad=True) for v in (0.02, 0.03)]
        for _ in range(400):
            value = arena.value({"front": Point(theta[0]), "rear": Point(theta[1])})  # type: ignore[dict-item]
            own = [torch.autograd.grad(value[s], t, create_graph=True)[0] for s, t in zip(value, theta, strict=True)]
            step = []
            for me, (mine, other) in enumerate(((0, 1), (1, 0))):
                ahead = theta[other] + inner * own[other]
                moved = {0: (theta[mine], ahead), 1: (ahead, theta[mine])}[me]
                found = arena.value({"front": Point(moved[0]), "rear": Point(moved[1])})  # type: ignore[dict-item]
                target = list(found.values())[me] if shaping else list(value.values())[me]
                step.append(torch.autograd.grad(target, theta[mine], retain_graph=True)[0])
            theta = [(t + inner * g).detach().requires_grad_() for t, g in zip(theta, step, strict=True)]
        x, y = (10 * t.detach().flatten() for t in theta)
        return x + y, torch.stack(payoffs(x, y))

    total, fair = climb(shaping=False)
    assert float(total) == pytest.approx(1, abs=1e-6)
    total, arrogant = climb(shaping=True)
    assert float(total) > 1.1
    assert bool((arrogant < fair - 0.05).all())


def test_the_value_asks_for_means_without_memory_and_replicas_that_fit() -> None:
    arena = Tandem(1)
    one, three = Point(torch.zeros(1, 1)), Point(torch.zeros(3, 1))
    assert isinstance(one, MeanPolicy) and isinstance(Stranger(arena.spec, "front"), MeanPolicy)
    assert arena.value({"front": one, "rear": three})["rear"].shape == (3,)  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"policies of \[2, 3\] replicas do not fit together"):
        arena.value({"front": Point(torch.zeros(2, 1)), "rear": three})  # type: ignore[dict-item]
    forgetful = Point(torch.zeros(1, 1))
    forgetful.memoryless = False
    with pytest.raises(ValueError, match="the policy of rear has a memory"):
        arena.value({"front": one, "rear": forgetful})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="the policy of front has no method means"):
        arena.value({"front": _Table(), "rear": one})  # type: ignore[dict-item]


class _Table:
    memoryless, replicas = True, 1


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan")])
def test_bounds_that_bound_nothing_are_refused(bound: float) -> None:
    with pytest.raises(ValueError, match="tandem-v1: bound must be above 0 and finite"):
        Tandem(1, bound=bound)


def test_text_and_picture() -> None:
    arena = Tandem(4)
    arena.reset(SEEDS)
    assert arena.render(1) == "step 0 of 1"
    before = arena.render(1, "rgb_array")
    arena.step(moves([0.0, 2.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]))
    assert arena.render(1) == "step 1 of 1: x = 2.000, y = 1.000; paid -5.000 and -7.000"
    after = arena.render(1, "rgb_array")
    assert isinstance(before, np.ndarray) and isinstance(after, np.ndarray)
    assert before.shape == after.shape == (96, 96, 3) and after.dtype == np.uint8
    assert (before != after).any()
    with pytest.raises(ValueError, match="cannot be rendered as 'sound'"):
        arena.render(0, "sound")


def test_both_faces(capsys: pytest.CaptureFixture[str]) -> None:
    face = parallel_env(bound=2.0)
    assert face.metadata["name"] == "tandem_v1"
    face.reset(seed=1)
    _, rewards, ended, cut, _ = face.step({"front_0": np.array([1.0]), "rear_0": np.array([-0.5])})
    assert rewards == {"front_0": 3.0, "rear_0": -3.0}
    assert all(ended.values()) and not any(cut.values())
    render_test(lambda render_mode: env(render_mode))
    assert "step 0 of 1" in capsys.readouterr().out


def test_settings_make_another_game() -> None:
    entry = load_arena("arenas.tandem:Tandem", ["bound=3"])
    assert entry.identity(entry.make(1)).startswith("tandem-v1(bound=3.0")
    assert arenas.tandem.Tandem().bound == 10.0


def test_random_plays_and_is_measured() -> None:
    arena = Tandem(4)
    spec = arena.spec
    first, _ = arena.reset(SEEDS)
    from agents.protocol import Seating

    done = {}
    for seat in spec.seats:
        agent = Random.make(spec, (seat,))
        done[seat], _ = agent.act(first[seat], agent.begin(Seating(seat, SEEDS + len(seat), SEEDS)))
    told, _ = arena.step(done)
    steps = {
        seat: TimeStep(*(torch.stack([a, b]) if isinstance(a, Tensor) else a for a, b in zip(first[seat], told[seat])))  # noqa: B905
        for seat in spec.seats
    }
    stacked = {seat: Action(action.value.unsqueeze(0)) for seat, action in done.items()}
    metrics = arena.metrics(steps, stacked)
    x, y = metrics["front"]["action"], metrics["rear"]["action"]
    assert torch.allclose(metrics["front"]["total"], x + y) and x.shape == (4,)
    assert torch.allclose(told["front"].reward, payoffs(x, y)[0])

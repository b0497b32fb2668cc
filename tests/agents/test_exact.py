"""The exact learners against finite differences, against autograd on one long vector, and against each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.lola_exact import direction
from agents.parts.exact import ExactAgent, Pair, Values, game, simultaneous, swapped
from agents.parts.gradients import leaves
from agents.parts.policies.categorical import CategoricalPolicy
from agents.protocol import LearningContext
from agents.sga import hessian_products
from agents.sos import parts, trust
from arenas.matrix import Chicken, IteratedMatchingPennies, IteratedPrisonersDilemma, Matrix, MatrixGame
from arenas.protocol import Arena
from zoo.entry.registry import load_agent
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError
from zoo.play.replicas import run_replicas
from zoo.training.plan import Plan, set_up

RULES = ["lola-exact", "lookahead", "sos", "consensus", "sga"]
OFF = {"consensus": "weight=0", "sga": "weight=0"}  # what switches a rule's own term off; eta elsewhere

LOPSIDED = [[[3.0, 1.0], [0.0, 2.5]], [[1.0, -1.0], [2.0, 0.5]]]
WIDE = [[[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]], [[0.5, 3.0], [2.0, -1.0], [1.0, 1.0]]]
GAMES: dict[str, Callable[[], Arena]] = {
    "ipd": IteratedPrisonersDilemma,
    "imp": IteratedMatchingPennies,
    "chicken": Chicken,
    "lopsided": lambda: Matrix(payoffs=LOPSIDED, gamma=0.9),
    "two by three": lambda: Matrix(payoffs=WIDE, gamma=0.8),
}
SEATS = [("row", "column"), ("column", "row")]


def at(name: str, seats: tuple[str, str], seed: int = 0) -> tuple[Values, Pair, Arena]:
    """A game as the first of `seats` sees it, and random parameters of both; one replica."""
    arena = GAMES[name]()
    policies = {}
    for number, seat in enumerate(sorted(seats)):
        spec = arena.spec.seats[seat]
        found = CategoricalPolicy.initial_parameters(spec, "none", (), seed=seed + number, std=1.0)
        policies[seat] = CategoricalPolicy({n: p.double() for n, p in found.items()}, spec)
    mine, other = (leaves(policies[seat].parameters) for seat in seats)
    return game(arena, policies, seats), (mine, other), arena


def by_hand(name: str, seats: tuple[str, str], theta: Pair) -> tuple[float, float]:
    """(1 - gamma) V of both, from the definition: sum_t gamma^t of the state distribution times the payoffs."""
    arena = GAMES[name]()
    assert isinstance(arena, MatrixGame)
    pay, gamma = arena.pay.double().numpy(), arena.spec.gamma
    rows, columns, _ = pay.shape
    tables = {}
    for seat, parameters in zip(seats, theta, strict=True):
        logits = np.pad(parameters["w0"][0].detach().numpy(), ((0, 0), (0, 1)))
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        tables[seat] = weights / weights.sum(-1, keepdims=True)
    row, column = tables["row"], tables["column"]
    now = {(-1, -1): 1.0}
    total = np.zeros(2)
    for t in range(int(np.ceil(np.log(1e-14) / np.log(gamma)))):
        following: dict[tuple[int, int], float] = {}
        for (a, b), p in now.items():
            i, j = (0, 0) if a < 0 else (1 + a * columns + b, 1 + b * rows + a)
            for c in range(rows):
                for d in range(columns):
                    q = p * row[i, c] * column[j, d]
                    total += gamma**t * q * pay[c, d]
                    following[c, d] = following.get((c, d), 0.0) + q
        now = following
    by_seat = dict(zip(("row", "column"), (1 - gamma) * total, strict=True))
    return by_seat[seats[0]], by_seat[seats[1]]


@pytest.mark.parametrize("seats", SEATS)
@pytest.mark.parametrize("name", GAMES)
def test_the_value_is_the_discounted_sum_of_what_is_paid(name: str, seats: tuple[str, str]) -> None:
    values, theta, arena = at(name, seats)
    found = [(1 - arena.spec.gamma) * float(v.detach()) for v in values(*theta)]
    assert found == pytest.approx(by_hand(name, seats, theta), abs=1e-8)


def derivative(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Jacobian [outputs, inputs] of `f` at `x` by central differences of fourth order."""
    step = 1e-3
    columns = []
    for e in torch.eye(x.numel(), dtype=x.dtype):
        near, far = (
            f(x + k * step * e.view_as(x)).flatten() - f(x - k * step * e.view_as(x)).flatten() for k in (1, 2)
        )
        columns.append((8 * near - far) / (12 * step))
    return torch.stack(columns, dim=1)


@pytest.mark.parametrize("seats", SEATS)
@pytest.mark.parametrize("name", GAMES)
def test_gradient_and_mixed_derivative_agree_with_finite_differences(name: str, seats: tuple[str, str]) -> None:
    values, theta, arena = at(name, seats)
    unit = 1 - arena.spec.gamma
    x, y = (p["w0"].detach() for p in theta)
    own, other = simultaneous(values(*theta), theta)

    def value(x: Tensor) -> Tensor:
        return unit * values({"w0": x}, {"w0": y})[0].detach()

    def others_slope(x: Tensor) -> Tensor:
        theirs = {"w0": y.clone().requires_grad_()}
        return unit * torch.autograd.grad(values({"w0": x}, theirs)[1].sum(), theirs["w0"])[0]

    assert torch.allclose(unit * own["w0"].detach().flatten(), derivative(value, x)[0], rtol=0, atol=1e-8)
    mixed = [
        torch.autograd.grad(unit * slope, theta[0]["w0"], retain_graph=True)[0].flatten()
        for slope in other["w0"].flatten()
    ]
    assert torch.allclose(torch.stack(mixed), derivative(others_slope, x), rtol=0, atol=1e-8)
    assert float(torch.stack(mixed).abs().max()) > 1e-4


def flat_hessian(values: Values, theta: Pair) -> tuple[Tensor, Tensor, int]:
    """xi and its Jacobian H of the losses -V on one long vector, and the number of my parameters."""
    shapes = [p["w0"].shape for p in theta]
    n = theta[0]["w0"].numel()

    def losses(z: Tensor, who: int) -> Tensor:
        return -values({"w0": z[:n].view(shapes[0])}, {"w0": z[n:].view(shapes[1])})[who].sum()

    z = torch.cat([p["w0"].detach().flatten() for p in theta])
    slopes = [torch.autograd.functional.jacobian(lambda z, w=w: losses(z, w), z) for w in (0, 1)]
    hessians = [torch.autograd.functional.hessian(lambda z, w=w: losses(z, w), z) for w in (0, 1)]
    xi = torch.cat((slopes[0][:n], slopes[1][n:]))
    return xi, torch.cat((hessians[0][:n], hessians[1][n:])), n


def vector(pair: Pair) -> Tensor:
    return torch.cat([p["w0"].detach().flatten() for p in pair])


@pytest.mark.parametrize("name", ["ipd", "imp", "lopsided", "two by three"])
def test_the_rules_are_their_formulas_on_the_whole_hessian(name: str) -> None:
    values, theta, _ = at(name, ("row", "column"), seed=3)
    xi, h, n = flat_hessian(values, theta)
    alpha = 0.3
    off = h.clone()
    off[:n, :n] = 0
    off[n:, n:] = 0
    slopes = [  # grad L of either player by all parameters
        torch.cat([torch.autograd.grad(-values(*theta)[w].sum(), theta[j]["w0"])[0].flatten() for j in (0, 1)])
        for w in (0, 1)
    ]
    chi = torch.cat((off[n:, :n].T @ slopes[0][n:], off[:n, n:].T @ slopes[1][:n]))
    xi_0 = xi - alpha * off @ xi
    mine, theirs = parts(values, theta, alpha), parts(*swapped(values, theta), alpha)
    ahead, shaping = (mine[0], theirs[0]), (mine[1], theirs[1])
    assert torch.allclose(vector(ahead), -xi_0, rtol=1e-8, atol=1e-8)
    assert torch.allclose(vector(shaping), alpha * chi, rtol=1e-8, atol=1e-8)
    product = -alpha * chi @ xi_0
    p_1 = 1.0 if product >= 0 else min(1.0, float(-0.5 * xi_0 @ xi_0 / product))
    p_2 = float(xi @ xi) if xi.norm() < 0.1 else 1.0
    own = simultaneous(values(*theta), theta)
    assert float(trust(ahead, shaping, own, 0.5, 0.1).detach()) == pytest.approx(min(p_1, p_2), abs=1e-9)

    told, forward, backward = hessian_products(values, theta)
    assert torch.allclose(vector(told), xi, rtol=1e-8, atol=1e-8)
    assert torch.allclose(vector(forward), h @ xi, rtol=1e-8, atol=1e-8)
    assert torch.allclose(vector(backward), h.T @ xi, rtol=1e-8, atol=1e-8)

    first = direction(values, theta, alpha, 1, "first-order")
    assert torch.allclose(first["w0"].flatten(), (-xi + alpha * chi)[:n], rtol=1e-8, atol=1e-8)
    taylor = direction(values, theta, alpha, 1, "taylor")
    assert torch.allclose(taylor["w0"].flatten(), (-xi_0 + alpha * chi)[:n], rtol=1e-8, atol=1e-8)
    tiny = 1e-6  # unrolled and taylor differ by the second order of the step only
    unrolled, expanded = (direction(values, theta, tiny, 1, form)["w0"].flatten() for form in ("unrolled", "taylor"))
    assert torch.allclose(unrolled + xi[:n], expanded + xi[:n], rtol=1e-3, atol=1e-9)


def test_second_order_lola_expects_a_lola_learner() -> None:
    values, theta, _ = at("ipd", ("row", "column"), seed=5)
    eta = 0.5
    v = values(*theta)
    other_view, reversed_theta = swapped(values, theta)
    expected = direction(other_view, reversed_theta, eta, 1, "first-order", higher=True)["w0"]
    influence = torch.autograd.grad(v[0].sum(), theta[1]["w0"], retain_graph=True)[0]
    wanted = torch.autograd.grad(v[0].sum() + eta * (influence * expected).sum(), theta[0]["w0"])[0]
    assert torch.allclose(direction(values, theta, eta, 2, "first-order")["w0"], wanted)


def learned(agent: str, arena: str, rounds: int = 3, sight: Any = "policies") -> dict[str, list[Any]]:
    table = set_up(Plan(agent, ArenaChoice(arena), copies=2, length=1, sight=sight)).table
    for _ in range(rounds):
        table.play_round()
    return {n: t.tolist() for player in table.players.values() for n, t in player.acting_state().items()}


@pytest.mark.parametrize("arena", ["ipd", "imp", "chicken"])
@pytest.mark.parametrize("rule", RULES)
def test_a_step_of_0_for_the_opponent_is_the_naive_learner_bit_for_bit(rule: str, arena: str) -> None:
    assert learned(f"{rule},{OFF.get(rule, 'eta=0')}", arena) == learned("naive-exact", arena)
    assert learned(rule, arena) != learned("naive-exact", arena)


def test_order_0_is_the_naive_learner_bit_for_bit() -> None:
    assert learned("lola-exact,order=0", "ipd") == learned("naive-exact", "ipd")


@pytest.mark.parametrize("rule", ["naive-exact", "lola-exact,order=2", "sos", "sga"])
def test_replicas_are_strangers(rule: str) -> None:
    entry = load_agent(rule.partition(",")[0])
    config = entry.config(rule.split(",")[1:])
    arena = IteratedPrisonersDilemma(3)
    ends = {}
    for replicas in (1, 3):
        pair: dict[str, ExactAgent] = {
            seat: entry.agent.make(arena.spec, (seat,), config, seed=n, replicas=replicas)  # type: ignore[misc]
            for n, seat in enumerate(arena.spec.seats)
        }
        for update in range(5):
            shown = {seat: player.policy(seat).frozen() for seat, player in pair.items()}
            for seat, player in pair.items():
                peers = {s: p for s, p in shown.items() if s != seat}
                player.learn(None, LearningContext((seat,), 0, update, peers, arena))  # type: ignore[arg-type]
        ends[replicas] = pair["row"].actor.parameters["w0"]
    assert torch.allclose(ends[1][0], ends[3][0], atol=1e-9)
    assert not torch.allclose(ends[3][0], ends[3][1], atol=1e-3)


@pytest.mark.learning
def test_lola_cooperates_in_the_prisoners_dilemma_where_naive_learners_defect() -> None:
    ends = {}
    for rule in ("naive-exact", "lola-exact"):
        runs = run_replicas(ArenaChoice("ipd"), {"row": rule, "column": rule}, rounds=100, replicas=20)
        assert runs.exact
        ends[rule] = float(np.mean([v.mean() for v in runs.tail().values()]))
    assert ends["naive-exact"] < -1.85
    assert ends["lola-exact"] > -1.15


@pytest.mark.learning
def test_lola_finds_the_mixed_equilibrium_of_matching_pennies_where_naive_learners_do_not() -> None:
    far = {}
    for rule in ("naive-exact", "lola-exact"):
        runs = run_replicas(ArenaChoice("imp"), {"row": rule, "column": rule}, rounds=200, replicas=20)
        far[rule] = np.abs(runs.probabilities("row")[:, 1:, 0] - 0.5).max(axis=1)
    assert (far["lola-exact"] < 0.05).mean() > 0.9
    assert (far["naive-exact"] > 0.3).mean() > 0.9


@pytest.mark.learning
def test_a_script_shown_is_learned_against() -> None:
    for rule in ["naive-exact", *RULES]:
        runs = run_replicas(ArenaChoice("ipd"), {"row": rule, "column": "tit-for-tat"}, rounds=60, replicas=4)
        assert runs.values["row"].shape == (60, 4)
        assert runs.tail()["row"].mean() > runs.values["row"][0].mean()


@pytest.mark.parametrize(
    ("agent", "arena", "sight", "told"),
    [
        ("lola-exact", "ipd", "actions", "it needs policies"),
        ("lola-exact", "coin-two", "policies", "needs value"),
        ("lola-exact,order=-1", "ipd", "policies", "order must be at least 0"),
        ("lola-exact,eta=-1", "ipd", "policies", "lola-exact: eta must be at least 0, got -1"),
        ("sos,a=2", "ipd", "policies", "a must be in .0, 1., got 2"),
        ("sga,weight=-1", "ipd", "policies", "weight must be at least 0"),
        ("lola,eta=-1", "ipd", "policies", "lola: eta must be at least 0"),
        ("lola-dice,eta=-0.5", "ipd", "policies", "lola-dice: eta must be at least 0"),
        ("naive,gamma=1", "ipd", "policies", "gamma must be in .0, 1., got 1"),
    ],
)
def test_what_an_exact_learner_cannot_do_is_refused_by_name(agent: str, arena: str, sight: Any, told: str) -> None:
    with pytest.raises(UserError, match=told):
        set_up(Plan(agent, ArenaChoice(arena), copies=2, length=1, sight=sight))


def test_exact_values_are_of_policies_without_memory() -> None:
    with pytest.raises(UserError, match=r"of memoryless policies, and that of blue .Naive. has a memory"):
        set_up(Plan("lola-exact", ArenaChoice("coin"), against="naive", copies=2, length=1))


def test_three_players_are_refused_by_name() -> None:
    spec = IteratedPrisonersDilemma().spec
    three = replace(spec, seats={**spec.seats, "third": spec.seats["row"]})
    with pytest.raises(ValueError, match="knows games of two players, ipd-v1 has 3"):
        load_agent("lola-exact").agent.make(three, ("row",))

"""Climbing, penalty, two-step, common knowledge and contribution: their payoffs, optima and closed forms."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from arenas.common_knowledge import PAIR, CommonKnowledge
from arenas.contribution import Contribution
from arenas.coordination import Climbing, Penalty, TwoStep
from arenas.protocol import Action, Arena, TimeStep
from arenas.signals import RIGHT, SIGNALS, offsets
from zoo.papers.coma.baseline import variances


class Table:
    """Action probabilities [S, A] by the observation's one-hot number."""

    memoryless, replicas = True, 1

    def __init__(self, table: Tensor) -> None:
        self.table = table

    def probabilities(self, timestep: TimeStep) -> Tensor:
        return self.table[timestep.observation.argmax(-1)]


def paid(arena: Arena, *actions: list[int]) -> list[float]:
    """What the first seat is paid over an episode in one row, when the seats take these actions step by step."""
    arena.reset(torch.zeros(1, dtype=torch.long), autoreset=False)
    rewards = []
    for joint in actions:
        moves = {s: Action(torch.tensor([a])) for s, a in zip(arena.spec.seats, joint, strict=True)}
        steps, _ = arena.step(moves)
        one, other = (step.reward for step in list(steps.values())[:2])
        assert torch.equal(one, other)
        rewards.append(float(one[0]))
    assert all(bool(step.last.all()) and not step.discount.any() for step in steps.values())
    return rewards


def test_climbing_and_penalty_pay_what_claus_and_boutilier_print() -> None:
    table = [[11, -30, 0], [-30, 7, 6], [0, 0, 5]]
    assert [[paid(Climbing(1), [a, b])[0] for b in range(3)] for a in range(3)] == table
    table = [[10, 0, -7], [0, 2, 0], [-7, 0, 10]]
    assert [[paid(Penalty(1, k=-7), [a, b])[0] for b in range(3)] for a in range(3)] == table


def test_a_penalty_is_no_reward() -> None:
    with pytest.raises(ValueError, match="k must be"):
        Penalty(1, k=3.0)


@pytest.mark.parametrize(("branch", "table"), [(0, [[7, 7], [7, 7]]), (1, [[0, 1], [1, 8]])])
@pytest.mark.parametrize("ignored", [0, 1])
def test_two_step_is_qmixs(branch: int, table: list[list[int]], ignored: int) -> None:
    for a, b in itertools.product(range(2), repeat=2):
        assert paid(TwoStep(1), [branch, ignored], [a, b]) == [0, table[a][b]]


def test_two_steps_exact_value_of_the_best_and_of_uniform_play() -> None:
    arena = TwoStep(1, gamma=1.0)
    second = Table(torch.tensor([[0.0, 1.0]] * 4))
    best = arena.value({"chooser": second, "follower": second}, steps=2, gamma=1.0)  # type: ignore[dict-item]
    assert float(best["chooser"]) == 8
    half = Table(torch.full((4, 2), 0.5))
    uniform = arena.value({"chooser": half, "follower": half}, steps=2, gamma=1.0)  # type: ignore[dict-item]
    assert float(uniform["follower"]) == pytest.approx((7 + 10 / 4) / 2)


def deterministic(choice: tuple[int, ...]) -> Table:
    return Table(torch.eye(5)[list(choice)])


@pytest.mark.parametrize("p", [0.0, 0.4, 1.0])
def test_the_best_pair_gets_three_quarters_and_a_quarter_of_p(p: float) -> None:
    """Every pair of deterministic policies where nothing is common, by enumeration; where all is, 1 can be had."""
    arena = CommonKnowledge(1, p=p)
    chain, _, pay = arena.valued
    maps = torch.tensor(list(itertools.product(range(5), repeat=3)))  # nothing, saw A, saw B
    total = torch.zeros(len(maps), len(maps), dtype=torch.float64)
    for situation in range(10):
        matrix, who = divmod(situation, 5)
        if who == 0:
            total += chain.start[situation] * pay[situation, :, 0].max()
            continue
        row, column = (maps[:, 1 + matrix if sees else 0] for sees in divmod(who - 1, 2))
        total += chain.start[situation] * pay[situation, row.unsqueeze(1) * 5 + column, 0]
    assert float(total.max()) == pytest.approx(0.75 + 0.25 * p, abs=1e-6)


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_a_pair_that_acts_on_common_knowledge_alone_gets_at_most_half_and_half_p(p: float) -> None:
    _, _, pay = CommonKnowledge(1, p=p).valued
    blind = (pay[0, :, 0] + pay[5, :, 0]).max() / 2
    assert float(p + (1 - p) * blind) == pytest.approx(0.5 + 0.5 * p, abs=1e-6)


def test_what_the_pair_knows_in_common_follows_from_each_members_own_view() -> None:
    arena = CommonKnowledge(4000, p=0.3)
    steps, state = arena.reset(torch.arange(4000))
    row, column = (steps[seat].observation.argmax(-1) for seat in ("row", "column"))
    for seen, step in zip((row, column), steps.values(), strict=True):
        own = torch.tensor([1, 2, 0, 0, 0])[seen]  # what a member works out from its own view
        assert torch.equal(step.common[PAIR][:, -3:].argmax(-1), own)
    common = row < 2
    assert torch.equal(row[common], column[common])
    assert abs(float(common.float().mean()) - 0.3) < 4 * (0.21 / 4000) ** 0.5
    assert state is not None
    assert torch.equal(state.sum(1), torch.ones(4000))


def test_contributions_add_up() -> None:
    arena = Contribution(64, agents=3, sigma=0.0)
    steps, _ = arena.reset(torch.arange(64))
    signals = torch.stack([step.observation.argmax(-1) for step in steps.values()], 1)
    chosen = torch.randint(SIGNALS, signals.shape, generator=torch.Generator().manual_seed(0))
    after, _ = arena.step({seat: Action(chosen[:, k]) for k, seat in enumerate(arena.spec.seats)})
    right = (chosen == torch.tensor(RIGHT)[signals]).sum(1)
    offset = sum(offsets(3)[k, signals[:, k]] for k in range(3))
    for step in after.values():
        assert torch.allclose(step.reward, right + offset)


def test_the_noise_is_normal_with_the_declared_deviation() -> None:
    arena = Contribution(40_000, agents=4, sigma=0.5)
    quiet = Contribution(40_000, agents=4, sigma=0.0)
    moves = {seat: Action(torch.zeros(40_000, dtype=torch.long)) for seat in arena.spec.seats}
    paid = []
    for game in (arena, quiet):
        game.reset(torch.arange(40_000))
        paid.append(game.step(moves)[0]["agent_0"].reward)
    noise = (paid[0] - paid[1]) / (0.5 * 2)
    assert abs(float(noise.mean())) < 0.02
    assert abs(float(noise.var()) - 1) < 0.03
    assert abs(float((noise.abs() > 1.96).float().mean()) - 0.05) < 0.005


def test_an_exact_value_is_that_of_play() -> None:
    arena = Contribution(1, agents=3, max_steps=5, gamma=1.0)
    right = Table(torch.eye(SIGNALS)[list(RIGHT)])
    value = arena.value(dict.fromkeys(arena.spec.seats, right), steps=5, gamma=1.0)  # type: ignore[arg-type]
    assert float(value["agent_1"]) == pytest.approx(5 * (3 + float(offsets(3).double().mean(1).sum())))


@pytest.mark.parametrize("agents", [2, 10])
def test_the_variance_of_every_advantage_is_the_closed_form(agents: int) -> None:
    """Advantages with exact critics, uniform policies and endless play, from 200,000 transitions of the game itself."""
    n, sigma, gamma = 100_000, 0.5, 0.9
    arena = Contribution(n, agents=agents, sigma=sigma, max_steps=9)
    arena.reset(torch.arange(n))
    table, best = offsets(agents).double(), torch.tensor(RIGHT)
    draw = torch.Generator().manual_seed(1)
    expected = variances(agents, sigma, gamma)
    seats = torch.arange(agents)
    signals = arena._signals
    chosen = torch.randint(SIGNALS, (n, agents), generator=draw)
    steps, _ = arena.step({seat: Action(chosen[:, k]) for k, seat in enumerate(arena.spec.seats)})
    reward = steps["agent_0"].reward.double()
    right = (chosen == best[signals]).double()
    now, after = table[seats, signals], table[seats, arena._signals]
    mean, constant = 1 / SIGNALS, agents / SIGNALS
    # values without the constant of all later steps, which cancels up to a shift
    central = reward + gamma * after.sum(1) - (constant + now.sum(1))
    own = reward + gamma * after[:, 0] - (constant + now[:, 0])
    drawn = {
        "coma": right[:, 0] - mean,
        "iac-q": right[:, 0] - mean,
        "central-qv": right.sum(1) - constant,
        "central-v": central,
        "iac-v": own,
    }
    for method, advantage in drawn.items():
        assert float(advantage.var()) == pytest.approx(expected[method], rel=0.02), method

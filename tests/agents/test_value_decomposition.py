"""Values of teams: sums by hand, mixtures that are monotone, and what either can hold."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from agents.iql import Iql
from agents.parts.networks import mlp
from agents.protocol import Agent, Seating
from agents.qmix import Qmix, QmixConfig, mixed
from agents.randomness import derive_rows
from agents.rollout import rollout
from agents.vdn import Vdn, VdnConfig
from arenas.coordination import TwoStep
from arenas.hunter_prey import HunterPrey
from arenas.matrix import IteratedPrisonersDilemma
from arenas.particle.tag import Tag
from arenas.protocol import Arena
from arenas.skirmish.arena import Skirmish
from zoo.entry.registry import load_agent
from zoo.errors import UserError
from zoo.play.table import Table

SMALL = {"batch": 32, "warmup": 20, "rate": 0.05, "capacity": 200, "hidden": 16, "sequence": 5, "epsilon_steps": 300}
#: Both actions are tried equally often, as in the paper.
TWO_STEP = ["epsilon_last=1", "batch=64", "warmup=128", "rate=0.05", "lr=0.005", "hidden=32", "tau=0.05"]
#: Of branch B of the two-step game.
BRANCH = torch.tensor([[0.0, 1.0], [1.0, 8.0]])


def make(kind: type[Agent], arena: Arena, **settings: Any) -> Any:
    return kind.make(arena.spec, tuple(arena.spec.seats), kind.Config(**(SMALL | settings)), 7)


def table(arena: Arena, agent: Agent, **more: Any) -> Table:
    return Table(arena, arena.spec.name, dict.fromkeys(arena.spec.seats, agent), list(arena.spec.seats), **more)


def replayed(arena: Arena, agent: Any, length: int) -> dict[str, Tensor]:
    """What the agent would learn from."""
    luck = derive_rows(3, arena.batch_size)
    memories = {seat: agent.begin(Seating(seat, luck + n, luck, True)) for n, seat in enumerate(arena.spec.seats)}
    steps, state = arena.reset(luck)
    joint = rollout(arena, dict.fromkeys(arena.spec.seats, agent), memories, steps, length, state)[0]
    return {name: leaf.movedim(0, 2) for name, leaf in agent.rows(joint).items()}


def test_the_teams_error_is_that_of_the_sum_by_hand() -> None:
    arena = TwoStep(4)
    agent = make(Vdn, arena, gamma=0.5)
    batch = {
        "reward": torch.tensor([[[1.0, 2.0], [1.0, 2.0]]]),  # two rows, both seats paid alike
        "discount": torch.tensor([[[1.0, 0.0], [1.0, 0.0]]]),  # the second is a termination
        "counted": torch.tensor([[[1.0, 0.0], [0.0, 0.0]]]),
    }
    chosen, following = torch.tensor([[[3.0, 4.0], [0.5, 0.25]]]), torch.tensor([[[2.0, 9.0], [6.0, 9.0]]])
    error, counted = agent.errors(chosen, following, batch, agent.slow())
    assert error.tolist() == [[[1 + 0.5 * (2 + 6) - (3 + 0.5), 2 - (4 + 0.25)]]]
    assert counted.tolist() == [[[1.0, 0.0]]]


@pytest.mark.parametrize("kind", [Vdn, Qmix])
def test_two_teams_that_fight_have_a_value_each(kind: type[Agent]) -> None:
    arena = Skirmish(4, opponent="team", limit=12)
    agent = make(kind, arena)
    assert [[agent.seats[n] for n in team] for team in agent.teams] == [
        [seat for seat, spec in arena.spec.seats.items() if spec.team == team] for team in ("blue", "red")
    ]
    batch = replayed(arena, agent, 12)
    q = torch.randn(batch["reward"].shape, generator=torch.Generator().manual_seed(0))
    before = agent.total(q, batch, agent.slow(), after=False)
    q[:, agent.teams[0][0]] += 1
    change = agent.total(q, batch, agent.slow(), after=False) - before
    assert bool((change[:, 1] == 0).all())
    assert bool((change[:, 0] >= 0).all())
    assert float(change[:, 0].sum()) > 0


def test_the_mixture_is_monotone_and_its_argmax_is_that_of_the_members() -> None:
    luck = torch.Generator().manual_seed(0)
    units, members, rows = 8, 3, 50
    weights = torch.randn(rows, 2 * units + 1 + members * units, generator=luck)
    q = (3 * torch.randn(rows, members, generator=luck)).requires_grad_()
    (slopes,) = torch.autograd.grad(mixed(weights, q, units).sum(), q)
    assert bool((slopes >= 0).all())
    assert float(slopes.min(1).values.max()) > 0  # and not because nothing depends on them
    values = torch.randn(rows, members, 4, generator=luck)
    joint = torch.tensor(list(itertools.product(range(4), repeat=members)))  # [64, members]
    totals = torch.stack(
        [mixed(weights, values.gather(2, u.expand(rows, -1).unsqueeze(2)).squeeze(2), units) for u in joint]
    )
    alone = values.argmax(2)
    best = totals.max(0).values
    assert torch.allclose(mixed(weights, values.gather(2, alone.unsqueeze(2)).squeeze(2), units), best)


def test_the_mixture_by_hand() -> None:
    # one unit, two members: b1 = .5, W2 = -2, V = 10, W1 = (-1, 3)
    weights = torch.tensor([[0.5, -2.0, 10.0, -1.0, 3.0]])
    assert mixed(weights, torch.tensor([[1.0, 2.0]]), 1).tolist() == [10 + 2 * (1 + 6 + 0.5)]
    below = mixed(weights, torch.tensor([[-1.0, -2.0]]), 1)
    assert below.tolist() == pytest.approx([10 + 2 * (torch.tensor(-6.5).exp() - 1).item()])  # elu


@pytest.mark.parametrize(("kind", "recurrent"), [(Vdn, False), (Qmix, False), (Qmix, True)])
def test_learning_goes_on_bit_for_bit_after_a_restore(kind: type[Agent], recurrent: bool) -> None:
    agents = [make(kind, Skirmish(6), recurrent=recurrent) for _ in range(2)]
    tables = [table(Skirmish(6, limit=12), agent, length=12) for agent in agents]
    before = {name: p.clone() for name, p in agents[0].learning_state().items()}
    for _ in range(3):
        tables[0].play_round()
    tables[1].restore(*tables[0].state())
    for _, one in itertools.product(range(2), tables):
        one.play_round()
    for name, p in agents[0].learning_state().items():
        assert torch.equal(p, agents[1].learning_state()[name]), name
        if "w0" in name and "count" not in name:
            assert not torch.equal(p, before[name]), name


def test_a_step_teaches_members_through_the_team(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = make(Qmix, Skirmish(6), double=False)
    batch = replayed(Skirmish(6, limit=12), agent, 12)
    chosen = torch.randn(batch["reward"].shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    error, _ = agent.errors(chosen, torch.zeros_like(chosen), batch, agent.slow())
    (slopes,) = torch.autograd.grad(-error.sum(), chosen)
    assert bool((slopes >= 0).all())
    assert bool((slopes.sum((0, 2)) > 0).all())


def test_a_sum_cannot_hold_the_branch_and_prefers_the_safe_one() -> None:
    a, b = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.0])
    grid = torch.stack([torch.ones(4), a.repeat_interleave(2), b.repeat(2)], dim=1)
    fit = torch.linalg.lstsq(grid, BRANCH.flatten().unsqueeze(1)).solution.squeeze(1)
    best = float((grid @ fit).max())
    assert best == pytest.approx(6.5, abs=1e-4)  # less than the 7 of the other branch
    assert best < TwoStep(1).settings.safe


def settled(name: str, seed: int, rounds: int = 100) -> tuple[float, float]:
    """The return of greedy play in the two-step game, and by how much the better branch is preferred."""
    arena, found = TwoStep(64), load_agent(name)
    agent: Any = found.agent.make(arena.spec, tuple(arena.spec.seats), found.config(TWO_STEP), seed)
    rounds_of = table(arena, agent, seed=seed)
    for _ in range(rounds):
        rounds_of.play_round()
    q = [mlp(agent.networks.team.of(n), torch.eye(4)) for n in range(2)]
    branch = q[0][0]
    pay = 7.0 if branch[0] > branch[1] else float(BRANCH[q[0][2].argmax(), q[1][2].argmax()])
    return pay, float(branch[1] - branch[0])


@pytest.mark.learning
@pytest.mark.parametrize("seed", [0, pytest.param(range(1, 10), marks=pytest.mark.slow)])
def test_the_mixture_finds_8_where_the_sum_takes_7(seed: int | range) -> None:
    # over seeds 0 to 9 the branch is preferred by at least .21 either way
    for one in [seed] if isinstance(seed, int) else seed:
        (most, margin), (safe, other) = settled("qmix", one), settled("vdn", one)
        assert (most, safe) == (8.0, 7.0)
        assert margin > 0.05 and other < -0.05


@pytest.mark.parametrize("name", ["vdn", "qmix"])
def test_teams_that_may_be_paid_differently_are_refused(name: str) -> None:
    kind = load_agent(name).agent
    arena = Tag(1)
    with pytest.raises(ValueError, match="may be paid differently in tag"):
        kind.make(arena.spec, tuple(arena.spec.seats))


@pytest.mark.parametrize("name", ["vdn", "qmix"])
def test_seats_without_team_mates_are_refused_as_such(name: str) -> None:
    for arena in (IteratedPrisonersDilemma(1), HunterPrey(1, hunters=1), HunterPrey(1)):
        with pytest.raises(ValueError, match="is a team of its own"):
            load_agent(name).agent.make(arena.spec, tuple(arena.spec.seats))


def test_a_mixture_needs_the_state() -> None:
    arena = TwoStep(4)
    with pytest.raises(UserError, match="it needs state: the global state") as refusal:
        table(arena, make(Qmix, arena), sight="own")
    assert "\n" not in str(refusal.value)
    table(arena, make(Vdn, arena), sight="own").play_round()


@pytest.mark.parametrize(
    ("name", "setting", "fault"),
    [
        ("vdn", "replay=importance", "no others to weigh by"),
        ("qmix", "replay=both", "no others to weigh by"),
        ("qmix", "mixing=0", "mixing must be at least 1"),
    ],
)
def test_bad_settings_are_refused_in_one_line(name: str, setting: str, fault: str) -> None:
    with pytest.raises(UserError, match=fault) as refusal:
        load_agent(name).config([setting])
    assert "\n" not in str(refusal.value)


def test_they_are_what_iql_is_but_for_the_teams_value() -> None:
    assert issubclass(Vdn, Iql) and issubclass(Qmix, Vdn)
    assert VdnConfig().share and QmixConfig().double

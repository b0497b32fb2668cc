"""Networks that seats share, and networks that remember."""

from __future__ import annotations

import pytest
import torch

from agents.parts.critics import moments
from agents.parts.networks import mlp, mlp_parameters
from agents.parts.policies.recurrent import HIDDEN, RecurrentPolicy
from agents.parts.recurrent import step, unrolled
from agents.parts.segments import across
from agents.parts.team import Team, apply, product
from agents.protocol import Seating, Trajectory, load_exactly
from agents.randomness import derive_rows
from agents.rollout import stack_timesteps
from arenas.protocol import Action, SeatSpec, moment

SIZES = [[5, 16, 16, 3], [4, 16, 16, 2], [5, 16, 16, 3]]


def test_a_shared_network_reads_the_seats_number() -> None:
    team = Team(SIZES, [7, 8, 9], shared=True)
    whole = mlp_parameters([5 + 3, 16, 16, 3], seed=7)
    x = torch.randn(3, 10, 5, generator=torch.Generator().manual_seed(0))
    told = torch.cat((x, torch.eye(3).unsqueeze(1).expand(3, 10, 3)), dim=-1)
    assert torch.allclose(apply(team.parameters, x), mlp(whole, told), atol=1e-6)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_a_seats_view_plays_what_the_stack_plays(shared: bool, recurrent: bool) -> None:
    sizes = [[s[0], s[1], s[-1]] for s in SIZES] if recurrent else SIZES
    team = Team(sizes, [7, 8, 9], shared=shared, recurrent=recurrent)
    with torch.no_grad():  # what padding would add must not count
        for parameter in team.parameters.values():
            parameter += 0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
    x = torch.randn(6, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    x[:, 1, :, 4] = 0  # the second seat is narrower
    first = torch.rand(6, 3, 4, generator=torch.Generator().manual_seed(2)) < 0.3
    if recurrent:
        out, hiddens = unrolled(team.parameters, x, torch.ones(3, 4, 16), first)
    for seat, (wide, *_, narrow) in enumerate(sizes):
        hidden = torch.ones(4, 16)
        for t in range(6):
            seen = x[t, seat, :, :wide]
            if recurrent:
                mine, hidden = step(team.of(seat), seen, hidden, first[t, seat])
                assert torch.allclose(hidden, hiddens[t, seat], atol=1e-6)
                assert torch.allclose(mine, out[t, seat, :, :narrow], atol=1e-6)
            else:
                both = apply(team.parameters, x[t])[seat, :, :narrow]
                assert torch.allclose(mlp(team.of(seat), seen), both, atol=1e-6)


@pytest.mark.parametrize("shared", [False, True])
def test_what_all_read_alike_may_stand_apart(shared: bool) -> None:
    team, luck = Team([[5, 16, 16, 3]] * 3, [7, 8, 9], shared=shared), torch.Generator().manual_seed(0)
    alike, own = torch.randn(6, 1, 4, 2, generator=luck), torch.randn(6, 3, 4, 3, generator=luck)
    whole = across(team.parameters, torch.cat((alike.expand(-1, 3, -1, -1), own), dim=-1))
    assert torch.allclose(across(team.parameters, own, common=alike), whole, atol=1e-6)


@pytest.mark.parametrize("apart", [False, True])
def test_a_long_segment_is_read_in_parts(apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    team, luck = Team([[5, 16, 16, 3]] * 3, [7, 8, 9], shared=True), torch.Generator().manual_seed(0)
    alike, x = torch.randn(7, 1, 4, 2, generator=luck), torch.randn(7, 3, 4, 3 if apart else 5, generator=luck)
    common = alike if apart else None
    whole = across(team.parameters, x, common=common)
    monkeypatch.setattr("agents.parts.segments._ROWS", 3 * 4 * 2)  # parts of 2 2 2 1 steps
    with torch.no_grad():
        assert torch.allclose(across(team.parameters, x, common=common), whole, atol=1e-6)


def test_a_narrow_product_is_the_product_and_has_its_gradient() -> None:
    luck = torch.Generator().manual_seed(0)
    x = torch.randn(2, 9, 6, generator=luck, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, 11, generator=luck, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(2, 1, 11, generator=luck, dtype=torch.float64, requires_grad=True)
    ours, plain = product(x, weight, bias), x @ weight + bias
    assert ours.shape == (2, 9, 11)
    assert torch.allclose(ours, plain)
    slopes, theirs = (torch.autograd.grad(y.square().sum(), (x, weight, bias)) for y in (ours, plain))
    assert all(torch.allclose(mine, other) for mine, other in zip(slopes, theirs, strict=True))


@pytest.mark.parametrize("rest", [(), (2,)])
def test_moments_are_numbered_time_step_by_time_step(rest: tuple[int, ...]) -> None:
    leaf, which = torch.arange(3 * 2 * 4 * (rest or (1,))[0]).view(3, 2, 4, *rest), torch.tensor([11, 0, 6])
    found = moments(leaf, which)
    assert found.shape == (1, 2, 3, *rest)
    for at, (when, copy) in enumerate([(2, 3), (0, 0), (1, 2)]):
        assert found[0, :, at].equal(leaf[when, :, copy])


def test_the_unit_is_torchs() -> None:
    team = Team([[5, 8, 2]], [3], recurrent=True)
    p = {name: parameter[0] for name, parameter in team.parameters.items()}
    with torch.no_grad():
        p["gib"].copy_(torch.linspace(-1, 1, 24).unsqueeze(0))
        p["ghb"].copy_(torch.linspace(1, -1, 24).unsqueeze(0))
        theirs = torch.nn.GRU(8, 8)
        theirs.weight_ih_l0.copy_(p["gi"].T)
        theirs.weight_hh_l0.copy_(p["gh"].T)
        theirs.bias_ih_l0.copy_(p["gib"][0])
        theirs.bias_hh_l0.copy_(p["ghb"][0])
    x = torch.randn(7, 1, 4, 5, generator=torch.Generator().manual_seed(0))
    _, hiddens = unrolled(team.parameters, x, torch.zeros(1, 4, 8), torch.zeros(7, 1, 4, dtype=torch.bool))
    expected, _ = theirs((x[:, 0] @ p["w0"] + p["b0"]).relu())
    assert torch.allclose(hiddens[:, 0], expected, atol=1e-6)


def test_a_recurrent_policy_acts_as_it_is_judged() -> None:
    spec = SeatSpec((5,), 3)
    policy = RecurrentPolicy(Team([[5, 8, 3]], [3], recurrent=True).of(0), spec, sharpness=50.0)
    memory = policy.begin(Seating("a", derive_rows(0, 4, "s"), derive_rows(0, 4, "t")))
    luck = torch.Generator().manual_seed(0)
    steps = [moment(torch.randn(4, 5, generator=luck), 3, first=t in (0, 3)) for t in range(6)]
    played = []
    for seen in steps:
        action, memory = policy.act(seen, memory)
        played.append(action.value)
    stacked = stack_timesteps(steps)
    outputs = policy.outputs(Trajectory(stacked, Action(torch.stack(played[:-1]))))
    assert torch.equal(outputs.argmax(-1), torch.stack(played))
    assert memory[HIDDEN].shape == (4, 8)


def test_weights_that_differ_between_sharing_seats_are_refused() -> None:
    team = Team(SIZES[::2], [7, 8], shared=True)
    mine = {f"{seat}/{name}": p for seat, n in (("a", 0), ("b", 1)) for name, p in team.of(n).items()}
    given = {name: p.clone() for name, p in mine.items()}
    load_exactly(mine, given)
    given["b/w1"] += 1
    with pytest.raises(ValueError, match="seats share w1"):
        load_exactly(mine, given)

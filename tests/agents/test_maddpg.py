"""MADDPG's update against the same computed seat by seat, its switches, inferred policies and ensembles."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agents.ddpg import Ddpg
from agents.maddpg import Maddpg, MaddpgConfig, MaddpgEnsemble, MaddpgInferred, critic_target
from agents.parts.networks import mlp
from agents.parts.relaxed import relaxed
from agents.parts.team import Team, apply, padded, real
from agents.protocol import LearningContext, Seating
from agents.randomness import derive_rows, generator
from agents.rollout import rollout
from arenas.protocol import ArenaSpec, SeatSpec
from zoo.registry import load_arena

#: Two predators and a prey that see and do things of different width.
SPEC = ArenaSpec(
    "unequal-v1",
    {
        "one": SeatSpec((4,), 3, team="hunters", side="hunter"),
        "two": SeatSpec((4,), 3, team="hunters", side="hunter"),
        "prey": SeatSpec((2,), 5, team="prey", side="prey"),
    },
    "competitive",
    max_steps=5,
    gamma=0.9,
    offers=frozenset({"discrete"}),
)
SEATS = tuple(SPEC.seats)
NOBODY = LearningContext(SEATS, 0, 0)


def filled(agent: Maddpg, rows: int = 400) -> Maddpg:
    """Transitions in the agent's replay: actions one-hot within their width, everything else random."""
    luck = generator(1)
    found = {name: torch.randn(rows, *leaf.shape[1:], generator=luck) for name, leaf in agent._example().items()}
    widths = torch.tensor(agent.acts)
    drawn = (torch.rand(rows, len(widths), generator=luck) * widths).long()
    found["action"] = torch.nn.functional.one_hot(drawn, max(agent.acts)).float()
    for name in ("observation", "next"):
        for number, wide in enumerate(agent.sees):
            found[name][:, number, wide:] = 0
    found["discount"] = (torch.rand(rows, generator=luck) < 0.9).float()
    if "k" in found:
        drawn = torch.randint(agent.config.k, (rows, 2), generator=luck)
        found["k"] = drawn[:, [0, 0, 1]]  # hunters draw together
    agent.replay.add(found)
    return agent


def one(parameters: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    return {name: p[number : number + 1] for name, p in parameters.items()}


def test_a_team_is_its_seats_networks_side_by_side() -> None:
    sizes = [[4, 8, 8, 3], [2, 8, 8, 5]]
    team = Team(sizes, [3, 4])
    seen = [torch.randn(6, 4), torch.randn(6, 2)]
    together = apply(team.parameters, padded([x.unsqueeze(0) for x in seen])[0].movedim(1, 0))
    for number, (x, widths) in enumerate(zip(seen, sizes, strict=True)):
        alone = mlp({name: p.clone() for name, p in team.of(number).items()}, x)
        torch.testing.assert_close(together[number, :, : widths[-1]], alone, rtol=1e-5, atol=1e-6)
    assert torch.equal(real([3, 5])[:, 0].sum(-1), torch.tensor([3, 5]))


def test_padding_never_learns() -> None:
    agent = filled(Maddpg.make(SPEC, SEATS, MaddpgConfig(batch=64)))
    for _ in range(5):
        agent._update(0, agent._sample(0, {}, generator(0)), NOBODY, generator(0))
    weights = agent.actors[0].parameters
    assert not weights["w0"][2, 2:].any()  # the prey sees two numbers
    assert not weights["w2"][:2, :, 3:].any() and not weights["b2"][:2, :, 3:].any()  # hunters have three actions
    assert weights["w0"][2, :2].any() and weights["w2"][2, :, 3:].any()


def _gradients(agent: Maddpg, rows: dict[str, Tensor], number: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Equations 5 and 6 of one own seat, written out seat by seat with arg max target actions and probabilities."""
    seat = agent.own[number]
    flat = {name: leaf[0] for name, leaf in rows.items()}

    def widths(x: Tensor) -> Tensor:
        return x.flatten(1) if agent.central else x[:, seat]

    following = torch.zeros_like(flat["action"])
    for n, s in enumerate(agent.own):
        logits = mlp(agent.targets["actor"][0].of(n), flat["next"][:, s, : agent.sees[s]])
        following[torch.arange(len(logits)), s, logits.argmax(-1)] = 1
    ahead = mlp(
        one(agent.targets["critic"][0].parameters, number), torch.cat([widths(flat["next"]), widths(following)], 1)
    )
    y = flat["reward"][:, number] + 0.9 * flat["discount"] * ahead.squeeze(1)
    critic = {n: p.clone().requires_grad_() for n, p in one(agent.critics[0].parameters, number).items()}
    q = mlp(critic, torch.cat([widths(flat["observation"]), widths(flat["action"])], 1)).squeeze(1)
    of_critic = torch.autograd.grad((q - y.detach()).square().mean(), list(critic.values()))

    theta = {n: p.clone().requires_grad_() for n, p in agent.actors[0].of(number).items()}
    logits = mlp(theta, flat["observation"][:, seat, : agent.sees[seat]])
    actions = flat["action"].clone()
    actions[:, seat] = 0
    actions[:, seat, : agent.acts[seat]] += logits.softmax(-1)
    value = mlp(one(agent.critics[0].parameters, number), torch.cat([widths(flat["observation"]), widths(actions)], 1))
    loss = -value.mean() + agent.config.regulariser * logits.square().mean()
    of_actor = torch.autograd.grad(loss, list(theta.values()))
    return dict(zip(critic, of_critic, strict=True)), dict(zip(theta, of_actor, strict=True))


class Recorder:
    """An optimiser that keeps what it is given and changes nothing, so that both gradients are of the same weights."""

    def descend(self, gradients: dict[str, Tensor]) -> None:
        self.given = gradients


@pytest.mark.parametrize("kind", [Maddpg, Ddpg])
@pytest.mark.parametrize("seats", [SEATS, ("one", "two")])
def test_the_update_is_the_papers_seat_by_seat(kind: type[Maddpg], seats: tuple[str, ...]) -> None:
    agent = filled(kind.make(SPEC, seats, MaddpgConfig(batch=64, sample="mean", target="argmax")))
    rows = agent._sample(0, {}, generator(0))
    if kind is Maddpg and seats != SEATS:
        rows["next_action"] = torch.zeros_like(rows["next_action"])  # the written-out target knows own seats alone
    recorders = {"critic": Recorder(), "actor": Recorder()}
    agent.optimizers |= {name: [recorder] for name, recorder in recorders.items()}
    agent._update(0, rows, NOBODY, generator(0))
    for number in range(len(seats)):
        of_critic, of_actor = _gradients(agent, rows, number)
        for name, mine in of_critic.items():
            torch.testing.assert_close(recorders["critic"].given[name][number : number + 1], mine, rtol=1e-4, atol=1e-6)
        for name, mine in of_actor.items():
            given = recorders["actor"].given[name][number : number + 1]
            torch.testing.assert_close(given[tuple(map(slice, mine.shape))], mine, rtol=1e-4, atol=1e-6)


def test_bootstraps_through_a_cut_and_never_through_a_termination() -> None:
    ones = torch.ones(2)
    assert critic_target(ones, torch.tensor([1.0, 0.0]), 10 * ones, 0.9).tolist() == [10.0, 1.0]


@pytest.mark.parametrize("how", ["soft", "hard", "argmax", "mean"])
def test_relaxed_actions_are_distributions_over_real_actions(how: Any) -> None:
    logits = torch.tensor([[0.0, 1.0, -torch.inf]]).expand(20_000, 3).clone().requires_grad_()
    action = relaxed(logits, how, 1.0, generator(0))
    assert not action[:, 2].any()
    torch.testing.assert_close(action.sum(-1), torch.ones(20_000))
    if how in ("hard", "argmax"):
        assert set(action.detach().round(decimals=5).flatten().tolist()) == {0.0, 1.0}
    if how in ("hard", "mean"):  # draws from the softmax (Gumbel's arg max), or its probabilities
        torch.testing.assert_close(action.mean(0), logits[0].detach().softmax(-1), atol=0.02, rtol=0)
    assert action.requires_grad == (how != "argmax")


def test_an_ensemble_learns_from_the_transitions_of_its_sub_policy() -> None:
    agent = filled(MaddpgEnsemble.make(SPEC, SEATS, MaddpgEnsemble.Config(batch=64)))
    assert agent.groups == [0, 0, 1]
    rows = agent._sample(2, agent._made_by(), generator(0))
    assert bool((rows["k"][0, :, :2] == 2).all()) and bool((rows["k"][1, :, 2] == 2).all())
    assert len(rows["k"][0, :, 2].unique()) == 3  # the other team played whatever it had drawn
    before = [{n: p.clone() for n, p in team.parameters.items()} for team in agent.actors]
    agent._update(2, rows, NOBODY, generator(0))
    changed = [
        not all(torch.equal(p, was[n]) for n, p in t.parameters.items())
        for t, was in zip(agent.actors, before, strict=True)
    ]
    assert changed == [False, False, True]


@pytest.mark.parametrize(("draw", "together"), [("team", True), ("seat", False)])
def test_who_draws_a_sub_policy(draw: Any, together: bool) -> None:
    arena = load_arena("ipd").make(64)
    agent = MaddpgEnsemble.make(arena.spec, ("row", "column"), MaddpgEnsemble.Config(draw=draw))
    memories = {s: agent.begin(Seating(s, derive_rows(i, 64), derive_rows(9, 64))) for i, s in enumerate(agent.seats)}
    steps, _ = arena.reset(derive_rows(0, 64))
    joint, _ = rollout(arena, dict.fromkeys(agent.seats, agent), memories, steps, 155)
    k = {s: t.actions.extras["k"] for s, t in joint.seats.items()}
    for drawn in k.values():
        assert bool((drawn[1:150] == drawn[0]).all()), "one for an episode"
        assert set(drawn[0].tolist()) == {0, 1, 2}
        assert bool((drawn[151] != drawn[0]).any()), "and another for the next"
    # the prisoners are two teams, which draw apart, also where one entrant fills both seats
    assert not torch.equal(k["row"][0], k["column"][0])
    luck = [memories[s]["k_luck"] for s in agent.seats]
    same = agent.begin(Seating("row", derive_rows(5, 64), derive_rows(9, 64)))["k_luck"]
    assert torch.equal(same, luck[0]) == together


def test_inferred_policies_find_the_true_ones() -> None:
    agent = filled(MaddpgInferred.make(SPEC, SEATS, MaddpgInferred.Config(batch=2000)), 1)
    luck = generator(5)
    # what the others do depends on what they see, as their own actors say
    seen = padded(
        [
            torch.randn(2000, 4, generator=luck),
            torch.randn(2000, 4, generator=luck),
            torch.randn(2000, 2, generator=luck),
        ]
    )
    for name, p in agent.actors[0].parameters.items():
        if name == "w2":
            p.mul_(400)  # decided policies
    logits = agent._masked(apply(agent.actors[0].parameters, seen.movedim(1, 0)), agent.own)
    done = relaxed(logits, "hard", 1.0, luck).movedim(0, 1).detach()
    rows = {n: leaf.expand(2000, *leaf.shape[1:]).clone() for n, leaf in agent._example().items()}
    agent.replay.add({**rows, "observation": seen, "action": done})
    divergence = [agent._infer()["divergence"] for _ in range(50)]
    assert divergence[0] > 0.15
    assert divergence[-1] < 0.2 * divergence[0], divergence[::50]


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"k": 0}, "k is the number of sub-policies"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"gamma": 1.5}, "gamma must be in"),
        ({"epsilon": -0.1}, "epsilon must be in"),
        ({"inferred": True, "k": 2}, "inferred and ensembles"),
    ],
)
def test_bad_settings_are_refused_by_name(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        MaddpgConfig(**settings)


def test_exploration_draws_uniform_actions_while_it_trains_and_only_then() -> None:
    arena = load_arena("tag").make(400)
    agent = Maddpg.make(arena.spec, tuple(arena.spec.seats), MaddpgConfig(epsilon=0.5))
    for team in agent.actors:
        team.parameters["b2"][:, 0, 3] = 50  # everybody wants the action 3
    steps, _ = arena.reset(derive_rows(0, 400))
    share = {}
    for training in (True, False):
        memory = agent.begin(Seating("agent_0", derive_rows(1, 400), derive_rows(2, 400), training))
        drawn = []
        for _ in range(20):
            action, memory = agent.act(steps["agent_0"], memory)
            drawn.append(action.value)
        share[training] = torch.bincount(torch.stack(drawn).flatten(), minlength=5) / 8000
    torch.testing.assert_close(share[True], torch.tensor([0.1, 0.1, 0.1, 0.6, 0.1]), atol=0.02, rtol=0)
    assert share[False][3] == 1

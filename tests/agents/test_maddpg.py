"""MADDPG's update against the same computed seat by seat, its switches, inferred policies and ensembles."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from agents.ddpg import Ddpg
from agents.lola import Lola
from agents.maddpg import Maddpg, MaddpgConfig
from agents.maddpg_ensemble import MaddpgEnsemble
from agents.maddpg_inferred import MaddpgInferred
from agents.parts.networks import mlp
from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.policies.deterministic import DeterministicPolicy
from agents.parts.policies.relaxed import relaxed
from agents.parts.team import Team, Trained, apply, padded, real
from agents.parts.transitions import Batch, critic_target
from agents.protocol import Agent, JointTrajectory, LearningContext, Seating
from agents.randomness import derive_rows, generator
from agents.rollout import rollout
from agents.scripts.random import Random
from arenas.protocol import Arena, ArenaSpec, SeatSpec
from zoo.entry.registry import load_arena
from zoo.play.table import Table

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
#: The same where actions are vectors.
CONTINUOUS = replace(
    SPEC,
    seats={name: replace(seat, actions=0, action_dim=seat.actions) for name, seat in SPEC.seats.items()},
    offers=frozenset({"continuous"}),
)
NOBODY = LearningContext(SEATS, 0, 0)


def filled(agent: Maddpg, rows: int = 400) -> Maddpg:
    """Transitions in the agent's replay: actions one-hot within their width, everything else random."""
    luck = generator(1)
    found = {name: torch.randn(rows, *leaf.shape[1:], generator=luck) for name, leaf in agent.reader.example().items()}
    widths = torch.tensor(agent.reader.acts)
    drawn = (torch.rand(rows, len(widths), generator=luck) * widths).long()
    found["action"] = torch.nn.functional.one_hot(drawn, max(agent.reader.acts)).float()
    for name in ("observation", "next"):
        for number, wide in enumerate(agent.reader.sees):
            found[name][:, number, wide:] = 0
    found["discount"] = (torch.rand(rows, generator=luck) < 0.9).float()
    if "k" in found:
        assert isinstance(agent, MaddpgEnsemble)
        drawn = torch.randint(agent.config.k, (rows, 2), generator=luck)
        found["k"] = drawn[:, [0, 0, 1]]  # hunters draw together
    agent.replay.add(found)
    return agent


def learned_by(agent: Maddpg) -> dict[str, list[Trained]]:
    """Actors, critics and models of an agent of any of the three kinds."""
    found = {"actor": [agent.actor], "critic": [agent.critic], "model": []}
    if isinstance(agent, MaddpgEnsemble):
        found |= {"actor": agent.actors, "critic": agent.critics}
    if isinstance(agent, MaddpgInferred):
        found["model"] = [agent.models]
    return found


def teams(agent: Maddpg, name: str, *, slow: bool = False) -> list[Team]:
    return [trained.slow if slow else trained.team for trained in learned_by(agent)[name]]


def drawn_for(agent: Maddpg, k: int) -> Batch:
    """A batch from which sub-policy k learns."""
    if isinstance(agent, MaddpgEnsemble):
        return agent.sample(agent.made_by()[k], generator(0))
    return agent.replay.sample(agent.config.batch, generator(0))


def update(agent: Maddpg, k: int, batch: Batch, context: LearningContext = NOBODY) -> dict[str, float]:
    if isinstance(agent, MaddpgEnsemble):
        agent.turn(k)
    return agent.update(batch, context, generator(0))


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
        update(agent, 0, drawn_for(agent, 0))
    weights = agent.actor.team.parameters
    assert not weights["w0"][2, 2:].any()  # the prey sees two numbers
    assert not weights["w2"][:2, :, 3:].any() and not weights["b2"][:2, :, 3:].any()  # hunters have three actions
    assert weights["w0"][2, :2].any() and weights["w2"][2, :, 3:].any()


def decided(agent: Maddpg) -> Maddpg:
    """Networks far from their start, at which all actions are equally good, and slow copies that differ from them."""
    for name, learned in learned_by(agent).items():
        for trained in learned:
            for team in (trained.team, trained.slow):
                team.parameters["w2"].mul_(1.0 if (name, team) == ("critic", trained.team) else 60.0)
            for parameter in trained.slow.parameters.values():
                parameter.mul_(0.8)
    return agent


def _said(logits: Tensor, how: str) -> Tensor:
    return relaxed(logits, how, 1.0, generator(0))  # type: ignore[arg-type]


def _own(agent: Maddpg, teams: list[Team], n: int, k: int, flat: dict[str, Tensor], at: str, how: str) -> Tensor:
    """What own seat n does by the sub-policy that played, row by row; k where there is one team, or one replay."""
    seat = agent.reader.own[n]
    seen = flat[at][:, seat, : agent.reader.sees[seat]]
    played = flat["k"][:, seat].tolist() if "k" in flat else [k] * len(seen)
    rows = [_said(mlp(teams[p].of(n), seen[r : r + 1]), how) for r, p in enumerate(played)]
    return torch.cat(rows)


def _gradients(
    agent: Maddpg, rows: dict[str, Tensor], number: int, k: int, context: LearningContext
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Equations 5, 6, 8 and 9 of one own seat, written out seat by seat, with probabilities as actions."""
    seat, config = agent.reader.own[number], agent.config
    apart = rows["discount"].dim() == 2
    flat = {name: leaf[agent.reader.sets[number]] if apart else leaf for name, leaf in rows.items()}

    def widths(x: Tensor) -> Tensor:
        return x.flatten(1) if agent.central else x[:, seat]

    following = torch.zeros_like(flat["action"])
    for s, name in enumerate(agent.reader.read):
        seen = flat["next"][:, s, : agent.reader.sees[s]]
        if isinstance(agent, MaddpgInferred) and s != seat:
            told = _said(mlp(agent.models.slow.of(agent.pairs.index((seat, s))), seen), config.target)
        elif s in agent.reader.own:
            told = _own(
                agent, teams(agent, "actor", slow=True), agent.reader.own.index(s), k, flat, "next", config.target
            )
        elif name in context.peers:
            told = _said(mlp(context.peers[name].parameters, seen), config.target)
        else:
            told = flat["next_action"][:, s]
        following[:, s, : told.shape[1]] = told
    part = k % len(teams(agent, "critic"))
    slow, now = (one(teams(agent, "critic", slow=of)[part].parameters, number) for of in (True, False))
    ahead = mlp(slow, torch.cat([widths(flat["next"]), widths(following)], 1))
    reward = flat["reward"][:, number]
    if config.standardise:
        known = agent.replay.filled("reward")[:, number]
        reward = (reward - known.mean()) / known.std()
    y = reward + 0.9 * flat["discount"] * ahead.squeeze(1)
    critic = {n: p.clone().requires_grad_() for n, p in now.items()}
    q = mlp(critic, torch.cat([widths(flat["observation"]), widths(flat["action"])], 1)).squeeze(1)
    of_critic = torch.autograd.grad((q - y.detach()).square().mean(), list(critic.values()))

    theta = {n: p.clone().requires_grad_() for n, p in teams(agent, "actor")[k].of(number).items()}
    logits = mlp(theta, flat["observation"][:, seat, : agent.reader.sees[seat]])
    actions = flat["action"].clone()
    for n, s in enumerate(agent.reader.own if config.others == "current" else []):
        actions[:, s, : agent.reader.acts[s]] = _own(
            agent, teams(agent, "actor"), n, k, flat, "observation", config.sample
        )
    actions[:, seat] = 0
    actions[:, seat, : agent.reader.acts[seat]] += logits.softmax(-1)
    value = mlp(
        one(teams(agent, "critic")[part].parameters, number),
        torch.cat([widths(flat["observation"]), widths(actions)], 1),
    )
    loss = (-value.mean() + config.regulariser * logits.square().mean()) / len(teams(agent, "actor"))
    of_actor = torch.autograd.grad(loss, list(theta.values()))
    return dict(zip(critic, of_critic, strict=True)), dict(zip(theta, of_actor, strict=True))


class Recorder:
    """An optimiser that keeps what it is given and changes nothing, so that both gradients are of the same weights."""

    def descend(self, gradients: dict[str, Tensor]) -> None:
        self.given = gradients


HUNTERS = ("one", "two")


@pytest.mark.parametrize(
    ("kind", "seats", "settings", "shown"),
    [
        (Maddpg, SEATS, {}, False),
        (Ddpg, SEATS, {}, False),
        (Ddpg, HUNTERS, {}, False),
        (Maddpg, HUNTERS, {}, False),
        (Maddpg, HUNTERS, {}, True),
        (Maddpg, SEATS, {"target": "argmax"}, False),
        (Maddpg, SEATS, {"standardise": True}, False),
        (Maddpg, SEATS, {"others": "current"}, False),
        (Maddpg, HUNTERS, {"others": "current"}, False),
        (MaddpgInferred, SEATS, {}, False),
        (MaddpgInferred, HUNTERS, {}, False),
        (MaddpgEnsemble, SEATS, {"k": 2}, False),
        (MaddpgEnsemble, HUNTERS, {"k": 2}, True),
        (MaddpgEnsemble, SEATS, {"k": 2, "critics": "own"}, False),
        (MaddpgEnsemble, SEATS, {"k": 2, "others": "current"}, False),
    ],
)
def test_the_update_is_the_papers_seat_by_seat(
    kind: type[Maddpg], seats: tuple[str, ...], settings: dict[str, Any], shown: bool
) -> None:
    config = kind.Config(**{"batch": 64, "tau": 0.0, "sample": "mean", "target": "mean"} | settings)
    agent = decided(filled(kind.make(SPEC, seats, config)))
    prey = decided(Maddpg.make(SPEC, ("prey",), seed=3))
    prey.trains = True
    context = LearningContext(seats, 0, 0, {"prey": prey.policy("prey").frozen()} if shown else {})  # type: ignore[union-attr]
    k = len(learned_by(agent)["actor"]) - 1
    recorders = {name: [Recorder() for _ in learned] for name, learned in learned_by(agent).items()}
    for name, learned in learned_by(agent).items():
        for trained, recorder in zip(learned, recorders[name], strict=True):
            trained.optimizer = recorder  # type: ignore[assignment]
    rows = drawn_for(agent, k)
    update(agent, k, rows, context)
    given_to = {"critic": recorders["critic"][-1].given, "actor": recorders["actor"][k].given}
    for number in range(len(seats)):
        for name, mine in zip(("critic", "actor"), _gradients(agent, rows, number, k, context), strict=True):
            for leaf, gradient in mine.items():
                given = given_to[name][leaf][number : number + 1]
                torch.testing.assert_close(given[tuple(map(slice, gradient.shape))], gradient, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("continuous", [False, True])
def test_an_inferred_policy_goes_down_equation_7(continuous: bool) -> None:
    spec = CONTINUOUS if continuous else SPEC
    agent = decided(filled(MaddpgInferred.make(spec, HUNTERS, MaddpgInferred.Config(batch=50, entropy=0.5))))
    recorder = Recorder()
    assert isinstance(agent, MaddpgInferred)
    agent.models.optimizer = recorder  # type: ignore[assignment]
    rows = agent.replay.newest(50)
    agent.infer()
    for number, (_, j) in enumerate(agent.pairs):
        phi = {n: p.clone().requires_grad_() for n, p in agent.models.team.of(number).items()}
        out = mlp(phi, rows["observation"][:, j, : agent.reader.sees[j]])
        done = rows["action"][:, j, : agent.reader.acts[j]]
        if continuous:
            loss = (out.tanh() - done).square().sum(1).mean() / 2
        else:
            log_pi = out.log_softmax(1)
            entropy = -(log_pi.exp() * log_pi).sum(1)
            loss = -((log_pi * done).sum(1) + 0.5 * entropy).mean()
        for (leaf, p), mine in zip(phi.items(), torch.autograd.grad(loss, list(phi.values())), strict=True):
            given = recorder.given[leaf][number : number + 1][tuple(map(slice, p.shape))]
            torch.testing.assert_close(given, mine, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(MaddpgInferred, {}), (MaddpgEnsemble, {"k": 2}), (MaddpgEnsemble, {"k": 2, "critics": "own"})],
)
def test_slow_copies_follow_by_tau(kind: type[Maddpg], settings: dict[str, Any]) -> None:
    agent = decided(filled(kind.make(SPEC, SEATS, kind.Config(batch=64, tau=0.1, **settings))))
    learned = learned_by(agent)
    before = {name: [deepcopy(trained.slow) for trained in of_kind] for name, of_kind in learned.items()}
    update(agent, 0, drawn_for(agent, 0))
    for name, of_kind in learned.items():
        for number, trained in enumerate(of_kind):
            tau = 0.1 if number == 0 else 0.0  # of sub-policies only the one that learned
            for leaf, was in before[name][number].parameters.items():
                now = trained.slow.parameters[leaf]
                torch.testing.assert_close(now, (1 - tau) * was + tau * trained.team.parameters[leaf])


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
    assert isinstance(agent, MaddpgEnsemble)
    assert agent.reader.sets == [0, 0, 1]
    rows = drawn_for(agent, 2)
    assert bool((rows["k"][0, :, :2] == 2).all()) and bool((rows["k"][1, :, 2] == 2).all())
    assert len(set(rows["k"][0, :, 2].tolist())) == 3  # the other team played whatever it had drawn
    before = [{n: p.clone() for n, p in actors.team.parameters.items()} for actors in agent.actors]
    update(agent, 2, rows)
    changed = [
        not all(torch.equal(p, was[n]) for n, p in actors.team.parameters.items())
        for actors, was in zip(agent.actors, before, strict=True)
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


@pytest.mark.learning
def test_inferred_policies_find_the_true_ones() -> None:
    agent = filled(MaddpgInferred.make(SPEC, SEATS, MaddpgInferred.Config(batch=2000)), 1)
    assert isinstance(agent, MaddpgInferred)
    luck = generator(5)
    # what the others do depends on what they see, as their own actors say
    seen = padded(
        [
            torch.randn(2000, 4, generator=luck),
            torch.randn(2000, 4, generator=luck),
            torch.randn(2000, 2, generator=luck),
        ]
    )
    for name, p in agent.actor.team.parameters.items():
        if name == "w2":
            p.mul_(400)  # decided policies
    logits = agent.reader.masked(apply(agent.actor.team.parameters, seen.movedim(1, 0)), agent.reader.own)
    done = relaxed(logits, "hard", 1.0, luck).movedim(0, 1).detach()
    rows = {n: leaf.expand(2000, *leaf.shape[1:]).clone() for n, leaf in agent.reader.example().items()}
    agent.replay.add({**rows, "observation": seen, "action": done})
    divergence = [agent.infer()["divergence"] for _ in range(50)]
    assert divergence[0] > 0.15
    assert divergence[-1] < 0.2 * divergence[0], divergence[::50]


@pytest.mark.parametrize(
    ("kind", "settings", "fault"),
    [
        (MaddpgEnsemble, {"k": 0}, "k must be at least 1"),
        (Maddpg, {"batch": 0}, "batch must be at least 1"),
        (Maddpg, {"temperature": 0.0}, "temperature must be above 0"),
        (Maddpg, {"gamma": 1.5}, "gamma must be in"),
        (Maddpg, {"epsilon": -0.1}, "epsilon must be in"),
        (MaddpgInferred, {"model_lr": 0.0}, "model_lr must be above 0"),
        (MaddpgInferred, {"entropy": -1.0}, "entropy must be at least 0"),
        (MaddpgInferred, {"k": 2}, "unexpected keyword argument 'k'"),
        (MaddpgEnsemble, {"inferred": True}, "unexpected keyword argument 'inferred'"),
    ],
)
def test_bad_settings_are_refused_by_name(kind: type[Maddpg], settings: dict[str, Any], fault: str) -> None:
    with pytest.raises((ValueError, TypeError), match=fault):
        kind.Config(**settings)


def test_exploration_draws_uniform_actions_while_it_trains_and_only_then() -> None:
    arena = load_arena("tag").make(400)
    agent = Maddpg.make(arena.spec, tuple(arena.spec.seats), MaddpgConfig(epsilon=0.5))
    agent.actor.team.parameters["b2"][:, 0, 3] = 50  # everybody wants the action 3
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


TAG = load_arena("tag").make(3)
CHASERS = tuple(seat for seat in TAG.spec.seats if seat.startswith("adversary"))


def played(agent: Maddpg, arena: Arena = TAG) -> JointTrajectory:
    """Six steps in which the agent trains in its seats, and random players sit in the others."""
    luck = derive_rows(1, arena.batch_size)
    seated: dict[str, Agent] = {}
    memories = {}
    for number, seat in enumerate(arena.spec.seats):
        seated[seat] = agent if seat in agent.seats else Random.make(arena.spec, (seat,))
        memories[seat] = seated[seat].begin(Seating(seat, luck + number, luck, seat in agent.seats))
    timesteps, _ = arena.reset(luck)
    return rollout(arena, seated, memories, timesteps, 6)[0]


@pytest.mark.parametrize(
    ("kind", "shown", "steps"), [(Maddpg, False, 5), (Maddpg, True, 6), (MaddpgInferred, False, 6), (Ddpg, False, 6)]
)
def test_the_end_of_a_segment_is_left_out_where_nobody_knows_what_comes_next(
    kind: type[Maddpg], shown: bool, steps: int
) -> None:
    agent = kind.make(TAG.spec, CHASERS)
    joint = played(agent)
    prey = Maddpg.make(TAG.spec, ("agent_0",)).policy("agent_0")
    assert prey is not None
    rows = agent.reader.rows(joint, {"agent_0": prey} if shown else {})
    assert len(rows["reward"]) == steps * 3
    assert rows.keys() == agent.reader.example().keys()
    assert ("next_action" in rows) == (kind is Maddpg)
    if kind is Maddpg:
        done = torch.nn.functional.one_hot(joint.seats["agent_0"].actions.value, 5)
        assert torch.equal(rows["next_action"][:15, -1].long(), done[1:].flatten(0, 1))


@pytest.mark.parametrize("continuous", [False, True])
def test_an_ensemble_learns_beside_strangers_and_owes_the_mean_over_its_seats(continuous: bool) -> None:
    arena = load_arena("tag", [f"continuous={continuous}".lower()]).make(3)
    config = MaddpgEnsemble.Config(k=2, draw="seat", warmup=1, rate=0.01)
    agent = MaddpgEnsemble.make(arena.spec, CHASERS, config)
    joint = played(agent, arena)
    agent.learn(joint, NOBODY)
    drawn = torch.stack([joint.seats[seat].actions.extras["k"][:5] for seat in CHASERS])
    assert set(drawn.flatten().tolist()) == {0, 1}
    shares = torch.stack([(drawn == k).double().mean() for k in range(2)])
    torch.testing.assert_close(agent.owed, 15 * 0.01 * shares)


def test_step_sizes_and_noise_fall_with_the_transitions_and_are_found_again() -> None:
    arena = load_arena("tag", ["continuous=true"]).make(3)
    config = MaddpgConfig(anneal=36, lr=0.01, critic_lr=0.02, noise=0.4, noise_last=0.2, noise_steps=36, capacity=100)
    seats = tuple(arena.spec.seats)
    agent = Maddpg.make(arena.spec, seats, config)
    for left, noise in ((0.525, 0.3), (0.05, 0.2), (0.05, 0.2)):
        agent.learn(played(agent, arena), NOBODY)
        twin = Maddpg.make(arena.spec, seats, config)
        twin.load_learning_state(agent.learning_state())
        for one_of in (agent, twin):
            assert one_of.actor.optimizer.lr == pytest.approx(left * 0.01)
            assert one_of.critic.optimizer.lr == pytest.approx(left * 0.02)
            policy = one_of.policies["agent_0"]
            assert isinstance(policy, DeterministicPolicy) and policy.noise == pytest.approx(noise)


@pytest.mark.parametrize(("play", "training", "drawn"), [("mode", False, 1), ("mode", True, 5), ("sample", False, 5)])
def test_it_plays_its_most_likely_action_unless_it_trains_or_is_told_to_sample(
    play: Any, training: bool, drawn: int
) -> None:
    agent = Maddpg.make(TAG.spec, ("agent_0",), MaddpgConfig(play=play))
    steps, _ = load_arena("tag").make(400).reset(derive_rows(0, 1).expand(400))
    luck = derive_rows(1, 400)
    action, _ = agent.act(steps["agent_0"], agent.begin(Seating("agent_0", luck, luck, training)))
    assert len(set(action.value.tolist())) == drawn
    policy = agent.policy("agent_0")
    assert policy is not None
    assert len(policy.probabilities(steps["agent_0"])[0].nonzero()) == drawn  # and shows itself as it plays


@pytest.mark.parametrize("learns", [True, False])
def test_peers_are_shown_what_they_met_in_the_very_first_round(learns: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    arena = load_arena("ipd").make(64)
    players: dict[str, Agent] = {kind: m.make(arena.spec, (kind,)) for kind, m in (("row", Lola), ("column", Maddpg))}
    shown: list[Tensor] = []

    def learn(self: Lola, joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        shown.append(context.peers["column"].outputs(joint.seats["column"])[0, 0].softmax(-1))
        return {}

    monkeypatch.setattr(Lola, "learn", learn)
    table = Table(arena, "ipd-v1", players, ["row", "column"] if learns else ["row"], length=4)
    table.play_round()
    assert sorted(shown[0].tolist()) == pytest.approx([0.5, 0.5] if learns else [0.0, 1.0], abs=0.1)
    if learns:  # a game that goes on is not begun again
        twin = Maddpg.make(arena.spec, ("column",))
        twin.load_learning_state(players["column"].learning_state())
        policy = twin.policy("column")
        assert isinstance(policy, CategoricalPolicy) and policy.sharpness == 1.0

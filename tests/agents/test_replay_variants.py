"""What independent DQN replays: importance weights, fingerprints, sequences, and nothing but the last segment."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch

from agents.iql import Iql, IqlConfig, epsilon_greedy
from agents.parts.replay import importance, pieces, tempered
from agents.protocol import Agent, CannotLearn, LearningContext, Seating
from agents.randomness import derive_rows
from agents.rollout import rollout
from arenas.protocol import Arena
from arenas.skirmish.arena import Skirmish
from zoo.entry.registry import load_agent
from zoo.errors import UserError
from zoo.play.table import Table

SMALL = {"batch": 32, "warmup": 20, "rate": 0.05, "capacity": 200, "hidden": 16, "sequence": 5, "epsilon_steps": 300}
KINDS: list[dict[str, Any]] = [
    {"replay": replay, "recurrent": recurrent, "share": share}
    for replay, (recurrent, share) in itertools.product(
        ("plain", "none", "importance", "fingerprint", "both"), ((False, True), (True, True), (True, False))
    )
]


def game(copies: int = 6) -> Arena:
    return Skirmish(copies, limit=12)


def make(arena: Arena, **settings: Any) -> Iql:
    return Iql.make(arena.spec, tuple(arena.spec.seats), IqlConfig(**(SMALL | settings)), 7)


def table(arena: Arena, agent: Agent, length: int = 12) -> Table:
    return Table(arena, "skirmish-v1", dict.fromkeys(arena.spec.seats, agent), list(arena.spec.seats), length=length)


def played(arena: Arena, agent: Iql, length: int, training: bool = True) -> Any:
    luck = derive_rows(3, arena.batch_size)
    memories = {seat: agent.begin(Seating(seat, luck + n, luck, training)) for n, seat in enumerate(arena.spec.seats)}
    steps, state = arena.reset(luck)
    return rollout(arena, dict.fromkeys(arena.spec.seats, agent), memories, steps, length, state)[0]


def test_importance_weights_average_1_under_the_policy_that_collected() -> None:
    q = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))  # then and now, three seats, four actions
    then, now = (epsilon_greedy(one, epsilon) for one, epsilon in zip(q, (0.9, 0.1), strict=True))
    means = torch.zeros(3)
    for joint in itertools.product(range(4), repeat=3):
        chances = [torch.stack([pi[n, u] for n, u in enumerate(joint)]).view(1, 3, 1) for pi in (now, then)]
        means += chances[1].prod() * importance(*chances).flatten()
    assert means.tolist() == pytest.approx([1, 1, 1], abs=1e-5)


def test_importance_weights_by_hand() -> None:
    now, then = torch.tensor([0.5, 0.2, 0.0]).view(1, 3, 1), torch.tensor([0.25, 0.4, 0.1]).view(1, 3, 1)
    weight = importance(now, then)
    assert weight.flatten().tolist() == pytest.approx([0.0, 0.0, 1.0])
    used = tempered(torch.tensor([0.0, 0.5, 8.0]), 3)
    assert used.tolist() == pytest.approx([0.1, 0.5**0.5, 2**0.5])  # clipped to [.01, 2], and the root of two others


def test_what_is_weighed_is_divided_by_its_mean() -> None:
    agent = make(game(), replay="importance", lr=1e-9)
    joint = played(game(), agent, 12)
    agent.replay.add(rows := agent.rows(joint))  # type: ignore[union-attr]
    batch = {name: leaf.movedim(0, 2) for name, leaf in rows.items()}
    q = agent.values(agent.networks.team.parameters, batch)
    assert agent.weight(q, batch).flatten().tolist() == pytest.approx([1.0] * rows["counted"].numel())  # not yet old
    agent.learned += 300  # epsilon falls
    for _ in range(50):
        weight = agent.weight(q, batch)
    mean = (weight * batch["counted"]).sum() / batch["counted"].sum()
    assert float(mean) == pytest.approx(1, abs=0.2)
    assert float(weight.std()) > 0.1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))
def test_learning_goes_on_bit_for_bit_after_a_restore(kind: dict[str, Any]) -> None:
    agents = [make(game(), **kind) for _ in range(2)]
    tables = [table(game(), agent) for agent in agents]
    before = {name: p.clone() for name, p in agents[0].acting_state().items()}
    for _ in range(3):
        tables[0].play_round()
    tables[1].restore(*tables[0].state())
    for _, one in itertools.product(range(2), tables):
        one.play_round()
    for name, p in agents[0].learning_state().items():
        assert torch.equal(p, agents[1].learning_state()[name]), name
    assert all(not torch.equal(p, before[name]) for name, p in agents[0].acting_state().items() if "w0" in name)


@pytest.mark.parametrize("recurrent", [False, True])
@pytest.mark.parametrize("replay", ["plain", "fingerprint"])
def test_replayed_values_are_those_that_acted(recurrent: bool, replay: str) -> None:
    agent = make(game(), recurrent=recurrent, replay=replay, share=True)
    for p in agent.networks.team.parameters.values():
        p += 0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1))
    agent.fingerprint.copy_(torch.tensor([0.3, 0.6]))
    rows = agent.rows(played(game(), agent, 12, training=False))
    batch = {name: leaf.movedim(0, 2) for name, leaf in rows.items()}
    q = agent.values(agent.networks.team.parameters, batch).masked_fill(~batch["legal"][:-1], -torch.inf)
    same = (q.argmax(-1) == batch["action"]) | (batch["counted"] == 0)
    assert bool(same.all())
    assert float(batch["counted"].sum()) > 100
    if recurrent:  # what it remembers counts
        changed = agent.values(agent.networks.team.parameters, batch | {"hidden": 0 * batch["hidden"]})
        assert not torch.allclose(changed, agent.values(agent.networks.team.parameters, batch))


def test_actions_that_are_illegal_count_in_no_pass() -> None:
    agent = make(game(), double=True, share=True)
    rows = agent.rows(played(game(), agent, 12))
    batch = {name: leaf.movedim(0, 2) for name, leaf in rows.items()}
    legal = batch["legal"][1:]
    assert not bool(legal.all())
    before = agent.following(batch)
    names = sorted(p for p in agent.networks.team.parameters if p.startswith("b"))
    noop = ~legal[..., 0] & batch["counted"].bool()
    for team in (agent.networks.team, agent.networks.slow):
        team.parameters[names[-1]][..., 0] += 1000.0  # no-op, for the dead alone
    after = agent.following(batch)
    assert torch.allclose(before[noop], after[noop])
    assert bool((after[legal[..., 0]] > 500).all())


def test_nothing_but_the_last_segment_is_replayed_where_nothing_is_kept() -> None:
    agent = make(game(), replay="none")
    seen: list[torch.Tensor] = []
    agent.update = lambda rows: seen.append(rows["observation"]) or {}  # type: ignore[assignment, func-returns-value]
    for update in range(2):
        seen.clear()
        arena = game()
        joint = played(arena, agent, 12)
        agent.learn(joint, LearningContext(agent.seats, update, update))
        there = agent.rows(joint)["observation"].flatten(1)
        assert seen
        for batch in seen:
            assert bool((batch.flatten(1).unsqueeze(1) == there).all(-1).any(1).all())
    assert not any("replay" in name for name in agent.learning_state())


def test_the_fingerprint_plays_and_is_stored_as_it_was() -> None:
    arena = game()
    agent = make(arena, replay="fingerprint", iterations=4, epsilon=0.8, epsilon_last=0.2)
    rounds = table(arena, agent)
    assert agent.fingerprint.tolist() == pytest.approx([0.8, 0.0])
    for _ in range(3):
        rounds.play_round()
    assert agent.fingerprint.tolist() == pytest.approx([agent.epsilon, 0.75])
    assert agent.replay is not None
    stored = {round(float(x), 4) for x in agent.replay.filled("observation")[..., -1].flatten()}
    assert stored == {0.0, 0.25, 0.5}
    other = make(arena, replay="fingerprint")
    other.load_acting_state({name: p.clone() for name, p in agent.acting_state().items()})
    assert torch.equal(other.fingerprint, agent.fingerprint)
    assert other.marked(torch.zeros(1, 3)).tolist()[0] == pytest.approx([0, 0, 0, agent.epsilon, 0.75])


def test_a_segment_is_cut_into_pieces() -> None:
    leaf = torch.arange(8).view(8, 1, 1).expand(8, 2, 3)  # 8 time steps around 7 actions
    rows = pieces(leaf, 3, 7)
    assert rows.shape == (9, 4, 2)  # three pieces of three copies
    assert rows[::3, :, 0].tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 7, 7]]
    assert pieces(leaf[:7], 3, 7)[::3, :, 0].tolist() == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
    assert pieces(leaf[::3], 3, 7)[::3, :, 0].tolist() == [[0], [3], [6]]
    agent = make(game(), recurrent=True, sequence=5)
    joint = played(game(), agent, 12)
    on = torch.stack([t.timesteps.active[:-1] & ~t.timesteps.last[:-1] for t in joint.seats.values()])
    rows_of = agent.rows(joint)
    assert float(rows_of["counted"].sum()) == float(on.sum())


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        (["batch=2000", "capacity=1000"], "capacity must be at least the batch of 2000"),
        (["recurrent=true", "sequence=64", "batch=32"], "batch must be at least one sequence"),
        (["replay=old"], "replay must be one of"),
        (["iterations=0"], "iterations must be at least 1"),
    ],
)
def test_bad_settings_are_refused_in_one_line(settings: list[str], fault: str) -> None:
    with pytest.raises(UserError, match=fault) as refusal:
        load_agent("iql").config(settings)
    assert "\n" not in str(refusal.value)


def test_weighing_by_others_needs_others() -> None:
    arena = game()
    first, *rest = arena.spec.seats
    config = IqlConfig(**SMALL, replay="importance")
    alone = Iql.make(arena.spec, (first,), config, 7)
    with pytest.raises(CannotLearn, match="joint"):
        alone.learn(played(arena, make(arena), 2), LearningContext((first,), 0, 0))
    players: dict[str, Agent] = {first: alone} | {
        seat: load_agent("random").agent.make(arena.spec, (seat,)) for seat in rest
    }
    with pytest.raises(UserError, match="cannot learn in skirmish-v1: replay=importance") as refusal:
        Table(arena, "skirmish-v1", players, [first]).play_round()
    assert "\n" not in str(refusal.value)


def test_what_joined_the_settings_is_in_no_identity_at_its_default() -> None:
    usual = IqlConfig()
    assert {name: getattr(usual, name) for name in Iql.arrived} == {
        "share": False,
        "recurrent": False,
        "replay": "plain",
        "sequence": 32,
        "iterations": 1000,
    }

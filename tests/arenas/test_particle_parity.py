"""The particle worlds play exactly mpe2's games: 8 scenarios x 200 seeds x 25 steps, of which 50 seeds are usual.

mpe2's worlds are driven directly, without PettingZoo's wrappers. Half of the rows act uniformly, most others insist on
one favourite action for each seat, so that agents also meet, leave the middle and reach their top speeds. Under
continuous actions 40 seeds are played.
"""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch

from arenas.particle.adversary import Adversary
from arenas.particle.crypto import Crypto
from arenas.particle.push import Push
from arenas.particle.reference import Reference
from arenas.particle.speaker_listener import SpeakerListener
from arenas.particle.spread import Spread
from arenas.particle.tag import Tag
from arenas.particle.world import Particles
from arenas.particle.world_comm import WorldComm
from arenas.protocol import Action

SEEDS = [50, pytest.param(200, marks=pytest.mark.slow)]
CONTINUOUS_SEEDS, STEPS = 40, 25
SCENARIOS: dict[str, type[Particles]] = {
    "simple_spread_v3": Spread,
    "simple_tag_v3": Tag,
    "simple_adversary_v3": Adversary,
    "simple_push_v3": Push,
    "simple_speaker_listener_v4": SpeakerListener,
    "simple_reference_v3": Reference,
    "simple_crypto_v3": Crypto,
    "simple_world_comm_v3": WorldComm,
}
#: Other numbers of agents and landmarks: mpe2's arguments, ours.
SIZES = [
    ("simple_spread_v3", {"N": 5, "local_ratio": 0.2}, {"agents": 5, "local_ratio": 0.2}),
    ("simple_spread_v3", {"N": 1}, {"agents": 1}),
    (
        "simple_tag_v3",
        {"num_good": 2, "num_adversaries": 4, "num_obstacles": 3},
        {"agents": 2, "adversaries": 4, "obstacles": 3},
    ),
    ("simple_tag_v3", {"num_obstacles": 0}, {"obstacles": 0}),
    ("simple_adversary_v3", {"N": 4}, {"agents": 4}),
    ("simple_reference_v3", {"local_ratio": 0.9}, {"local_ratio": 0.9}),
    (
        "simple_world_comm_v3",
        {"num_good": 3, "num_adversaries": 3, "num_obstacles": 2, "num_food": 1, "num_forests": 3},
        {"agents": 3, "adversaries": 3, "obstacles": 2, "food": 1, "forests": 3},
    ),
]


def theirs(name: str, **settings: object):
    """mpe2's world of a scenario, without wrappers."""
    return importlib.import_module(f"mpe2.{name}").raw_env(**settings)


def drawn(arena: Particles, rows: int, seed: int) -> list[dict[str, torch.Tensor]]:
    """Actions for every step: uniform in the first half of the rows, biased in the second."""
    luck = torch.Generator().manual_seed(seed)
    actions = []
    biased = (torch.arange(rows) >= rows // 2) & (torch.arange(rows) % 5 > 0)
    favourite = {
        seat: torch.rand(rows, spec.actions or spec.action_dim, generator=luck)
        for seat, spec in arena.spec.seats.items()
    }
    for _ in range(STEPS):
        chosen = {}
        for seat, spec in arena.spec.seats.items():
            insists = biased & (torch.rand(rows, generator=luck) < 0.8)
            if spec.actions:
                value = torch.randint(spec.actions, (rows,), generator=luck)
                chosen[seat] = torch.where(insists, favourite[seat].argmax(1), value)
            else:
                value = torch.rand(rows, spec.action_dim, generator=luck) * 2 - 1
                chosen[seat] = torch.where(insists.unsqueeze(1), favourite[seat] * 2 - 1, value)
        actions.append(chosen)
    return actions


def compare(env, arena: Particles, rows: int) -> None:
    """Play both, and ask for equal observations and for positions and rewards that differ by rounding."""
    actions = drawn(arena, rows, seed=rows)
    timesteps, state = arena.reset(torch.arange(rows))
    seats = list(arena.spec.seats)
    assert seats == env.possible_agents
    moments = [(state.numpy(), arena.positions().numpy(), arena.rewards().numpy())]
    for chosen in actions:
        timesteps, state = arena.step({seat: Action(value) for seat, value in chosen.items()})
        moments.append((state.numpy(), arena.positions().numpy(), arena.rewards().numpy()))
    assert all(step.last.all() and (step.discount == 1).all() for step in timesteps.values())
    # mpe2 is given its own kind of number, since in Python the sum of two long floats is not that of two short ones
    given = {seat: np.stack([(c[seat].numpy()) for c in actions]) for seat in seats}
    if arena.continuous:
        given = {seat: (value + np.float32(1)) / np.float32(2) for seat, value in given.items()}
    for row in range(rows):
        env.reset(seed=row)
        for t, (seen, places, paid) in enumerate(moments):
            if t:
                env.current_actions = [given[seat][t - 1, row] for seat in seats]
                env._execute_world_step()
                expected = np.array([env.rewards[seat] for seat in seats])
                assert np.abs(paid[row] - expected).max() <= 1e-12, f"rewards of row {row} at moment {t}"
            where = np.stack([entity.state.p_pos for entity in env.world.entities])
            assert np.abs(places[row] - where).max() <= 1e-12, f"positions of row {row} at moment {t}"
            assert np.array_equal(seen[row], env.state()), f"observations of row {row} at moment {t}"


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_discrete_games_are_equal(name: str, seeds: int) -> None:
    compare(theirs(name), SCENARIOS[name](seeds, luck="mpe2"), seeds)


@pytest.mark.parametrize("name", SCENARIOS)
def test_continuous_games_are_equal(name: str) -> None:
    env = theirs(name, continuous_actions=True)
    compare(env, SCENARIOS[name](CONTINUOUS_SEEDS, luck="mpe2", continuous=True), CONTINUOUS_SEEDS)


@pytest.mark.parametrize(("name", "their_settings", "our_settings"), SIZES)
def test_games_of_other_sizes_are_equal(name, their_settings, our_settings) -> None:
    compare(theirs(name, **their_settings), SCENARIOS[name](10, luck="mpe2", **our_settings), 10)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_pettingzoo_faces_are_equal(name: str) -> None:
    env = importlib.import_module(f"mpe2.{name}").parallel_env()
    face = importlib.import_module(SCENARIOS[name].__module__).parallel_env(luck="mpe2")
    assert face.possible_agents == env.possible_agents
    for seed in (0, 12345):
        (seen, _), (expected, _) = face.reset(seed=seed), env.reset(seed=seed)
        luck = np.random.default_rng(seed)
        while env.agents:
            assert all(np.array_equal(seen[agent], expected[agent]) for agent in env.possible_agents)
            assert np.array_equal(face.state(), env.state())
            actions = {agent: int(luck.integers(env.action_space(agent).n)) for agent in env.agents}
            seen, paid, ended, cut, _ = face.step(actions)
            expected, rewards, *ends, _ = env.step(actions)
            assert [ended, cut] == ends
            assert paid == pytest.approx(rewards, rel=1e-6)
        assert not face.agents


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("continuous", [False, True])
def test_spaces_are_equal(name: str, continuous: bool) -> None:
    env = theirs(name, continuous_actions=continuous)
    spec = SCENARIOS[name](1, continuous=continuous).spec
    for seat, seen in spec.seats.items():
        assert seen.observation == env.observation_space(seat).shape
        space = env.action_space(seat)
        assert seen.actions == (0 if continuous else space.n)
        assert seen.action_dim == (space.shape[0] if continuous else 0)
    assert (spec.state_dim,) == env.state_space.shape
    assert spec.max_steps == env.max_cycles

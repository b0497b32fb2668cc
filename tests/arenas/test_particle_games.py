"""The particle worlds by themselves: luck, payments of positions made by hand, metrics, conventions, pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from arenas.particle.adversary import Adversary
from arenas.particle.crypto import Crypto
from arenas.particle.push import Push
from arenas.particle.reference import Reference
from arenas.particle.speaker_listener import SpeakerListener
from arenas.particle.spread import Spread
from arenas.particle.tag import Tag, bound
from arenas.particle.world import Particles
from arenas.particle.world_comm import WorldComm
from arenas.protocol import WORDS, Action, TimeStep
from tests.arenas.test_particle_parity import SCENARIOS, theirs

GAMES = list(SCENARIOS.values())


def still(arena: Particles, **chosen: int) -> dict[str, Action]:
    """Action 0 in all seats but those named."""
    return {
        seat: Action(torch.full((arena.batch_size,), chosen.get(seat, 0), dtype=torch.long))
        for seat in arena.spec.seats
    }


def place(
    arena: Particles,
    places: list[tuple[float, float]],
    goals: tuple[int, ...] = (),
    velocities: list[tuple[float, float]] | None = None,
) -> None:
    """Put agents and landmarks of all rows where a test wants them, with these goals, at rest unless told otherwise."""
    arena.reset(torch.arange(arena.batch_size))
    kept = arena.snapshot()
    n = len(arena.spec.seats)
    there = [*places, *(places[n + goal] for goal in goals)]
    pos = torch.tensor(there, dtype=torch.float64).t().unsqueeze(-1).expand(-1, -1, arena.batch_size)
    picked = torch.tensor(goals, dtype=torch.long).unsqueeze(-1).expand(-1, arena.batch_size)
    vel = torch.tensor(velocities or [(0.0, 0.0)] * n, dtype=torch.float64).t().unsqueeze(-1)
    vel = vel.expand(-1, -1, arena.batch_size).contiguous()
    arena.restore({**kept, "pos": pos.contiguous(), "vel": vel, "goals": picked})


def paid(arena: Particles, **chosen: int) -> list[float]:
    """What a step with these actions pays every seat of the only row."""
    arena.step(still(arena, **chosen))
    return [round(number, 9) for number in arena.rewards()[0].tolist()]


def told(arena: Particles, *actions: Mapping[str, Action]) -> tuple[dict[str, TimeStep], dict[str, Action]]:
    """Stacked time steps and actions of a game that goes on from where the arena stands."""
    moments = [arena._timesteps(arena._nothing)[0], *(arena.step(chosen)[0] for chosen in actions)]
    steps = {
        seat: TimeStep(
            *(torch.stack(leaf) if isinstance(leaf[0], Tensor) else None for leaf in zip(*leaves, strict=True))
        )
        for seat in arena.spec.seats
        for leaves in [[moment[seat][:7] for moment in moments]]
    }
    return steps, {seat: Action(torch.stack([chosen[seat].value for chosen in actions])) for seat in arena.spec.seats}


@pytest.mark.parametrize("game", GAMES)
def test_a_fast_reset_is_uniform_and_every_rows_own(game: type[Particles]) -> None:
    rows = 20_000
    arena = game(rows)
    arena.reset(torch.arange(rows))
    places, n = arena.positions(), len(arena.spec.seats)
    spans = torch.tensor([1.0] * n + [arena.scene.span] * (places.shape[1] - n)).view(-1, 1)
    share = ((places / spans) + 1) / 2
    assert share.min() >= 0 and share.max() < 1
    error = 5 / math.sqrt(12 * rows)  # five standard errors of a mean of uniform numbers
    assert (share.mean(0) - 0.5).abs().max() < error
    assert (share.square().mean(0) - 1 / 3).abs().max() < error
    numbers = share.flatten(1)
    together = torch.corrcoef(numbers.t()) - torch.eye(numbers.shape[1])
    assert together.abs().max() < 5 / math.sqrt(rows)
    for goal, choices in zip(arena.snapshot()["goals"], arena.scene.goals, strict=True):
        assert (goal.bincount() / rows - 1 / choices).abs().max() < 5 * math.sqrt(1 / choices / rows)
    few = game(3)
    few.reset(torch.tensor([17, 4, 11]))
    assert torch.equal(few.positions(), places[[17, 4, 11]])


@pytest.mark.parametrize("luck", ["fast", "mpe2"])
def test_later_episodes_have_luck_of_their_own(luck: str) -> None:
    arena = Adversary(4, max_steps=2, luck=luck)
    starts = []
    arena.reset(torch.tensor([3, 5, -7, 3]))
    for _ in range(3):
        starts.append(arena.positions())
        for _ in range(3):
            arena.step(still(arena))
    for first in range(3):
        assert torch.equal(starts[first][0], starts[first][3])
        assert all(not torch.equal(starts[first][row], starts[first][row + 1]) for row in range(3))
        assert all(not torch.equal(starts[first], starts[later]) for later in range(first + 1, 3))


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("game", GAMES)
def test_a_snapshot_brings_the_game_back(game: type[Particles], continuous: bool) -> None:
    arena = game(3, continuous=continuous, max_steps=6)
    luck = torch.Generator().manual_seed(1)

    def drawn() -> dict[str, Action]:
        return {
            seat: Action(
                torch.rand(3, spec.action_dim, generator=luck) * 2 - 1
                if continuous
                else torch.randint(spec.actions, (3,), generator=luck)
            )
            for seat, spec in arena.spec.seats.items()
        }

    actions = [drawn() for _ in range(12)]
    arena.reset(torch.arange(3))
    for chosen in actions[:4]:
        arena.step(chosen)
    kept = arena.snapshot()
    ahead = [(arena.step(chosen)[1], arena.rewards()) for chosen in actions[4:]]
    other = arena.twin(3)
    other.restore(kept)
    again = [(other.step(chosen)[1], other.rewards()) for chosen in actions[4:]]
    assert all(
        torch.equal(a, b) for pair, twin in zip(ahead, again, strict=True) for a, b in zip(pair, twin, strict=True)
    )


def test_a_match_rests_after_its_episode() -> None:
    arena = Tag(2, max_steps=3)
    arena.reset(torch.arange(2), autoreset=False)
    for _ in range(3):
        steps, state = arena.step(still(arena, agent_0=2))
    assert all(step.last.all() and not step.active.any() for step in steps.values())
    rest, later = arena.step(still(arena, agent_0=1))
    assert torch.equal(state, later)
    assert all((step.reward == 0).all() and step.last.all() and (step.discount == 1).all() for step in rest.values())
    assert (arena.rewards() == 0).all()


@pytest.mark.parametrize(
    ("game", "settings", "fault"),
    [
        (Spread, {"agents": 0}, "spread-v1: agents must be at least 1"),
        (Spread, {"local_ratio": 1.5}, "spread-v1: local_ratio must be in \\[0, 1\\], got 1.5"),
        (Tag, {"adversaries": 0}, "tag-v1: adversaries must be at least 1"),
        (Tag, {"obstacles": -1}, "tag-v1: obstacles must be at least 0, got -1"),
        (Adversary, {"agents": 0}, "adversary-v1: agents must be at least 1"),
        (Reference, {"local_ratio": -0.1}, "reference-v1: local_ratio must be in"),
        (WorldComm, {"food": 0}, "world-comm-v1: food must be at least 1"),
        (Push, {"max_steps": 0}, "push-v1: max_steps must be at least 1, got 0"),
        (Crypto, {"physics": "vmas"}, "crypto-v1: physics must be one of mpe2, openai, got 'vmas'"),
        (SpeakerListener, {"luck": "slow"}, "speaker-listener-v1: luck must be one of fast, mpe2, got 'slow'"),
    ],
)
def test_settings_that_make_no_game_are_refused(game: Any, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        game(1, **settings)


@pytest.mark.parametrize("game", GAMES)
def test_sides_and_teams_are_those_of_the_scenario(game: type[Particles]) -> None:
    spec = game(1).spec
    assert all(seat.rpartition("_")[0] == seen.side for seat, seen in spec.seats.items())
    assert spec.offers == {"discrete", "state", "simulator", "particle", spec.name.removesuffix("-v1")}
    assert spec.offers <= WORDS.keys()
    assert "continuous" in game(1, continuous=True).spec.offers


def test_parties_are_those_who_play_together() -> None:
    assert Tag(1).spec.roles() == (("adversary_0", "adversary_1", "adversary_2"), ("agent_0",))
    assert Crypto(1).spec.roles() == (("eve_0",), ("bob_0", "alice_0"))
    assert SpeakerListener(1).spec.roles() == (("speaker_0",), ("listener_0",))
    assert [len(party) for party in WorldComm(1).spec.roles()] == [4, 2]
    assert [len(party) for party in Spread(1).spec.roles()] == [3]


def test_a_contact_pushes_as_the_formula_says() -> None:
    arena = Spread(1, agents=2)
    place(arena, [(0.0, 0.0), (0.29, 0.0), (1.0, 1.0), (-1.0, 1.0)])
    assert paid(arena) == paid_at(0.5 * -1, 0.5 * -(math.hypot(0.71, 1) + math.hypot(1, 1)), seats=2)
    force = 100 * 1e-3 * math.log1p(math.exp(0.01 / 1e-3))  # 0.01 deep, which is a force of 1 and a little
    velocity = arena.snapshot()["vel"][..., 0]
    assert torch.allclose(velocity, torch.tensor([[-0.1 * force, 0.1 * force], [0, 0]], dtype=torch.float64))
    arena.step(still(arena))
    where = arena.positions()[0, :2, 0]
    assert torch.allclose(where, torch.tensor([-0.01 * force, 0.29 + 0.01 * force], dtype=torch.float64))


def paid_at(*parts: float, seats: int) -> list[float]:
    return [round(sum(parts), 9)] * seats


def test_position_follows_the_old_velocity_and_speed_has_a_limit() -> None:
    arena = Tag(1, adversaries=1, obstacles=0)
    place(arena, [(0.0, 0.0), (5.0, 5.0)])
    xs, speeds = [], []
    for _ in range(6):
        arena.step(still(arena, adversary_0=2, agent_0=3))
        xs.append(arena.positions()[0, 0, 0].item())
        speeds.append(arena.snapshot()["vel"][:, :, 0].norm(dim=0).tolist())
    assert xs[:3] == pytest.approx([0, 0.03, 0.03 + 0.0525])  # v = 0.3, then 0.3 * 0.75 + 0.3
    assert max(speed for speed, _ in speeds) <= 1 + 1e-12
    assert speeds[-1] == pytest.approx([min(1.0, speeds[-1][0]), 1.3])


def test_the_boundary_is_mpe2s() -> None:
    distance = torch.linspace(0, 4, 4001, dtype=torch.float64)
    expected = [0 if x < 0.9 else (x - 0.9) * 10 if x < 1 else min(math.exp(2 * x - 2), 10) for x in distance.tolist()]
    assert bound(distance).tolist() == pytest.approx(expected, abs=1e-12)


def test_predators_share_their_catch() -> None:
    arena = Tag(1, agents=2, obstacles=0)
    # two predators on the first prey, which stands at 0.95; the second prey is caught by nobody
    place(arena, [(0.95, 0.1), (0.95, -0.1), (-0.5, -0.5), (0.95, 0.0), (0.0, 0.8)])
    assert paid(arena) == [20.0, 20.0, 20.0, -20.5, 0.0]


def test_opposite_continuous_pushes_cancel_and_numbers_are_clipped() -> None:
    arena = Adversary(1, continuous=True)
    arena.reset(torch.zeros(1, dtype=torch.long))
    before = arena.positions()
    vectors = {"adversary_0": [9.0, 1, 1, -1, 1], "agent_0": [-1.0, 0, 3, -1, -1], "agent_1": [0.0] * 5}
    for _ in range(2):
        arena.step({seat: Action(torch.tensor([vector])) for seat, vector in vectors.items()})
    way = (arena.positions() - before)[0, :3]
    expected = torch.tensor(
        [[0, 0.05], [0.025, 0], [0, 0]], dtype=torch.float64
    )  # 5 * 0.1 of a full push, a step later
    assert torch.allclose(way, expected)


def test_openai_moves_with_the_new_velocity_and_one_is_right() -> None:
    for action, sign in ((1, 1), (2, -1)):
        arena = Push(1, physics="openai")
        place(arena, [(0.0, 0.0), (3.0, 3.0), (1.0, 0.0), (0.0, 1.0)], (0,))
        arena.step(still(arena, adversary_0=action))
        assert arena.positions()[0, 0].tolist() == pytest.approx([sign * 0.05, 0.0])
    vector = torch.tensor([[-1.0, 1, -1, 1, -1]])
    arena = Push(1, physics="openai", continuous=True)
    place(arena, [(0.0, 0.0), (3.0, 3.0), (1.0, 0.0), (0.0, 1.0)], (0,))
    arena.step({"adversary_0": Action(vector), "agent_0": Action(-torch.ones(1, 5))})
    assert arena.positions()[0, :2].flatten().tolist() == pytest.approx([0.05, 0.05, 3, 3])


def test_openai_pays_as_in_2017() -> None:
    spread = Spread(1, physics="openai")
    # the first two fly into each other: 0.75 * 1.5 of velocity left, 0.1125 of way each, 0.275 from 0.3 apart
    flying = [(1.5, 0.0), (-1.5, 0.0), (0.0, 0.0)]
    place(spread, [(0.0, 0.0), (0.5, 0.0), (2.0, 0.0), (0.1125, 0.5), (2.0, 0.25), (0.3875, -1.0)], velocities=flying)
    assert paid(spread) == [-3 * (0.5 + 0.25 + 1.0) - 3 - 2] * 3  # each overlaps itself, two each other

    adversary = Adversary(1, physics="openai")
    place(adversary, [(0.0, 2.0), (0.0, 0.5), (3.0, 0.0), (0.0, 0.0), (1.0, 1.0)], (0,))
    assert paid(adversary) == [-4.0, 1.5, 1.5]

    listener = SpeakerListener(1, physics="openai")
    place(listener, [(5.0, 5.0), (0.0, 2.0), (1.0, 1.0), (0.0, 0.5), (3.0, 3.0)], (1,))
    assert paid(listener) == [-4.5, -4.5]

    reference = Reference(1, physics="openai")
    place(reference, [(0.0, 0.0), (1.0, 0.0), (1.0, 2.0), (3.0, 0.0), (0.0, 4.0)], (0, 1))
    assert paid(reference) == [-13.0, -13.0]  # agent 1 is 2 from goal 0, agent 0 is 3 from goal 1

    for physics, sign in (("mpe2", -1), ("openai", 1)):
        world = WorldComm(1, adversaries=1, agents=1, obstacles=0, food=1, forests=0, physics=physics)
        place(world, [(-0.5, 0.0), (0.5, 0.0), (0.5, 0.6)])
        assert paid(world) == [-0.1, round(sign * 0.05 * 0.6, 9)]


def test_predators_do_not_see_into_forests_but_their_leader_does() -> None:
    arena = WorldComm(1, adversaries=2, agents=1, obstacles=0, food=1, forests=1)
    place(arena, [(0.8, 0.8), (0.8, -0.8), (-0.5, -0.5), (0.9, 0.0), (-0.5, -0.4)])
    steps, _ = arena._timesteps(arena._nothing)
    ways = {seat: step.observation[0, 8:12].tolist() for seat, step in steps.items()}
    assert ways["leadadversary_0"][2:] == pytest.approx([-1.3, -1.3])
    assert ways["adversary_0"][2:] == [0, 0]
    assert ways["agent_0"] == [0, 0, 0, 0]
    place(arena, [(0.8, 0.8), (-0.5, -0.3), (-0.5, -0.5), (0.9, 0.0), (-0.5, -0.4)])
    steps, _ = arena._timesteps(arena._nothing)
    assert steps["adversary_0"].observation[0, 10:12].tolist() == pytest.approx([0, -0.2])


def test_metrics_of_spread() -> None:
    arena = Spread(1, max_steps=2)
    place(arena, [(0.0, 0.0), (0.2, 0.0), (2.0, 0.0), (0.0, 0.05), (2.0, 0.09), (0.3, 1.0)])
    found = arena.metrics(*told(arena, still(arena), still(arena)))
    assert found["agent_0"] == found["agent_2"]
    assert found["agent_0"]["covered"].item() == pytest.approx(1 / 3)  # the first was pushed away from its landmark
    assert found["agent_0"]["all_covered"].item() == 0
    first = 0.05 + 0.09 + math.hypot(0.1, 1.0)
    pushed = arena.positions()[0]
    second = (pushed[:3].unsqueeze(1) - pushed[3:].unsqueeze(0)).norm(dim=-1).amin(0).sum().item()
    assert found["agent_0"]["distance"].item() == pytest.approx((first + second) / 2)
    assert found["agent_0"]["collisions"].item() == 1.0  # after the first step they still overlap, after the second not
    open_end = Spread(1, max_steps=9)
    place(open_end, [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0), (0.0, 0.05), (1.0, 0.09), (2.0, 0.0)])
    steps, actions = told(open_end, still(open_end))
    assert math.isnan(open_end.metrics(steps, actions)["agent_0"]["covered"].item())
    steps, actions = told(open_end, *[still(open_end)] * 8)
    assert open_end.metrics(steps, actions)["agent_0"]["all_covered"].item() == 1


def test_metrics_of_predators() -> None:
    tag = Tag(1, agents=2, obstacles=1, max_steps=2)
    far = (0.9, -0.9)
    place(tag, [(0.0, 0.0), (0.2, 0.0), far, (0.1, 0.0), (-0.9, 0.9), (-0.9, -0.9)])
    found = tag.metrics(*told(tag, still(tag), still(tag)))
    assert [round(found["agent_0"][name].item(), 6) for name in ("contacts", "contact_steps")] == [2.0, 1.0]
    world = WorldComm(1, max_steps=2)
    places = [(0.0, 0.0), (0.0, 0.2), far, (0.0, -0.9), (0.0, 0.1), (-0.9, 0.9), (-0.9, -0.9), *[(0.9, 0.9)] * 4]
    place(world, places)
    found = world.metrics(*told(world, still(world), still(world)))
    assert [round(found["agent_1"][name].item(), 6) for name in ("contacts", "contact_steps")] == [2.0, 1.0]


def test_contacts_are_those_that_pay() -> None:
    for game in (Tag, WorldComm):
        arena = game(64)
        arena.reset(torch.arange(64), autoreset=False)
        luck = torch.Generator().manual_seed(0)
        actions = [
            {seat: Action(torch.randint(5, (64,), generator=luck)) for seat in arena.spec.seats} for _ in range(25)
        ]
        steps, chosen = told(arena, *actions)
        first = next(iter(arena.spec.seats))
        contacts = arena.metrics(steps, chosen)[first]["contacts"]
        if game is Tag:
            assert torch.allclose(contacts, steps[first].reward.sum(0) / 10, atol=1e-4)
        assert contacts.sum() > 0 and torch.allclose(contacts, contacts.round(), atol=1e-4)
        assert torch.equal(arena.metrics(*told(arena, *actions))[first]["contacts"].isnan(), torch.ones(64).bool())


def test_metrics_of_deception() -> None:
    arena = Adversary(1, max_steps=1)
    place(arena, [(0.0, 0.3), (0.0, 0.05), (1.0, 0.05), (0.0, 0.0), (1.0, 0.0)], (0,))
    found = arena.metrics(*told(arena, still(arena)))
    assert found["adversary_0"]["at_goal"].item() == 0 and found["agent_1"]["at_goal"].item() == 1
    assert found["adversary_0"]["distance"].item() == pytest.approx(0.3)
    assert found["agent_1"]["distance"].item() == pytest.approx(0.05)
    assert all(of_seat["all_covered"].item() == 1 for of_seat in found.values())
    place(arena, [(1.0, 0.0), (0.0, 0.05), (0.5, 0.05), (0.0, 0.0), (1.0, 0.0)], (1,))
    found = arena.metrics(*told(arena, still(arena)))
    # the adversary on the landmark covers nothing for the good
    assert found["adversary_0"]["at_goal"].item() == 1 and found["adversary_0"]["all_covered"].item() == 0


def test_metrics_of_keep_away() -> None:
    arena = Push(1, max_steps=1)
    place(arena, [(0.0, 0.5), (1.0, 0.05), (0.0, 0.0), (1.0, 0.0)], (1,))
    found = arena.metrics(*told(arena, still(arena)))
    assert [found[seat]["at_goal"].item() for seat in ("adversary_0", "agent_0")] == [0, 1]
    distances = [found[seat]["distance"].item() for seat in ("adversary_0", "agent_0")]
    assert distances == pytest.approx([math.hypot(1, 0.5), 0.05])


def test_metrics_of_communication() -> None:
    arena = SpeakerListener(1, max_steps=1)
    place(arena, [(0.0, 0.0), (0.5, 0.45), (0.0, 0.0), (0.5, 0.5), (1.0, 0.0)], (1,))
    found = arena.metrics(*told(arena, still(arena)))
    assert found["speaker_0"]["at_goal"].item() == 1
    assert found["listener_0"]["distance"].item() == pytest.approx(0.05)
    reference = Reference(1, max_steps=1)
    place(reference, [(0.0, 0.0), (0.5, 0.45), (0.0, 0.3), (0.5, 0.5), (1.0, 0.0)], (1, 0))
    found = reference.metrics(*told(reference, still(reference)))
    assert [found[seat]["at_goal"].item() for seat in ("agent_0", "agent_1")] == [0, 1]
    assert found["agent_0"]["distance"].item() == pytest.approx(0.3)


@pytest.mark.parametrize("continuous", [False, True])
def test_accuracy_of_bob_and_eve(continuous: bool) -> None:
    arena = Crypto(1, max_steps=4, continuous=continuous)
    place(arena, [(0.0, 0.0)] * 5, (1, 0))
    eve, bob = [1, 1, 0, 3], [0, 1, 1, 1]  # the first symbols, before Alice has spoken, do not count

    def says(symbol: int) -> Action:
        vector = torch.full((1, 4), -0.5)
        vector[0, symbol] = 0.2
        return Action(vector if continuous else torch.tensor([symbol]))

    steps, actions = told(
        arena, *[{"eve_0": says(e), "bob_0": says(b), "alice_0": says(2)} for e, b in zip(eve, bob, strict=True)]
    )
    found = arena.metrics(steps, actions)
    assert found["eve_0"]["accuracy"].item() == pytest.approx(1 / 3)
    assert found["bob_0"]["accuracy"].item() == 1
    assert found["alice_0"] == {}


def test_who_says_nothing_costs_nothing() -> None:
    arena = Crypto(1, continuous=True)
    place(arena, [(0.0, 0.0)] * 5, (1, 0))
    nothing, third = -torch.ones(1, 4), torch.tensor([[-1.0, -1, 0, -1]])
    arena.step({"eve_0": Action(nothing), "bob_0": Action(third), "alice_0": Action(third)})
    assert arena.rewards()[0].tolist() == [0, -1.25, -1.25]
    arena.step({"eve_0": Action(third), "bob_0": Action(nothing), "alice_0": Action(third)})
    assert arena.rewards()[0].tolist() == [-1.25, 1.25, 1.25]


@pytest.mark.parametrize("continuous", [False, True])
@pytest.mark.parametrize("name", SCENARIOS)
def test_pictures_look_like_mpe2s(name: str, continuous: bool) -> None:
    env = theirs(name, render_mode="rgb_array", continuous_actions=continuous)
    arena = SCENARIOS[name](3, luck="mpe2", continuous=continuous)
    arena.reset(torch.arange(3))
    env.reset(seed=2)
    luck = torch.Generator().manual_seed(0)
    for _ in range(15):
        chosen = {
            seat: torch.rand(3, spec.action_dim, generator=luck) * 2 - 1
            if continuous
            else torch.randint(spec.actions, (3,), generator=luck)
            for seat, spec in arena.spec.seats.items()
        }
        arena.step({seat: Action(value) for seat, value in chosen.items()})
        numbers = [value[2].numpy() for value in chosen.values()]
        env.current_actions = [(number + 1) / 2 if continuous else number for number in numbers]
        env._execute_world_step()
    ours, other = arena.render(2, "rgb_array"), env.render()
    assert isinstance(ours, np.ndarray) and ours.shape == (700, 700, 3) and ours.dtype == np.uint8
    talkers = sum(not agent.silent for agent in env.world.agents)
    differ = np.abs(ours.astype(float) - other).max(axis=-1) > 0
    # a disc may lie a pixel off where its place is rounded; the lines at the bottom are in another font
    assert differ[:560].mean() < 1e-3
    assert np.abs(ours.astype(float) - other).mean() < (6 if talkers else 0.1)


def test_texts_tell_places_words_and_goals() -> None:
    arena = SpeakerListener(1)
    place(arena, [(0.0, 0.0), (0.5, -0.456), (0.0, 0.3), (0.5, 0.5), (1.0, 0.0)], (1,))
    assert "speaker_0        +0.00  +0.00  says _" in str(arena.render())
    arena.step(still(arena, speaker_0=2))
    text = str(arena.render())
    assert text.startswith("step 1 of 25\n")
    assert (
        "says C" in text and "listener_0       +0.50  -0.46" in text and "landmark 1       +0.50  +0.50  goal" in text
    )
    with pytest.raises(ValueError, match="cannot be rendered as 'svg'"):
        arena.render(0, "svg")

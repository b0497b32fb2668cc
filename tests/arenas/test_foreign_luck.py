"""Environments that draw from global generators, or keep something over a reset, and those that show pictures."""

import random

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv

from arenas.foreign.arena import Foreign
from arenas.foreign.memory import copies_that_fit
from tests.arenas.arena_play import play
from zoo.check.checking import check_arena
from zoo.check.verdict import Failed
from zoo.entry.venue import ArenaChoice, Venue
from zoo.play.blocks import Task, play_block
from zoo.play.episodes import play_episodes
from zoo.play.seating import rotations, sit_down


class Careless(ParallelEnv):
    """Draws what it shows from both global generators, and keeps its clock over a reset where it was told to."""

    metadata = {"name": "careless_v0", "kind": "mixed", "forfeit": -10.0}  # noqa: RUF012

    def __init__(self, keeps: bool = False, shape: tuple[int, ...] = (3,), length: int = 8) -> None:
        self.possible_agents, self.keeps, self.length, self.clock = ["a", "b"], keeps, length, 0
        self.shape = shape

    def observation_space(self, agent):
        return Box(-1000, 1000, self.shape)

    def action_space(self, agent):
        return Discrete(2)

    def _seen(self):
        drawn = np.zeros(self.shape)
        drawn.flat[:3] = random.random(), np.random.rand(), self.clock
        return dict.fromkeys(self.agents, drawn)

    def reset(self, seed=None, options=None):
        self.agents, self.left = list(self.possible_agents), self.length
        self.clock = self.clock if self.keeps else 0
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions):
        self.clock, self.left = self.clock + 1, self.left - 1
        paid = {agent: float(np.random.normal() + random.gauss(0, 1)) for agent in self.agents}
        seen, flags = self._seen(), dict.fromkeys(self.agents, self.left == 0)
        infos = {agent: {} for agent in self.agents}
        if self.left == 0:
            self.agents = []
        return seen, paid, flags, dict.fromkeys(flags, False), infos


def keeper(length: int = 8):
    return Careless(keeps=True, length=length)


def broken(name: str, **settings: str) -> set[str]:
    words = [f"{name}={value}" for name, value in settings.items()]
    return {f.number for f in check_arena(f"{__name__}:{name}", words) if isinstance(f.verdict, Failed)}


def test_global_luck_is_dealt_by_the_seed_and_leaves_no_trace():
    random.seed(3), np.random.seed(3)
    expected = random.random(), np.random.rand()
    random.seed(3), np.random.seed(3)
    first, again = (play(Foreign(3, env=Careless), torch.tensor([5, 6, 5]), 20) for _ in range(2))
    for seat, step in first.steps.items():
        assert torch.equal(step.observation, again.steps[seat].observation)
        assert torch.equal(step.observation[:, 0], step.observation[:, 2])
        assert not torch.equal(step.observation[:, 0], step.observation[:, 1])
    assert (random.random(), np.random.rand()) == expected
    assert broken("Careless") == set()


def test_the_official_loop_with_seeded_generators_sees_the_same():
    segment = play(Foreign(1, env=Careless), torch.tensor([5]), 8)
    random.seed(5), np.random.seed(5)
    env = Careless()
    seen, _ = env.reset(seed=5)
    for t in range(8):
        assert np.allclose(segment.steps["a"].observation[t, 0], seen["a"])
        seen, paid, *_ = env.step({"a": 0, "b": 0})
        assert float(segment.steps["b"].reward[t + 1, 0]) == pytest.approx(paid["b"])


def test_an_environment_that_keeps_something_over_a_reset_can_be_made_anew():
    assert {"2", "3"} <= broken("keeper")
    assert broken("keeper", anew="true") == set()
    said = Venue(ArenaChoice(f"{__name__}:keeper", ("length=9",)))
    assert said.identity != Venue(ArenaChoice(f"{__name__}:keeper", ("length=9", "anew=true"))).identity


def test_a_game_that_does_not_repeat_says_how_it_might():
    said = Foreign(1, env=unlike).kind_said
    assert "does not repeat an episode" in said and "arena.anew=true" in said


def unlike():
    env = Careless(keeps=True)
    env.metadata = {}
    return env


@pytest.mark.parametrize(("numbers", "copies"), [(10, 10), (4_700_000, 10), (30_000_000, 2), (10**9, 1)])
def test_fewer_copies_of_what_shows_much(numbers, copies):
    assert copies_that_fit(numbers, 10) == copies


def pictures():
    return Careless(shape=(3, 40, 40))


def test_what_was_seen_is_not_kept_in_a_match():
    venue = Venue(ArenaChoice(f"{__name__}:pictures"))
    seated = sit_down(venue.arena(2), [venue.entrant("random")] * 2, rotations(venue.spec, alone=True)[0], 0)
    blind, all_of_it = (play_episodes(seated, torch.tensor([5, 6]), views=views) for views in (False, True))
    assert blind.steps["a"].observation.shape == (9, 2, 0)
    assert all_of_it.steps["a"].observation.shape == (9, 2, 40, 3, 40)
    assert all(torch.equal(blind.returns[seat], all_of_it.returns[seat]) for seat in "ab")
    assert play_block(venue, Task(("random", "random"), 0, 0, 2)).results[0].lengths.tolist() == [8, 8]

"""The scripts of the particle worlds: what they do move by move, and what they earn."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from agents.protocol import Seating
from agents.randomness import derive_rows, generator
from agents.rollout import rollout
from agents.scripts.particle import Assignment, Pursuit, nearest, push
from arenas.protocol import Arena
from zoo.entry.catalogue import playable
from zoo.entry.entrant import read_entrant
from zoo.entry.registry import load_agent, load_arena
from zoo.errors import UserError

REST, LEFT, RIGHT, DOWN, UP = range(5)


def returns(arena: str, who: str | Mapping[str, str], *settings: str, episodes: int = 1000) -> dict[str, float]:
    """Mean return of every seat where `who` plays, by side or everywhere."""
    game = load_arena(arena, list(settings)).make(episodes)
    luck = derive_rows(3, episodes)
    players, memories = {}, {}
    for number, (seat, spec) in enumerate(game.spec.seats.items()):
        entry = load_agent(who if isinstance(who, str) else who[spec.side])
        players[seat] = entry.agent.make(game.spec, (seat,))
        memories[seat] = players[seat].begin(Seating(seat, derive_rows(number, episodes), luck))
    told, _ = game.reset(luck, autoreset=False)
    joint, _ = rollout(game, players, memories, told, game.spec.max_steps)
    return {seat: float(t.timesteps.reward[1:].sum(0).mean()) for seat, t in joint.seats.items()}


def script(kind: Any, arena: str, seat: str, *settings: str) -> Any:
    return kind.make(load_arena(arena, list(settings)).make(1).spec, (seat,))


def test_a_push_goes_along_the_longer_axis() -> None:
    ways = torch.tensor([[0.5, 0.4], [-0.5, 0.4], [0.1, 0.2], [0.1, -0.2], [0.01, -0.02]])
    assert push(ways).tolist() == [RIGHT, LEFT, UP, DOWN, REST]
    assert push(ways, still=0.0).tolist()[-1] == DOWN
    assert nearest(torch.tensor([[[3.0, 4.0], [0.0, -2.0]]])).tolist() == [[0.0, -2.0]]


def seen_in_spread(agents: Tensor, landmarks: Tensor) -> Tensor:
    """What every agent observes at rest [n, O], of places [n, 2]."""
    n = len(agents)
    rows = []
    for i in range(n):
        others = [agents[j] - agents[i] for j in range(n) if j != i]
        rows.append(torch.cat([torch.zeros(2), agents[i], (landmarks - agents[i]).flatten(), *others]))
    return torch.cat([torch.stack(rows), torch.zeros(n, 2 * (n - 1))], dim=1)


def test_agents_agree_on_the_best_assignment() -> None:
    agent = script(Assignment, "spread", "agent_0", "agents=4")
    luck = generator(0)
    for _ in range(20):
        agents, landmarks = (torch.rand(4, 2, generator=luck, dtype=torch.float64) * 2 - 1 for _ in range(2))
        gap = (agents.unsqueeze(1) - landmarks).square().sum(-1)
        best = min(itertools.permutations(range(4)), key=lambda order: sum(gap[i, j] for i, j in enumerate(order)))
        chosen = agent.choose(seen_in_spread(agents, landmarks).float())
        assert chosen.tolist() == push(landmarks[list(best)] - agents).tolist()


def test_an_agent_brakes_before_its_landmark() -> None:
    agent = script(Assignment, "spread", "agent_0", "agents=1")
    still = torch.tensor([0.0, 0.0, 0.5, 0.5, 0.2, 0.0])  # velocity, place, the way to the landmark
    fast = torch.tensor([1.2, 0.0, 0.5, 0.5, 0.2, 0.0])
    assert agent.choose(torch.stack([still, fast])).tolist() == [RIGHT, LEFT]


def test_a_predator_runs_for_where_its_prey_will_be() -> None:
    hunter = script(Pursuit, "tag", "adversary_0", "obstacles=0")
    # velocity, place, two other predators, prey to the right, the prey's velocity
    away, passing = [0.0, 0, 0, 0, 9, 9, 9, 9, 0.3, 0.2, 0.5, 0.0], [0.0, 0, 0, 0, 9, 9, 9, 9, 0.3, 0.2, 0.0, 1.3]
    assert hunter.choose(torch.tensor([away, passing])).tolist() == [RIGHT, UP]


def test_prey_runs_from_a_predator_and_not_out_of_bounds() -> None:
    prey = script(Pursuit, "tag", "agent_0", "obstacles=0", "adversaries=1")
    places = [[0.0, 0.0], [0.0, 0.0], [0.88, 0.0]]
    hunters = [[0.2, 0.0], [0.0, -0.2], [-0.2, 0.0]]
    seen = torch.tensor([[0.0, 0.0, *place, *hunter] for place, hunter in zip(places, hunters, strict=True)])
    left, up, cornered = prey.choose(seen).tolist()
    assert (left, up) == (LEFT, UP)
    assert cornered in (UP, DOWN)


@pytest.mark.parametrize("setting", ["continuous=false", "continuous=true"])
def test_what_scripts_earn_in_spread_and_tag(setting: str) -> None:
    # reference scripts earn -8.1 in spread, and 11.3 and -19.9 in tag
    spread = returns("spread", "assignment", setting)
    assert all(-7.8 < earned < -6.6 for earned in spread.values())
    tag = returns("tag", "pursuit", setting)
    assert 12.5 < tag["adversary_0"] < 16.5 and -23.5 < tag["agent_0"] < -18.5
    assert -25.2 < returns("spread", "still", setting)["agent_0"] < -23


def test_each_half_of_pursuit_is_worth_its_while() -> None:
    chased = returns("tag", {"adversary": "pursuit", "agent": "random"})
    fled = returns("tag", {"adversary": "random", "agent": "pursuit"})
    assert chased["adversary_0"] > 50  # random predators earn 4.4
    assert fled["agent_0"] > -3 and fled["adversary_0"] < 1.5


def test_who_is_informed_goes_to_the_goal() -> None:
    assert returns("speaker-listener", "informed-listener")["listener_0"] > -10  # random play: -42
    good = {"adversary": "random", "agent": "informed-adversary"}
    assert returns("adversary", good)["agent_0"] > 18  # random play: 7
    blind = {"adversary": "informed-adversary", "agent": "informed-adversary"}
    assert returns("adversary", blind)["adversary_0"] > -15  # random play: -28
    assert returns("push", {"adversary": "random", "agent": "informed-push"})["agent_0"] > -10  # random play: -29
    assert returns("push", {"adversary": "informed-push", "agent": "random"})["adversary_0"] > 8  # random play: 1


@pytest.mark.parametrize(("adversaries", "agents", "obstacles"), [(1, 1, 0), (2, 3, 1), (4, 2, 2)])
def test_pursuit_reads_observations_of_any_number(adversaries: int, agents: int, obstacles: int) -> None:
    settings = (f"adversaries={adversaries}", f"agents={agents}", f"obstacles={obstacles}")
    both = returns("tag", "pursuit", *settings, episodes=300)
    lazy = returns("tag", {"adversary": "still", "agent": "pursuit"}, *settings, episodes=300)
    hunted = returns("tag", {"adversary": "pursuit", "agent": "still"}, *settings, episodes=300)
    assert lazy["adversary_0"] < both["adversary_0"] < hunted["adversary_0"]


def arena(name: str, *settings: str) -> Arena:
    return load_arena(name, list(settings)).make(1)


def test_scripts_are_refused_where_they_do_not_know_the_game() -> None:
    assert playable("assignment", {}) == ["spread"]
    assert playable("pursuit", {}) == ["tag"]
    assert {"spread", "tag", "crypto", "reference"} <= set(playable("still", {}))
    with pytest.raises(UserError, match=r"pursuit cannot play spread-v1: it needs tag"):
        read_entrant("pursuit", arena("spread"), "spread-v1")
    crowd = arena("spread", "agents=8")
    with pytest.raises(UserError, match="at most 7 agents"):
        read_entrant("assignment", crowd, "spread-v1").agents(crowd.spec, ("agent_0",), 0)

"""Teams that learn Hanabi, and what they score in greedy games with themselves, under both rules for a lost game."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from agents.protocol import Agent, JointTrajectory, Seating
from agents.randomness import derive, derive_rows
from agents.rollout import rollout
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers.figure import Json, Tell
from zoo.training.plan import Plan, set_up

COPIES, LENGTH = 256, 10  # of the game, and steps of it before an update
CHUNK = 2000  # games of a test that are played at once


def settings_of(agent: str, steps: int) -> str:
    """`bad` as it learns Hanabi in so many steps: PPO, with entropy and step sizes that fall to 0 over the run."""
    falls = f"calm={steps},anneal={steps}"
    ppo = "ratio=0.2,passes=3,parts=4,normalise=true,critic_lr=0.001,lambda_=0.95"
    return f"{agent},entropy=0.1,{falls},{ppo}"


def trained(tell: Tell, agent: str, game: Sequence[str], steps: int, seed: int, points: int = 0, games: int = 0) -> Any:
    """A team that has learned a variant, and what it was worth at `points` moments on the way, by `games` games each.

    Returns:
        Seat -> agent, and the list of `score`s with the steps at which they were measured.
    """
    plan = Plan(agent, ArenaChoice("hanabi", tuple(game)), copies=COPIES, length=LENGTH, steps=steps, seed=seed)
    setting = set_up(plan)
    table, rounds, curve = setting.table, setting.rounds, []
    for done in range(1, rounds + 1):
        table.play_round()
        if points and done * points % rounds < points:
            curve.append({"steps": done * table.steps_per_round, **score(table.players, game, games, seed)})
        tell(done, rounds)
    return table.players, curve


def played(players: dict[str, Agent], game: Sequence[str], games: int, seed: int) -> Any:
    """Whole greedy games of a team with itself: `JointTrajectory` and the arena, chunk by chunk."""
    for first in range(0, games, CHUNK):
        count = min(CHUNK, games - first)
        arena = Venue(ArenaChoice("hanabi", tuple(game))).arena(count)
        rows = derive_rows(derive(seed, "tests"), count, "episode", first=first)
        luck = derive_rows(derive(seed, "tests"), count, "team", first=first)
        steps, state = arena.reset(rows, autoreset=False)
        memories = {seat: agent.begin(Seating(seat, luck, luck)) for seat, agent in players.items()}
        joint, _ = rollout(arena, players, memories, steps, arena.spec.max_steps, state, until_over=True)
        yield joint, arena


def score(players: dict[str, Agent], game: Sequence[str], games: int, seed: int) -> Json:
    """Means over `games` greedy games: `zero`, where a lost game counts 0, `kept`, where it keeps its points, and more.

    The others are `lost` and `perfect`, shares of the games.
    """
    found: list[torch.Tensor] = []
    for joint, arena in played(players, game, games, seed):
        found.append(_each(joint, arena))
    means = torch.cat(found, dim=1).mean(1).tolist()
    return dict(zip(("zero", "kept", "lost", "perfect"), means, strict=True))


def _each(joint: JointTrajectory, arena: Any) -> torch.Tensor:
    """What `score` is the mean of, float64 [4, B]."""
    steps = {seat: trajectory.timesteps for seat, trajectory in joint.seats.items()}
    found = next(iter(arena.metrics(steps, {}).values()))
    points, lost, perfect = (found[name].double() for name in ("points", "lost", "perfect"))
    return torch.stack((points * (1 - lost), points, lost, perfect))

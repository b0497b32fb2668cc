"""The rules of thumb for Hanabi: what they earn, and that what is sure is sure."""

from __future__ import annotations

import pytest
import torch

from agents.protocol import Seating
from agents.rollout import rollout
from agents.scripts.hanabi import Cautious, Hinted
from arenas.hanabi.arena import Hanabi


def scores(agent: type[Cautious], variant: str, games: int) -> dict[str, float]:
    arena = Hanabi(games, variant=variant)
    rows = torch.arange(games)
    seats = tuple(arena.spec.seats)
    player = agent.make(arena.spec, seats)
    steps, state = arena.reset(rows, autoreset=False)
    memories = {seat: player.begin(Seating(seat, rows, rows)) for seat in seats}
    length = arena.spec.max_steps
    joint, _ = rollout(arena, dict.fromkeys(seats, player), memories, steps, length, state, until_over=True)
    shown = {seat: trajectory.timesteps for seat, trajectory in joint.seats.items()}
    found = {name: float(values.mean()) for name, values in arena.metrics(shown, {})["player_0"].items()}
    return found | {"score": float(shown["player_0"].reward.sum(0).mean())}


@pytest.mark.parametrize("variant", ["mini", "small", "full"])
def test_the_cautious_one_never_loses_a_game(variant: str) -> None:
    found = scores(Cautious, variant, 200)
    assert found["lost"] == 0
    assert found["score"] == found["points"] > 1.5


def test_to_believe_in_hints_pays() -> None:
    assert scores(Hinted, "mini", 400)["score"] > 3.5
    assert scores(Hinted, "full", 200)["points"] > scores(Cautious, "full", 200)["points"] + 8

"""The figure of public beliefs: who reads the games sees what the decoder itself believed, and parts become rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from agents.bad import Bad, BadConfig
from agents.parts.beliefs import by_hints, consistent, surprise
from agents.protocol import JointTrajectory, Seating
from agents.randomness import derive_rows
from agents.rollout import rollout
from arenas.hanabi.arena import Hanabi
from zoo.papers import load
from zoo.papers.bad import beliefs


def games(belief: str, copies: int = 300) -> tuple[Bad, JointTrajectory]:
    """Greedy games of a team whose plans are far from uniform, so that they tell something."""
    arena = Hanabi(copies, variant="mini")
    seats = tuple(arena.spec.seats)
    agent = Bad.make(arena.spec, seats, BadConfig(belief=belief, hidden=16, first=3.0), seed=2)  # type: ignore[arg-type]
    steps, state = arena.reset(torch.arange(copies), autoreset=False)
    luck = derive_rows(3, copies)
    memories = {seat: agent.begin(Seating(seat, luck, luck)) for seat in seats}
    joint, _ = rollout(
        arena, dict.fromkeys(seats, agent), memories, steps, arena.spec.max_steps, state, until_over=True
    )
    return agent, joint


@pytest.mark.parametrize(("belief", "name"), [("v2", beliefs.V2), ("exact", beliefs.EXACT)])
def test_who_reads_the_games_believes_what_the_decoder_believed(belief: str, name: str) -> None:
    agent, joint = games(belief)
    own = joint.seats[agent.seats[0]].actions.extras["belief"]
    read = beliefs.read(agent.known, joint.seats[agent.seats[0]])[name][:-1]
    on = ~joint.seats[agent.seats[0]].timesteps.last[:-1]
    assert torch.allclose(read[on], own[on], atol=1e-5)


def test_the_more_a_belief_uses_the_better_it_knows_the_cards() -> None:
    """exact <= V2 < V1 < V0, and with few cards left the undamped iteration knows less than V0."""
    agent, joint = games("none")
    cards, counted = beliefs.hidden(agent.hands, joint)
    nats = {
        name: float((surprise(belief, cards) * counted).sum() / counted.sum())
        for name, belief in beliefs.read(agent.known, joint.seats[agent.seats[0]]).items()
    }
    assert nats[beliefs.EXACT] <= nats[beliefs.V2] < nats[beliefs.V1] < nats[beliefs.V0] < nats[beliefs.RAW]


def test_beliefs_are_read_of_cards_in_hands_while_the_game_is_on() -> None:
    agent, joint = games("none", 50)
    cards, counted = beliefs.hidden(agent.hands, joint)
    assert bool((cards.sum(-1) == 1).all())  # one-hot, also where there is no card
    assert not counted[joint.seats[agent.seats[0]].timesteps.last].any()
    assert not counted[cards[..., -1] == 1].any()
    assert counted[0].all()  # all hands are full at first


def test_the_surprise_of_a_sure_and_right_belief_is_nothing() -> None:
    belief, cards = torch.tensor([[0.25, 0.75], [1.0, 0.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    assert torch.allclose(surprise(belief, cards), torch.tensor([float(-np.log(0.75)), 0.0]))


def test_a_damped_belief_is_a_fixed_point() -> None:
    agent, joint = games("none", 20)
    public = agent.hands.read(joint.seats[agent.seats[0]].timesteps.common[agent.hands.group], agent.actions)
    belief = consistent(public, iterations=300)
    weight = (public.left.unsqueeze(-2) - belief.sum(-2, keepdim=True) + belief).clamp_min(0) * public.hinted
    total = weight.sum(-1, keepdim=True)
    again = torch.where(total > 1e-6, weight / total.clamp_min(1e-6), belief)
    assert torch.allclose(again, belief, atol=1e-3)
    assert (by_hints(public) - belief).abs().max() > 0.05


def test_parts_become_rows_with_the_order_in_words() -> None:
    figure = load("bad-beliefs")
    done: list[Any] = []
    for part in figure.parts(True, 3):
        found: Any = {
            name: {"mean": 1 - 0.1 * n, "by move": [1.0, 0.5 - 0.1 * n]} for n, name in enumerate(beliefs.BELIEFS)
        }
        found[beliefs.EXACT]["mean"] += 2.0 * (not done)
        done.append((part, found))
    assert [part.settings["team"] for part, _ in done] == ["bad", "bad@seed-1", "bad@seed-2"]
    report = figure.assemble(done, True, 3)
    assert len(report.rows) == len(beliefs.BELIEFS) + 1
    assert report.rows[0].ours.mean == 1
    assert report.rows[0].note == "full Hanabi, published: 1.627"
    assert report.rows[5].ours.mean == pytest.approx(1 - 0.7 / 0.8)
    assert report.notes[-1] == "exact <= V2 < V1 < V0 in 2 of 3 teams."
    figure.plot(report)


def test_the_houses_teams_know_more_by_what_they_did() -> None:
    found = beliefs.one_team(lambda done, total: None, 0, "bad", "", 300)
    nats = [found[name]["mean"] for name in (beliefs.EXACT, beliefs.V2, beliefs.V1, beliefs.V0)]
    assert nats == sorted(nats)
    assert nats[1] < 0.7 * nats[2]
    # everybody knows as much before the first move
    assert found[beliefs.V2]["by move"][0] == pytest.approx(found[beliefs.V0]["by move"][0], abs=1e-5)

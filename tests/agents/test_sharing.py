"""Tan's hunters who share: what a table learns from what others did, and how it explores."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from agents.independent_q import IndependentQ
from agents.parts.tabular import q_step
from agents.protocol import CannotLearn, JointTrajectory, LearningContext, Seating
from agents.rollout import rollout
from arenas.hunter_prey import HunterPrey
from arenas.matrix import IteratedPrisonersDilemma
from zoo.play.table import Table

SETTINGS: dict[str, Any] = {"alpha": 0.8, "alpha_decay": 0.0, "gamma": 0.9, "init": 0.0, "temperature": 0.4}


def seated(length: int, copies: int = 1, **settings: Any) -> Table:
    """Two hunters of their own tables at a table."""
    arena = HunterPrey(copies, depth=2)
    config = IndependentQ.Config(**SETTINGS | settings)
    players = {seat: IndependentQ.make(arena.spec, (seat,), config, n) for n, seat in enumerate(arena.spec.seats)}
    return Table(arena, "hunter-prey", players, list(players), length=length, fresh=False, seed=3)


def table_of(table: Table, number: int = 0) -> torch.Tensor:
    """The table of values of a hunter."""
    agent: Any = table.players[f"hunter_{number}"]
    q: torch.Tensor = agent.q
    return q


def watched(table: Table, rounds: int) -> list[JointTrajectory]:
    """What the first hunter was shown in each round."""
    agent: Any = table.players["hunter_0"]
    learn, seen = agent.learn, []

    def watch(joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        seen.append(joint)
        metrics: dict[str, float] = learn(joint, context)
        return metrics

    agent.learn = watch
    for _ in range(rounds):
        table.play_round()
    return seen


def by_hand(seen: list[JointTrajectory], share: str) -> torch.Tensor:
    """The first hunter's table after all that, one transition after another."""
    q = torch.zeros(26, 4, dtype=torch.float64)
    running: list[tuple[torch.Tensor, ...]] = []
    for joint in seen:
        for t in range(len(joint.seats["hunter_0"].actions.value)):
            for seat in ("hunter_0", "hunter_1"):
                steps, actions = joint.seats[seat].timesteps, joint.seats[seat].actions.value
                if steps.last[t]:  # between two trials
                    continue
                row, following = (steps.observation[n, 0].argmax(-1, keepdim=True) for n in (t, t + 1))
                reward, discount = steps.reward[t + 1].double(), 0.9 * steps.discount[t + 1].double()
                move = (row * 4 + actions[t], following, reward, discount, torch.tensor([0.8]).double())
                if seat == "hunter_0" or share == "policy":
                    q_step(q, *move)
                elif share == "episodes":
                    running = [move] if steps.first[t] else [*running, move]
                    if float(steps.discount[t + 1]) == 0 and float(reward) > 0:
                        for again in running:
                            q_step(q, *again)
    return q


@pytest.mark.parametrize("share", ["none", "episodes", "policy"])
def test_a_table_that_shares_is_that_of_every_transition_by_hand(share: str) -> None:
    table = seated(1, share=share)
    seen = watched(table, 400)
    told = [joint.seats["hunter_1"].timesteps for joint in seen]
    assert sum(float(steps.reward[1]) > 0 for steps in told) >= 2  # the other has caught something
    torch.testing.assert_close(table_of(table)[0], by_hand(seen, share), rtol=0, atol=1e-12)


def test_hunters_of_one_policy_keep_one_table() -> None:
    table = seated(5, copies=3, share="policy")
    for _ in range(40):
        table.play_round()
    first, second = table_of(table, 0), table_of(table, 1)
    assert torch.equal(first, second) and bool(first.any())


@pytest.mark.parametrize("length", [1, 7])
def test_an_episode_is_told_whole_however_it_is_cut_and_where_it_was_stopped(length: int) -> None:
    table, again = seated(length, copies=4, share="episodes"), seated(length, copies=4, share="episodes")
    seen = watched(table, 210 // length)
    agent: Any = again.players["hunter_0"]
    lone: Any = IndependentQ.make(agent.spec, ("hunter_0",), agent.config, 0)
    context = LearningContext(("hunter_0",), 0, 0)
    for number, joint in enumerate(seen):
        if number % 10 == 0:  # as if it had been stopped and gone on
            kept = {name: tensor.clone() for name, tensor in lone.learning_state().items()}
            lone = IndependentQ.make(agent.spec, ("hunter_0",), agent.config, 9)
            lone.load_learning_state(kept)
        lone.learn(joint, context)
    assert torch.equal(lone.q, table_of(table))
    steps = next(iter(lone.told.values()))
    assert 0 < steps.shape[1] <= agent.spec.max_steps  # what has ended is forgotten


def test_it_explores_as_boltzmann_says_and_is_greedy_when_frozen() -> None:
    arena = HunterPrey(4000, hunters=1, depth=1)
    agent = IndependentQ.make(arena.spec, ("hunter_0",), IndependentQ.Config(temperature=0.5, init=0.0))
    agent.q[..., 2] = 1.0
    start, _ = arena.reset(torch.arange(4000))
    luck = torch.arange(4000)
    shares = []
    for training in (True, False):
        action, _ = agent.act(start["hunter_0"], agent.begin(Seating("hunter_0", luck, luck, training)))
        shares.append(float((action.value == 2).double().mean()))
    # exp(2) / (exp(2) + 3); its spread over 4,000 draws is .007
    assert shares[0] == pytest.approx(0.7112, abs=0.03) and shares[1] == 1.0


def test_who_has_nobody_to_share_with_is_told_so() -> None:
    arena = HunterPrey(1, hunters=1)
    with pytest.raises(ValueError, match="other seats of one's side"):
        IndependentQ.make(arena.spec, ("hunter_0",), IndependentQ.Config(share="policy"))
    game = IteratedPrisonersDilemma(1)
    agent = IndependentQ.make(game.spec, ("row",), IndependentQ.Config(share="episodes"))
    players = {seat: IndependentQ.make(game.spec, (seat,)) for seat in game.spec.seats}
    begun, _ = game.reset(torch.zeros(1, dtype=torch.long))
    memories = {s: p.begin(Seating(s, torch.zeros(1).long(), torch.zeros(1).long())) for s, p in players.items()}
    joint, _ = rollout(game, players, memories, begun, 2, None)
    with pytest.raises(CannotLearn, match="joint"):
        agent.learn(JointTrajectory({"row": joint.seats["row"]}), LearningContext(("row",), 0, 0))

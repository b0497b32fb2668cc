"""Independent Q, JAL-Q, PHC and WoLF-PHC against plain-Python versions of the papers' algorithms and known answers."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch import Tensor

from agents.independent_q import IndependentQ
from agents.jal_q import JalQ
from agents.parts.policies.table import TablePolicy
from agents.parts.tabular import TabularAgent
from agents.phc import Phc, WolfPhc
from agents.protocol import Agent, JointTrajectory, LearningContext, Seating, Trajectory
from agents.randomness import derive_rows
from agents.scripts.memory_one import TitForTat
from agents.scripts.random import Random
from arenas.matrix import IteratedMatchingPennies, IteratedPrisonersDilemma, Matrix
from arenas.protocol import Action
from zoo.play.table import Table

LEARNERS = [IndependentQ, JalQ, Phc, WolfPhc]
CONTEXT = LearningContext(("row",), 0, 0)
#: Three actions against two, so that own and other actions cannot be exchanged unnoticed.
THREE_BY_TWO = [[[3, 0], [0, 2]], [[1, 1], [2, 0]], [[0, 3], [4, 1]]]


def seated(learner: type[Agent], other: type[Agent], game: Matrix, seed: int = 3, **settings: Any) -> Table:
    """A learner in the row seat against somebody who does not learn."""
    mine = learner.make(game.spec, ("row",), learner.Config(**settings), seed)
    theirs = other.make(game.spec, ("column",))
    return Table(game, game.spec.name, {"row": mine, "column": theirs}, ["row"], length=1, fresh=False, seed=seed)


def watched(table: Table, rounds: int) -> list[JointTrajectory]:
    """What the learner in the row seat learned from in so many rounds."""
    learner, seen = table.players["row"], []
    learn = learner.learn

    def spy(joint: JointTrajectory, context: LearningContext) -> dict[str, float]:
        seen.append(joint)
        return learn(joint, context)

    learner.learn = spy  # type: ignore[method-assign]
    for _ in range(rounds):
        table.play_round()
    return seen


class Reference:
    """The four algorithms in plain numbers, one joint step of some copies at a time."""

    def __init__(self, kind: type[Agent], q: Any, config: Any, replies: int) -> None:
        self.kind, self.q, self.config, self.t = kind, q, config, 0
        states, actions = len(q), len(q[0])
        self.counts = [[0] * replies for _ in range(states)]
        self.pi = [[1 / actions] * actions for _ in range(states)]
        self.average = [[1 / actions] * actions for _ in range(states)]
        self.visits = [0] * states

    def worth(self, s: int) -> float:
        if self.kind is not JalQ:
            return max(self.q[s])
        seen = sum(self.counts[s])
        belief = [c / seen if seen else 1 / len(self.counts[s]) for c in self.counts[s]]
        return max(sum(p * v for p, v in zip(belief, values, strict=True)) for values in self.q[s])

    def step(self, moves: list[tuple[int, int, int, float, float, int]]) -> None:
        """(state, own action, other's action, reward, discount, next state) of every copy that made a transition."""
        if not moves:
            return
        self.t += 1
        c = self.config
        alpha = 1 / (1 / c.alpha + c.alpha_decay * self.t)
        errors = defaultdict(list)
        for s, a, b, r, d, following in moves:
            old = self.q[s][a][b] if self.kind is JalQ else self.q[s][a]
            errors[s, a, b if self.kind is JalQ else 0].append(r + c.gamma * d * self.worth(following) - old)
        for (s, a, b), found in errors.items():
            part = alpha * sum(found) / len(found)
            if self.kind is JalQ:
                self.q[s][a][b] += part
            else:
                self.q[s][a] += part
        for s, _, b, *_ in moves:
            self.counts[s][b] += 1
        if self.kind in (Phc, WolfPhc):
            for s in sorted({move[0] for move in moves}):
                self.climb(s)

    def climb(self, s: int) -> None:
        c, pi, q = self.config, self.pi[s], self.q[s]
        delta = 1 / (1 / c.delta + c.delta_decay * self.t)
        self.visits[s] += 1
        self.average[s] = [m + (p - m) / self.visits[s] for m, p in zip(self.average[s], pi, strict=True)]
        if self.kind is WolfPhc:
            value = sum(p * v for p, v in zip(pi, q, strict=True))
            usual = sum(p * v for p, v in zip(self.average[s], q, strict=True))
            delta *= 1 if value > usual else c.lose
        best = q.index(max(q))
        for a in range(len(pi)):
            if a != best:
                moved = min(pi[a], delta / (len(pi) - 1))
                pi[a] -= moved
                pi[best] += moved


def transitions(joint: JointTrajectory) -> list[list[tuple[int, int, int, float, float, int]]]:
    """By step those of every copy in the row seat."""
    steps, mine, theirs = joint.seats["row"].timesteps, joint.seats["row"].actions, joint.seats["column"].actions
    found = []
    for t in range(len(mine.value)):
        moves = []
        for b in range(len(mine.value[t])):
            if steps.last[t, b]:
                continue
            states = [int(steps.observation[k, b].nonzero()) for k in (t, t + 1)]
            told = (float(steps.reward[t + 1, b]), float(steps.discount[t + 1, b]))
            moves.append((states[0], int(mine.value[t, b]), int(theirs.value[t, b]), *told, states[1]))
        found.append(moves)
    return found


def close(tensor: Tensor, numbers: Any) -> None:
    torch.testing.assert_close(tensor[0], torch.tensor(numbers, dtype=torch.float64), rtol=0, atol=1e-6)


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(("copies", "length"), [(1, 1), (3, 4)])
def test_tables_are_those_of_the_published_algorithm(learner: type[TabularAgent], copies: int, length: int) -> None:
    settings: dict[str, Any] = {"alpha": 0.3, "alpha_decay": 0.1, "epsilon": 0.3}
    if learner in (Phc, WolfPhc):
        settings |= {"delta": 0.2, "delta_decay": 0.3}
    table = seated(learner, Random, Matrix(copies, payoffs=THREE_BY_TWO, max_steps=12), **settings)
    table.length = length
    agent: Any = table.players["row"]
    reference = Reference(learner, agent.q[0].tolist(), agent.config, 2)
    for joint in watched(table, 55 // length):  # 50 transitions of a copy, and 4 or 5 starts of an episode
        for moves in transitions(joint):
            reference.step(moves)
    assert reference.t >= 47
    close(agent.q, reference.q)
    if learner is JalQ:
        close(agent.counts, reference.counts)
    if learner in (Phc, WolfPhc):
        close(agent.pi, reference.pi)
    if learner is WolfPhc:
        close(agent.average, reference.average)


def test_q_is_bootstrapped_through_a_cut_by_time_and_not_through_a_termination() -> None:
    for discount, expected in ((1.0, -1 + 0.9 * 7.0), (0.0, -1.0)):
        game = IteratedPrisonersDilemma(1, max_steps=1)
        agent = IndependentQ.make(game.spec, ("row",), IndependentQ.Config(alpha=1.0, alpha_decay=0.0, gamma=0.9))
        agent.q[:] = 7.0
        told, _ = game.reset(torch.zeros(1, dtype=torch.long))
        after, _ = game.step({seat: Action(torch.zeros(1, dtype=torch.long)) for seat in game.spec.seats})
        assert after["row"].last.all()
        both = [
            torch.stack((a, b)) if isinstance(a, Tensor) else a
            for a, b in zip(told["row"][:-1], after["row"]._replace(discount=torch.tensor([discount])), strict=False)
        ]
        segment = Trajectory(type(told["row"])(*both), Action(torch.zeros(1, 1, dtype=torch.long)))
        agent.learn(JointTrajectory({"row": segment}), CONTEXT)
        assert float(agent.q[0, 0, 0]) == pytest.approx(expected)


@pytest.mark.learning
def test_q_becomes_the_optimal_value_against_tit_for_tat() -> None:
    # (own, other) -> pay; tit-for-tat repeats my last action, which states 1 .. 4 = CC, CD, DC, DD tell
    pay, gamma = {(0, 0): -1.0, (0, 1): -3.0, (1, 0): 0.0, (1, 1): -2.0}, 0.96
    answer = [0, 0, 0, 1, 1]
    optimal = [[0.0, 0.0] for _ in range(5)]
    for _ in range(1000):
        optimal = [[pay[a, answer[s]] + gamma * max(optimal[1 + 2 * a + answer[s]]) for a in (0, 1)] for s in range(5)]
    # episodes are cut after 6 steps: only if the value is carried through the cut does Q reach the endless game's
    settings = {"alpha": 1.0, "alpha_decay": 0.0, "epsilon": 0.5, "gamma": gamma}
    table = seated(IndependentQ, TitForTat, IteratedPrisonersDilemma(64, max_steps=6), **settings)
    table.length = 50
    for _ in range(12):
        table.play_round()
    agent: Any = table.players["row"]
    torch.testing.assert_close(agent.q[0], torch.tensor(optimal, dtype=torch.float64), rtol=0, atol=1e-4)
    assert optimal[1][0] > optimal[1][1]  # so its greedy policy cooperates with a cooperator


def test_jal_believes_the_frequencies_that_it_saw() -> None:
    table = seated(JalQ, Random, IteratedPrisonersDilemma(5, max_steps=7), epsilon=1.0)
    table.length = 30
    seen = torch.zeros(5, 2, dtype=torch.float64)
    for joint in watched(table, 3):
        for moves in transitions(joint):
            for s, _, b, *_ in moves:
                seen[s, b] += 1
    agent: Any = table.players["row"]
    torch.testing.assert_close(agent.counts[0], seen, rtol=0, atol=1e-9)
    best = (agent.q[0] * (seen / seen.sum(-1, keepdim=True)).unsqueeze(1)).sum(-1).argmax(-1)
    assert torch.equal(agent.mixture()[0].argmax(-1), best)


def farthest(learner: type[Agent], **settings: Any) -> list[float]:
    """Matching pennies played once at a time by two of a kind: how far P(heads) comes from 1/2 in each fifth.

    That is the farthest point of a seat's policy in that time, averaged over both seats and eight runs.
    """
    game = IteratedMatchingPennies(8 * 8, max_steps=1)
    config = learner.Config(gamma=0.0, alpha=0.5, alpha_decay=0.0, delta=0.012, delta_decay=0.1, **settings)
    players: dict[str, Any] = {
        seat: learner.make(game.spec, (seat,), config, seed, replicas=8) for seed, seat in enumerate(game.spec.seats)
    }
    table = Table(game, "imp-v1", players, list(players), length=2, fresh=False)
    found = []
    for _ in range(500):
        table.play_round()
        found.append(torch.stack([player.pi[:, 0, 0] for player in players.values()]))
    return [float((fifth - 0.5).abs().amax(0).mean()) for fifth in torch.stack(found).chunk(5)]


@pytest.mark.learning
def test_wolf_settles_in_matching_pennies_where_phc_circles() -> None:
    # with the same steps PHC's orbit widens towards the pure strategies, WoLF's narrows (Bowling and Veloso, section
    # 4); over ten other seeds WoLF ended at .10 to .12 and PHC at .34 to .43
    wolf, phc = farthest(WolfPhc), farthest(Phc)
    assert wolf[-1] < wolf[0] and wolf[-1] < 0.15
    assert phc[-1] > phc[0] and phc[-1] > 0.3


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_replica_learns_what_a_single_learner_would(learner: type[TabularAgent]) -> None:
    replicas, each = 3, 4
    game = IteratedPrisonersDilemma(replicas * each, max_steps=9)
    many = learner.make(game.spec, ("row",), None, 5, replicas=replicas)
    singles = [learner.make(game.spec, ("row",), None, 5) for _ in range(replicas)]
    assert torch.equal(many.q[:1], singles[0].q)  # replica 0 depends on the seed alone
    assert not torch.equal(many.q[0], many.q[1])
    for r, single in enumerate(singles):
        state = many.learning_state()
        single.load_learning_state({n: t[r : r + 1] for n, t in state.items()})
    table = Table(game, "ipd-v1", {"row": many, "column": Random.make(game.spec, ("column",))}, ["row"], length=20)
    for joint in watched(table, 3):
        for r, single in enumerate(singles):
            single.learn(rows(joint, slice(r * each, (r + 1) * each)), CONTEXT)
    for r, single in enumerate(singles):
        for name, tensor in single.learning_state().items():
            assert torch.equal(tensor, many.learning_state()[name][r : r + 1]), name


def rows(joint: JointTrajectory, which: slice) -> JointTrajectory:
    """Some copies of a segment."""
    cut = {}
    for seat, t in joint.seats.items():
        steps = [leaf[:, which] if isinstance(leaf, Tensor) else leaf for leaf in t.timesteps]
        cut[seat] = Trajectory(type(t.timesteps)(*steps), Action(t.actions.value[:, which]))
    return JointTrajectory(cut)


def test_exploration_is_for_training_and_ties_go_to_the_first_action() -> None:
    game = IteratedPrisonersDilemma(4000)
    agent = IndependentQ.make(game.spec, ("row",), IndependentQ.Config(epsilon=0.2))
    agent.q[:] = 1.0
    luck, (told, _) = derive_rows(1, 4000), game.reset(derive_rows(2, 4000))
    share = {}
    for training in (False, True):
        action, _ = agent.act(told["row"], agent.begin(Seating("row", luck, luck, training)))
        share[training] = float(action.value.float().mean())
    assert share[False] == 0
    assert share[True] == pytest.approx(0.1, abs=0.02)


@pytest.mark.parametrize("learner", LEARNERS)
def test_peers_see_what_is_played_and_keep_what_they_saw(learner: type[TabularAgent]) -> None:
    table = seated(learner, Random, IteratedPrisonersDilemma(8, max_steps=9), epsilon=0.4)
    agent: Any = table.players["row"]
    told = table.arena.reset(derive_rows(1, 8))[0]["row"]
    fresh = agent.policy("row")
    torch.testing.assert_close(fresh.probabilities(told), agent.mixture()[0, :1].expand(8, 2))  # as a checkpoint plays
    for _ in range(20):
        table.play_round()
    shown = agent.policy("row").frozen()
    before = shown.probabilities(told)
    torch.testing.assert_close(before, (0.6 * agent.mixture() + 0.2)[0, :1].expand(8, 2))
    agent.q[:] = -agent.q
    for _ in range(20):
        table.play_round()
    assert torch.equal(shown.probabilities(told), before)


def test_a_table_policy_reads_logits_relative_to_the_last_action() -> None:
    p = torch.tensor([[[0.2, 0.5, 0.3], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]], dtype=torch.float64)
    policy = TablePolicy.of(p)
    theta = policy.parameters["w0"].clone().requires_grad_()
    assert theta.shape == (1, 3, 2)
    moved = policy.with_parameters({"w0": theta})
    game = Matrix(4, payoffs=THREE_BY_TWO)
    told = game.reset(torch.zeros(4, dtype=torch.long))[0]["row"]
    seen = told._replace(observation=torch.eye(3).repeat(2, 1)[:4])
    torch.testing.assert_close(moved.probabilities(seen), p[0][[0, 1, 2, 0]], rtol=0, atol=1e-15)
    (slope,) = torch.autograd.grad(moved.probabilities(seen)[0, 0], theta)
    torch.testing.assert_close(slope[0, 0], torch.tensor([0.2 * 0.8, -0.2 * 0.5], dtype=torch.float64))
    luck = derive_rows(4, 4)
    memory = policy.begin(Seating("row", luck, luck))
    for _ in range(70):  # over two blocks of draws
        action, memory = policy.act(seen, memory)
        assert action.value[1:3].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("learner", "settings", "named"),
    [
        (IndependentQ, {"alpha": 0.0}, "alpha"),
        (JalQ, {"epsilon": 1.5}, "epsilon"),
        (Phc, {"delta": -0.1}, "delta"),
        (WolfPhc, {"lose": 0.5}, "lose"),
    ],
)
def test_a_bad_setting_is_refused_by_name(learner: type[Agent], settings: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        learner.Config(**settings)

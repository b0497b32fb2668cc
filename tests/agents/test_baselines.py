"""Independent DQN, REINFORCE and actor-critic: targets by hand, gradients against exact ones, teams against seats."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from agents.actor_critic import ActorCritic
from agents.iql import Iql, IqlConfig, best, epsilon_greedy, td_target
from agents.parts.gradients import gradient, leaves
from agents.parts.networks import mlp
from agents.parts.segments import Segment, together
from agents.protocol import Agent, JointTrajectory, LearningContext, Seating, Trajectory
from agents.randomness import derive_rows, generator
from agents.reinforce import PolicyGradient, Reinforce, returns
from agents.rollout import stack_actions, stack_timesteps
from agents.scripts.memory_one import TitForTat
from arenas.matrix import IteratedPrisonersDilemma, Matrix
from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep
from zoo.entry.registry import load_agent
from zoo.entry.venue import ArenaChoice
from zoo.errors import UserError
from zoo.play.table import Table
from zoo.training.plan import Plan, set_up

LEARNERS: list[type[Agent]] = [Iql, Reinforce, ActorCritic]
#: Three actions against two, so that own and other actions cannot be exchanged unnoticed.
THREE_BY_TWO = [[[3, 0], [0, 2]], [[1, 1], [2, 0]], [[0, 3], [4, 1]]]
#: Seats that see and do things of different width.
SPEC = ArenaSpec(
    "unequal-v1",
    {"one": SeatSpec((4,), 3), "two": SeatSpec((2, 3), 2), "three": SeatSpec((2,), 5)},
    "mixed",
    max_steps=5,
    gamma=0.9,
    offers=frozenset({"discrete"}),
)
SEATS = tuple(SPEC.seats)
SMALL: dict[type[Agent], dict[str, Any]] = {
    Iql: {"batch": 32, "warmup": 50, "rate": 0.05, "capacity": 200},
    Reinforce: {"parts": 3, "baseline": 0.5},
    ActorCritic: {"parts": 3, "entropy": 0.1},
}


class Recorder:
    """An optimiser that keeps what it is given and changes nothing."""

    def descend(self, gradients: dict[str, Tensor]) -> None:
        self.given = gradients


def segment(copies: int = 12, steps: int = 9, seed: int = 0) -> JointTrajectory:
    """A made-up segment of `SPEC`: episodes that end in both ways, seats that miss a turn, actions that are illegal."""
    luck = generator(seed)
    last = torch.rand(steps + 1, copies, generator=luck) < 0.2
    over = last & (torch.rand(steps + 1, copies, generator=luck) < 0.5)
    first = torch.cat([torch.ones(1, copies, dtype=torch.bool), last[:-1]])
    found = {}
    for seat, spec in SPEC.seats.items():
        seen = torch.randn(steps + 1, copies, *spec.observation, generator=luck)
        legal = torch.rand(steps + 1, copies, spec.actions, generator=luck) < 0.7
        legal[..., 0] = True
        reward = torch.randn(steps + 1, copies, generator=luck) * (~first)
        active = (torch.rand(steps + 1, copies, generator=luck) < 0.8) & ~last
        told = TimeStep(seen, legal, reward, 1 - over.float(), first, last, active)
        action = (torch.rand(steps, copies, spec.actions, generator=luck) * legal[:-1]).argmax(-1)
        found[seat] = Trajectory(told, Action(action))
    return JointTrajectory(found)


def some(joint: JointTrajectory, *seats: str) -> JointTrajectory:
    return JointTrajectory({seat: joint.seats[seat] for seat in seats})


def context(seats: tuple[str, ...], update: int = 0) -> LearningContext:
    return LearningContext(seats, 100 + update, update)


def make(learner: type[Agent], seats: tuple[str, ...] = SEATS, spec: ArenaSpec = SPEC, **settings: Any) -> Any:
    return learner.make(spec, seats, learner.Config(**(SMALL[learner] | settings)), 7)


# -- all three --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_team_learns_what_each_seat_learns_alone(learner: type[Agent]) -> None:
    team, alone = make(learner), {seat: make(learner, (seat,)) for seat in SEATS}
    before = {name: p.clone() for name, p in team.acting_state().items()}
    for update in range(4):
        joint = segment(seed=update)
        for t in joint.seats.values():  # so that all seats have the same transitions
            t.timesteps.active[:] = ~t.timesteps.last
        team.learn(joint, context(SEATS, update))
        for seat, agent in alone.items():
            agent.learn(some(joint, seat), context((seat,), update))
    for agent in alone.values():
        for name, p in agent.acting_state().items():
            torch.testing.assert_close(team.acting_state()[name], p, rtol=1e-4, atol=1e-6)
            assert not torch.equal(before[name], p)


@pytest.mark.parametrize("learner", LEARNERS)
def test_learning_goes_on_bit_for_bit_after_a_restore(learner: type[Agent]) -> None:
    first, second = make(learner), make(learner)
    for update in range(3):
        first.learn(segment(seed=update), context(SEATS, update))
    state = {name: p.clone() for name, p in first.learning_state().items()}
    second.load_learning_state(state)
    for update in range(3, 6):
        for agent in (first, second):
            agent.learn(segment(seed=update), context(SEATS, update))
    for name, p in first.learning_state().items():
        assert torch.equal(p, second.learning_state()[name]), name
    assert any(not torch.equal(p, state[name]) for name, p in first.acting_state().items())


@pytest.mark.parametrize("learner", LEARNERS)
def test_what_did_not_count_is_not_learned_from(learner: type[Agent]) -> None:
    joint, changed = segment(), segment()
    for t in changed.seats.values():
        idle = ~t.timesteps.active[:-1] | t.timesteps.last[:-1]
        t.actions.value[idle] = 0
        t.timesteps.reward[1:][idle] = 99.0
    agents = make(learner), make(learner)
    for agent, told in zip(agents, (joint, changed), strict=True):
        for update in range(2):
            agent.learn(told, context(SEATS, update))
    for name, p in agents[0].acting_state().items():
        assert torch.equal(p, agents[1].acting_state()[name]), name


@pytest.mark.parametrize(
    ("name", "setting", "fault"),
    [
        ("iql", "batch=0", "batch must be at least 1"),
        ("iql", "lr=0", "lr must be above 0"),
        ("iql", "epsilon=1.5", "epsilon must be in"),
        ("iql", "warmup=-1", "warmup must be at least 0"),
        ("iql", "loss=absolute", "loss"),
        ("reinforce", "parts=0", "parts must be at least 1"),
        ("reinforce", "baseline=2", "baseline must be in"),
        ("reinforce", "clip=0", "clip must be above 0"),
        ("actor-critic", "lambda_=-0.1", "lambda_ must be in"),
        ("actor-critic", "critic_lr=-1", "critic_lr must be at least 0"),
        ("actor-critic", "baseline=0.5", "baseline"),
    ],
)
def test_bad_settings_are_refused_by_name(name: str, setting: str, fault: str) -> None:
    with pytest.raises(UserError, match=fault) as refusal:
        load_agent(name).config([setting])
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("learner", LEARNERS)
def test_many_runs_at_once_are_refused(learner: type[Agent]) -> None:
    with pytest.raises(ValueError, match="one team at a time"):
        learner.make(SPEC, SEATS, replicas=2)


# -- independent DQN --------------------------------------------------------------------------------------------------


def test_dqn_targets_by_hand() -> None:
    reward, discount = torch.tensor([1.0, 1.0, 1.0]), torch.tensor([1.0, 0.0, 1.0])  # the second is a termination
    value = torch.tensor([[2.0, 6.0], [2.0, 6.0], [-torch.inf, -4.0]])
    assert td_target(reward, discount, best(value, value), 0.5).tolist() == [4.0, 1.0, -1.0]
    online = torch.tensor([[3.0, 1.0], [3.0, 1.0], [-torch.inf, 1.0]])
    assert td_target(reward, discount, best(value, online), 0.5).tolist() == [2.0, 1.0, -1.0]


def test_epsilon_is_shared_by_legal_actions() -> None:
    q = torch.tensor([[1.0, 3.0, -torch.inf], [2.0, 1.0, 0.0]])
    expected = torch.tensor([[0.15, 0.85, 0.0], [0.8, 0.1, 0.1]])
    torch.testing.assert_close(epsilon_greedy(q, 0.3), expected)
    assert epsilon_greedy(q, 0.0).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_epsilon_falls_with_the_transitions_and_is_for_training() -> None:
    agent = make(Iql, epsilon=0.8, epsilon_last=0.2, epsilon_steps=300)
    joint, seen = segment(4000, 1), []
    legal = joint.seats["three"].timesteps.action_mask
    assert legal is not None
    legal[:] = True
    told = stack_timesteps([joint.seats["three"].timesteps])
    step = TimeStep(*(leaf[0, 0] for leaf in told[:7]))
    for _ in range(3):
        seen.append(agent.epsilon)
        luck = derive_rows(1, 4000)
        best, _ = agent.act(step, agent.begin(Seating("three", luck, luck)))
        drawn, _ = agent.act(step, agent.begin(Seating("three", luck, luck, training=True)))
        other = (drawn.value != best.value).float().mean()
        assert float(other) == pytest.approx(0.8 * agent.epsilon, abs=0.03)  # 4 of 5 actions are not the best
        agent.learned += 150
    assert seen == pytest.approx([0.8, 0.5, 0.2])
    assert agent.epsilon == pytest.approx(0.2)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("loss", ["squared", "huber"])
def test_the_update_is_dqns_seat_by_seat(loss: str, double: bool) -> None:
    agent = make(Iql, loss=loss, double=double, tau=0.0)
    agent.learn(segment(seed=3), context(SEATS))
    for p in agent.networks.slow.parameters.values():
        p.mul_(1.3)
    rows = agent.replay.sample(64, generator(2))
    recorder = agent.networks.optimizer = Recorder()
    agent.update(rows)
    for n, (seat, spec) in enumerate(SPEC.seats.items()):
        wide = len(torch.zeros(spec.observation).flatten())
        theta = leaves({name: p.clone() for name, p in agent.networks.team.of(n).items()})
        total, counted = torch.zeros(()), 0
        for b in range(64):
            row = {name: leaf[b, 0, n] for name, leaf in rows.items()}
            if not row["counted"]:
                continue
            ahead_seen = rows["observation"][b, 1, n][None, :wide]
            legal = rows["legal"][b, 1, n].nonzero().flatten().tolist()
            ahead = {a: float(mlp(agent.networks.slow.of(n), ahead_seen)[0, a]) for a in legal}
            online = {a: float(mlp(agent.networks.team.of(n), ahead_seen)[0, a]) for a in legal}
            best = max(legal, key=(online if double else ahead).__getitem__)
            y = float(row["reward"]) + 0.9 * float(row["discount"]) * ahead[best]
            error = mlp(theta, row["observation"][None, :wide])[0, int(row["action"])] - y
            big = loss == "huber" and float(error.detach().abs()) > 1
            total = total + (abs(error) - 0.5 if big else error**2 / (2 if loss == "huber" else 1))
            counted += 1
        assert counted < 64
        for name, mine in gradient(total / counted, theta).items():
            given = recorder.given[name][n : n + 1][tuple(map(slice, mine.shape))]
            torch.testing.assert_close(given, mine, rtol=1e-3, atol=1e-6, msg=f"{seat} {name}")


def test_rows_are_the_transitions_that_counted() -> None:
    agent, joint = make(Iql), segment()
    rows = agent.rows(joint)
    assert len(rows["reward"]) == sum(
        any(bool(t.timesteps.active[k, b]) for t in joint.seats.values()) for k in range(9) for b in range(12)
    )
    both = joint.seats["two"].timesteps
    k, b = next((k, b) for k in range(9) for b in range(12) if both.active[k, b])
    place = (rows["observation"][:, 1, 1] == both.observation[k + 1, b].flatten()).all(-1).nonzero().flatten()
    assert len(place) == 1
    assert rows["reward"][place, 0, 1] == both.reward[k + 1, b]
    assert rows["discount"][place, 0, 1] == both.discount[k + 1, b]
    assert both.action_mask is not None
    assert rows["legal"][place[0], 1, 1].tolist() == [*both.action_mask[k + 1, b].tolist(), False, False, False]


@pytest.mark.learning
def test_q_becomes_the_optimal_value_against_tit_for_tat() -> None:
    # (own, other) -> pay; tit-for-tat repeats my last action, which states 1 .. 4 = CC, CD, DC, DD tell
    pay, gamma, answer = {(0, 0): -1.0, (0, 1): -3.0, (1, 0): 0.0, (1, 1): -2.0}, 0.8, [0, 0, 0, 1, 1]
    optimal = [[0.0, 0.0] for _ in range(5)]
    for _ in range(200):
        optimal = [[pay[a, answer[s]] + gamma * max(optimal[1 + 2 * a + answer[s]]) for a in (0, 1)] for s in range(5)]
    # episodes are cut after 6 steps: only if the value is carried through the cut does Q reach the endless game's
    game = IteratedPrisonersDilemma(64, max_steps=6)
    config = IqlConfig(epsilon_last=1.0, gamma=gamma, batch=128, warmup=500, rate=0.02, tau=0.05, lr=0.005, clip=10.0)
    players: dict[str, Agent] = {"row": Iql.make(game.spec, ("row",), config, 1)}
    players["column"] = TitForTat.make(game.spec, ("column",))
    table = Table(game, "ipd-v1", players, ["row"], length=50)
    for _ in itertools.islice(table, 12):
        pass
    agent: Any = players["row"]
    found = mlp(agent.networks.team.of(0), torch.eye(5))
    torch.testing.assert_close(found, torch.tensor(optimal), rtol=0, atol=0.15)


# -- policy gradients -------------------------------------------------------------------------------------------------


def every_game(steps: int) -> tuple[Matrix, JointTrajectory]:
    """All courses that a game of so many steps can take, one a copy; it ends by termination."""
    courses = list(itertools.product(itertools.product(range(3), range(2)), repeat=steps))
    game = Matrix(len(courses), payoffs=THREE_BY_TWO, max_steps=steps, gamma=1.0)
    told, _ = game.reset(torch.zeros(len(courses), dtype=torch.long))
    seen = {seat: [step] for seat, step in told.items()}
    done: dict[str, list[Action]] = {seat: [] for seat in told}
    for t in range(steps):
        moves = {
            seat: Action(torch.tensor([course[t][k] for course in courses])) for k, seat in enumerate(game.spec.seats)
        }
        told, _ = game.step(moves)
        for seat, step in told.items():
            seen[seat].append(step._replace(discount=(~step.last).float()))
            done[seat].append(moves[seat])
    return game, JointTrajectory(
        {seat: Trajectory(stack_timesteps(seen[seat]), stack_actions(done[seat])) for seat in seen}
    )


@pytest.mark.parametrize(
    ("learner", "settings"),
    [(Reinforce, {"baseline": 0.0}), (Reinforce, {"baseline": 0.5}), (ActorCritic, {"lambda_": 1.0, "entropy": 0.0})],
)
def test_the_expected_step_is_the_exact_gradient(
    learner: type[PolicyGradient], settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    game, joint = every_game(2)
    agent = make(learner, tuple(game.spec.seats), game.spec, parts=1, **settings)
    for name, p in agent.actors.parameters.items():
        if name == "w2":
            p.mul_(100)  # decided policies
    if learner is Reinforce and settings["baseline"]:
        agent.average[:] = torch.tensor([[2.5], [-1.0]])
    credit = agent.credit
    likely = sum(policy.log_prob(joint.seats[seat]).sum(0) for seat, policy in agent.policies.items()).exp()
    assert float(likely.sum()) == pytest.approx(1)

    def weighed(segment: Segment) -> tuple[Tensor, dict[str, float]]:
        praise, metrics = credit(segment)
        return praise * likely * len(likely), metrics

    monkeypatch.setattr(agent, "credit", weighed)
    recorder = agent.actor_step = Recorder()
    agent.learn(joint, context(agent.seats))
    for n, seat in enumerate(agent.seats):
        theta = leaves(agent.policies[seat].parameters)
        players = agent.policies | {seat: agent.policies[seat].with_parameters(theta)}
        value = game.value(players, steps=2, gamma=1.0)[seat].sum()
        for name, exact in gradient(value, theta).items():
            given = -recorder.given[name][n : n + 1][tuple(map(slice, exact.shape))]
            torch.testing.assert_close(given, exact, rtol=1e-4, atol=1e-5, msg=f"{seat} {name}")


def test_returns_end_with_the_episode_and_with_the_segment() -> None:
    steps = torch.zeros(5, 1)
    last = torch.tensor([[False], [False], [True], [False], [False]])
    told = TimeStep(
        steps, None, torch.tensor([[9.0], [1.0], [2.0], [0.0], [4.0]]), steps + 1, last.roll(1, 0), last, ~last
    )
    # between the second and the third step an episode ends; the last one is cut by the segment's end
    assert returns(told, 0.5).flatten().tolist() == [2.0, 2.0, 0.0, 4.0]


def test_the_baseline_is_a_moving_average_of_returns() -> None:
    agent, joint = make(Reinforce, baseline=0.75, parts=1), segment()
    whole = together(joint, SEATS)
    found, counted = returns(whole.timesteps, 0.9), whole.counted
    praise, _ = agent.credit(whole)
    assert torch.equal(praise, found)
    mean = (found * counted).sum((0, 2)) / counted.sum((0, 2))
    torch.testing.assert_close(agent.average.squeeze(1), 0.25 * mean)
    praise, _ = agent.credit(whole)
    torch.testing.assert_close(praise, (found - 0.25 * mean.view(1, -1, 1)) * counted)


@pytest.mark.learning
def test_critics_find_the_value() -> None:
    game, joint = every_game(2)
    agent = make(ActorCritic, ("row", "column"), game.spec, lambda_=1.0, critic_lr=0.01, lr=0.0, clip=100.0, parts=1)
    for update in range(400):
        agent.learn(joint, context(agent.seats, update))
    seen = joint.seats["row"].timesteps.observation  # [3, 36, 7]
    pay = torch.tensor(THREE_BY_TWO, dtype=torch.float32).mean((0, 1))  # where every course is as likely as any other
    values = mlp(agent.critics.of(0), seen[:2].flatten(0, 1)).view(2, -1)
    torch.testing.assert_close(values[0], (2 * pay[0]).expand(36), rtol=0, atol=0.05)
    torch.testing.assert_close(values[1], pay[0].expand(36), rtol=0, atol=0.05)


def test_entropy_keeps_a_policy_mixed() -> None:
    kept = []
    for entropy in (0.0, 5.0):
        game, joint = every_game(1)
        agent = make(Reinforce, ("row", "column"), game.spec, entropy=entropy, lr=0.02)
        for update in range(60):
            agent.learn(joint, context(agent.seats, update))
        told = joint.seats["row"].timesteps
        kept.append(float(agent.policies["row"].probabilities(TimeStep(*(x[0] for x in told[:7]))).amax()))
    assert kept[0] > 0.9 and kept[1] < 0.5


@pytest.mark.parametrize("count", [1, 3, 5, 12, 40])
def test_parts_are_all_the_copies_once(count: int) -> None:
    whole = together(segment(), SEATS)
    parts = list(whole.parts(count))
    assert len(parts) == min(count, 12)
    for name in ("observation", "reward", "last"):
        pieces = [getattr(part.timesteps, name) for part in parts]
        assert torch.equal(torch.cat(pieces, dim=2), getattr(whole.timesteps, name))
    assert torch.equal(torch.cat([part.actions for part in parts], dim=2), whole.actions)
    assert torch.equal(torch.cat([part.legal for part in parts], dim=2), whole.legal)


@pytest.mark.parametrize("name", ["iql", "reinforce", "actor-critic"])
def test_a_learner_of_one_side_trains_against_a_script(name: str) -> None:
    table = set_up(Plan(name, ArenaChoice("coin"), "greedy", copies=8, length=10, sight="own")).table
    played = list(itertools.islice(table, 2))
    assert played[-1].steps == 80
    assert all(torch.isfinite(p).all() for p in table.players["red"].acting_state().values())

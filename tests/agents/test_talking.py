"""RIAL and DIAL: what they send, what flows between seats while they learn, and that nothing does when they play."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from agents.dial import Dial, DialConfig, density, discretised, dru
from agents.parts.gradients import gradient, leaves
from agents.parts.talking import Heard, Talking
from agents.protocol import JointTrajectory, LearningContext, Seating, Trajectory
from agents.rial import Rial, RialConfig, bits_of, bootstrap, number_of
from agents.rollout import rollout
from arenas.digits.colour_digit import ColourDigit
from arenas.protocol import Action
from arenas.riddle import certainty
from arenas.switch import Switch
from zoo.entry.venue import ArenaChoice
from zoo.papers.dial.exact import exact_value
from zoo.play.referee import Refereed
from zoo.training.plan import Plan, set_up


def played(agent: Talking, *, training: bool = True, copies: int = 16) -> JointTrajectory:
    arena = Switch(copies)
    luck = torch.arange(copies)
    memories = {
        seat: agent.begin(Seating(seat, luck + 100 * number, luck, training=training))
        for number, seat in enumerate(arena.spec.seats)
    }
    steps, state = arena.reset(luck)
    return rollout(arena, dict.fromkeys(arena.spec.seats, agent), memories, steps, 6, state)[0]


def joint_of(joint: JointTrajectory, rows: slice) -> JointTrajectory:
    """Some copies of a round."""

    def cut(leaf: Any, batch: int) -> Any:
        at = (slice(None),) * batch + (rows,)
        return leaf[at] if isinstance(leaf, torch.Tensor) else leaf

    seats = {}
    for seat, trajectory in joint.seats.items():
        action = trajectory.actions
        assert trajectory.memory is not None and action.message is not None
        memory = {name: cut(leaf, 0) for name, leaf in trajectory.memory.items()}
        steps = trajectory.timesteps._replace(common={}).each(lambda leaf: cut(leaf, 1))
        seats[seat] = Trajectory(steps, Action(cut(action.value, 1), cut(action.message, 1)), memory)
    return JointTrajectory(seats, cut(joint.state, 1))


def made(kind: type[Talking], replicas: int = 1, **config: Any) -> Talking:
    spec = Switch(1).spec
    return kind.make(spec, tuple(spec.seats), kind.Config(**config), seed=1, replicas=replicas)


def heard_error(agent: Talking, lesson: Heard) -> dict[int, float]:
    """Sender -> the size of the slope of seat 0's errors in the sender's own weights."""
    theta = leaves(agent.networks.team.parameters)
    outputs = agent.replayed(theta, lesson, 7)
    error = agent.errors(outputs, agent.best(outputs.detach(), lesson), lesson)
    slopes = gradient(error[:, 0].square().sum(), theta)
    return {seat: float(sum(slope[seat].abs().sum() for slope in slopes.values())) for seat in range(3)}


def test_the_receivers_error_reaches_the_senders_weights() -> None:
    agent = made(Dial, share=False, epsilon=1.0)
    slopes = heard_error(agent, agent.lesson(played(agent, copies=128)))
    assert all(slope > 0 for slope in slopes.values())


@pytest.mark.parametrize(("kind", "config"), [(Rial, {}), (Dial, {"talk": False})])
def test_nothing_reaches_them_in_rial_or_in_silence(kind: type[Talking], config: dict[str, Any]) -> None:
    agent = made(kind, share=False, epsilon=1.0, **config)
    slopes = heard_error(agent, agent.lesson(played(agent, copies=128)))
    assert slopes[0] > 0 and slopes[1] == slopes[2] == 0


def test_the_receivers_error_reaches_what_the_sender_reads_pictures_with() -> None:
    agent = made(Dial, share=False, epsilon=1.0, picture=8)
    theta, lesson = leaves(agent.networks.team.parameters), agent.lesson(played(agent, copies=128))
    error = agent.errors(agent.replayed(theta, lesson, 7), torch.zeros(7, 3, 128), lesson)
    slopes = gradient(error[:, 0].square().sum(), theta)
    assert all(float(slopes["e0"][seat].abs().sum()) > 0 for seat in range(3))
    assert {f"prisoner_2/{name}" for name in ("e0", "eb0", "e1", "eb1")} <= agent.acting_state().keys()


@pytest.mark.parametrize("kind", [Dial, Rial])
@pytest.mark.parametrize("share", [True, False])
def test_replicas_learn_as_each_does_alone(kind: type[Talking], share: bool) -> None:
    config = {"share": share, "picture": 8, "lambda_": 0.5}
    both, alone = made(kind, 2, **config), made(kind, **config)
    joint = played(both, copies=32)
    first = joint_of(joint, slice(16))
    assert torch.equal(
        first.seats["prisoner_1"].timesteps.observation, played(alone).seats["prisoner_1"].timesteps.observation
    )
    for _ in range(2):
        both.learn(joint, LearningContext(both.seats, 0, 0))
        alone.learn(first, LearningContext(alone.seats, 0, 0))
    for name, weight in alone.acting_state().items():
        assert torch.allclose(both.acting_state()[name][:1], weight, atol=1e-5), name
        assert not torch.allclose(both.acting_state()[name][1:], weight, atol=1e-3) or name.endswith(
            ("b0", "b1", "gib", "ghb")
        )


def test_where_returns_are_whole_the_slow_copy_is_not_asked() -> None:
    arena, luck = ColourDigit(64), torch.arange(64)
    agent = Dial.make(arena.spec, tuple(arena.spec.seats), DialConfig(lambda_=1.0), seed=1)
    memories = {seat: agent.begin(Seating(seat, luck, luck, training=True)) for seat in agent.seats}
    steps, state = arena.reset(luck)
    joint, _ = rollout(arena, dict.fromkeys(agent.seats, agent), memories, steps, 2, state)
    lesson = agent.lesson(joint)
    assert not agent._goes_on(lesson) and made(Dial)._goes_on(lesson)
    outputs = agent.replayed(agent.networks.team.parameters, lesson, 3)
    none = agent.replayed(agent.networks.slow.parameters, lesson, 0)
    assert none.shape == outputs.shape and not none.any()
    wanted, _ = agent.loss(outputs, outputs, lesson)
    assert float(agent.loss(outputs, none, lesson)[0]) == pytest.approx(float(wanted), rel=1e-5)
    cut = lesson._replace(steps=lesson.steps._replace(last=torch.zeros_like(lesson.steps.last)))
    assert agent._goes_on(cut)


@pytest.mark.parametrize("kind", [Dial, Rial])
def test_without_waiting_only_choices_of_whole_episodes_teach(kind: type[Talking]) -> None:
    agent = made(kind, waiting=False, lambda_=1.0, epsilon=0.5)
    lesson = agent.lesson(played(agent, copies=64))
    outputs = agent.replayed(agent.networks.team.parameters, lesson, 7)
    moved = outputs.clone().requires_grad_()
    anything = torch.full_like(outputs, 7.0)  # what a slow copy would say of moments at which a round is cut
    loss, _ = agent.loss(moved, anything, lesson)
    assert float(agent.loss(outputs, 0 * anything, lesson)[0]) == pytest.approx(float(loss.detach()))
    (slope,) = torch.autograd.grad(loss, moved)
    taught = slope[:-1, ..., : agent.wide].abs().sum(-1) > 0
    chose, on = lesson.legal[:-1].all(-1), ~lesson.steps.last[:-1]
    ends = torch.stack([lesson.steps.last[t + 1 :].any(0) for t in range(len(on))])
    assert torch.equal(taught, chose & on & ends)
    assert bool((chose & on & ~ends).any()) and bool((~chose & on & ends).any())  # there are such moments
    assert not agent._goes_on(lesson)


def test_values_that_are_not_learned_are_not_gone_on_from() -> None:
    with pytest.raises(ValueError, match="waiting=false needs lambda_=1"):
        made(Dial, waiting=False, lambda_=0.9)


@pytest.mark.parametrize("kind", [Dial, Rial])
def test_what_was_played_is_played_again(kind: type[Talking]) -> None:
    agent = made(kind)
    joint = played(agent)
    lesson = agent.lesson(joint)
    outputs = agent.replayed(agent.networks.team.parameters, lesson, 7)
    for t in range(6):
        again = agent.again(outputs[t, ..., agent.wide :], lesson, t)
        assert torch.allclose(again, lesson.sent[t], atol=1e-5)
    assert not outputs.requires_grad


def test_messages_are_bits_at_play_and_numbers_between_while_it_trains() -> None:
    agent = made(Dial)
    for training in (False, True):
        joint = played(agent, training=training)
        sent = torch.stack([t.actions.message for t in joint.seats.values() if t.actions.message is not None])
        assert not sent.requires_grad
        assert bool(((sent == 0) | (sent == 1)).all()) is not training


def test_the_channel_is_noisy_while_it_trains_and_not_at_play() -> None:
    agent, arena = made(Dial, sigma=50.0), Switch(64)
    steps, _ = arena.reset(torch.arange(64))
    said = {}
    for training in (False, True):
        for luck in (0, 1000):
            seating = Seating("prisoner_0", torch.arange(64) + luck, torch.arange(64), training=training)
            message = agent.act(steps["prisoner_0"], agent.begin(seating))[0].message
            assert message is not None
            said[training, luck] = message
    assert torch.equal(said[False, 0], said[False, 1000])
    assert (said[True, 0] - said[True, 1000]).abs().mean() > 0.1


def test_nothing_flows_at_play() -> None:
    """Not even where weights ask for a gradient, and what is sent is a number that the channel would let through."""
    agent, arena = made(Dial), Switch(4)
    steps, _ = arena.reset(torch.arange(4))
    luck = torch.arange(4)
    memory = agent.begin(Seating("prisoner_0", luck, luck, training=True))
    for weight in agent.networks.team.parameters.values():
        weight.requires_grad_()
    action, after = agent.act(steps["prisoner_0"], memory)
    assert action.message is not None and not action.message.requires_grad
    assert not any(leaf.requires_grad for leaf in after.values() if isinstance(leaf, torch.Tensor))


def test_a_message_is_read_about_its_middle() -> None:
    """DIAL's is a number in [-1, 1], of which silence in the middle is 0."""
    arena = Switch(1)
    agent = Dial.make(arena.spec, tuple(arena.spec.seats), DialConfig(), seed=1)
    assert torch.equal(agent.listen(torch.tensor([0.0, 0.5, 1.0])), torch.tensor([-1.0, 0.0, 1.0]))


def test_dru_has_the_moments_and_the_density_that_it_should() -> None:
    noise = 0.7 * torch.randn(400_000, generator=torch.Generator().manual_seed(1))
    sent = dru(torch.tensor(0.4), noise)
    grid = torch.linspace(0.0005, 0.9995, 4000, dtype=torch.float64)
    chance = density(grid, torch.tensor(0.4), 0.7)
    step = float(grid[1] - grid[0])
    assert float(chance.sum()) * step == pytest.approx(1, abs=1e-3)
    mean = float((grid * chance).sum()) * step
    assert float(sent.mean()) == pytest.approx(mean, abs=2e-3)
    assert float(sent.var()) == pytest.approx(float((grid.square() * chance).sum()) * step - mean**2, abs=2e-3)
    assert discretised(torch.tensor([-0.1, 0.0, 0.1])).tolist() == [0, 0, 1]


def test_rial_goes_on_from_the_mean_of_both_heads() -> None:
    action, message = torch.tensor([1.0, 1.0]), torch.tensor([3.0, 3.0])
    spoke = torch.tensor([True, False])
    ours, said = bootstrap(action, message, spoke)
    assert ours.tolist() == said.tolist() == [2, 1]
    ours, said = bootstrap(action, message, spoke, average=False)
    assert (ours.tolist(), said.tolist()) == ([1, 1], [3, 1])


@pytest.mark.parametrize("average", [True, False])
def test_rials_targets_hold_the_mean_of_both_heads_or_each_its_own(average: bool) -> None:
    agent = made(Rial, average=average)
    assert isinstance(agent.config, RialConfig)
    lesson = agent.lesson(played(agent))
    outputs = torch.zeros(7, 3, 16, 4)
    slow = outputs.clone()
    slow[..., 0], slow[..., 3] = 2.0, 4.0  # the best action and the best message
    loss, _ = agent.loss(outputs, slow, lesson)
    spoke = torch.cat([lesson.spoke, torch.zeros_like(lesson.spoke[:1])])
    action, message = torch.where(spoke, 3.0, 2.0), torch.where(spoke, 3.0, 2.0)
    if not average:
        action, message = torch.full_like(action, 2.0), torch.where(spoke, 4.0, 2.0)
    paid, goes_on = lesson.steps.reward[1:], lesson.steps.discount[1:]
    did, said = ((paid + goes_on * value[1:]) * lesson.counted for value in (action, message))
    assert float(loss) == pytest.approx(float((did.square() + (said * lesson.spoke).square()).sum(1).mean()), rel=1e-5)


def test_a_message_has_a_number() -> None:
    numbers = torch.arange(8)
    assert torch.equal(number_of(bits_of(numbers, 3)), numbers)


@pytest.mark.parametrize("kind", [Dial, Rial])
def test_a_message_wider_than_the_channel_is_refused(kind: type[Talking]) -> None:
    with pytest.raises(ValueError, match="a message of 2 bits is wider than the channel of switch-v1, which carries 1"):
        made(kind, width=2)


def test_noise_is_not_negative() -> None:
    with pytest.raises(ValueError, match="sigma must be at least 0, got -1"):
        DialConfig(sigma=-1.0)


def test_a_match_takes_bits_alone() -> None:
    spec = Switch(2).spec.seats["prisoner_0"]

    class Between(Dial):
        def act(self, timestep: Any, memory: Any) -> Any:
            return Action(torch.zeros(2, dtype=torch.long), torch.tensor([[0.5], [1.0]])), memory

    agent = Between.make(Switch(2).spec, tuple(Switch(2).spec.seats))
    steps, _ = Switch(2).reset(torch.zeros(2, dtype=torch.long))
    inside = next(seat for seat, step in steps.items() if step.observation.any())
    for training, sent in ((False, [0.0, 1.0]), (True, [0.5, 1.0])):
        referee = Refereed(agent, spec)
        luck = torch.zeros(2, dtype=torch.long)
        memory = referee.begin(Seating(inside, luck, luck, training=training))
        action, _ = referee.act(steps[inside], memory)
        assert action.message is not None and action.message.squeeze(1).tolist() == sent
        assert referee.fouls is not None
        assert ("send 0 or 1" in " ".join(referee.fouls.messages.values())) is not training


@pytest.mark.slow
@pytest.mark.learning
def test_dial_learns_to_use_the_switch() -> None:
    plan = Plan("dial,updates=300", ArenaChoice("switch"), copies=32, length=None, steps=300 * 32 * 6, seed=100)
    table = set_up(plan).table
    for _ in range(300):
        table.play_round()
    assert exact_value(table.players) > 0.95 * float(certainty(3))

"""Advantage alignment: its weights against loops, what it reinforces, and who learns in games with the partner."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from agents.advantage_alignment import AdvantageAlignment, aligned
from agents.parts.gradients import gradient, leaves
from agents.parts.policies.traces import DECAYS, TracePolicy, fade
from agents.protocol import Agent, JointTrajectory, LearningContext, Seating
from agents.randomness import derive_rows
from agents.rollout import rollout
from arenas.coin import Coin
from arenas.matrix import IteratedPrisonersDilemma
from arenas.protocol import Arena

Played = dict[str, tuple[Agent, JointTrajectory]]


def agent(arena: Arena, seats: tuple[str, ...], **config: Any) -> AdvantageAlignment:
    return AdvantageAlignment.make(arena.spec, seats, AdvantageAlignment.Config(**config), seed=3)


def segment(arena: Arena, player: Agent, steps: int = 12, *, training: bool = True) -> JointTrajectory:
    """A segment in which `player` fills all seats."""

    def luck(word: str) -> Tensor:
        return derive_rows(1, arena.batch_size, word)

    timesteps, state = arena.reset(luck("episode"))
    memories = {s: player.begin(Seating(s, luck(s), luck("team"), training)) for s in arena.spec.seats}
    return rollout(arena, dict.fromkeys(arena.spec.seats, player), memories, timesteps, steps, state)[0]


def test_an_advantage_is_aligned_with_the_others_by_the_mean_of_the_past_own_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    mine, others = torch.randn((2, 7, 5), generator=generator, dtype=torch.float64)
    first = torch.rand((7, 5), generator=generator) < 0.3
    plain = aligned(mine, others, first, beta=3.0, gamma=0.9)
    mild = aligned(mine, others, first, beta=3.0, gamma=0.9, spite=0.25)
    for b in range(5):
        past: list[float] = []
        for t in range(7):
            past = [] if first[t, b] else past
            mean = sum(past) / len(past) if past else 0.0
            assert plain[t, b] == pytest.approx(float(mine[t, b] + 3.0 * 0.9 * mean * others[t, b]))
            mean *= 1.0 if mean > 0 else 0.25
            assert mild[t, b] == pytest.approx(float(mine[t, b] + 3.0 * 0.9 * mean * others[t, b]))
            past.append(float(mine[t, b]))


@pytest.mark.learning
def test_with_beta_0_and_no_partner_it_is_the_policy_gradient_of_its_own_return() -> None:
    arena = Coin(16)
    learner = agent(arena, ("red", "blue"), beta=0.0, sparring=0.0, entropy=0.0)
    joint = segment(arena, learner)
    before = {name: p.clone() for name, p in learner.actor.parameters.items()}
    twin = agent(arena, ("red", "blue"), beta=0.0, sparring=0.0, entropy=0.0)
    none = {seat: torch.zeros(16, dtype=torch.bool) for seat in joint.seats}
    seen = {seat: twin.actor.features(trajectory) for seat, trajectory in joint.seats.items()}
    advantage, _ = twin.criticise(joint, seen, none)
    scale = torch.stack(list(advantage.values())).std()
    theta = leaves(before)
    policy = twin.actor.with_parameters(theta)
    value = sum((policy.log_prob(t) * advantage[seat] / scale).mean() for seat, t in joint.seats.items())
    assert isinstance(value, Tensor)
    expected = gradient(value / 2, theta)
    learner.learn(joint, LearningContext(("red", "blue"), seed=0, update=0))
    for name, p in learner.actor.parameters.items():
        moment = learner.actor_step.state("step")[f"step/mean/{name}"] / 0.1  # Adam's first moment is a tenth of it
        torch.testing.assert_close(-moment, expected[name], rtol=1e-4, atol=1e-7)
        assert not torch.equal(p, before[name])


@pytest.mark.learning
@pytest.mark.parametrize(("past", "rises"), [(1.0, True), (-1.0, False)])
def test_what_is_good_for_the_other_is_reinforced_after_good_times_only(
    past: float, rises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = IteratedPrisonersDilemma(1)
    learner = agent(arena, ("row",), entropy=0.0, spite=1.0)
    joint = segment(arena, learner, steps=2)
    advantage = {"row": torch.tensor([[past], [0.0]]), "column": torch.tensor([[0.0], [1.0]])}
    monkeypatch.setattr(learner, "criticise", lambda *_: (advantage, 0.0))
    mine = joint.seats["row"]
    weight = torch.tensor([[0.0], [1.0]])  # of the second action, which was good for the other
    before = (learner.actor.log_prob(mine) * weight).sum()
    learner.learn(joint, LearningContext(("row",), seed=0, update=0))
    assert bool((learner.actor.log_prob(mine) * weight).sum() > before) is rises


def test_seats_are_lent_to_the_partner_in_training_by_itself_only() -> None:
    arena = Coin(4096)
    both, one = agent(arena, ("red", "blue"), sparring=0.25), agent(arena, ("red",), sparring=0.25)
    lent = [joint.memory["lent"] for joint in segment(arena, both, 1).seats.values() if joint.memory]
    for seat in lent:
        assert float(seat.float().mean()) == pytest.approx(0.25, abs=0.03)
    assert float((lent[0] & lent[1]).float().mean()) == pytest.approx(0.0625, abs=0.02)
    nobody = torch.zeros(4096, dtype=torch.long)
    assert "lent" not in both.begin(Seating("red", nobody, nobody, training=False))
    assert "lent" not in one.begin(Seating("red", nobody, nobody, training=True))


@pytest.mark.learning
def test_the_partner_plays_where_the_seat_is_lent_and_learns_only_among_its_like() -> None:
    arena = Coin(64)
    learner = agent(arena, ("red", "blue"), sparring=0.5)
    for p in learner.partner.parameters.values():  # a partner that goes right, whatever it sees
        p.zero_()
    learner.partner.parameters["b1"][..., 0] = 50.0
    joint = segment(arena, learner)
    memories = {seat: t.memory for seat, t in joint.seats.items() if t.memory}
    for seat, t in joint.seats.items():
        right = (t.actions.value == 0).all(0)
        assert right[memories[seat]["lent"]].all()
        assert not right[~memories[seat]["lent"]].any()
    mixed = memories["red"]["lent"] != memories["blue"]["lent"]
    for seat in joint.seats:
        memories[seat]["lent"] &= ~mixed if seat == "red" else mixed | ~mixed
    before = {name: p.clone() for name, p in learner.partner.parameters.items()}
    for seat in joint.seats:  # games with the partner in one seat at most
        memories[seat]["lent"] &= torch.tensor(seat == "red")
    learner.learn(joint, LearningContext(("red", "blue"), seed=0, update=0))
    assert all(torch.equal(p, before[name]) for name, p in learner.partner.parameters.items())


def test_traces_fade_by_kind_and_begin_anew_with_the_episode() -> None:
    traces = torch.zeros(2, 2, len(DECAYS))
    for reward, first in (([0.0, 0.0], True), ([-2.0, 1.0], False), ([0.0, 0.0], False)):
        traces = fade(traces, torch.tensor(reward), torch.full((2,), first))
    decays = torch.tensor(DECAYS)
    torch.testing.assert_close(traces[0], torch.stack((2 * decays, 0 * decays)))
    torch.testing.assert_close(traces[1], torch.stack((0 * decays, decays)))
    assert not fade(traces, torch.zeros(2), torch.ones(2).bool()).any()


def test_a_segment_is_recalled_as_it_was_played() -> None:
    arena = Coin(8)
    player = agent(arena, ("red",))
    assert isinstance(player.actor, TracePolicy)
    whole = segment(arena, player, 40, training=False)
    again = player.actor.log_prob(whole.seats["red"]).exp()
    steps, memory, shown = whole.seats["red"], whole.seats["red"].memory, []
    for t in range(40):
        moment = steps.timesteps._replace(**{f: getattr(steps.timesteps, f)[t] for f in steps.timesteps._fields[:7]})
        assert memory is not None
        action, memory = player.act(moment, memory)
        assert torch.equal(action.value, steps.actions.value[t])
        shown.append(memory["traces"])
    assert float(torch.stack(shown).max()) > 1  # somebody was paid
    assert again.shape == (40, 8)

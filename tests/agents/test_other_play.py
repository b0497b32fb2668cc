"""Symmetries of games, and learners that see every episode under other names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from agents.bad import Bad, BadConfig
from agents.dial import Dial, DialConfig
from agents.parts.other_play import RENAMING, Renamings
from agents.parts.talking import Talking
from agents.protocol import CannotLearn, JointTrajectory, Policy, Seating
from agents.rial import Rial, RialConfig
from agents.rollout import rollout
from arenas.digits.colour_digit import ColourDigit
from arenas.hanabi.arena import GROUP, Hanabi
from arenas.hanabi.play import dealt
from arenas.protocol import Action, Arena, TimeSteps
from arenas.switch import Switch
from arenas.symmetries import Symmetry
from arenas.two_card import SEATS, SUITE, TwoCard
from zoo.check.telling import wrong_symmetries
from zoo.entry.venue import ArenaChoice
from zoo.training.plan import Plan, set_up


def played(agent: Any, arena: Arena, *, training: bool = True) -> JointTrajectory:
    luck = torch.arange(arena.batch_size)
    memories = {
        seat: agent.begin(Seating(seat, luck + 1000 * number, luck, training=training))
        for number, seat in enumerate(arena.spec.seats)
    }
    steps, state = arena.reset(luck)
    return rollout(arena, dict.fromkeys(arena.spec.seats, agent), memories, steps, arena.spec.max_steps, state)[0]


def test_the_renamings_of_a_game_are_all_that_its_symmetries_make() -> None:
    games = [Hanabi(1, variant="mini"), Hanabi(1), Hanabi(1, colours=3, players=3), TwoCard(1, game="symmetric")]
    assert [Renamings(game.spec).count for game in [*games, Switch(1), Switch(1, bits=2)]] == [2, 120, 6, 8, 2, 4]


@pytest.mark.parametrize("game", SUITE)
def test_a_game_without_symmetries_tells_of_none(game: str) -> None:
    arena = TwoCard(1, game=game)
    assert not arena.spec.symmetries and "symmetries" not in arena.spec.offers
    agent = Bad.make(arena.spec, SEATS, BadConfig(other_play=True))
    played(agent, arena, training=False)  # what was trained elsewhere plays here
    with pytest.raises(CannotLearn, match="other_play: two-card-v1 tells of no renamings"):
        played(agent, arena)


def worth(arena: TwoCard, plans: tuple[Tensor, Tensor], renamings: Renamings, which: int) -> float:
    """What a pair of tables is paid on the mean over the deals when both play under one renaming."""
    rows = torch.full((arena.batch_size,), which)
    steps, state = arena.reset(torch.arange(arena.batch_size), autoreset=False)
    assert state is not None
    deal = 2 * state[:, :2].argmax(1) + state[:, 2:4].argmax(1)
    for _ in range(2):
        actions = {}
        for seat, plan in zip(SEATS, plans, strict=True):
            seen = renamings.seen(seat, steps[seat], rows).observation
            value = plan[seen[:, :2].argmax(1), seen[:, 3:].argmax(1)]
            actions[seat] = renamings.meant(seat, Action(value), rows)
        steps, _ = arena.step(actions)
    paid = steps["first"].reward
    return sum(float(paid[deal == n].mean()) for n in range(4)) / 4


@pytest.mark.parametrize("seed", range(5))
def test_two_seats_that_rename_alike_are_paid_alike_in_the_two_card_game(seed: int) -> None:
    """Exact: over all deals, for random tables, under each of the eight renamings."""
    draw = torch.Generator().manual_seed(seed)
    plans = (torch.randint(3, (2, 3), generator=draw), torch.randint(3, (2, 3), generator=draw))
    arena = TwoCard(64, game="symmetric")
    renamings = Renamings(arena.spec)
    worths = [worth(arena, plans, renamings, which) for which in range(renamings.count)]
    assert worths == pytest.approx([worths[0]] * 8)


@pytest.mark.parametrize("settings", [{"variant": "mini"}, {"colours": 3, "ranks": 3, "hand": 3, "players": 3}])
def test_hanabi_under_other_colours_is_hanabi_with_another_deck(settings: dict[str, Any]) -> None:
    """Observations, masks, common knowledge, state and payments are those of the renamed deck, move by move."""
    game, other = Hanabi(40, **settings), Hanabi(40, **settings)
    renamings, rules = Renamings(game.spec), game.rules
    draw = torch.Generator().manual_seed(3)
    for which in range(renamings.count):
        rows = torch.full((40,), which)
        steps, state = game.reset(torch.arange(40), autoreset=False)
        colours = renamings._orders["does", "player_0"][which, 2 * rules.hand :][: rules.colours] - 2 * rules.hand
        back = torch.cat((colours.argsort(), torch.tensor([rules.colours])))  # of a place without a card, too
        deck = game._table.deck
        renamed = back[deck // rules.ranks] * rules.ranks + deck % rules.ranks
        assert sorted(renamed[0].tolist()) == sorted(deck[0].tolist())  # as likely as the deck that was dealt
        other.reset(torch.arange(40), autoreset=False)
        other._table = dealt(rules, renamed, game._table.turn)
        shown, shown_state = other._timesteps(torch.zeros(40), torch.zeros(40, dtype=torch.bool))
        shown = {seat: step._replace(first=steps[seat].first) for seat, step in shown.items()}
        for _ in range(game.spec.max_steps):
            agree(renamings, steps, shown, rows)
            assert state is not None and shown_state is not None
            assert torch.equal(renamings.state(state, rows), shown_state)
            masks = torch.stack([step.action_mask.float() for step in shown.values() if step.action_mask is not None])
            value = (masks[game._table.turn, torch.arange(40)] * torch.rand(masks[0].shape, generator=draw)).argmax(1)
            does = {seat: Action(value) for seat in shown}
            shown, shown_state = other.step(does)
            steps, state = game.step({seat: renamings.meant(seat, action, rows) for seat, action in does.items()})
        assert all(bool(step.last.all()) for step in steps.values())


def agree(renamings: Renamings, steps: TimeSteps, shown: TimeSteps, rows: Tensor) -> None:
    for seat, step in steps.items():
        seen = renamings.seen(seat, step, rows)
        assert torch.equal(seen.observation, shown[seat].observation)
        mask = shown[seat].action_mask
        assert seen.action_mask is not None and mask is not None and torch.equal(seen.action_mask, mask)
        assert torch.equal(seen.reward, shown[seat].reward)
        if not bool(step.first.any()):  # the deck that was put in the place of another was dealt by no reset
            assert torch.equal(seen.common[GROUP], shown[seat].common[GROUP])


def test_colour_digit_under_other_names_is_the_game_of_other_colours() -> None:
    """Pictures, messages, state and payments: choices change with the colours, and bits as they like."""
    game, other = ColourDigit(50), ColourDigit(50)
    renamings = Renamings(game.spec)
    assert renamings.count == 4
    draw, luck = torch.Generator().manual_seed(4), torch.arange(50)
    for which in range(4):
        rows = torch.full((50,), which)
        steps, state = game.reset(luck, autoreset=False)
        other.reset(luck, autoreset=False)
        if int(renamings._orders["does", "reader_0"][which, 0]) == 1:
            other._colours = 1 - other._colours
        shown, mirror = other._timesteps(torch.zeros(50, 2))
        for t in range(3):
            assert state is not None and mirror is not None
            assert torch.equal(renamings.state(state, rows)[:, :25], mirror[:, :25])
            for seat, step in steps.items():
                seen = renamings.seen(seat, step, rows)
                assert torch.equal(seen.observation, shown[seat].observation)
                assert torch.equal(seen.reward, shown[seat].reward)
                assert seen.messages is not None and shown[seat].messages is not None
                assert torch.equal(seen.messages, shown[seat].messages)
            if t < 2:
                luck_of = torch.randint(2, (2, 2, 50), generator=draw)
                does = {
                    seat: Action(value, bit.float().unsqueeze(1))
                    for seat, (value, bit) in zip(game.spec.seats, luck_of, strict=True)
                }
                shown, mirror = other.step(does)
                steps, state = game.step({seat: renamings.meant(seat, action, rows) for seat, action in does.items()})
        assert bool(steps["reader_0"].reward.any())


class Table(Policy):
    """Answers what a prisoner sees and hears by a table; what is heard at the first step is heard as it is."""

    def __init__(self, seed: int, renamings: Renamings | None, which: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        self.says, self.tells = (torch.rand(7, 2, 2, generator=draw) for _ in range(2))
        self.renamings, self.which = renamings, which

    def begin(self, seating: Seating) -> dict[str, Any]:
        return {"seat": seating.seat, "been": torch.zeros_like(seating.seed), "t": 0}

    def act(self, timestep: Any, memory: dict[str, Any]) -> tuple[Action, dict[str, Any]]:
        rows = torch.full_like(memory["been"], self.which)
        if self.renamings:
            timestep = self.renamings.seen(memory["seat"], timestep, rows)
        heard = (timestep.messages * timestep.audible.unsqueeze(-1)).sum((1, 2)).long()
        said = (self.says[memory["t"], memory["been"], heard] > 0.5).float().unsqueeze(1)
        tells = (self.tells[memory["t"], memory["been"], heard] > 0.7).long()
        action = Action(tells * timestep.action_mask[:, 1].long(), said)
        if self.renamings:
            action = self.renamings.meant(memory["seat"], action, rows)
        been = (memory["been"] + timestep.observation[:, 0].long()).clamp_max(1)
        return action, {**memory, "been": been, "t": memory["t"] + 1}


@pytest.mark.parametrize("seed", range(3))
def test_prisoners_who_all_turn_the_bit_round_are_paid_the_same(seed: int) -> None:
    """In every episode, and not on the mean alone; a single one who turns it round is paid otherwise."""
    arena = Switch(400)
    renamings = Renamings(arena.spec)

    def paid(turned: list[int]) -> Tensor:
        luck = torch.arange(400)
        steps, _ = arena.reset(luck, autoreset=False)
        seats = dict(zip(arena.spec.seats, (Table(seed, renamings, t) for t in turned), strict=True))
        memories = {seat: policy.begin(Seating(seat, luck, luck)) for seat, policy in seats.items()}
        joint, _ = rollout(arena, seats, memories, steps, 6)
        return joint.seats["prisoner_0"].timesteps.reward.sum(0)

    assert torch.equal(paid([0, 0, 0]), paid([1, 1, 1]))
    assert not torch.equal(paid([0, 0, 0]), paid([1, 0, 0]))


@pytest.mark.parametrize(("kind", "config"), [(Dial, DialConfig), (Rial, RialConfig)])
def test_what_was_played_under_other_names_is_played_again(kind: type[Talking], config: type[Any]) -> None:
    """The network gives for what it learns from what it gave when it played, whatever each seat takes a bit for."""
    arena = Switch(16)
    agent = kind.make(arena.spec, tuple(arena.spec.seats), config(other_play=True), seed=1)
    joint = played(agent, arena)
    which = torch.stack([t.actions.extras[RENAMING] for t in joint.seats.values()])
    within = ~joint.seats["prisoner_0"].timesteps.first[1:-1]
    assert bool((which[0] != which[1]).any()) and torch.equal(which[:, 1:] * within, which[:, :-1] * within)
    lesson = agent.lesson(joint)
    outputs = agent.replayed(agent.networks.team.parameters, lesson, 7)
    for t in range(6):
        assert torch.allclose(agent.again(outputs[t, ..., agent.wide :], lesson, t), lesson.sent[t], atol=1e-5)
    sent = torch.stack([t.actions.message for t in joint.seats.values() if t.actions.message is not None])
    turned = which.movedim(0, 1).unsqueeze(-1).bool()
    assert torch.allclose(sent.movedim(0, 1), torch.where(turned, 1 - lesson.sent, lesson.sent), atol=1e-6)


def test_a_slope_through_two_names_is_that_through_none() -> None:
    """Sender and hearer who both take the bit for its opposite are to learn what they learn when neither does."""
    arena = Switch(64)
    agent = Dial.make(arena.spec, tuple(arena.spec.seats), DialConfig(other_play=True), seed=1)
    lesson = agent.lesson(played(agent, arena))
    assert lesson.signs is not None
    bits = lesson.sent.detach().requires_grad_()
    given = replace_again(agent, bits)
    agent.replayed(agent.networks.team.parameters, lesson, 7)
    plain = torch.autograd.grad(given.replayed(agent.networks.team.parameters, lesson, 7).sum(), bits)[0]
    alone = lesson._replace(signs=torch.ones_like(lesson.signs))
    without = torch.autograd.grad(given.replayed(agent.networks.team.parameters, alone, 7).sum(), bits)[0]
    heard = torch.einsum("tbij,tibm->tjbm", lesson.routes[1:], lesson.signs[1:]) * lesson.signs[1:]
    assert bool((heard < 0).any()) and torch.allclose(plain, without * torch.where(heard < 0, -1.0, 1.0), atol=1e-6)


def replace_again(agent: Dial, bits: Tensor) -> Dial:
    """The same learner, whose seats would now say `bits` [T, N, B, M]."""
    other = Dial.make(agent.spec, agent.seats, agent.config, seed=1)
    other.again = lambda said, lesson, t: bits[t]  # type: ignore[method-assign]
    return other


def test_in_a_match_nothing_is_renamed() -> None:
    arena = TwoCard(32, game="symmetric")
    plain = Bad.make(arena.spec, SEATS, BadConfig(), seed=4)
    other = Bad.make(arena.spec, SEATS, BadConfig(other_play=True), seed=4)
    one, two = (played(agent, arena, training=False) for agent in (plain, other))
    assert torch.equal(one.seats["second"].actions.value, two.seats["second"].actions.value)
    assert RENAMING not in two.seats["first"].actions.extras


def test_the_decoder_learns_from_what_each_seat_saw() -> None:
    """The chances of what was done, when they are computed again, are those by which it was drawn."""
    arena = Hanabi(32, variant="mini")
    agent = Bad.make(arena.spec, tuple(arena.spec.seats), BadConfig(other_play=True, belief="v1"), seed=2)
    joint = played(agent, arena)
    renamings = agent.renamings
    assert renamings is not None
    own = renamings.own(joint, agent.seats)
    for number, seat in enumerate(agent.seats):
        steps, actions = own.seats[seat].timesteps, own.seats[seat].actions
        on = steps.active[:-1]
        hand = agent.hand(steps.observation[:-1], number)
        planned = actions.extras["plan"].gather(-1, hand.unsqueeze(-1)).squeeze(-1)
        assert bool(on.any()) and torch.equal(planned[on], actions.value[on])
        last = agent._last_features(steps, actions)
        assert last.shape[1:] == actions.extras["features"].shape[1:]


@pytest.mark.slow
def test_other_play_gives_up_what_strangers_cannot_share() -> None:
    """Ten with oneself and less with a stranger; under other names eight with anybody."""
    settings = "bad,entropy=2,calm=30000,counterfactual=true,hidden=32,lr=0.01,critic_lr=0.01"
    for other_play, expected in (("false", 10.0), ("true", 8.0)):
        choice = ArenaChoice("two-card", ("game=symmetric",))
        plan = Plan(f"{settings},other_play={other_play}", choice, copies=64, length=None, seed=3)
        setting = set_up(plan)
        for _ in range(330):
            setting.table.play_round()
        joint = played(setting.table.players["first"], TwoCard(64, game="symmetric"), training=False)
        assert float(joint.seats["first"].timesteps.reward.sum(0).mean()) == pytest.approx(expected)


def test_a_false_renaming_is_found_by_the_laws() -> None:
    spec = Hanabi(1, variant="mini").spec
    assert not list(wrong_symmetries(spec))
    wrong = (Symmetry(does={"player_0": (0,) * 8}), Symmetry(says={"player_0": (1,)}), Symmetry(state=(0, 1)))
    faults = [*wrong_symmetries(replace(spec, symmetries=wrong))]
    assert faults[0] == "symmetry 0: does player_0 must say of each of 8 places where it stood" and len(faults) == 3

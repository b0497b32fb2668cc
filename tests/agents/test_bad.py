"""Beliefs against Bayes by enumeration, and what the decoder does in the two-card game."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from agents.bad import Bad, BadConfig, PolicyInput, View
from agents.parts.beliefs import Deals, Enumeration, by_hints, consistent
from agents.protocol import Memory, Seating
from agents.randomness import derive_rows
from agents.rollout import rollout
from arenas.hanabi.arena import Hanabi
from arenas.hands import Hands, Public
from arenas.protocol import Action, Arena, TimeStep
from arenas.trade_comm import TradeComm
from arenas.two_card import PAIR, SEATS, TwoCard
from zoo.play.table import Table

#: Two seats with two cards each that the other sees, of three values; seat a sees the slots of seat b.
TABLE = Hands("all", 3, {"a": (2, 3), "b": (0, 1)}, {"a": 0, "b": 0})


def moment(left: list[float], last: int = -1, actions: int = 3, turn: int = 0) -> Public:
    """A moment of `TABLE` without hints in which nobody has moved a card."""
    eye = torch.eye(4).unsqueeze(0)
    done = torch.zeros(1, actions)
    if last >= 0:
        done[0, last] = 1
    on = torch.eye(2)[turn].unsqueeze(0)
    none = torch.zeros(1, 3)
    return Public(on, done, torch.ones(1, actions), torch.tensor([left]), torch.ones(1, 4, 3), eye, none, none[:, :0])


def by_enumeration(left: list[int], hinted: Tensor, heard: list[tuple[int, Tensor, int]]) -> Tensor:
    """P(f[i]) [4, 3] by going through every order in which the cards that nobody has seen could lie.

    Each of `heard` is (who acted, its plan [9], what it did).
    """
    deck = [value for value, count in enumerate(left) for _ in range(count)]
    total = torch.zeros(4, 3, dtype=torch.float64)
    for order in itertools.permutations(range(len(deck)), 4):
        cards = [deck[n] for n in order]
        if not all(hinted[slot, card] for slot, card in enumerate(cards)):
            continue
        seen = [3 * cards[2] + cards[3], 3 * cards[0] + cards[1]]
        if all(int(plan[seen[who]]) == did for who, plan, did in heard):
            for slot, card in enumerate(cards):
                total[slot, card] += 1
    return total / total.sum(1, keepdim=True)


@pytest.mark.parametrize("seed", range(4))
def test_exact_beliefs_are_bayes_by_enumeration_on_random_plans(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    left = [3, 2, 2]
    deals = Deals(Enumeration(TABLE, 3))
    hinted = torch.rand(4, 3, generator=draw) < 0.8
    hinted[torch.arange(4), torch.tensor([0, 1, 2, 0])] = True
    before = moment([float(n) for n in left])._replace(hinted=hinted.float().unsqueeze(0))
    likelihood, heard = torch.ones(1, deals.count), []
    for who in (0, 1, 0):
        plan = torch.randint(2, (1, 9), generator=draw)
        did = int(plan[0, torch.randint(9, (1,), generator=draw)])
        after = before._replace(last=torch.eye(3)[did].unsqueeze(0))
        expected = by_enumeration(left, hinted, [*heard, (who, plan[0], did)])
        if expected.isnan().any():  # nobody could have done that
            continue
        likelihood = deals.learn(likelihood, plan, torch.tensor([who]), before, after)
        heard.append((who, plan[0], did))
        assert torch.allclose(deals.belief(likelihood, before)[0].double(), expected, atol=1e-5)
    assert heard


@pytest.mark.parametrize("seed", range(4))
def test_factorised_beliefs_are_exact_where_slots_are_independent(seed: int) -> None:
    """The two-card game: one slot a seat, and the cards say nothing about each other."""
    draw = torch.Generator().manual_seed(seed)
    hands = TwoCard(1).hands
    known = Enumeration(hands, 3)
    eye, each = torch.eye(2).unsqueeze(0), torch.ones(1, 2, 2)
    for _ in range(20):
        plan = torch.randint(3, (1, 2), generator=draw)
        did = int(plan[0, torch.randint(2, (1,), generator=draw)])
        now = Public(
            eye[:, 0], torch.eye(3)[[did]], torch.ones(1, 3), each[:, 0], each, eye, each[:, 0] * 0, plan[:, :0]
        )
        told = known.learn(each, each / 2, plan, torch.tensor([0]), now.left, now)
        belief = consistent(now, told, own=True)
        agree = (plan[0] == did).float()
        assert torch.allclose(belief[0, 0], agree / agree.sum())
        assert torch.allclose(belief[0, 1], torch.full((2,), 0.5))


def test_an_actions_ratio_is_a_conditional_chance() -> None:
    """P(it acts so | card) whatever the belief in that card, and 1 for a card that cannot be there."""
    known = Enumeration(Hands("all", 3, {"a": (0,), "b": (1,)}, {"a": 0, "b": 0}, own=True), 2)
    belief = torch.tensor([[[0.7, 0.3, 0.0], [0.2, 0.5, 0.3]]])
    agrees = torch.tensor([[True, False, False]])
    ratio = known.ratio(belief, torch.ones(1, 3), torch.tensor([0]), agrees)
    assert torch.equal(ratio, torch.tensor([[[1.0, 0.0, 1.0]]]))


@pytest.mark.parametrize(
    ("plan", "did", "belief"),
    [
        ([0, 2], 0, [1.0, 0.0]),  # separating
        ([0, 2], 2, [0.0, 1.0]),
        ([1, 1], 1, [0.5, 0.5]),  # pooling
        ([1, 1], 0, [0.5, 0.5]),  # nobody plays that: it says nothing, and is no NaN
    ],
)
def test_the_simple_cases(plan: list[int], did: int, belief: list[float]) -> None:
    """What the second seat believes of the first card, as the agent itself plays."""
    arena = TwoCard(1)
    agent = Bad.make(arena.spec, SEATS, BadConfig(alpha=0.0))
    steps, _ = arena.reset(torch.zeros(1, dtype=torch.long))
    luck = torch.zeros(1, dtype=torch.long)
    _, memory = agent.act(steps["second"], agent.begin(Seating("second", luck, luck)))
    memory["plan"] = torch.tensor([plan])
    steps, _ = arena.step({s: Action(torch.tensor([did])) for s in SEATS})
    action, memory = agent.act(steps["second"], memory)
    assert torch.allclose(memory["belief"][0], torch.tensor([belief, [0.5, 0.5]]))
    assert all(bool(leaf.isfinite().all()) for leaf in action.extras.values())


def test_an_action_that_no_hand_plays_makes_no_nan() -> None:
    known, deals = Enumeration(TABLE, 3), Deals(Enumeration(TABLE, 3))
    before = moment([3, 2, 2])
    after = before._replace(last=torch.eye(3)[[2]])
    plan, who = torch.zeros(1, 9, dtype=torch.long), torch.tensor([0])
    one, belief = torch.ones(1, 4, 3), by_hints(before)
    assert torch.equal(known.learn(one, belief, plan, who, before.left, after), one)
    every = torch.ones(1, deals.count)
    assert torch.equal(deals.learn(every, plan, who, before, after), every)


@pytest.mark.parametrize("left", [[2, 1, 1], [4, 0, 0], [1, 2, 1]])
def test_self_consistent_beliefs_conserve_how_many_cards_there_are(left: list[float]) -> None:
    """Where every unseen card lies in a hand, the expected number in the four slots is that of the cards."""
    now = moment(left)
    hinted = now.hinted.clone()
    hinted[0, 0, 1] = hinted[0, 3, 2] = 0  # slot 0 is no 1 and slot 3 no 2
    belief = consistent(now._replace(hinted=hinted), iterations=400)
    assert torch.allclose(belief.sum(1)[0], torch.tensor(left).float(), atol=0.02)
    # beliefs by hints alone do not: they count cards twice
    if left != [4, 0, 0]:
        assert not torch.allclose(by_hints(now._replace(hinted=hinted)).sum(1)[0], torch.tensor(left).float(), atol=0.1)


def test_the_iteration_is_damped_because_it_oscillates_without() -> None:
    now = moment([2, 1, 1])
    hinted = now.hinted.clone()
    hinted[0, 0, 1] = 0
    now = now._replace(hinted=hinted)
    undamped = [consistent(now, iterations=n, damping=1.0) for n in (100, 101)]
    damped = [consistent(now, iterations=n) for n in (100, 101)]
    assert (undamped[0] - undamped[1]).abs().max() > 0.1
    assert (damped[0] - damped[1]).abs().max() < 1e-3


def test_hands_that_the_deck_forbids_are_left_out() -> None:
    known = Enumeration(TABLE, 3)
    now = moment([1, 3, 3])
    chance = known.chances(by_hints(now), now.left, torch.tensor([0]))
    assert float(chance[0, 0]) == 0  # two cards of the first value, of which there is one
    assert (chance[0, 1:] > 0).all()


def test_team_mates_draw_the_same_plan_and_strangers_do_not() -> None:
    arena = TwoCard(64)
    agents = [Bad.make(arena.spec, (seat,), seed=3) for seat in SEATS]
    steps, _ = arena.reset(torch.arange(64))
    team, other = derive_rows(1, 64), derive_rows(2, 64)

    def plan(agent: Bad, seat: str, luck: Tensor) -> Tensor:
        memory = agent.begin(Seating(seat, derive_rows(5, 64, seat), luck, training=True))
        return agent.act(steps[seat], memory)[0].extras["plan"]

    one, two = (plan(agent, seat, team) for agent, seat in zip(agents, SEATS, strict=True))
    assert torch.equal(one, two)
    assert not torch.equal(one, plan(agents[1], "second", other))


def test_the_counterfactual_gradient_praises_the_whole_plan() -> None:
    """With one hand of two held, the other hand's logits move only counterfactually."""
    moved = {}
    for counterfactual in (False, True):
        arena = TwoCard(8)
        agent = Bad.make(arena.spec, SEATS, BadConfig(counterfactual=counterfactual, lr=0.1), seed=1)
        # one deal in all rows
        arena.reset(torch.arange(8))
        arena._cards = torch.zeros(8, 2, dtype=torch.long)
        steps, state = arena._timesteps(arena._nothing)
        luck = derive_rows(0, 8)
        memories = {s: agent.begin(Seating(s, luck, luck, training=True)) for s in SEATS}
        joint, _ = rollout(arena, dict.fromkeys(SEATS, agent), memories, steps, 2, state)
        before = agent.actor["b2"].clone()
        agent.learn(joint, None)  # type: ignore[arg-type]
        moved[counterfactual] = (agent.actor["b2"] - before).view(2, 3).abs().sum(1)
    assert float(moved[False][0]) > 0
    assert float(moved[False][1]) == 0
    assert float(moved[True][1]) > 0


def test_a_hand_of_too_many_cards_is_refused_in_one_line() -> None:
    many = Hands("all", 26, {"a": (5, 6, 7, 8, 9), "b": (0, 1, 2, 3, 4)}, {"a": 0, "b": 0})
    with pytest.raises(ValueError, match="26\\^5 = 11,881,376 hands"):
        Enumeration(many, 20)


@pytest.mark.parametrize("counterfactual", [False, True])
@pytest.mark.parametrize(("expected", "moves"), [(4.0, 1), (5.0, 0), (6.0, -1)])
def test_a_plan_is_praised_by_how_much_more_is_paid_than_was_expected(
    counterfactual: bool, expected: float, moves: int
) -> None:
    arena, copies = TwoCard(8, payoffs=torch.full((2, 2, 2, 2), 5.0).tolist()), 8
    agent = Bad.make(arena.spec, SEATS, BadConfig(counterfactual=counterfactual), seed=1)
    for name, weight in agent.critic.items():  # whatever it reads, it expects this
        weight.fill_(expected if name == "b2" else 0.0)
    luck = derive_rows(0, copies)
    memories = {s: agent.begin(Seating(s, luck, luck, training=True)) for s in SEATS}
    steps, state = arena.reset(luck)
    joint, _ = rollout(arena, dict.fromkeys(SEATS, agent), memories, steps, 2, state)
    plan = joint.seats["first"].actions.extras["plan"][0]

    def chance() -> float:
        """Mean log chance of the first plan."""
        view = agent.view(steps["first"], memories["first"])
        return float(view.logits.log_softmax(-1).gather(-1, plan.unsqueeze(-1)).mean())

    before = chance()
    agent.learn(joint, None)  # type: ignore[arg-type]
    assert (chance() > before) - (chance() < before) == moves
    expects = float(agent.critic["b2"].squeeze())
    assert (expects > expected) - (expects < expected) == moves  # and what is expected comes nearer


def test_the_chance_of_a_whole_plan_is_that_of_all_its_choices() -> None:
    arena, luck = TwoCard(4), derive_rows(0, 4)
    agent = Bad.make(arena.spec, SEATS, BadConfig(counterfactual=True, first=1.0), seed=1)
    steps, state = arena.reset(luck)
    memories = {s: agent.begin(Seating(s, luck, luck, training=True)) for s in SEATS}
    joint, _ = rollout(arena, dict.fromkeys(SEATS, agent), memories, steps, 2, state)
    view = agent.view(steps["first"], memories["first"])
    seen = PolicyInput(view.features, view.public.possible, steps["first"].first).each(lambda x: x.unsqueeze(0))
    plan = joint.seats["first"].actions.extras["plan"][:1]
    log_pi, spread = agent._chosen(agent.actor, seen, memories["first"]["hidden"], plan, torch.zeros(1, 4).long())
    pi = view.logits.softmax(-1)  # [B, X, A]
    for row in range(4):
        of_plan = [float(pi[row, hand, plan[0, row, hand]].log()) for hand in range(2)]
        assert float(log_pi[0, row].detach()) == pytest.approx(sum(of_plan), abs=1e-5)
        each = [-sum(float(p) * math.log(float(p)) for p in pi[row, hand]) for hand in range(2)]
        assert float(spread[0, row].detach()) == pytest.approx(sum(each), abs=1e-5)


@pytest.mark.parametrize("arena", [TwoCard(1), TradeComm(1, speech="action"), Hanabi(1, variant="mini")])
def test_beliefs_that_could_never_tell_cards_apart_are_refused(arena: Arena) -> None:
    spec = arena.spec
    assert spec.hands is not None
    for belief in ("none", "v0", "v1", "v2", "exact"):
        if belief in ("v0", "v1") and spec.name != "hanabi-v1":
            with pytest.raises(ValueError, match=f"has neither hints nor a common deck.* {belief} "):
                Bad.make(spec, tuple(spec.seats), BadConfig(belief=belief))
        else:
            Bad.make(spec, tuple(spec.seats), BadConfig(belief=belief, hidden=8))
    hinted = replace(spec, hands=replace(spec.hands, own=True, hints=True))
    assert Bad.make(hinted, tuple(spec.seats), BadConfig(belief="v0", hidden=8)).hands.hints
    with pytest.raises(ValueError, match="v1 is v0; set belief=v0"):
        Bad.make(hinted, tuple(spec.seats), BadConfig(belief="v1"))


@pytest.mark.learning
@pytest.mark.parametrize("belief", ["v2", "none"])
def test_learning_raises_what_is_paid(belief: str) -> None:
    arena = TwoCard(8 * 32)
    config = BadConfig(belief=belief, lr=0.01, hidden=16, entropy=2.0, calm=6400, counterfactual=belief == "v2")  # type: ignore[arg-type]
    agent = Bad.make(arena.spec, SEATS, config, replicas=8)
    table = Table(arena, "two-card-v1", dict.fromkeys(SEATS, agent), SEATS)
    returns = [float(table.play_round().returns["first"].mean()) for _ in range(200)]
    assert sum(returns[:5]) / 5 < 5
    assert sum(returns[-5:]) / 5 > 7.9
    assert PAIR in arena.spec.groups


def test_in_hanabi_a_seat_reads_the_others_cards_and_plans_what_is_legal() -> None:
    """Also with cards missing at the end of a game, and for hands that the seat does not hold."""
    arena = Hanabi(64, variant="mini")
    seats = tuple(arena.spec.seats)
    agent = Bad.make(arena.spec, seats, BadConfig(hidden=8, first=3.0))
    steps, _ = arena.reset(torch.arange(64), autoreset=False)
    luck = derive_rows(3, 64)
    memories = {seat: agent.begin(Seating(seat, luck, luck, training=True)) for seat in seats}
    missing = False
    while not bool(steps[seats[0]].last.all()):
        actions = {}
        for number, seat in enumerate(seats):
            cards = arena._table.hand[:, 1 - number]
            missing |= bool((cards == 4).any())
            assert torch.equal(agent.hand(steps[seat].observation, number), 5 * cards[:, 0] + cards[:, 1])
            actions[seat], memories[seat] = agent.act(steps[seat], memories[seat])
            mask = steps[seat].action_mask
            assert mask is not None
            assert bool(mask.gather(1, actions[seat].value.unsqueeze(1)).all())
        steps, _ = arena.step(actions)
    assert missing


def test_a_recurrent_decoder_reads_its_segment_as_it_played_it() -> None:
    """Unrolled over a segment with new episodes within, and over parts of the copies, the policy is what acted."""
    arena = Hanabi(8, variant="mini")
    seats = tuple(arena.spec.seats)
    agent = Bad.make(arena.spec, seats, BadConfig(belief="v1", hidden=8, first=3.0, recurrent=True), seed=1)
    steps, state = arena.reset(torch.arange(8))
    luck = derive_rows(3, 8)
    memories = {seat: agent.begin(Seating(seat, luck, luck, training=True)) for seat in seats}
    joint, memories = rollout(arena, dict.fromkeys(seats, agent), memories, steps, 5, state)  # episodes are under way
    played, view = [], agent.view

    def watched(timestep: TimeStep, memory: Memory) -> View:
        played.append(view(timestep, memory))
        return played[-1]

    agent.view = watched  # type: ignore[method-assign]
    last = {seat: of.timesteps.each(lambda leaf: leaf[-1]) for seat, of in joint.seats.items()}
    last = {
        seat: step._replace(common={g: known[-1] for g, known in joint.seats[seat].timesteps.common.items()})
        for seat, step in last.items()
    }
    joint, _ = rollout(arena, dict.fromkeys(seats, agent), memories, last, 14, state)
    assert len(played) == 14  # once for both seats
    mine = joint.seats[seats[0]]
    assert bool(mine.timesteps.first[1:].any())
    possible = agent.hands.read(mine.timesteps.common[agent.hands.group], agent.actions).possible
    seen = PolicyInput(mine.actions.extras["features"], possible[:-1], mine.timesteps.first[:-1])
    assert mine.memory is not None
    assert mine.memory["hidden"].abs().sum() > 0
    part = slice(1, None, 2)
    again, _ = agent.policy_of(agent.actor, seen.each(lambda leaf: leaf[:, part]), mine.memory["hidden"][part])
    acted = torch.stack([one.logits for one in played])[:, part]
    assert torch.allclose(again.softmax(-1), acted.softmax(-1), atol=1e-5)


def test_what_is_remembered_tells_histories_apart() -> None:
    """The same moment after another history: a recurrent decoder's logits differ, a plain one's do not."""
    arena = Hanabi(2, variant="mini")
    seats = tuple(arena.spec.seats)
    for recurrent in (False, True):
        agent = Bad.make(arena.spec, seats, BadConfig(belief="v0", hidden=8, first=3.0, recurrent=recurrent), seed=1)
        steps, _ = arena.reset(torch.zeros(2, dtype=torch.long))
        memory = agent.begin(Seating(seats[0], torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long)))
        step = steps[seats[0]]._replace(first=torch.zeros(2, dtype=torch.bool))
        memory["hidden"][1] = 1.0
        logits = agent.view(step, memory).logits
        assert torch.equal(logits[0], logits[1]) is not recurrent


def test_the_plan_of_the_first_move_can_be_a_table() -> None:
    arena = TwoCard(4)
    agent = Bad.make(arena.spec, SEATS, BadConfig(opening=True, hidden=8, first=3.0), seed=1, replicas=2)
    agent.actor["opening"].copy_(torch.tensor([[[0.0, 9, 0, 0, 0, 9]], [[9.0, 0, 0, 9, 0, 0]]]))
    steps, _ = arena.reset(torch.arange(4))
    memories = {s: agent.begin(Seating(s, torch.arange(4), torch.arange(4))) for s in SEATS}
    action, memories["first"] = agent.act(steps["first"], memories["first"])
    assert action.extras["plan"].tolist() == [[1, 2], [1, 2], [0, 0], [0, 0]]
    logits = agent.view(steps["first"], memories["second"]).logits
    steps, _ = arena.step(dict.fromkeys(SEATS, action))
    assert not torch.equal(agent.view(steps["first"], memories["first"]).logits, logits)  # the network's again

"""The two-card game: payments, who acts when, what is public, and the optimum of each game of the suite."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest
import torch

from agents.protocol import Seating
from agents.rollout import rollout
from agents.scripts.two_card import TwoCardPlan, TwoCardPlanConfig
from arenas.protocol import Action
from arenas.two_card import PAIR, SEATS, SUITE, TwoCard

#: The returns of optimal joint policies that the suite's authors print.
PRINTED = {"A": 2.25, "B": 1.0, "C": 2.5, "D": 2.5, "E": 10.0, "F": 2 + 1 / 3}


def seeds(n: int) -> torch.Tensor:
    return torch.arange(n)


@pytest.mark.parametrize("game", SUITE)
def test_the_optimum_is_what_the_authors_print(game: str) -> None:
    assert TwoCard(1, game=game).optimum() == pytest.approx(PRINTED[game])


@pytest.mark.parametrize("game", ["A", "C", "E"])
def test_the_optimum_is_that_of_all_pairs_of_policies(game: str) -> None:
    """By brute force over both seats' deterministic policies, the second's for each card and each action it may see."""
    pay = torch.tensor(SUITE[game], dtype=torch.float64)
    cards, _, actions, _ = pay.shape
    answers = torch.tensor([*itertools.product(range(actions), repeat=actions)])  # of one card, by what is seen
    best = 0.0
    for plan in itertools.product(range(actions), repeat=cards):
        told = torch.tensor(plan)
        best = max(
            best,
            sum(float(pay[torch.arange(cards), card, told, answers[:, told]].sum(-1).max()) for card in range(cards)),
        )
    assert TwoCard(1, game=game).optimum() == pytest.approx(best / cards**2)


@pytest.mark.parametrize("game", SUITE)
def test_everybody_is_paid_what_the_table_says(game: str) -> None:
    arena = TwoCard(200, game=game)
    pay = torch.tensor(SUITE[game]).float()
    steps, state = arena.reset(seeds(200), autoreset=False)
    cards = pay.shape[0]
    assert state is not None
    one, two = state[:, :cards].argmax(1), state[:, cards : 2 * cards].argmax(1)
    assert torch.equal(steps["first"].observation[:, :cards].argmax(1), one)
    assert torch.equal(steps["second"].observation[:, :cards].argmax(1), two)
    draw = torch.Generator().manual_seed(0)
    moves = [torch.randint(pay.shape[2], (200,), generator=draw) for _ in range(2)]
    middle, _ = arena.step({"first": Action(moves[0]), "second": Action(moves[1])})
    assert not middle["first"].reward.any()
    assert torch.equal(middle["second"].observation[:, cards + 1 :].argmax(1), moves[0])
    last, _ = arena.step({"first": Action(1 - moves[0].clamp_max(1)), "second": Action(moves[1])})
    for seat in SEATS:
        assert torch.equal(last[seat].reward, pay[one, two, moves[0], moves[1]])
        assert bool(last[seat].last.all())
        assert not last[seat].discount.any()


def test_seats_act_in_turn_and_what_is_public_holds_no_card() -> None:
    arena = TwoCard(4000)
    steps, state = arena.reset(seeds(4000))
    assert [bool(steps[s].active.all()) for s in SEATS] == [True, False]
    told = [steps["first"].common[PAIR]]
    assert state is not None
    counts = (state[:, :2].argmax(1) * 2 + state[:, 2:4].argmax(1)).bincount(minlength=4) / 4000
    assert (counts - 0.25).abs().max() < 4 * (0.1875 / 4000) ** 0.5
    one = torch.ones(4000, dtype=torch.long)
    steps, _ = arena.step({s: Action(one) for s in SEATS})
    assert [bool(steps[s].active.all()) for s in SEATS] == [False, True]
    told.append(steps["second"].common[PAIR])
    for known in told:  # all rows alike, whatever the cards
        assert torch.equal(known, known[:1].expand_as(known))
    public = arena.hands.read(told[1], 3)
    assert public.turn[0].tolist() == [0, 1]
    assert public.last[0].tolist() == [0, 1, 0]


def test_a_game_of_ones_own() -> None:
    assert TwoCard(1, payoffs="[[[[2]]]]").optimum() == 2


@pytest.mark.parametrize("payoffs", ["[1, 2]", "nonsense", [[[[1, 2]]]], [[[[float("inf")]]]], [[[[1]]], [[[2]]]]])
def test_payoffs_that_make_no_game_are_refused(payoffs: object) -> None:
    with pytest.raises(ValueError, match="payoffs must be"):
        TwoCard(1, payoffs=payoffs)


def test_both_ways_to_look_at_it() -> None:
    arena = TwoCard(2)
    arena.reset(seeds(2))
    arena.step({s: Action(torch.tensor([2, 0])) for s in SEATS})
    assert "first does 2" in str(arena.render(0))
    picture = arena.render(1, "rgb_array")
    assert not isinstance(picture, str)
    assert picture.shape == (96, 160, 3)


@pytest.mark.parametrize(("game", "plan", "paid"), [("E", "code", 10), ("symmetric", "code", 10), ("E", "silent", 8)])
def test_the_script_is_paid_what_it_says(game: str, plan: Literal["code", "silent"], paid: float) -> None:
    arena = TwoCard(100, game=game)
    script = TwoCardPlan.make(arena.spec, SEATS, TwoCardPlanConfig(plan=plan))
    memories = {seat: script.begin(Seating(seat, seeds(100), seeds(100))) for seat in SEATS}
    steps, _ = arena.reset(seeds(100), autoreset=False)
    joint, _ = rollout(arena, dict.fromkeys(SEATS, script), memories, steps, 2)
    assert bool((joint.seats["first"].timesteps.reward.sum(0) == paid).all())


def test_the_script_refuses_other_games_of_the_suite() -> None:
    with pytest.raises(ValueError, match="with two cards and three actions"):
        TwoCardPlan.make(TwoCard(1, game="A").spec, SEATS, TwoCardPlanConfig())


def test_a_belief_is_drawn_above_the_cards() -> None:
    arena = TwoCard(1)
    arena.reset(seeds(1))
    belief = torch.tensor([[1.0, 0.0], [0.25, 0.75]])
    assert str(arena.render_belief(belief)) == "  first  0: 1.00 1: 0.00\n  second  0: 0.25 1: 0.75"
    plain, strips = arena.render(0, "rgb_array"), arena.render_belief(belief, 0, "rgb_array")
    assert not isinstance(plain, str) and not isinstance(strips, str)
    changed = (plain != strips).any(-1).sum(0)  # columns with a bar
    assert int((changed > 0).sum()) == 28 + 7 + 21

"""The trading game: payments, what is heard and public, the optimum by enumeration, and OpenSpiel's game."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import pytest
import torch

from agents.parts.other_play import Renamings
from agents.protocol import Agent, Seating
from agents.rollout import rollout
from agents.scripts.trade import TradePlan, TradePlanConfig
from arenas.protocol import Action
from arenas.trade_comm import PAIR, SEATS, TradeComm, optimum


def by_enumeration(items: int, words: int) -> float:
    """Every map of the first's item to a word, and of the second's item and that word to a word and a wish."""
    best = 0
    for says in itertools.product(range(words), repeat=items):
        total = 0
        for word in set(says):
            mine = [item for item in range(items) if says[item] == word]
            # the first, who holds i and has heard the reply, asks for an item that makes the deal good, if there is one
            total += max(
                sum(
                    any(answer[j] == reply and wish[j] == i for j in range(items))
                    for i in mine
                    for reply in range(words)
                )
                for answer in itertools.product(range(words), repeat=items)
                for wish in itertools.product(mine, repeat=items)
            )
        best = max(best, total)
    return best / items**2


@pytest.mark.parametrize(("items", "words"), [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (4, 2)])
def test_the_optimum_is_that_of_all_pairs_of_policies(items: int, words: int) -> None:
    assert optimum(items, words) == pytest.approx(by_enumeration(items, words))


def test_enough_words_allow_every_trade() -> None:
    assert [optimum(n, n) for n in (2, 5, 10)] == [1, 1, 1]
    assert optimum(10, 1) == pytest.approx(0.1)
    assert TradeComm(1, items=4, bits=1).optimum() == 0.5


def paid(arena: TradeComm, traders: dict[str, Agent]) -> torch.Tensor:
    luck = torch.arange(arena.batch_size)
    memories = {seat: traders[seat].begin(Seating(seat, luck, luck)) for seat in SEATS}
    steps, _ = arena.reset(luck, autoreset=False)
    joint, _ = rollout(arena, traders, memories, steps, 4)
    return joint.seats["first"].timesteps.reward.sum(0)


def plan(arena: TradeComm, code: int) -> Agent:
    return TradePlan.make(arena.spec, SEATS, TradePlanConfig(code=code))


@pytest.mark.parametrize("speech", ["message", "action"])
@pytest.mark.parametrize("items", [3, 4])
def test_plans_trade_with_their_like_and_never_with_another_code(speech: Any, items: int) -> None:
    arena = TradeComm(500, speech=speech, items=items)
    for code in (0, 1):
        assert paid(arena, dict.fromkeys(SEATS, plan(arena, code))).all()
    if items == 4:
        assert not paid(arena, {"first": plan(arena, 0), "second": plan(arena, 1)}).any()
    dumb = paid(arena, dict.fromkeys(SEATS, plan(arena, -1)))
    _, state = arena.reset(torch.arange(500))
    assert state is not None
    held = state[:, :items].argmax(1), state[:, items : 2 * items].argmax(1)
    assert torch.equal(dumb, (held[0] == held[1]).float())


@pytest.mark.parametrize("speech", ["message", "action"])
def test_who_is_on_turn_who_hears_and_what_is_hidden(speech: Literal["message", "action"]) -> None:
    arena = TradeComm(300, speech=speech)
    steps, _ = arena.reset(torch.arange(300), autoreset=False)
    draw = torch.Generator().manual_seed(0)
    for t in range(4):
        assert [bool(steps[s].active.all()) for s in SEATS] == [t % 2 == 0, t % 2 == 1]
        before, seen = (steps[SEATS[1 - t % 2]], steps[SEATS[t % 2]])
        assert seen.action_mask is not None
        legal = seen.action_mask[0].nonzero().flatten()
        value = legal[torch.randint(len(legal), (300,), generator=draw)]
        bits = torch.randint(2, (300, arena.bits), generator=draw).float()
        other = before.observation
        steps, _ = arena.step({s: Action(value, bits) for s in SEATS})
        after = steps[SEATS[1 - t % 2]]
        if t >= 2:  # the other does not learn what is asked for
            width = arena.settings.items
            assert torch.equal(after.observation[:, :width], other[:, :width])
            assert torch.equal(after.observation[:, width + 4 :], other[:, width + 4 :])
            assert after.audible is None or not after.audible.any()
        elif speech == "message":
            assert after.audible is not None and after.messages is not None
            assert after.audible[0].tolist() == [t == 0, t == 1]
            assert torch.equal(after.messages[:, t], bits)
        else:
            heard = after.observation[:, 4 + 4 + 4 :]
            assert torch.equal(heard.argmax(1), value) and bool((heard.sum(1) == 1).all())
    assert bool(steps["first"].last.all()) and not steps["first"].discount.any()


def test_what_both_know_holds_words_and_neither_items_nor_wishes() -> None:
    arena = TradeComm(200, speech="action", items=3)
    steps, _ = arena.reset(torch.arange(200), autoreset=False)
    moves, known = [2, 0, 4, 5], []
    for move in moves:
        known.append(steps["first"].common[PAIR])
        assert torch.equal(known[-1], steps["second"].common[PAIR])
        assert torch.equal(known[-1], known[-1][:1].expand_as(known[-1]))  # alike, whatever the items
        steps, _ = arena.step({s: Action(torch.full((200,), move)) for s in SEATS})
    told = [arena.hands.read(one, 6) for one in known]
    assert [public.turn[0].tolist() for public in told] == [[1, 0], [0, 1], [1, 0], [0, 1]]
    assert [public.possible[0].tolist() for public in told] == [[1, 1, 1, 0, 0, 0]] * 2 + [[0, 0, 0, 1, 1, 1]] * 2
    assert [public.last[0].nonzero().flatten().tolist() for public in told] == [[], [2], [0], []]
    assert told[3].rest[0].tolist() == [0, 0, 1, 1, 0, 0]


@pytest.mark.parametrize("settings", [{"items": 3}, {"speech": "action", "items": 3}])
def test_names_of_items_and_words_mean_nothing_by_themselves(settings: dict[str, Any]) -> None:
    """Under other names, the game is the one with other items, move by move."""
    game, other = TradeComm(30, **settings), TradeComm(30, **settings)
    renamings = Renamings(game.spec)
    assert renamings.count == (6 * 4 if game.talks else 6 * 6)
    draw = torch.Generator().manual_seed(3)
    for which in range(renamings.count):
        rows, luck = torch.full((30,), which), torch.arange(30)
        steps, state = game.reset(luck, autoreset=False)
        other.reset(luck, autoreset=False)
        seen = [renamings.seen(seat, steps[seat], rows) for seat in SEATS]
        other._items = torch.stack([step.observation[:, :3].argmax(1) for step in seen], dim=1)
        twin, mirror = other._timesteps(torch.zeros(30, 2))
        for t in range(5):
            assert state is not None and mirror is not None
            assert torch.equal(renamings.state(state, rows)[:, :6], mirror[:, :6])
            for seat in SEATS:
                here = renamings.seen(seat, steps[seat], rows)
                for name in ("observation", "action_mask", "reward", "active"):
                    assert torch.equal(getattr(here, name), getattr(twin[seat], name)), name
                if game.talks:
                    on = twin[seat].audible.unsqueeze(-1)
                    assert torch.equal(here.messages * on, twin[seat].messages * on)
                else:
                    assert torch.equal(here.common[PAIR], twin[seat].common[PAIR])
            if t < 4:
                width = 3 if t >= 2 or game.talks else game.words
                value = torch.randint(width, (30,), generator=draw) + (game.spoken if t >= 2 else 0)
                action = Action(value, torch.randint(2, (30, game.bits), generator=draw).float())
                steps, state = game.step({s: renamings.meant(s, action, rows) for s in SEATS})
                twin, mirror = other.step(dict.fromkeys(SEATS, action))


def test_it_plays_as_openspiels() -> None:
    """All deals of three items and random words and wishes: equal legal moves, turns, words seen and payments."""
    pyspiel = pytest.importorskip("pyspiel")
    game = pyspiel.load_game("trade_comm(num_items=3)")
    arena = TradeComm(600, speech="action", items=3)
    steps, state = arena.reset(torch.arange(600), autoreset=False)
    assert state is not None
    items = torch.stack((state[:, :3].argmax(1), state[:, 3:6].argmax(1)), dim=1).tolist()
    draw = torch.Generator().manual_seed(1)
    moves = torch.randint(3, (4, 600), generator=draw)
    others = []
    for one, two in items:
        others.append(game.new_initial_state())
        others[-1].apply_action(3 * one + two)
    for t in range(4):
        seat = t % 2
        for row, other in enumerate(others):
            view = torch.tensor(other.observation_tensor(seat))
            assert other.current_player() == seat
            assert torch.equal(view[4:7], steps[SEATS[seat]].observation[row, :3])
            assert torch.equal(view[7:13], steps[SEATS[seat]].observation[row, 7:])
            move = int(moves[t, row])
            # OpenSpiel's wish also names what is offered
            other.apply_action(move if t < 2 else 3 + 3 * items[row][seat] + move)
        value = moves[t] + (3 if t >= 2 else 0)
        steps, _ = arena.step({s: Action(value) for s in SEATS})
    assert [other.returns()[0] for other in others] == steps["first"].reward.tolist()
    assert 0 < float(steps["first"].reward.sum()) < 600


def test_both_ways_to_look_at_it() -> None:
    arena = TradeComm(2, items=8)
    arena.reset(torch.arange(2))
    arena.step({s: Action(torch.tensor([2, 0]), torch.tensor([[1.0, 0, 1], [0, 0, 0]])) for s in SEATS})
    assert "says 101" in str(arena.render(0))
    arena.step({s: Action(torch.tensor([2, 0])) for s in SEATS})
    arena.step({s: Action(torch.tensor([7, 0])) for s in SEATS})
    assert "asks for 7" in str(arena.render(0))
    picture = arena.render(0, "rgb_array")
    assert not isinstance(picture, str)
    assert picture.shape == (96, 160, 3)
    strips = arena.render_belief(torch.full((2, 8), 1 / 8), 0, "rgb_array")
    assert not isinstance(strips, str)
    assert (strips != picture).any()

"""Hanabi: against OpenSpiel move by move where it is installed, and rules, views and drawings by themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from arenas.hanabi.arena import GROUP, Hanabi
from arenas.hanabi.rules import VARIANTS, HanabiRules
from arenas.protocol import Action

SLOW = [name if name == "mini" else pytest.param(name, marks=pytest.mark.slow) for name in VARIANTS]


def seeds(n: int, first: int = 0) -> Tensor:
    return torch.arange(first, first + n)


def drawn(mask: Tensor, draw: torch.Generator) -> Tensor:
    """A random legal action for each row."""
    return (mask.float() * torch.rand(mask.shape, generator=draw)).argmax(1)


def play(arena: Hanabi, seed: int = 0) -> list[Any]:
    """Moments of whole random games: (table, action, steps after)."""
    draw = torch.Generator().manual_seed(seed)
    steps, _ = arena.reset(seeds(arena.batch_size, 1000 * seed), autoreset=False)
    moments = []
    for _ in range(arena.spec.max_steps):
        masks = torch.stack([step.action_mask for step in steps.values()], dim=1)  # type: ignore[misc]
        table = arena._table
        action = drawn(masks[torch.arange(len(masks)), table.turn], draw)
        before, steps_before = table, steps
        steps, _ = arena.step({seat: Action(action) for seat in arena.spec.seats})
        moments.append((before, steps_before, action, steps))
        if bool(arena._over.all()):
            break
    assert bool(arena._over.all())
    return moments


@pytest.mark.parametrize("variant", SLOW)
def test_every_move_is_openspiels(variant: str) -> None:
    """Legal moves, observations of both seats, rewards and ends of 1,000 random games."""
    pyspiel = pytest.importorskip("pyspiel", reason="OpenSpiel is not installed (extra openspiel)")
    players, colours, ranks, hand, hints, lives = VARIANTS[variant]
    game = pyspiel.load_game(
        f"hanabi(players={players},colors={colours},ranks={ranks},hand_size={hand},max_information_tokens={hints},"
        f"max_life_tokens={lives})"
    )
    count = 1000
    arena = Hanabi(count, variant=variant, start="first")
    moments = play(arena)
    legal = [arena._moves.legal(table) for table, *_ in moments]
    moves = 0
    for row in range(count):
        theirs, total = game.new_initial_state(), 0.0
        deck = iter(moments[0][0].deck[row].tolist())
        for n, (table, steps, action, after) in enumerate(moments):
            while theirs.is_chance_node():
                theirs.apply_action(next(deck))
            if theirs.is_terminal():
                assert bool(steps["player_0"].last[row])
                break
            seat = theirs.current_player()
            assert seat == int(table.turn[row])
            assert theirs.legal_actions() == legal[n][row].nonzero().flatten().tolist()
            for player in range(players):
                view = torch.tensor(theirs.observation_tensor(player))
                assert torch.equal(steps[f"player_{player}"].observation[row], view), (row, n, player)
            theirs.apply_action(int(action[row]))
            total += float(after["player_0"].reward[row])
            moves += 1
        while theirs.is_chance_node():
            theirs.apply_action(next(deck))
        assert theirs.is_terminal()
        assert total == theirs.returns()[0]
    assert moves > 3 * count  # with one life, random games are short


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_deck_has_the_cards_of_the_rules_and_games_end_in_time(variant: str) -> None:
    arena = Hanabi(64, variant=variant)
    moments = play(arena)
    deck = moments[0][0].deck
    counts = torch.stack([(deck == card).sum(1) for card in range(arena.rules.cards)], dim=1)
    assert torch.equal(counts, torch.tensor(arena.rules.copies).expand_as(counts))
    for table, *_ in moments:
        unseen = [
            (table.deck[:, :].gather(1, torch.arange(arena.rules.deck).expand_as(table.deck)) == c).sum(1)
            for c in range(arena.rules.cards)
        ]
        assert all(bool((table.gone[:, c] <= unseen[c]).all()) for c in range(arena.rules.cards))


def test_five_players_play_too() -> None:
    arena = Hanabi(16, players=5, hand=4)
    assert "hands" not in arena.spec.offers
    play(arena)


@pytest.mark.parametrize("bomb", ["zero", "keep"])
def test_what_a_lost_game_is_worth(bomb: str) -> None:
    arena = Hanabi(2000, variant="mini", bomb=bomb)
    moments = play(arena)
    total = sum(after["player_0"].reward for *_, after in moments)
    lost = arena._table.lives < 1
    played = arena._table.height.sum(1).float()
    assert bool(lost.any())
    assert bool((played[lost] > 0).any())
    assert torch.equal(total, torch.where(lost & (bomb == "zero"), 0.0, played))


def test_what_is_public_holds_no_more_than_both_seats_know() -> None:
    """What the group is told follows from each seat's own view: games that differ in hidden cards alone look alike."""
    arena = Hanabi(1, variant="mini", start="first")
    arena.reset(seeds(1))
    table = arena._table
    looks = []
    for hand in ([[0, 1], [2, 3]], [[1, 1], [3, 0]]):
        changed = table._replace(hand=torch.tensor([hand]))
        _, public = arena.views.public(changed, arena.views.seen(changed), arena._over, arena._first)
        looks.append(public)
    for one, other in zip(*looks, strict=True):
        assert torch.equal(one, other)


def test_cards_are_followed_through_the_hands() -> None:
    """`came` says where each card lay: carried along by it, a mark on a card stays on that card."""
    arena = Hanabi(300, variant="small")
    moments = play(arena, seed=2)
    rules = arena.rules
    marks = moments[0][0].hand.flatten(1)
    for _, _, _, steps in moments:
        table = arena.views.hands.read(steps["player_0"].common[GROUP], rules.actions)
        moved = (table.came @ marks.float().unsqueeze(-1)).squeeze(-1)
        fresh = table.came.sum(-1) == 0
        seen = torch.where(fresh, torch.nan, moved)
        cards = steps["player_0"].observation[:, : rules.hand * rules.cards]  # of player 1
        now = torch.cat((cards, 1 - cards[:, :0]), dim=1).view(300, rules.hand, rules.cards)
        there = now.any(-1)
        old = there & ~fresh[:, rules.hand :]
        assert torch.equal(now.argmax(-1)[old].float(), seen[:, rules.hand :][old])
        marks = torch.cat(
            (
                steps["player_1"]
                .observation[:, : rules.hand * rules.cards]
                .view(300, rules.hand, rules.cards)
                .argmax(-1),
                now.argmax(-1),
            ),
            dim=1,
        )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"players": 5, "hand": 5, "variant": "mini"}, "5 hands of 5 are 25 cards"),
        ({"hints": 0}, "hints must be in"),
        ({"lives": 0}, "lives must be in"),
        ({"players": 1}, "players must be in \\[2, 5\\]"),
        ({"hand": 9}, "hand must be in"),
        ({"bomb": "half"}, "bomb must be one of"),
    ],
)
def test_decks_that_cannot_be_dealt_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Hanabi(1, **settings)


def test_one_can_read_it() -> None:
    arena = Hanabi(1, variant="small", start="first")
    arena.reset(seeds(1, 3))
    arena.step({seat: Action(torch.tensor([2])) for seat in arena.spec.seats})
    words = str(arena.render(0))
    assert "lost games count 0" in words
    assert "> player_1" in words
    assert "player_0 did: play card 1" in words
    picture = arena.render(0, "rgb_array")
    assert not isinstance(picture, str)
    assert picture.dtype.name == "uint8"
    assert len({tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}) > 5


def test_what_a_holder_knows_is_drawn_below_its_card() -> None:
    """A told colour as a block of it, a told rank as a light block with the digit; nothing before."""
    arena = Hanabi(1, variant="mini", start="first")
    arena.reset(seeds(1))
    card = int(arena._table.hand[0, 1, 0])
    hints = {"colour": 4 + card // 2, "rank": 6 + card % 2}
    below = slice(8 + 42 + 24 + 42 + 24 + 44, 8 + 42 + 24 + 42 + 24 + 49)  # rows of the marks below the second hand
    kept = arena.snapshot()
    for hint, shade in {"colour": ((205, 70, 60), (215, 190, 60))[card // 2], "rank": (235, 235, 235)}.items():
        arena.restore(kept)
        before = arena.render(0, "rgb_array")
        arena.step({seat: Action(torch.tensor([hints[hint]])) for seat in arena.spec.seats})
        after = arena.render(0, "rgb_array")
        assert not isinstance(before, str) and not isinstance(after, str)
        assert not (before[below, 8:38] == shade).all(-1).any() and (after[below, 8:38] == shade).all(-1).any()


def test_the_full_game_is_the_one_that_is_published() -> None:
    rules = HanabiRules(*VARIANTS["full"])
    assert (rules.deck, rules.actions, Hanabi(1).spec.seats["player_0"].observation) == (50, 20, (658,))
    assert Hanabi(1, variant="mini").spec.seats["player_0"].observation == (84,)


def test_a_belief_is_drawn_below_the_cards() -> None:
    arena = Hanabi(2, variant="mini", start="first")
    arena.reset(seeds(2))
    belief = torch.zeros(4, 5)
    belief[0, 3] = 1.0  # sure to be Y2
    belief[1, :2] = torch.tensor([0.75, 0.25])
    belief[2:, 4] = 1.0
    words = str(arena.render_belief(belief, 1)).splitlines()
    assert words[0] == "  player_0  Y2\u2588  |  R1\u2593 R2\u2591"
    plain, strips = arena.render(1, "rgb_array"), arena.render_belief(belief, 1, "rgb_array")
    assert not isinstance(plain, str) and not isinstance(strips, str)
    assert strips.shape[0] > plain.shape[0] and strips.shape[1] == plain.shape[1]
    # the bar of a sure card fills its column: there is more of that colour than before
    yellow = [int((picture == (215, 190, 60)).all(-1).sum()) for picture in (plain, strips)]
    assert yellow[1] > yellow[0]


def test_discarded_cards_are_drawn_beside_the_table() -> None:
    arena = Hanabi(1, variant="mini", start="first")
    arena.reset(seeds(1))
    before = arena.render(0, "rgb_array")
    for action in (4, 0):  # a hint, and then a discard
        arena.step({seat: Action(torch.tensor([action])) for seat in arena.spec.seats})
    after = arena.render(0, "rgb_array")
    assert not isinstance(before, str) and not isinstance(after, str)
    assert before.shape == after.shape
    margin = before.shape[1] - 20
    assert (before[:20, margin:] == before[0, 0]).all()
    assert not (after[:20, margin:] == before[0, 0]).all()

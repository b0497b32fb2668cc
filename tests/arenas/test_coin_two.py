import math

import pytest
import torch

from arenas.coin_two import CoinTwo
from arenas.protocol import Action, TimeStep
from tests.arenas.arena_play import play

RIGHT, LEFT, DOWN, UP, STAY = range(5)


def place(boards, *, size=3, view="channels", seed=0):
    """An arena with these boards (red, blue, red coin, blue coin), cells by number, one a row."""
    arena = CoinTwo(len(boards), size=size, view=view)
    arena.reset(torch.arange(seed, seed + len(boards)))
    p = size * size
    position = torch.tensor([((r * p + b) * p + rc) * p + bc for r, b, rc, bc in boards])
    arena.restore({**arena.snapshot(), "position": position})
    return arena


def move(arena, red, blue):
    return arena.step(
        {seat: Action(torch.tensor([a] * arena.batch_size)) for seat, a in (("red", red), ("blue", blue))}
    )[0]


def cells(view):
    return view.flatten(-2).argmax(-1).T  # own agent, other agent, own coin, other's coin


@pytest.mark.parametrize(
    ("board", "red", "blue", "reward"),
    [
        ((3, 5, 4, 0), RIGHT, UP, (1, 0)),
        ((3, 5, 4, 0), UP, LEFT, (-1, -1)),  # each takes the other's coin
        ((3, 5, 4, 1), UP, LEFT, (-2, 1)),
        ((3, 5, 4, 1), RIGHT, LEFT, (-1, 1)),
        ((3, 5, 1, 4), RIGHT, LEFT, (1, -1)),
        ((3, 5, 4, 4), RIGHT, LEFT, (0, 0)),  # both take both
        ((3, 5, 4, 4), RIGHT, STAY, (2, -2)),
        ((3, 5, 3, 5), STAY, STAY, (1, 1)),  # what lies under an agent is taken when the agent stays
        ((3, 5, 3, 5), UP, UP, (0, 0)),
    ],
)
def test_pay(board, red, blue, reward):
    steps = move(place([board]), red, blue)
    assert (steps["red"].reward.item(), steps["blue"].reward.item()) == reward


def test_staying_is_staying():
    steps = move(place([(3, 5, 0, 1)]), STAY, DOWN)
    assert cells(steps["red"].observation)[:, 0].tolist() == [3, 8, 0, 1]


def test_a_coin_stays_until_taken_and_comes_back_anywhere():
    n = 18_000
    steps = move(place([(3, 5, 4, 4)] * n), RIGHT, UP)  # red takes both
    _, _, red_coin, blue_coin = cells(steps["red"].observation)
    pairs = torch.bincount(red_coin * 9 + blue_coin, minlength=81)
    z = (pairs - n / 81) / math.sqrt(n / 81)
    assert z.abs().max() < 4.5
    steps = move(place([(3, 5, 4, 0)] * n), RIGHT, UP)
    _, _, red_coin, blue_coin = cells(steps["red"].observation)
    assert (blue_coin == 0).all()
    assert ((torch.bincount(red_coin, minlength=9) - n / 9) / math.sqrt(n / 9)).abs().max() < 4.5
    steps = move(place([(3, 5, 0, 4)] * n), RIGHT, UP)
    _, _, red_coin, blue_coin = cells(steps["red"].observation)
    assert (red_coin == 0).all()
    assert ((torch.bincount(blue_coin, minlength=9) - n / 9) / math.sqrt(n / 9)).abs().max() < 4.5


def test_everything_starts_on_a_uniform_cell_of_its_own_choice():
    n = 20_000
    steps, _ = CoinTwo(n, view="channels").reset(torch.arange(n))
    pieces = cells(steps["red"].observation)
    for piece in pieces:
        assert ((torch.bincount(piece, minlength=9) - n / 9) / math.sqrt(n / 9)).abs().max() < 4.5
    assert abs((pieces[0] == pieces[1]).float().mean() - 1 / 9) < 0.01


def test_seats_are_exchangeable():
    p = 4
    boards = [(r, b, rc, bc) for r in range(p) for b in range(p) for rc in range(p) for bc in range(p)]
    mirrored = [(b, r, bc, rc) for r, b, rc, bc in boards]
    coins = torch.tensor(boards)[:, 2:].T
    for red in range(5):
        for blue in range(5):
            one, other = move(place(boards, size=2), red, blue), move(place(mirrored, size=2), blue, red)
            agents = cells(one["red"].observation)[:2]
            # two coins taken at once come from one draw, red's first, so that only their distribution is mirrored
            both = (agents == coins[0]).any(0) & (agents == coins[1]).any(0)
            for mine, yours in (("red", "blue"), ("blue", "red")):
                assert torch.equal(one[mine].reward, other[yours].reward)
                assert torch.equal(one[mine].observation[~both], other[yours].observation[~both])


def test_centred_views_are_each_seats_own():
    steps = move(place([(0, 8, 1, 2)], view="centred"), STAY, STAY)
    assert cells(steps["red"].observation)[:, 0].tolist() == [4, 0, 5, 3]
    assert cells(steps["blue"].observation)[:, 0].tolist() == [4, 8, 7, 6]


def test_metrics_count_every_coin_by_colour():
    boards = [(3, 5, 4, 4), (3, 5, 4, 0), (0, 1, 8, 8)]
    arena = place(boards)
    now, _ = arena._timesteps(arena._nothing)
    then = move(arena, RIGHT, LEFT)
    stacked = {
        seat: TimeStep(*(torch.stack(pair) for pair in zip(now[seat][:7], then[seat][:7], strict=True))) for seat in now
    }
    actions = {"red": Action(torch.tensor([[RIGHT] * 3])), "blue": Action(torch.tensor([[LEFT] * 3]))}
    metrics = arena.metrics(stacked, actions)
    assert metrics["red"]["pickups_per_step"].tolist() == [2, 1, 0]
    assert metrics["blue"]["pickups_per_step"].tolist() == [2, 1, 0]
    assert metrics["red"]["own_colour_share"][:2].tolist() == [0.5, 1]
    assert metrics["blue"]["own_colour_share"][:2].tolist() == [0.5, 0]
    assert metrics["red"]["own_colour_share"][2].isnan()


def test_rewards_follow_from_what_was_picked_up():
    segment = play(arena := CoinTwo(60, max_steps=30), torch.arange(60), 30, autoreset=False)
    metrics = arena.metrics(segment.steps, segment.actions)
    picks = {seat: m["pickups_per_step"] * 30 for seat, m in metrics.items()}
    foreign = {seat: picks[seat] * (1 - metrics[seat]["own_colour_share"].nan_to_num()) for seat in picks}
    for mine, yours in (("red", "blue"), ("blue", "red")):
        returns = segment.steps[mine].reward.sum(0)
        torch.testing.assert_close(returns, picks[mine] - 2 * foreign[yours])


def test_pictures_show_two_coins_in_one_cell():
    arena = place([(0, 8, 4, 4)])
    assert arena.render(0).splitlines()[1] == " .   rb  ."
    picture = arena.render(0, "rgb_array")
    assert picture[36, 34].tolist() == [200, 60, 50] and picture[36, 38].tolist() == [60, 90, 200]


def test_it_is_a_coin_game_without_exact_value():
    spec = CoinTwo().spec
    assert spec.name == "coin-two-v1" and spec.seats["red"].actions == 5
    assert spec.offers == {"discrete", "state", "simulator", "coin"}

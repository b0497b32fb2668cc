import math

import pytest
import torch

from arenas.coin import Coin
from arenas.coin_two import CoinTwo
from arenas.protocol import Action, TimeStep
from arenas.tables.finite import Lookup
from tests.arenas.arena_play import FunctionPolicy, equal, play, simulated_returns, softmax_policy

RIGHT, LEFT, DOWN, UP = range(4)
RED, BLUE = 0, 1


def place(boards, *, size=3, max_steps=150, view="centred", seed=0):
    """An arena with these boards (red, blue, coin, colour), cells by number, one a row."""
    arena = Coin(len(boards), size=size, max_steps=max_steps, view=view)
    arena.reset(torch.arange(seed, seed + len(boards)))
    p = size * size
    position = torch.tensor([((r * p + b) * p + c) * 2 + colour for r, b, c, colour in boards])
    arena.restore({**arena.snapshot(), "position": position})
    return arena


def move(arena, red, blue):
    rows = arena.batch_size
    red, blue = (torch.as_tensor(a).expand(rows) for a in (red, blue))
    steps, _ = arena.step({"red": Action(red), "blue": Action(blue)})
    return steps


def paid(steps):
    return list(zip(steps["red"].reward.tolist(), steps["blue"].reward.tolist(), strict=True))


def where(channels):
    """Cells of own agent, other agent, own coin, other's coin in one seat's view of one row; -1: none."""
    return [int(c.flatten().argmax()) if c.any() else -1 for c in channels]


def all_boards(size=3):
    p = size * size
    return [(r, b, c, k) for r in range(p) for b in range(p) for c in range(p) for k in (RED, BLUE)]


@pytest.mark.parametrize(
    ("colour", "red", "blue", "reward"),
    [
        (RED, RIGHT, UP, (1, 0)),
        (RED, UP, LEFT, (-2, 1)),
        (RED, RIGHT, LEFT, (-1, 1)),
        (BLUE, RIGHT, UP, (1, -2)),
        (BLUE, UP, LEFT, (0, 1)),
        (BLUE, RIGHT, LEFT, (1, -1)),
        (RED, UP, UP, (0, 0)),
        (BLUE, UP, UP, (0, 0)),
    ],
)
def test_pay(colour, red, blue, reward):
    # red in the middle of the left column, blue of the right one, the coin between them
    assert paid(move(place([(3, 5, 4, colour)]), red, blue)) == [reward]


def test_a_torus_has_no_edge():
    arena = place([(2, 8, 4, RED)], view="channels")
    steps = move(arena, RIGHT, DOWN)  # from the right edge to the left, from the bottom to the top
    assert where(steps["red"].observation[0]) == [0, 2, 4, -1]
    steps = move(arena, LEFT, UP)
    assert where(steps["red"].observation[0]) == [2, 8, 4, -1]


def test_agents_may_swap_and_share_cells():
    arena = place([(3, 4, 0, RED), (3, 5, 0, RED)], view="channels")
    steps = move(arena, RIGHT, LEFT)
    assert where(steps["red"].observation[0])[:2] == [4, 3]
    assert where(steps["red"].observation[1])[:2] == [4, 4]


def test_a_coin_that_was_taken_comes_back_in_the_other_colour_and_never_on_an_agent():
    boards = all_boards()
    for red in range(4):
        for blue in range(4):
            arena = place(boards, view="shared", seed=100 * red + blue)
            steps = move(arena, red, blue)
            board = steps["red"].observation.flatten(2)
            agents, coins = board[:, 0] + board[:, 1], board[:, 2] + board[:, 3]
            assert (coins.sum(1) == 1).all()
            taken = (steps["red"].reward != 0) | (steps["blue"].reward != 0)
            assert (agents * coins)[taken].sum() == 0
            was_blue = torch.tensor([b[3] for b in boards]).bool()
            is_blue = board[:, 3].sum(1) == 1
            assert torch.equal(is_blue, was_blue ^ taken)
            still = ~taken
            assert torch.equal(coins.argmax(1)[still], torch.tensor([b[2] for b in boards])[still])


@pytest.mark.parametrize(("blue_cell", "free"), [(5, 7), (4, 8)])
def test_the_new_coin_is_uniform_on_the_free_cells(blue_cell, free):
    n = 14_000
    # red steps on the coin; blue steps away from it or with red onto it
    arena = place([(3, blue_cell + 1 if blue_cell == 4 else blue_cell, 4, RED)] * n, view="channels")
    steps = move(arena, RIGHT, LEFT if blue_cell == 4 else UP)
    counts = steps["red"].observation[:, 3].flatten(1).sum(0)
    assert (counts > 0).sum() == free
    z = (counts[counts > 0] - n / free) / math.sqrt(n / free * (1 - 1 / free))
    assert z.abs().max() < 4.5


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_game_starts_on_three_distinct_uniform_cells(size):
    n, p = 20_000, size * size
    steps, _ = Coin(n, size=size, view="shared").reset(torch.arange(n))
    board = steps["red"].observation.flatten(2)
    assert board[:, :2].sum((1, 2)).eq(2).all() and board[:, 2:].sum((1, 2)).eq(1).all()
    assert board.sum(1).max() == 1
    for share in (board[:, 0], board[:, 1], board[:, 2:].sum(1)):
        z = (share.sum(0) - n / p) / math.sqrt(n / p)
        assert z.abs().max() < 4.5
    assert abs(board[:, 3].sum() - n / 2) < 4.5 * math.sqrt(n / 4)


def test_each_seat_sees_itself_in_the_middle():
    steps = move(place([(0, 4, 8, BLUE)]), LEFT, UP)  # red to cell 2, blue to cell 1
    assert where(steps["red"].observation[0]) == [4, 3, -1, 1]  # blue to the left; the coin two down is one up
    assert where(steps["blue"].observation[0]) == [4, 5, 2, -1]


def test_views_of_a_board_in_place():
    assert where(move(place([(0, 4, 8, BLUE)], view="channels"), LEFT, UP)["blue"].observation[0]) == [1, 2, 8, -1]
    assert where(move(place([(0, 4, 8, BLUE)], view="shared"), LEFT, UP)["blue"].observation[0]) == [2, 1, -1, 8]


@pytest.mark.parametrize("view", ["centred", "channels"])
@pytest.mark.parametrize("size", [2, 3])
def test_seats_are_exchangeable(size, view):
    boards = all_boards(size)
    mirrored = [(b, r, c, 1 - k) for r, b, c, k in boards]
    for red in range(4):
        for blue in range(4):
            one = move(place(boards, size=size, view=view), red, blue)
            other = move(place(mirrored, size=size, view=view), blue, red)
            for mine, yours in (("red", "blue"), ("blue", "red")):
                assert torch.equal(one[mine].observation, other[yours].observation)
                assert torch.equal(one[mine].reward, other[yours].reward)


def test_the_state_is_what_red_sees():
    segment = play(Coin(5), torch.arange(5), 20)
    assert torch.equal(segment.states, segment.steps["red"].observation.flatten(2))


@pytest.mark.parametrize("view", ["centred", "channels", "shared"])
def test_metrics_of_a_made_up_episode(view):
    arena = place([(3, 5, 4, RED), (3, 5, 4, BLUE), (3, 8, 4, BLUE), (0, 8, 4, RED)], view=view)
    now, _ = arena._timesteps(arena._nothing)
    then = move(arena, RIGHT, LEFT)
    stacked = {
        seat: TimeStep(*(torch.stack(pair) for pair in zip(now[seat][:7], then[seat][:7], strict=True))) for seat in now
    }
    actions = {"red": Action(torch.tensor([[RIGHT] * 4])), "blue": Action(torch.tensor([[LEFT] * 4]))}
    metrics = arena.metrics(stacked, actions)
    assert metrics["red"]["pickups_per_step"].tolist() == [1, 1, 1, 0]
    assert metrics["blue"]["pickups_per_step"].tolist() == [1, 1, 0, 0]
    assert metrics["red"]["own_colour_share"][:3].tolist() == [1, 0, 0]
    assert metrics["blue"]["own_colour_share"][:2].tolist() == [0, 1]
    assert metrics["red"]["own_colour_share"][3].isnan() and metrics["blue"]["own_colour_share"][2:].isnan().all()


@pytest.mark.parametrize("view", ["centred", "channels", "shared"])
def test_metrics_agree_with_the_rewards(view):
    segment = play(arena := Coin(50, view=view, max_steps=40), torch.arange(50), 40, autoreset=False)
    metrics = arena.metrics(segment.steps, segment.actions)
    red, blue = (segment.steps[seat].reward[1:] for seat in ("red", "blue"))
    for seat, own, other in (("red", red, blue), ("blue", blue, red)):
        picked = own.abs() == 1
        torch.testing.assert_close(metrics[seat]["pickups_per_step"], picked.float().mean(0))
        share = (picked & (other >= 0)).sum(0) / picked.sum(0)
        torch.testing.assert_close(metrics[seat]["own_colour_share"], share, equal_nan=True)


def test_pictures_show_who_is_where():
    arena = place([(0, 4, 8, BLUE), (4, 4, 0, RED)])
    assert arena.render(0).splitlines() == [" R   .   .", " .   B   .", " .   .   b", "step 0 of 150"]
    assert arena.render(1).splitlines()[1] == " .   RB  ."
    picture = arena.render(0, "rgb_array")
    assert picture.shape == (72, 72, 3)
    assert picture[12, 12].tolist() == [200, 60, 50] and picture[36, 36].tolist() == [60, 90, 200]
    both = arena.render(1, "rgb_array")
    assert both[36, 30].tolist() == [200, 60, 50] and both[36, 42].tolist() == [60, 90, 200]


@pytest.mark.parametrize("game", [Coin, CoinTwo])
def test_boards_too_large_for_tables_follow_the_same_rules(game, monkeypatch):
    with_tables = play(game(20, max_steps=15), torch.arange(20), 40)
    monkeypatch.setattr(Lookup, "_LIMIT", 0)
    assert equal(with_tables, play(game(20, max_steps=15), torch.arange(20), 40))
    monkeypatch.undo()
    segment = play(game(3, size=9, max_steps=15), torch.arange(3), 20)
    assert segment.steps["red"].observation.flatten(2).sum(-1).min() >= 3


@pytest.mark.parametrize("settings", [{"size": 1}, {"max_steps": 0}, {"view": "above"}])
def test_settings_that_make_no_game(settings):
    with pytest.raises(ValueError, match="coin-v1: "):
        Coin(1, **settings)


# --- exact values ---------------------------------------------------------------------------------------------------


def distances(seen):
    """Steps down and right to the coin in -1, 0, 1, and whether the coin is the seat's own; on the 3 x 3 torus."""
    me = seen[:, 0].flatten(1).argmax(1)
    coin = (seen[:, 2] + seen[:, 3]).flatten(1).argmax(1)
    down, right = ((coin // 3 - me // 3 + 1) % 3 - 1, (coin % 3 - me % 3 + 1) % 3 - 1)
    return down, right, seen[:, 2].flatten(1).any(1)


def greedy_move(seen, first):
    down, right, _ = distances(seen)
    along_row, along_column = torch.where(right > 0, RIGHT, LEFT), torch.where(down > 0, DOWN, UP)
    if first == "row":
        return torch.where(right != 0, along_row, along_column)
    return torch.where(down != 0, along_column, along_row)


def greedy(first="row"):
    return FunctionPolicy(lambda seen: torch.nn.functional.one_hot(greedy_move(seen, first), 4).double())


def coop(first="row"):
    def probabilities(seen):
        towards = greedy_move(seen, first)
        away = torch.tensor([LEFT, RIGHT, UP, DOWN])[towards]
        return torch.nn.functional.one_hot(torch.where(distances(seen)[2], towards, away), 4).double()

    return FunctionPolicy(probabilities)


def avoid():
    """Own colour: chase; else uniform over the moves that do not take the coin."""

    def probabilities(seen):
        down, right, own = distances(seen)
        takes = torch.stack([(down == d) & (right == r) for r, d in ((1, 0), (-1, 0), (0, 1), (0, -1))], dim=1)
        free = (~takes).double()
        return torch.where(own.unsqueeze(1), greedy().function(seen), free / free.sum(1, keepdim=True))

    return FunctionPolicy(probabilities)


RANDOM = FunctionPolicy(lambda seen: torch.full((len(seen), 4), 0.25, dtype=torch.float64))

# red's mean reward per step for T = 16, 50, 150, and (1 - gamma) V at gamma .96
REFERENCE = {
    ("random", "random"): (0.000000, 0.000000, 0.000000, 0.000000),
    ("greedy", "random"): (0.526265, 0.531072, 0.532579, 0.528758),
    ("greedy", "greedy"): (0.000000, 0.000000, 0.000000, 0.000000),
    ("coop", "coop"): (0.329923, 0.332242, 0.332970, 0.331121),
    ("coop", "greedy"): (-0.258112, -0.259264, -0.259627, -0.258731),
    ("greedy", "coop"): (0.617566, 0.621631, 0.622905, 0.619691),
    ("avoid", "avoid"): (0.331990, 0.334431, 0.335197, 0.333252),
    ("random", "coop"): (0.113133, 0.112493, 0.112293, 0.112789),
    ("coop", "random"): (0.067820, 0.060145, 0.057737, 0.063604),
}


def named(name, first="row"):
    return {"random": lambda: RANDOM, "greedy": lambda: greedy(first), "coop": lambda: coop(first), "avoid": avoid}[
        name
    ]()


@pytest.mark.parametrize("pair", REFERENCE, ids="-".join)
@pytest.mark.parametrize("first", ["row", "column"])
def test_values_of_the_reference_table(pair, first):
    arena = Coin()
    policies = {"red": named(pair[0], first), "blue": named(pair[1], first)}
    steps = [float(arena.value(policies, steps=t, gamma=1.0)["red"]) / t for t in (16, 50, 150)]
    infinite = 0.04 * float(arena.value(policies)["red"])
    assert [*steps, infinite] == pytest.approx(REFERENCE[pair], abs=5.1e-7)
    # both seats are worth the same in each other's place
    swapped = {"red": policies["blue"], "blue": policies["red"]}
    assert float(arena.value(policies)["blue"]) == pytest.approx(float(arena.value(swapped)["red"]), abs=1e-12)


@pytest.mark.parametrize("view", ["channels", "centred"])
def test_values_do_not_depend_on_how_the_board_is_seen(view):
    arena, centred = Coin(view=view), Coin()
    policies = {"red": coop(), "blue": greedy()}
    for seat, value in arena.value(policies, steps=20).items():
        assert float(value) == pytest.approx(float(centred.value(policies, steps=20)[seat]), abs=1e-12)


@pytest.mark.parametrize(("size", "view"), [(2, "centred"), (3, "centred"), (2, "shared"), (3, "channels")])
def test_values_agree_with_play(size, view):
    torch.manual_seed(0)
    policies = {
        seat: softmax_policy(torch.randn(1, 4 * size * size, 4, dtype=torch.float64)) for seat in ("red", "blue")
    }
    arena = Coin(4000, size=size, view=view, max_steps=15)
    value = arena.value(policies, steps=15, gamma=0.9)
    for seat, returns in simulated_returns(arena, policies, 15, 0.9).items():
        error = returns.std() / math.sqrt(len(returns))
        assert abs(returns.mean() - value[seat].item()) < 4 * error


def test_replicas_are_valued_one_by_one():
    torch.manual_seed(0)
    arena = Coin()
    many, one = (torch.randn(r, 36, 4, dtype=torch.float64) for r in (3, 1))
    value = arena.value({"red": softmax_policy(many), "blue": softmax_policy(one)}, steps=10)
    for r in range(3):
        alone = arena.value({"red": softmax_policy(many[r : r + 1]), "blue": softmax_policy(one)}, steps=10)
        for seat in ("red", "blue"):
            assert value[seat].shape == (3,)
            torch.testing.assert_close(value[seat][r : r + 1], alone[seat])
    with pytest.raises(ValueError, match="replicas do not fit"):
        arena.value({"red": softmax_policy(many), "blue": softmax_policy(torch.cat([one, one]))})


@pytest.mark.parametrize("steps", [4, None])
def test_values_are_differentiable(steps):
    torch.manual_seed(0)
    arena = Coin(size=2)
    theta = [torch.randn(1, 16, 4, dtype=torch.float64, requires_grad=True) for _ in range(2)]

    def red_value(red, blue):
        return arena.value({"red": softmax_policy(red), "blue": softmax_policy(blue)}, steps=steps)["red"]

    assert torch.autograd.gradcheck(red_value, theta)


def test_games_without_exact_values_say_so():
    with pytest.raises(ValueError, match="coin-v1 has no exact value"):
        Coin(size=4).value({"red": RANDOM, "blue": RANDOM})
    assert "value" not in Coin(size=4).spec.offers
    with pytest.raises(ValueError, match="policy of blue has a memory"):
        Coin().value({"red": RANDOM, "blue": FunctionPolicy(RANDOM.function, memoryless=False)})
    with pytest.raises(ValueError, match="gamma below 1"):
        Coin().value({"red": RANDOM, "blue": RANDOM}, gamma=1.0)

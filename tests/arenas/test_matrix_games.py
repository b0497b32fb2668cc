import itertools
import math

import numpy as np
import pytest
import torch

from arenas.luck import below, bits
from arenas.matrix import Chicken, IteratedMatchingPennies, IteratedPrisonersDilemma, Matrix, StagHunt
from arenas.protocol import Action
from tests.arenas.arena_play import LOPSIDED, FunctionPolicy, play, simulated_returns, softmax_policy

SEATS = ("row", "column")
# probability of cooperating: (start; CC, CD, DC, DD)
STRATEGIES = {
    "AllC": (1, 1, 1, 1, 1),
    "AllD": (0, 0, 0, 0, 0),
    "TFT": (1, 1, 0, 1, 0),
    "GRIM": (1, 1, 0, 0, 0),
    "WSLS": (1, 1, 0, 0, 1),
    "Random": (0.5, 0.5, 0.5, 0.5, 0.5),
}
# row's payoff, gamma .96, times 1 - gamma
REFERENCE = {
    "AllC": (-1.000000, -3.000000, -1.000000, -1.000000, -1.000000, -2.000000),
    "AllD": (0.000000, -2.000000, -1.920000, -1.920000, -0.979592, -1.000000),
    "TFT": (-1.000000, -2.040000, -1.000000, -1.000000, -1.000000, -1.520000),
    "GRIM": (-1.000000, -2.040000, -1.000000, -1.000000, -1.000000, -1.076923),
    "WSLS": (-1.000000, -2.510204, -1.000000, -1.000000, -1.000000, -1.520000),
    "Random": (-0.500000, -2.500000, -1.460000, -2.346154, -1.460000, -1.500000),
}


def memory_one(cooperation):
    table = torch.tensor(cooperation, dtype=torch.float64)

    def probabilities(seen):
        cooperate = seen.double() @ table
        return torch.stack((cooperate, 1 - cooperate), dim=-1)

    return FunctionPolicy(probabilities)


def brute_value(payoffs, policies, gamma, steps):
    """Both seats' returns, by following the distribution over joint actions with loops over numbers only."""
    payoffs = np.array(payoffs, float)
    rows, columns, _ = payoffs.shape
    row_policy, column_policy = policies  # [1 + A1 A2, A1] by row's view, [1 + A1 A2, A2] by column's
    mass = {None: 1.0}
    total = np.zeros(2)
    for t in range(steps):
        following = dict.fromkeys(itertools.product(range(rows), range(columns)), 0.0)
        for last, m in mass.items():
            seen = (0, 0) if last is None else (1 + last[0] * columns + last[1], 1 + last[1] * rows + last[0])
            for i, j in following:
                following[i, j] += m * row_policy[seen[0], i] * column_policy[seen[1], j]
        mass = following
        for (i, j), m in mass.items():
            total += gamma**t * m * payoffs[i, j]
    return total


@pytest.mark.parametrize("row", STRATEGIES)
def test_values_of_the_reference_table(row):
    arena = IteratedPrisonersDilemma()
    for column, expected in zip(STRATEGIES, REFERENCE[row], strict=True):
        pair = {"row": memory_one(STRATEGIES[row]), "column": memory_one(STRATEGIES[column])}
        assert 0.04 * float(arena.value(pair)["row"]) == pytest.approx(expected, abs=5.1e-7)
        swapped = {"row": pair["column"], "column": pair["row"]}
        assert 0.04 * float(arena.value(swapped)["column"]) == pytest.approx(expected, abs=5.1e-7)


def test_tit_for_tat_against_always_defect_without_discount():
    pair = {"row": memory_one(STRATEGIES["TFT"]), "column": memory_one(STRATEGIES["AllD"])}
    value = IteratedPrisonersDilemma().value(pair, steps=150, gamma=1.0)
    assert float(value["row"]) / 150 == pytest.approx(-2.006667, abs=5e-7)
    assert float(value["column"]) / 150 == pytest.approx(-1.986667, abs=5e-7)


@pytest.mark.parametrize("payoffs", [LOPSIDED, [[[-1, -1], [-3, 0]], [[0, -3], [-2, -2]]]])
@pytest.mark.parametrize(("steps", "gamma"), [(1, 0.9), (17, 0.9), (12, 1.0), (None, 0.9)])
def test_values_agree_with_brute_force(payoffs, steps, gamma):
    torch.manual_seed(1)
    arena = Matrix(payoffs=payoffs)
    width = arena.spec.state_dim
    logits = {s: torch.randn(1, width, arena.spec.seats[s].actions, dtype=torch.float64) for s in SEATS}
    value = arena.value({s: softmax_policy(theta) for s, theta in logits.items()}, steps=steps, gamma=gamma)
    tables = [logits[s][0].softmax(-1).numpy() for s in SEATS]
    expected = brute_value(payoffs, tables, gamma, 300 if steps is None else steps)
    assert [float(value[s]) for s in SEATS] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("payoffs", [LOPSIDED, [[[1, -1], [-1, 1]], [[-1, 1], [1, -1]]]])
@pytest.mark.parametrize("steps", [6, None])
def test_gradients_and_mixed_second_derivatives(payoffs, steps):
    torch.manual_seed(2)
    arena = Matrix(payoffs=payoffs, gamma=0.9)
    width = arena.spec.state_dim
    theta = [torch.randn(2, width, arena.spec.seats[s].actions, dtype=torch.float64, requires_grad=True) for s in SEATS]

    def values(row, column):
        value = arena.value({"row": softmax_policy(row), "column": softmax_policy(column)}, steps=steps)
        return value["row"], value["column"]

    assert torch.autograd.gradcheck(values, theta)
    assert torch.autograd.gradgradcheck(values, theta)


def test_replicas_are_valued_one_by_one():
    torch.manual_seed(3)
    arena = IteratedPrisonersDilemma()
    rows, columns = (torch.randn(4, 5, 2, dtype=torch.float64) for _ in SEATS)
    value = arena.value({"row": softmax_policy(rows), "column": softmax_policy(columns)})
    for r in range(4):
        alone = arena.value({"row": softmax_policy(rows[r : r + 1]), "column": softmax_policy(columns[r : r + 1])})
        for seat in SEATS:
            torch.testing.assert_close(value[seat][r : r + 1], alone[seat])


@pytest.mark.parametrize("game", [IteratedPrisonersDilemma, IteratedMatchingPennies, StagHunt, Chicken])
def test_values_agree_with_play(game):
    torch.manual_seed(4)
    policies = {seat: softmax_policy(torch.randn(1, 5, 2, dtype=torch.float64)) for seat in SEATS}
    arena = game(3000, max_steps=20)
    value = arena.value(policies, steps=20)
    for seat, returns in simulated_returns(arena, policies, 20, arena.spec.gamma).items():
        assert abs(returns.mean() - value[seat].item()) < 4 * returns.std() / math.sqrt(len(returns))


def test_matching_pennies_is_zero_sum_at_every_step():
    segment = play(IteratedMatchingPennies(64), torch.arange(64), 200)
    row, column = (segment.steps[seat].reward for seat in SEATS)
    assert torch.equal(row, -column) and row.abs().max() == 1
    same = segment.actions["row"].value == segment.actions["column"].value
    played = ~segment.steps["row"].first[1:]
    assert torch.equal(row[1:][played] == 1, same[played])


def test_each_seat_sees_its_own_action_first():
    arena = Matrix(1, payoffs=LOPSIDED)  # row has two actions, column three
    steps, state = arena.reset(torch.zeros(1, dtype=torch.long))
    assert steps["row"].observation.argmax() == steps["column"].observation.argmax() == 0
    for i, j in itertools.product(range(2), range(3)):
        steps, state = arena.step({"row": Action(torch.tensor([i])), "column": Action(torch.tensor([j]))})
        assert steps["row"].observation.tolist() == [[float(k == 1 + 3 * i + j) for k in range(7)]]
        assert steps["column"].observation.tolist() == [[float(k == 1 + 2 * j + i) for k in range(7)]]
        assert [steps["row"].reward.item(), steps["column"].reward.item()] == LOPSIDED[i][j]
        assert torch.equal(state, steps["row"].observation)


@pytest.mark.parametrize("game", [IteratedPrisonersDilemma, StagHunt, Chicken])
def test_seats_of_symmetric_games_are_exchangeable(game):
    luck = torch.arange(30)
    segment = play(game(30), luck, 40)
    script = {"row": segment.actions["column"].value, "column": segment.actions["row"].value}
    mirrored = play(game(30), luck, 40, script=script)
    for mine, yours in (SEATS, SEATS[::-1]):
        assert torch.equal(segment.steps[mine].observation, mirrored.steps[yours].observation)
        assert torch.equal(segment.steps[mine].reward, mirrored.steps[yours].reward)


def test_sides_and_kinds():
    assert IteratedPrisonersDilemma().spec.sides() == {"player": SEATS}
    assert IteratedMatchingPennies().spec.sides() == {"row": ("row",), "column": ("column",)}
    assert Matrix(payoffs=LOPSIDED).spec.sides() == {"row": ("row",), "column": ("column",)}
    assert IteratedPrisonersDilemma().spec.kind == Chicken().spec.kind == StagHunt().spec.kind == "mixed"
    assert IteratedMatchingPennies().spec.kind == "competitive"
    assert Matrix(payoffs=[[[3, 3], [0, 0]], [[0, 0], [1, 1]]]).spec.kind == "cooperative"
    assert (IteratedPrisonersDilemma().spec.gamma, IteratedMatchingPennies().spec.gamma) == (0.96, 0.9)


def test_equal_players_of_matching_pennies_mostly_draw_a_block():
    spec, blocks = IteratedMatchingPennies().spec, 60
    arena = IteratedMatchingPennies(blocks * 2 * spec.block)
    luck = torch.arange(arena.batch_size)
    arena.reset(luck)
    returns = torch.zeros(arena.batch_size)
    for t in range(spec.max_steps):
        steps, _ = arena.step({seat: Action(below(bits(luck, 2 * t + k), 2)) for k, seat in enumerate(SEATS)})
        returns += steps["row"].reward
    first, second = returns.view(blocks, 2, spec.block).mean(-1).T  # one player sits in the row first, then the other
    differences = first - second  # own return minus the other's, averaged over the seatings
    assert (differences.abs() < spec.draw_band).sum() >= 0.85 * blocks
    assert float(differences.std()) == pytest.approx(spec.draw_band / 2, rel=0.3)


@pytest.mark.parametrize(
    ("game", "settings", "name"),
    [
        (IteratedPrisonersDilemma, {}, "cooperation"),
        (StagHunt, {}, "cooperation"),
        (Chicken, {}, "cooperation"),
        (IteratedMatchingPennies, {}, "action_0"),
        (Matrix, {"payoffs": LOPSIDED}, "action_0"),
    ],
)
def test_metrics_of_a_made_up_episode(game, settings, name):
    script = {
        "row": torch.tensor([[0, 1], [0, 1], [1, 1], [0, 1]]),
        "column": torch.tensor([[1, 0], [1, 0], [1, 1], [0, 0]]),
    }
    arena = game(2, max_steps=4, **settings)
    segment = play(arena, torch.arange(2), 4, autoreset=False, script=script)
    assert {seat: list(m) for seat, m in arena.metrics(segment.steps, segment.actions).items()} == {
        seat: [name] for seat in SEATS
    }
    metrics = arena.metrics(segment.steps, segment.actions)
    assert metrics["row"][name].tolist() == [0.75, 0]
    assert metrics["column"][name].tolist() == [0.25, 0.75]


def test_payoffs_as_text_are_the_same_game():
    text = Matrix(4, payoffs="[[[1, 2], [3, 4], [0, 1]], [[1, 1], [2, 2], [0, 9]]]")
    assert torch.equal(text.pay, Matrix(payoffs=LOPSIDED).pay)


@pytest.mark.parametrize(
    "payoffs", ["no JSON", "[1, 2]", [], [[[1, 2]], [[1, 2], [3, 4]]], [[[1, 2, 3]]], [[[1, float("nan")]]], 3, "{}"]
)
def test_payoffs_of_another_shape(payoffs):
    with pytest.raises(ValueError, match=r"matrix-v1: payoffs must be finite numbers \[A1\]\[A2\]\[2\]"):
        Matrix(payoffs=payoffs)


@pytest.mark.parametrize("settings", [{"max_steps": 0}, {"gamma": 1.5}, {"gamma": -0.1}])
def test_settings_that_make_no_game(settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"ipd-v1: {name} must be (at least 1|in .0, 1.), got"):
        IteratedPrisonersDilemma(**settings)


def test_pictures_and_text():
    arena = IteratedPrisonersDilemma(1)
    arena.reset(torch.zeros(1, dtype=torch.long))
    assert arena.render() == "step 0 of 150"
    arena.step({"row": Action(torch.tensor([0])), "column": Action(torch.tensor([1]))})
    assert arena.render().splitlines() == ["step 1 of 150", "row    cooperate -3", "column defect    0"]
    picture = arena.render(0, "rgb_array")
    assert picture.shape == (96, 96, 3)
    assert picture[1, 60].tolist() == [30, 30, 30] and picture[60, 1].tolist() != [30, 30, 30]
    assert Matrix(payoffs=LOPSIDED).twin(1).pay.shape == (2, 3, 2)

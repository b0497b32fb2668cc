"""Best responses and security values against tables computed elsewhere, brute force, and play."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.policies.scripted import ScriptedPolicy
from agents.protocol import Agent, Seating
from agents.randomness import derive_rows
from agents.rollout import rollout
from agents.scripts.coin import Cooperator, Greedy
from agents.scripts.random import Random
from arenas.coin import Coin
from arenas.matrix import Chicken, IteratedMatchingPennies, IteratedPrisonersDilemma, Matrix
from arenas.tables.response import Control, earned
from arenas.tables.security import security

SEATS = ("row", "column")
# (start; CC, CD, DC, DD) -> self-play, gain, victim at the best response, worst case, payoff gap
IPD = {
    "AllC": ((1, 1, 1, 1, 1), (-1.000000, 1.000000, -3.000000, -3.000000, 3.000000)),
    "AllD": ((0, 0, 0, 0, 0), (-2.000000, 0.000000, -2.000000, -2.000000, 0.000000)),
    "TFT": ((1, 1, 0, 1, 0), (-1.000000, 0.000000, -1.000000, -2.040000, 0.120000)),
    "GRIM": ((1, 1, 0, 0, 0), (-1.000000, 0.000000, -1.000000, -2.040000, 0.120000)),
    "WSLS": ((1, 1, 0, 0, 1), (-1.000000, 0.020408, -2.510204, -2.510204, 1.530612)),
    "Random": ((0.5, 0.5, 0.5, 0.5, 0.5), (-1.500000, 0.500000, -2.500000, -2.500000, 1.500000)),
}
# self-play, best response, worst case
COIN = {
    Random: (0.000000, 0.528758, -0.528758),
    Greedy: (0.000000, 0.000036, -0.000036),
    Cooperator: (0.331121, 0.627663, -0.261904),
}


class Table(ScriptedPolicy):
    """A memory-one policy with these probabilities of action 0."""

    def __init__(self, first):
        self.parameters = {}
        self.table = torch.tensor(first, dtype=torch.float64)

    def probabilities(self, timestep):
        cooperate = self.table[timestep.observation.argmax(-1)]
        return torch.stack((cooperate, 1 - cooperate), dim=-1)


@pytest.mark.parametrize("name", IPD)
@pytest.mark.parametrize("seat", SEATS)
def test_the_reference_table_of_the_prisoners_dilemma(name, seat):
    policy, expected = IPD[name]
    other = SEATS[1 - SEATS.index(seat)]
    game, victim = IteratedPrisonersDilemma(), Table(policy)
    itself = earned(game, dict.fromkeys(SEATS, victim))[seat]
    control = Control(game, {seat: victim})
    best, worst = control.best({other: 1}, {seat: 1}), control.best({seat: -1})
    gap = control.best({other: 1, seat: -1}).objective
    found = (itself, best.objective - itself, best.per_step[seat], worst.per_step[seat], gap)
    assert found == pytest.approx(expected, abs=5.1e-7)


@pytest.mark.parametrize("agent", COIN)
@pytest.mark.parametrize("seat", ["red", "blue"])
def test_the_reference_table_of_the_coin_game(agent, seat):
    game = Coin()
    made = agent.make(game.spec, ("red", "blue"))
    victim, other = made.policy(seat), {"red": "blue", "blue": "red"}[seat]
    control = Control(game, {seat: victim})
    itself = earned(game, {"red": victim, "blue": victim})[seat]
    worst = control.best({seat: -1}).per_step[seat]
    assert (itself, control.best({other: 1}).objective, worst) == pytest.approx(COIN[agent], abs=5.1e-7)


def test_no_fixed_policy_does_better_than_the_best_response():
    rng = np.random.default_rng(0)
    deterministic = [Table(bits) for bits in itertools.product((0, 1), repeat=5)]
    for _ in range(8):
        game = IteratedPrisonersDilemma(gamma=float(rng.uniform(0.3, 0.99)))
        victim = Table(1 / (1 + np.exp(-2 * rng.standard_normal(5))))
        control = Control(game, {"column": victim})
        for objective in ({"row": 1}, {"column": -1}, {"row": 1, "column": -1}):
            values = [earned(game, {"row": p, "column": victim}) for p in deterministic]
            brute = max(sum(weight * v[seat] for seat, weight in objective.items()) for v in values)
            assert control.best(objective).objective == pytest.approx(brute, abs=1e-9)


def test_matching_pennies():
    game = IteratedMatchingPennies()
    for seat, other in (SEATS, SEATS[::-1]):
        uniform, heads, often = Table((0.5,) * 5), Table((1,) * 5), Table((0.6,) * 5)
        # does what the other did last: index 1 + own * 2 + other
        copy = Table((0.5, 1, 0, 1, 0))
        best = [Control(game, {seat: p}).best({other: 1}).objective for p in (uniform, heads, often, copy)]
        assert best == pytest.approx([0, 1, 0.2, 0.9], abs=1e-6)  # 0.6 is a float32 in a game's table


def test_ties_are_broken_for_and_against_the_victim():
    # action 1 of row changes what column is paid, and nothing else
    game = Matrix(payoffs=[[[0, 0], [0, 0]], [[0, 1], [0, 1]]])
    control = Control(game, {"column": Table((0.5,) * 5)})
    kind, unkind = control.best({"row": 1}, {"column": 1}), control.best({"row": 1}, {"column": -1})
    assert kind.per_step["row"] == unkind.per_step["row"] == 0
    assert (kind.per_step["column"], unkind.per_step["column"]) == pytest.approx((1, 0))


def mooded(spec, seed):
    parameters = CategoricalPolicy.initial_parameters(spec, "reward", [8], seed=seed)
    parameters["w0"][:, -2:] *= 6  # the mood weighs more than the board
    parameters["w1"] *= 40  # far from uniform
    return CategoricalPolicy(parameters, spec, "reward")


class Grudger(CategoricalPolicy):
    """Takes its own coins, and every coin while the last reward that was not 0 has hurt."""

    def __init__(self, spec):
        super().__init__({"none": torch.zeros(1)}, spec, "reward")
        self.scripts = [agent.make(Coin().spec, ("red",)) for agent in (Cooperator, Greedy)]

    def _logits(self, observation, mood, mask):
        nice, nasty = (s.probabilities(SimpleNamespace(observation=observation)) for s in self.scripts)
        return 100 * torch.where((mood < 0).unsqueeze(-1), nasty, nice)


def test_a_mood_is_a_finite_memory_valued_as_it_plays():
    game = Coin(4000, max_steps=25)
    spec = game.spec.seats["red"]
    policies = {"red": Grudger(spec), "blue": mooded(spec, 1)}
    rows = derive_rows(7, game.batch_size)
    timesteps, state = game.reset(rows, autoreset=False)
    memories = {s: p.begin(Seating(s, rows + k, rows)) for k, (s, p) in enumerate(policies.items())}
    joint, _ = rollout(game, policies, memories, timesteps, 25, state)
    for seat in policies:
        returns = joint.seats[seat].timesteps.reward[1:].double().sum(0) / 25
        error = float(returns.std()) / len(rows) ** 0.5
        known = Control(game, policies).within(25, {seat: 1})
        assert abs(float(returns.mean()) - known) < 4 * error
        forgetful = {**policies, "red": Cooperator.make(game.spec, ("red",)).policy("red")}
        assert abs(Control(game, forgetful).within(25, {seat: 1}) - known) > 20 * error


def test_a_response_to_a_mood_beats_every_script_and_what_it_promises_is_earned():
    game = Coin()
    victim = mooded(game.spec.seats["blue"], 3)
    control = Control(game, {"blue": victim})
    best = control.best({"red": 1})
    assert control.of(best.choice)["red"] == pytest.approx(best.objective, abs=1e-12)
    for agent in (Greedy, Cooperator, Random):
        script = agent.make(game.spec, ("red",)).policy("red")
        assert earned(game, {"red": script, "blue": victim})["red"] <= best.objective + 1e-12


def test_a_board_that_keeps_its_place_gives_the_same_figures():
    expected = COIN[Cooperator]
    game = Coin(view="channels")
    victim = Cooperator.make(game.spec, ("red", "blue")).policy("red")
    control = Control(game, {"red": victim})
    assert control.states == 1458
    assert control.best({"blue": 1}).objective == pytest.approx(expected[1], abs=5.1e-7)


def test_a_large_game_is_solved_alike(monkeypatch):
    game = Coin()
    fixed = {"red": mooded(game.spec.seats["red"], 5)}
    direct = Control(game, fixed).best({"blue": 1}).objective
    monkeypatch.setattr("arenas.tables.response._DENSE", 0)
    assert Control(game, fixed).best({"blue": 1}).objective == pytest.approx(direct, abs=1e-11)


@pytest.mark.parametrize(
    ("game", "value"),
    [
        (IteratedPrisonersDilemma(), (-2, -2)),
        (IteratedMatchingPennies(), (0, 0)),
        (Chicken(), (1, 1)),
        (Matrix(payoffs=[[[2, -2], [-1, 1]], [[-3, 3], [1, -1]]]), (-1 / 7, 1 / 7)),
        (Coin(), (0, 0)),
    ],
)
def test_what_a_seat_can_secure(game, value):
    for seat, expected in zip(game.spec.seats, value, strict=True):
        found = security(game, seat)
        assert found.low == pytest.approx(expected, abs=1e-6)
        assert found.high - found.low <= 1e-6


def test_what_cannot_be_answered_is_refused():
    hidden = mooded(Coin().spec.seats["red"], 0)
    hidden.__class__ = type("Hidden", (CategoricalPolicy,), {"states": 0})
    with pytest.raises(ValueError, match="not a finite automaton"):
        Control(Coin(), {"red": hidden})
    with pytest.raises(ValueError, match="a game that offers value"):
        Control(Coin(size=4), {})
    with pytest.raises(ValueError, match="gamma below 1"):
        Control(IteratedPrisonersDilemma(gamma=1.0), {})
    assert issubclass(Greedy, Agent)

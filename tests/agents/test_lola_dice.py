"""LOLA-DiCE: its inner and outer derivatives against exact ones, the naive learner as its limit, and refusals."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from agents import lola_dice
from agents.lola_dice import LolaDice, LolaSl, imagine
from agents.naive import Naive
from agents.parts.gradients import gradient, leaves
from agents.parts.policies.categorical import CategoricalPolicy
from agents.protocol import Agent, Parameters
from agents.scripts.memory_one import AlwaysDefect
from arenas.matrix import IteratedPrisonersDilemma, Matrix
from zoo.entry.registry import load_arena
from zoo.errors import UserError
from zoo.play.table import Table

GAMES, STEPS, ETA = 30_000, 6, 2.0  # ETA: of each look-ahead
SEATS = ("row", "column")
#: The prisoner's dilemma around 0, so that estimates need no value to be precise.
EQUAL = [[[0.5, 0.5], [-1.5, 1.5]], [[1.5, -1.5], [-0.5, -0.5]]]
#: Row has two actions and column three, and neither is paid like the other.
UNEQUAL = [[[2, 1], [-1, 0], [0, -2]], [[-2, 3], [1, -1], [3, 1]]]


def game(payoffs: Any = EQUAL, copies: int = GAMES) -> Matrix:
    return Matrix(copies, payoffs=payoffs, max_steps=STEPS)


def made(kind: type[Agent], arena: Any, seed: int = 3, replicas: int = 1, **settings: Any) -> dict[str, Any]:
    """An agent in each seat, tables with logits from N(0, 1); values stay near 0, so that no error is bootstrapped."""
    config = kind.Config(**{"hidden": 0, "init": 1.0, "lambda_": 1.0, "critic_lr": 0.0} | settings)
    return {s: kind.make(arena.spec, (s,), config, seed + i, replicas=replicas) for i, s in enumerate(arena.spec.seats)}


def true_look_ahead(
    arena: Matrix, seat: str, other: str, me: CategoricalPolicy, peer: CategoricalPolicy, k: int
) -> Parameters:
    """theta_2 after k steps of size ETA along the exact gradient, with graph."""
    theta_2 = leaves(peer.parameters)
    for _ in range(k):
        value = arena.value({seat: me, other: peer.with_parameters(theta_2)}, steps=STEPS)[other].sum()
        step = gradient(value, theta_2, higher=True)
        theta_2 = {name: p + ETA * step[name] for name, p in theta_2.items()}
    return theta_2


def jacobian(moved: Parameters, theta: Parameters) -> Tensor:
    """d theta_2' / d theta_1 as a matrix."""
    return torch.stack([gradient(number, theta, keep=True)["w0"].flatten() for number in moved["w0"].flatten()])


def error(found: Tensor, true: Tensor) -> float:
    return float((found - true).detach().norm() / true.detach().norm())


@pytest.mark.learning
@pytest.mark.parametrize(("payoffs", "seat"), list(itertools.product((EQUAL, UNEQUAL), SEATS)))
@pytest.mark.parametrize("k", [1, 2])
def test_what_the_other_learns_depends_on_me_as_the_exact_game_says(payoffs: Any, seat: str, k: int) -> None:
    """For one step the derivative is eta times the mixed Hessian of V_2; each of k steps is eta / k long."""
    arena, other = game(payoffs), SEATS[SEATS[0] == seat]
    players = made(LolaDice, arena, look_aheads=k, eta=k * ETA)
    theta = leaves(players[seat].actor.parameters)
    me, peer = players[seat].actor.with_parameters(theta), players[other].actor
    found = players[seat].look_ahead(me, peer, arena, STEPS, 1)
    true = true_look_ahead(arena, seat, other, me, peer, k)
    assert error(found["w0"] - peer.parameters["w0"], true["w0"] - peer.parameters["w0"]) < 0.05
    assert error(jacobian(found, theta), jacobian(true, theta)) < 0.1


@pytest.mark.learning
@pytest.mark.parametrize("estimator", ["dice", "baseline"])
def test_plain_dice_agrees_too_where_games_are_many(estimator: str) -> None:
    arena = game()
    players = made(LolaDice, arena, eta=ETA, estimator=estimator)
    players["row"].critic["b0"].fill_(0.3)  # any baseline will do
    theta = leaves(players["row"].actor.parameters)
    me, peer = players["row"].actor.with_parameters(theta), players["column"].actor
    found = players["row"].look_ahead(me, peer, arena, STEPS, 1)
    true = true_look_ahead(arena, "row", "column", me, peer, 1)
    assert error(jacobian(found, theta), jacobian(true, theta)) < 0.15


@pytest.mark.learning
@pytest.mark.parametrize("seat", SEATS)
def test_the_surrogate_loss_takes_the_right_step_that_depends_on_nothing(seat: str) -> None:
    arena, other = game(), SEATS[SEATS[0] == seat]
    players = made(LolaSl, arena, eta=ETA)
    theta = leaves(players[seat].actor.parameters)
    me, peer = players[seat].actor.with_parameters(theta), players[other].actor
    found = players[seat].look_ahead(me, peer, arena, STEPS, 1)
    true = true_look_ahead(arena, seat, other, me, peer, 1)
    assert error(found["w0"] - peer.parameters["w0"], true["w0"] - peer.parameters["w0"]) < 0.05
    assert all(gradient(number, theta, keep=True)["w0"].eq(0).all() for number in found["w0"].flatten())


@pytest.mark.learning
@pytest.mark.parametrize(("payoffs", "seat"), list(itertools.product((EQUAL, UNEQUAL), SEATS)))
@pytest.mark.parametrize("k", [1, 2])
def test_it_climbs_through_what_the_other_learns(
    payoffs: Any, seat: str, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena, other = game(payoffs), SEATS[SEATS[0] == seat]
    players = made(LolaDice, arena, look_aheads=k, eta=k * ETA)
    theta = leaves(players[seat].actor.parameters)
    me, peer = players[seat].actor.with_parameters(theta), players[other].actor.frozen()
    caught: list[Parameters] = []
    monkeypatch.setattr(LolaDice, "ascend", lambda self, along, update: caught.append(along))
    Table(arena, "matrix", players, [seat]).play_round()

    def true(steps: int) -> Tensor:
        you = peer.with_parameters(true_look_ahead(arena, seat, other, me, peer, steps))
        return gradient(arena.value({seat: me, other: you}, steps=STEPS)[seat].sum(), theta)["w0"]

    assert error(caught[0]["w0"], true(k)) < 0.06
    assert error(true(k - 1), true(k)) > 0.1  # or one step less would pass for it


@pytest.mark.learning
@pytest.mark.parametrize("nothing", [{"eta": 0.0}, {"look_aheads": 0}])
@pytest.mark.parametrize(("arena", "settings"), [("ipd", {}), ("imp", {"weigh": "step"}), ("coin", {"hidden": 8})])
def test_without_look_ahead_it_is_the_naive_learner_bit_for_bit(
    arena: str, settings: dict[str, Any], nothing: dict[str, Any]
) -> None:
    def learned(kind: type[Agent], config: Any) -> dict[str, list[float]]:
        played = load_arena(arena).make(16)
        players = {s: kind.make(played.spec, (s,), config, i) for i, s in enumerate(played.spec.seats)}
        for _ in itertools.islice(Table(played, arena, players, list(players), length=12), 3):
            pass
        return {
            f"{s}/{name}": p.tolist()
            for s, agent in players.items()
            for name, p in agent.learning_state().items()
            if "/model" not in name
        }

    config = LolaDice.Config(**settings | nothing)
    shared = {f.name: getattr(config, f.name) for f in fields(Naive.Config)}
    assert learned(LolaDice, config) == learned(Naive, Naive.Config(**shared))
    assert learned(LolaDice, LolaDice.Config(**settings)) != learned(Naive, Naive.Config(**shared))


@pytest.mark.learning
@pytest.mark.parametrize(("sight", "rounds"), [("policies", 3), ("actions", 1)])
def test_a_replica_learns_what_it_would_learn_alone(sight: Any, rounds: int) -> None:
    """Beyond the first round the games played differ, which only who infers its peer learns from."""
    found = []
    for replicas in (1, 2):
        arena = IteratedPrisonersDilemma(8 * replicas, max_steps=STEPS)
        players = made(LolaDice, arena, replicas=replicas, look_aheads=2)
        table = Table(arena, "ipd", players, SEATS, sight=sight)
        for _ in itertools.islice(table, rounds):
            pass
        found.append([players[seat].acting_state()[f"{seat}/w0"][0] for seat in SEATS])
    for alone, together in zip(*found, strict=True):
        assert torch.allclose(alone, together, atol=1e-4)


@pytest.mark.learning
def test_a_hidden_peer_is_inferred_from_what_it_does() -> None:
    arena = IteratedPrisonersDilemma(32, max_steps=STEPS)
    players = made(LolaDice, arena) | {"column": AlwaysDefect.make(arena.spec, ("column",))}
    for _ in itertools.islice(Table(arena, "ipd", players, ["row"], sight="actions"), 30):
        pass
    model = players["row"].opponents.models["column"].parameters["w0"]
    start, after_defection = model[0, 0, 0], model[0, 4, 0]  # logits of cooperation
    assert start < -2 and after_defection < -2


@pytest.mark.parametrize("payoffs", [EQUAL, UNEQUAL])
@pytest.mark.parametrize(("copies", "replicas", "steps"), [(30, 1, STEPS), (30, 3, STEPS), (8, 1, 4)])
def test_games_of_tables_are_imagined_at_once_move_by_move_the_same(
    payoffs: Any, copies: int, replicas: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arena = game(payoffs, copies)
    players = made(LolaDice, arena, replicas=replicas)
    policies = {seat: player.actor for seat, player in players.items()}

    def refuse(*arguments: Any) -> None:
        raise AssertionError("step by step")

    with monkeypatch.context() as patched:
        patched.setattr(lola_dice, "rollout", refuse)
        at_once = imagine(policies, arena, arena.spec, steps, 5)
        with pytest.raises(AssertionError, match="step by step"):
            networks = made(LolaDice, arena, hidden=4)
            imagine({seat: player.actor for seat, player in networks.items()}, arena, arena.spec, steps, 5)
    monkeypatch.setattr(CategoricalPolicy, "tabular", False)
    by_step = imagine(policies, arena, arena.spec, steps, 5)
    for seat in SEATS:
        assert torch.equal(at_once.seats[seat].actions.value, by_step.seats[seat].actions.value)
        for one, other in zip(at_once.seats[seat].timesteps, by_step.seats[seat].timesteps, strict=True):
            assert one is None or not isinstance(one, Tensor) or (torch.equal(one, other) and one.dtype == other.dtype)
    assert at_once.seats["row"].actions.value.float().mean() not in (0.0, 1.0)


def test_a_game_without_tables_is_not_played_at_once() -> None:
    with pytest.raises(ValueError, match="coin-v1 is played step by step"):
        load_arena("coin").make(1).play_out({}, {})


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"look_aheads": -1}, "look_aheads must be at least 0"),
        ({"imagined": -5}, "imagined must be at least 0"),
        ({"estimator": "dice", "weigh": "step"}, "estimator=dice"),
    ],
)
def test_settings_that_mean_nothing_are_refused_by_name(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        made(LolaDice, game(copies=1), **settings)


def test_three_players_are_refused_by_name() -> None:
    spec = game(copies=1).spec
    three = replace(spec, seats={**spec.seats, "third": spec.seats["row"]})
    with pytest.raises(ValueError, match="two players, matrix-v1 has 3"):
        LolaDice.make(three, ("row",))


def test_it_must_see_what_the_other_does() -> None:
    arena = game(copies=2)
    with pytest.raises(UserError, match="joint"):
        Table(arena, "ipd", made(LolaDice, arena), SEATS, sight="own")

"""Games of OpenSpiel as arenas: the same moves give what the library's own engine gives, or the game is refused."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from pettingzoo.test import api_test, parallel_api_test

from arenas.foreign import openspiel
from arenas.foreign.arena import Foreign
from arenas.protocol import Action
from zoo.check import Failed, check_arena
from zoo.cli import cli
from zoo.entry import catalogue
from zoo.entry.registry import kind_of, load_arena
from zoo.errors import UserError

INSTALLED = importlib.util.find_spec("pyspiel") is not None
needed = pytest.mark.skipif(not INSTALLED, reason="OpenSpiel is not installed")
FEW = ["kuhn_poker", "leduc_poker", "hex", "tic_tac_toe", "liars_dice", "goofspiel", "matrix_pd", "coop_box_pushing"]
#: Games that draw in secret, so that no second game can be led through the same chance.
SECRET = {"bridge_uncontested_bidding", "negotiation"}
MOST = 700  # moves that a test plays of one game


def playing() -> list[str]:
    return [name for name in openspiel.names() if openspiel.refusal(name) is None] if INSTALLED else []


def equal_to_the_library(name: str, seed: int) -> None:
    """Play legal moves by lot in the arena, and the same moves in the library, and compare what is seen and paid."""
    spiel, luck = openspiel.library(), np.random.default_rng(seed)
    arena = Foreign(1, env=f"openspiel:{name}")
    env = arena._copies[0].env.unwrapped
    steps, _ = arena.reset(torch.tensor([seed]), autoreset=False)
    game = env.table.game
    own, totals = game.new_initial_state(), dict.fromkeys(steps, 0.0)
    for _ in range(MOST):
        history = env.table.state.history()
        while own.is_chance_node():  # chance falls as it fell there
            own.apply_action(history[len(own.history())])
        turn = [] if own.is_terminal() else _on_turn(own)
        assert [s for s, step in steps.items() if step.active[0]] == [f"player_{number}" for number in turn]
        for number in turn:
            step = steps[f"player_{number}"]
            assert step.action_mask[0].nonzero().flatten().tolist() == sorted(own.legal_actions(number))
            told = game.get_type().provides_information_state_tensor
            tensor = own.information_state_tensor(number) if told else own.observation_tensor(number)
            np.testing.assert_allclose(step.observation[0].flatten().numpy(), tensor, rtol=1e-6)
        if own.is_terminal():
            break
        moves = dict.fromkeys(steps, 0)
        moves |= {f"player_{number}": int(luck.choice(own.legal_actions(number))) for number in turn}
        steps, _ = arena.step({seat: Action(torch.tensor([move])) for seat, move in moves.items()})
        if own.is_simultaneous_node():
            own.apply_actions(list(moves.values()))
        else:
            own.apply_action(moves[f"player_{turn[0]}"])
        for seat, step in steps.items():
            totals[seat] += float(step.reward[0])
    assert own.is_terminal() == all(bool(step.last[0]) for step in steps.values())
    assert list(totals.values()) == pytest.approx(own.returns(), rel=1e-5, abs=1e-4)
    assert not any(int(fault[0]) for fault in arena.faults().values())
    assert spiel.load_game(name).num_players() == len(steps)


def _on_turn(state: Any) -> list[int]:
    if not state.is_simultaneous_node():
        return [state.current_player()]
    return [n for n in range(state.num_players()) if state.legal_actions(n)]


@pytest.mark.parametrize("name", FEW)
@needed
def test_the_same_moves_pay_the_same(name: str) -> None:
    for seed in range(3):
        equal_to_the_library(name, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in playing() if name not in {*FEW, *SECRET}])
@needed
def test_the_same_moves_pay_the_same_in_every_game(name: str) -> None:
    equal_to_the_library(name, 5)


@needed
def test_every_game_plays_or_says_why_not() -> None:
    plays = playing()
    assert len(plays) >= 85 and len(openspiel.names()) >= 120 and SECRET | set(FEW) <= set(plays)
    reasons = {name: openspiel.refusal(name) for name in openspiel.names() if name not in plays}
    assert "has one player" in str(reasons["2048"])
    assert "mean-field" in str(reasons["mfg_garnet"])
    assert "as text alone" in str(reasons["coin_game"])
    assert "made of another game" in str(reasons["repeated_game"])
    for name in ("2048", "mfg_garnet", "coin_game", "repeated_game"):
        with pytest.raises(UserError) as caught:
            load_arena(f"openspiel:{name}").make(1)
        assert str(caught.value) == f"arena openspiel:{name}: {reasons[name]}"
    listed = catalogue.foreigners("openspiel")
    assert {one.name for one in listed if one.refusal is None} == {f"openspiel:{name}" for name in plays}


@needed
def test_parameters_are_settings_or_stand_in_parentheses() -> None:
    three = load_arena("openspiel:kuhn_poker", ["players=3"]).make(1)
    assert len(three.spec.seats) == len(load_arena("openspiel:kuhn_poker(players=3)").make(1).spec.seats) == 3
    thrice = "openspiel:repeated_game(stage_game=matrix_rps(),num_repetitions=3)"
    arena = load_arena(thrice).make(1)
    assert arena.spec.max_steps == 3 and load_arena(thrice).identity(arena).startswith(thrice)
    told, seen = (load_arena("openspiel:leduc_poker", more).make(1) for more in ([], ["view=observation"]))
    assert told.spec.seats["player_0"].observation == (30,) and seen.spec.seats["player_0"].observation == (16,)


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("kuhn_pocker", [], "the nearest names are kuhn_poker"),
        ("kuhn_poker", ["players=99"], "OpenSpiel refuses kuhn_poker: num_players_ <= "),
        ("kuhn_poker", ["plyers=3"], "Unknown parameter 'plyers'. Available parameters are: players"),
        ("kuhn_poker", ["view=eagle"], "view must be information or observation; got 'eagle'"),
        ("kuhn_poker(", [], "OpenSpiel refuses kuhn_poker("),
        ("", [], "OpenSpiel has no game ''"),
    ],
)
@needed
def test_what_is_wrong_is_answered_in_one_line(
    text: str, settings: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError) as caught:
        load_arena(f"openspiel:{text}", settings).make(1)
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""  # the library would say it a second time


@pytest.mark.skipif(INSTALLED, reason="OpenSpiel is installed")
def test_where_it_is_missing_a_line_says_what_to_install() -> None:
    assert kind_of("openspiel:hex") == "arena"
    with pytest.raises(UserError, match=r"pip install 'marl-zoo\[openspiel\]'"):
        load_arena("openspiel:hex").make(1)


@pytest.mark.filterwarnings("ignore")
@needed
def test_pettingzoos_own_tests_pass() -> None:
    for name in ("kuhn_poker", "tic_tac_toe", "hanabi"):
        api_test(openspiel.named(name)(), num_cycles=50)
    for name in ("matrix_pd", "goofspiel"):
        parallel_api_test(openspiel.named(name)(), num_cycles=20)


@pytest.mark.parametrize("name", ["kuhn_poker", "goofspiel"])
@needed
def test_they_keep_the_laws(name: str) -> None:
    assert not [f for f in check_arena(f"openspiel:{name}") if isinstance(f.verdict, Failed)]


@needed
def test_games_that_draw_in_secret_repeat_by_seed() -> None:
    def offers(seed: int) -> list[float]:
        arena = Foreign(1, env="openspiel:negotiation")
        return list(arena.reset(torch.tensor([seed]))[0]["player_0"].observation[0].tolist())

    assert offers(3) == offers(3) and len({tuple(offers(seed)) for seed in range(5)}) > 1


@pytest.mark.parametrize(
    "command",
    [
        "match random random --arena openspiel:kuhn_poker --episodes 4 --no-record",
        "match random random --arena openspiel:hex --episodes 2 --no-record --json",
        "arenas openspiel",
        "arenas openspiel:leduc_poker",
    ],
)
@needed
def test_commands_take_them_for_arenas(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == 0, result.output
    assert "openspiel:" in result.output
    if command == "arenas openspiel":
        assert "it has one player" in result.output and "openspiel:backgammon" in result.output

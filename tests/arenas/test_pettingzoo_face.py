"""PettingZoo's own tests on every arena, and that both faces play the same game."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch
from pettingzoo.test import api_test, parallel_api_test, parallel_seed_test, render_test, seed_test

import arenas.coin
import arenas.coin_two
import arenas.matrix
from arenas.foreign.face import agent_name, env, joined, parallel_env, parted
from arenas.protocol import Action, Arena, ArenaSpec, SeatSpec
from arenas.switch import Switch
from tests.arenas.arena_play import ARENAS, LOPSIDED, Segment, play


@pytest.fixture(params=ARENAS)
def game(request):
    return ARENAS[request.param]


@pytest.fixture(autouse=True)
def every_warning_is_an_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
        yield


def test_pettingzoos_own_tests(game):
    arena, settings = game
    api_test(env(arena, max_steps=30, **settings), num_cycles=100)
    parallel_api_test(parallel_env(arena, max_steps=30, **settings), num_cycles=100)
    seed_test(lambda: env(arena, max_steps=30, **settings), num_cycles=50)
    parallel_seed_test(lambda: parallel_env(arena, max_steps=30, **settings), num_cycles=50)


def test_pettingzoos_render_test(game, capsys):
    arena, settings = game
    render_test(lambda render_mode: env(arena, render_mode, **settings))
    assert "step 0 of 150" in capsys.readouterr().out


def test_both_faces_play_the_same_game(game):
    factory, settings = game
    seed = torch.tensor([4711])
    segment: Segment = play(factory(1, max_steps=11, **settings), seed, 11, autoreset=False)
    face = parallel_env(factory, max_steps=11, **settings)
    observations, infos = face.reset(seed=4711)
    for t in range(12):
        for agent, seat in face.seats.items():
            step = segment.steps[seat]
            np.testing.assert_array_equal(observations[agent], step.observation[t, 0].numpy())
            np.testing.assert_array_equal(infos[agent]["action_mask"], step.action_mask[t, 0].numpy())
        np.testing.assert_array_equal(face.state(), segment.states[t, 0].numpy())
        assert face.state_space.contains(face.state())
        if t == 11:
            break
        acts = {agent: segment.actions[seat].value[t, 0].item() for agent, seat in face.seats.items()}
        observations, rewards, ended, cut, infos = face.step(acts)
        assert rewards == {agent: segment.steps[seat].reward[t + 1, 0].item() for agent, seat in face.seats.items()}
        assert not any(ended.values()) and set(cut.values()) == {t == 10}
    assert face.agents == [] and face.step({}) == ({}, {}, {}, {}, {})


def test_episodes_after_the_first_have_new_luck_that_the_first_seed_decides():
    one, other = (parallel_env(arenas.coin.Coin, max_steps=3) for _ in range(2))
    starts = []
    for face in (one, other):
        boards = [face.reset(seed=5)[0], face.reset()[0], face.reset()[0], face.reset(seed=5)[0]]
        starts.append([board["red_0"].tolist() for board in boards])
    assert starts[0] == starts[1]
    assert starts[0][0] == starts[0][3]
    assert len({str(board) for board in starts[0]}) > 1
    one.reset(seed=2**64 + 3)  # any whole number will do
    assert parallel_env(arenas.coin.Coin).reset()[0].keys() == {"red_0", "blue_0"}


@pytest.mark.parametrize(
    ("module", "settings", "name"),
    [
        (arenas.coin, {"size": 5}, "coin_v1"),
        (arenas.coin_two, {"view": "shared"}, "coin_two_v1"),
        (arenas.matrix, {}, "ipd_v1"),
        (arenas.matrix, {"game": arenas.matrix.IteratedMatchingPennies}, "imp_v1"),
        (arenas.matrix, {"game": arenas.matrix.Matrix, "payoffs": LOPSIDED}, "matrix_v1"),
    ],
)
def test_every_module_has_both_forms(module, settings, name):
    assert module.parallel_env(**settings).metadata["name"] == name
    assert str(module.env(render_mode="ansi", **settings)) == name


def test_names_modes_and_actions_that_do_not_fit():
    assert [agent_name(seat) for seat in ("red", "adversary_1", "a_1_b")] == ["red_0", "adversary_1", "a_1_b_0"]
    with pytest.raises(ValueError, match="render_mode must be one of human, ansi, rgb_array, got 'sound'"):
        arenas.coin.parallel_env("sound")
    face = arenas.coin.parallel_env()
    face.reset(seed=0)
    for wrong in ({"red_0": 0}, {"red_0": 4, "blue_0": 0}, {"red_0": 0.5, "blue_0": 0}):
        with pytest.raises(ValueError, match=r"coin_v1: (red|blue)_0 needs an action in Discrete\(4\), got"):
            face.step(wrong)
    with pytest.warns(UserWarning, match="render_mode"):
        assert face.render() is None


@pytest.mark.parametrize("settings", [{}, {"n": 4, "bits": 2}])
def test_pettingzoos_own_tests_of_a_game_with_messages(settings):
    warnings.filterwarnings("ignore", "Observation numpy array is all zeros")  # who is outside sees and hears nothing
    api_test(env(Switch, **settings), num_cycles=40)
    parallel_api_test(parallel_env(Switch, **settings), num_cycles=40)
    seed_test(lambda: env(Switch, **settings), num_cycles=20)
    parallel_seed_test(lambda: parallel_env(Switch, **settings), num_cycles=20)


def test_messages_travel_in_actions_and_observations():
    """Whoever is inside reads what the one before left; the game is that of a batch of one."""
    face, arena = parallel_env(Switch, n=4, bits=2), Switch(1, n=4, bits=2)
    assert str(face.action_space("prisoner_0")) == "Discrete(8)"
    assert face.observation_space("prisoner_0").shape == (1 + 4 * 2 + 4,)
    seen, infos = face.reset(seed=7)
    steps, _ = arena.reset(torch.tensor([7]), autoreset=False)
    draw = np.random.default_rng(0)
    heard = 0
    for _ in range(arena.spec.max_steps):
        bits = {seat: draw.integers(0, 2, 2) for seat in steps}
        seen, _, _, _, infos = face.step({seat: int(bit[0] + 2 * bit[1]) for seat, bit in bits.items()})
        acts = {s: Action(torch.tensor([0]), torch.tensor(bit).unsqueeze(0).float()) for s, bit in bits.items()}
        steps, _ = arena.step(acts)
        for number, (seat, step) in enumerate(steps.items()):
            vector = seen[seat]
            assert face.observation_space(seat).contains(vector)
            np.testing.assert_array_equal(vector[:1], step.observation[0].numpy())
            np.testing.assert_array_equal(vector[1:9].reshape(4, 2), step.messages[0].numpy())
            np.testing.assert_array_equal(vector[9:], step.audible[0].float().numpy())
            np.testing.assert_array_equal(infos[seat]["action_mask"], step.action_mask[0].numpy().repeat(4))
            heard += vector[1 + 2 * number : 3 + 2 * number].sum()
    assert heard > 0
    numbers = torch.arange(8)
    assert torch.equal(joined(parted(numbers, 2)), numbers) and parted(numbers, 2).value.tolist() == [0] * 4 + [1] * 4
    face.reset(seed=7)
    with pytest.raises(ValueError, match=r"prisoner_0 needs an action in Discrete\(8\), got 8"):
        face.step(dict.fromkeys(face.agents, 8))


def test_messages_beside_continuous_actions_are_refused():
    class Talk(Arena):
        seat = SeatSpec((1,), 0, action_dim=2, message_dim=1)
        spec = ArenaSpec("talk-v1", {"a": seat}, "mixed", 1, 1.0, frozenset())
        reset = step = twin = snapshot = restore = None

    with pytest.raises(ValueError, match="talk-v1: its seats send messages beside continuous actions"):
        parallel_env(lambda rows: Talk())


def test_games_without_state_say_so():
    face = arenas.coin.parallel_env()
    with pytest.raises(NotImplementedError, match="coin_v1 shows no global state"):
        face.state()


def test_the_games_themselves_do_not_load_pettingzoo():
    games = "arenas.coin, arenas.coin_two, arenas.matrix, arenas.tandem, arenas.particle.tag"
    code = f"import sys, {games}; print({{'pettingzoo', 'gymnasium'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

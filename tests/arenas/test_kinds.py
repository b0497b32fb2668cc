"""What kind of game a stranger's environment is: declared, recognised from play, or said by the user."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import pettingzoo
import pytest
from click.testing import CliRunner
from gymnasium import spaces

from arenas.foreign.arena import Foreign
from arenas.foreign.kinds import DECLARED, _episode, kind_of
from arenas.protocol import ArenaError
from zoo.cli import cli
from zoo.entry.registry import load_arena

pytestmark = pytest.mark.filterwarnings("ignore")
SEATS = ["player_0", "player_1"]


class Throws(pettingzoo.ParallelEnv):  # type: ignore[misc]
    """Both throw 0, 1 or 2, for two steps; `pays` says what is paid."""

    def __init__(self, pays: Any, seats: list[str] | None = None, **says: Any) -> None:
        self.possible_agents, self.pays = seats or SEATS, pays
        self.metadata = (
            MappingProxyType({"name": "throws_v0", "render_modes": [], **says})
            if not says
            else dict(name="throws_v0", render_modes=[], **says)
        )

    def observation_space(self, agent: str) -> Any:
        return spaces.Discrete(3)

    def action_space(self, agent: str) -> Any:
        return spaces.Discrete(3)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.agents, self.t = list(self.possible_agents), 0
        return dict.fromkeys(self.agents, 0), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, int]) -> Any:
        self.t += 1
        agents, over = self.agents, self.t == 2
        paid = dict(zip(agents, self.pays(*(actions[agent] for agent in agents)), strict=True))
        self.agents = [] if over else agents
        flags = dict.fromkeys(agents, over), dict.fromkeys(agents, False)
        return dict.fromkeys(agents, self.t), paid, *flags, {agent: {} for agent in agents}


PAYS = {
    "competitive": lambda a, b: (a - b, b - a),
    "constant": lambda a, b: (0.5 + (a - b) / 4, 0.5 + (b - a) / 4),
    "cooperative": lambda a, b: (a * b, a * b),
    "mixed": lambda a, b: (a + 2 * b, 2 * a + b),
    "nothing": lambda a, b: (0, 0),
    "always": lambda a, b: (1, 3),
    "equally": lambda a, b: (1, 1),
}
KINDS = {"constant": "competitive", "nothing": "mixed", "always": "mixed", "equally": "mixed"}


@pytest.mark.parametrize("name", PAYS)
def test_the_kind_is_recognised_from_play(name: str) -> None:
    arena = Foreign(1, env=lambda: Throws(PAYS[name]), name=name)
    assert arena.spec.kind == KINDS.get(name, name)
    assert ("recognised from 20 episodes" in arena.kind_said) == (name != "nothing")
    assert {seat.team for seat in arena.spec.seats.values()} == ({"all"} if name == "cooperative" else set(SEATS))


@pytest.mark.parametrize("scale", [0.01, 1.0, 300.0])
def test_a_forfeit_is_in_proportion_to_what_play_pays(scale: float) -> None:
    arena = Foreign(1, env=lambda: Throws(lambda a, b: (scale * (a - b), scale * (b - a))), name=f"scaled {scale}")
    assert -20 * scale <= arena.spec.forfeit < -4 * scale  # play pays from -4 to 4


def test_the_user_overrides_what_was_recognised_and_identities_say_it() -> None:
    game = "pettingzoo:classic/tictactoe_v3"
    plain, said, changed = (
        load_arena(game, list(s)) for s in ((), ("kind=competitive",), ("kind=mixed", "forfeit=-7"))
    )
    arena = changed.make(1)
    assert (arena.spec.kind, arena.spec.forfeit, arena.kind_said) == ("mixed", -7, "")  # type: ignore[attr-defined]
    assert plain.identity(plain.make(1)) == said.identity(said.make(1)) != changed.identity(arena)
    assert "kind=competitive" in plain.identity(plain.make(1)) and "kind" not in changed.identity(arena)


def test_an_environment_may_say_its_kind_itself() -> None:
    arena = Foreign(1, env=lambda: Throws(PAYS["mixed"], kind="cooperative", forfeit=-2), name="says")
    assert (arena.spec.kind, arena.spec.forfeit) == ("cooperative", -2) and "declared by" in arena.kind_said
    odd = Foreign(1, env=lambda: Throws(PAYS["mixed"], kind="friendly", forfeit="much"), name="odd")
    assert odd.spec.kind == "mixed" and odd.spec.forfeit < 0


def test_an_environment_that_ignores_its_seeds_is_the_same_in_every_process() -> None:
    luck = np.random.default_rng()  # from the machine's entropy, as such environments have it
    for pays in PAYS.values():

        def paid(a: int, b: int, pays: Any = pays) -> Any:
            return [float(reward) * luck.normal() for reward in pays(a, b)]

        arena = Foreign(1, env=lambda paid=paid: Throws(paid), name="luck")
        assert (arena.spec.kind, arena.spec.forfeit, arena.in_identity({})) == ("mixed", -1000, {})
        assert ("does not repeat an episode" in arena.kind_said) == (pays is not PAYS["nothing"])


def test_seats_that_earn_the_same_are_a_team() -> None:
    three = Throws(lambda a, b, c: (a - b - c, b + c - a, b + c - a), ["eve_0", "alice_0", "bob_0"])
    teams = {name: seat.team for name, seat in Foreign(1, env=lambda: three, name="eve").spec.seats.items()}
    assert teams == {"eve_0": "eve", "alice_0": "alice+bob", "bob_0": "alice+bob"}


@pytest.mark.parametrize(
    ("seats", "sides", "teams"),
    [
        (["archer_0", "archer_1", "knight_0"], ["archer", "archer", "knight"], ["archer", "archer", "knight"]),
        (["black_0", "white_0"], ["player", "player"], ["black", "white"]),
        (["red_0", "red_1", "blue_0", "blue_1"], ["player"] * 4, ["red", "red", "blue", "blue"]),
        (
            ["redmelee_0", "redranged_0", "bluemelee_0", "blueranged_0"],
            ["melee", "ranged"] * 2,
            ["red"] * 2 + ["blue"] * 2,
        ),
        (["red_speaker_0", "blue_listener_0"], ["red_speaker", "blue_listener"], ["red_speaker", "blue_listener"]),
        (["wolf1", "wolf2", "sheep"], ["wolf", "wolf", "sheep"], ["wolf", "wolf", "sheep"]),
    ],
)
def test_roles_come_from_names_and_colours_are_teams(seats: list[str], sides: list[str], teams: list[str]) -> None:
    game = Throws(lambda *acts: [act * (n + 1) for n, act in enumerate(acts)], seats)
    spec = Foreign(1, env=lambda: game, name="-".join(seats)).spec
    assert [seat.side for seat in spec.seats.values()] == sides
    assert [seat.team for seat in spec.seats.values()] == teams
    assert bool(spec.mirrors()) == (len(seats) == 4)


def test_returns_tell_the_kind() -> None:
    luck = np.random.default_rng(0)
    for _ in range(200):
        returns = luck.normal(size=(8, 3)) * 10.0 ** luck.integers(-3, 4)
        assert kind_of(returns) == "mixed"
        assert kind_of(returns - returns.mean(1, keepdims=True)) == "competitive"
        assert kind_of(np.repeat(returns[:, :1], 3, axis=1)) == "cooperative"


PLAYED = {  # how many steps of an episode at most
    "classic/connect_four_v3": 50,
    "classic/go_v5": 800,
    "classic/hanabi_v5": 100,
    "classic/leduc_holdem_v4": 50,
    "classic/rps_v2": 50,
    "classic/texas_holdem_no_limit_v6": 50,
    "classic/texas_holdem_v4": 50,
    "classic/tictactoe_v3": 10,
    "butterfly/cooperative_pong_v6": 60,
    "butterfly/pistonball_v6": 20,
    "sisl/multiwalker_v9": 40,
    "sisl/pursuit_v5": 5,
}


@pytest.mark.parametrize("name", PLAYED)
def test_what_is_declared_is_what_play_shows(name: str) -> None:
    kind, least = DECLARED[name.rpartition("_v")[0]]
    try:
        arena = Foreign(1, env=f"pettingzoo:{name}", kind=kind, forfeit=0.0)
    except (ArenaError, ImportError, ValueError) as error:
        pytest.skip(str(error))
    for seed in range(3):
        earned, _ = _episode(arena, seed, PLAYED[name])
        assert least is None or min(earned) >= least
        if kind == "competitive":
            assert sum(earned) == pytest.approx(0, abs=1e-6)
        else:
            assert earned == pytest.approx([earned[0]] * len(earned), abs=1e-4)
    arena.close()


def test_a_match_says_what_it_took_the_game_for(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    words = "match random random --arena mpe2:simple_push_v3 --episodes 2 --no-record"
    told = CliRunner().invoke(cli, words.split())
    assert told.exit_code == 0
    assert "mpe2:simple_push_v3 is taken for a mixed game, recognised from" in told.output
    silent = CliRunner().invoke(cli, [*words.split(), "--set", "arena.kind=mixed"])
    assert "is taken for" not in silent.output

"""Strategies of the Axelrod library: they play as the library has them play, and the house treats them as agents."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor

import agents.scripts.axelrod_library as ours
import agents.scripts.moves as moves_of
from agents.protocol import Agent, JointTrajectory, Seating
from agents.randomness import bits, derive_rows
from agents.rollout import rollout
from zoo.check import AGENT_LAWS, Failed, check_agent
from zoo.cli import cli
from zoo.entry import registry
from zoo.entry.entrant import read_entrant
from zoo.entry.registry import kind_of, load_agent, load_arena
from zoo.errors import UserError

pytestmark = pytest.mark.skipif(find_spec("axelrod") is None, reason="the Axelrod library is not installed")

COPIES, LENGTH = 6, 30
#: Deterministic and drawing luck, short and long memories, state machines, learners of their own, teams of others.
KINDS = [
    "TitFor2Tats",
    "Random",
    "Grudger",
    "FirstByJoss",
    "OmegaTFT",
    "Adaptive",
    "EvolvedFSM6",
    "EvolvedHMM5",
    "EvolvedLookerUp2_2_2",
    "CautiousQLearner",
    "BushMosteller",
    "MetaHunter",
]


def play(one: str, other: str, *, steps: int = LENGTH, copies: int = COPIES, seed: int = 5) -> JointTrajectory:
    """`one` in row and `other` in column of the prisoner's dilemma, in episodes of `LENGTH` steps."""
    arena = load_arena("ipd", [f"max_steps={LENGTH}"]).make(copies)
    players: dict[str, Agent] = {
        seat: load_agent(text).agent.make(arena.spec, (seat,)) for seat, text in {"row": one, "column": other}.items()
    }
    luck = {seat: derive_rows(seed, copies, seat) for seat in players}
    memories = {seat: player.begin(Seating(seat, luck[seat], luck[seat])) for seat, player in players.items()}
    timesteps, state = arena.reset(derive_rows(seed, copies, "game"))
    joint, _ = rollout(arena, players, memories, timesteps, steps, state)
    return joint


def moves(joint: JointTrajectory, seat: str, episode: int, copy: int) -> list[int]:
    start = episode * (LENGTH + 1)  # one step between two episodes only starts anew
    return joint.seats[seat].actions.value[start : start + LENGTH, copy].tolist()


def told(player: Any, length: float = math.inf) -> Any:
    player.set_match_attributes(length=length, game=ours.library().DefaultGame, noise=0)
    return player


@pytest.mark.parametrize("name", KINDS)
def test_every_move_is_the_librarys(name: str) -> None:
    """Held against a loop of our own over the library's players, in two episodes of several copies."""
    axelrod = ours.library()
    joint = play(f"axelrod:{name}", "random", steps=2 * LENGTH + 1)
    luck = derive_rows(5, COPIES, "row")
    for copy in range(COPIES):
        for episode in range(2):
            player = told(getattr(axelrod, name)())
            if axelrod.Classifiers["stochastic"](player):
                player.set_seed(int(bits(luck, episode + 1)[copy]) % 2**32)
            replies = [axelrod.Action(move) for move in moves(joint, "column", episode, copy)]
            other = told(axelrod.MockPlayer(replies))
            expected = []
            for reply in replies:
                move = player.strategy(other)
                player.update_history(move, reply)
                other.update_history(reply, move)
                expected.append(move.value)
            assert moves(joint, "row", episode, copy) == expected


@pytest.mark.parametrize("name", ["TitFor2Tats", "SuspiciousTitForTat", "Gradual", "Bully", "ThueMorse"])
def test_a_match_is_the_librarys(name: str) -> None:
    axelrod = ours.library()
    match = axelrod.Match(
        (getattr(axelrod, name)(), axelrod.TitForTat()),
        turns=LENGTH,
        match_attributes={"length": math.inf, "game": axelrod.DefaultGame, "noise": 0},
    ).play()
    joint = play(f"axelrod:{name}", "tit-for-tat", copies=1)
    assert moves(joint, "row", 0, 0) == [one.value for one, _ in match]
    assert moves(joint, "column", 0, 0) == [other.value for _, other in match]


@pytest.mark.parametrize(
    ("theirs", "own"),
    [
        ("TitForTat", "tit-for-tat"),
        ("Grudger", "grim"),
        ("WinStayLoseShift", "win-stay-lose-shift"),
        ("Cooperator", "always-cooperate"),
        ("Defector", "always-defect"),
    ],
)
def test_what_the_house_has_too_plays_alike(theirs: str, own: str) -> None:
    one, two = play(f"axelrod:{theirs}", "random", steps=70), play(own, "random", steps=70)
    started = ~one.seats["row"].timesteps.last[:-1]
    for seat in ("row", "column"):
        assert torch.equal(one.seats[seat].actions.value * started, two.seats[seat].actions.value * started)


def test_luck_differs_by_copy_and_by_episode() -> None:
    joint = play("axelrod:Random", "random", steps=2 * LENGTH + 1)
    games = {tuple(moves(joint, "row", episode, copy)) for episode in range(2) for copy in range(COPIES)}
    assert len(games) == 2 * COPIES


@pytest.mark.parametrize("name", ["TitFor2Tats", "BushMosteller"])
def test_what_is_kept_changes_no_move(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def row() -> Tensor:
        return play(f"axelrod:{name}", "random", copies=3).seats["row"].actions.value

    kept = row()
    monkeypatch.setattr(moves_of, "KEPT_ACTIONS", 0)
    monkeypatch.setattr(moves_of, "KEPT_PLAYERS", 0)
    assert torch.equal(row(), kept)


def test_what_is_kept_is_bounded() -> None:
    arena = load_arena("ipd").make(4)
    agent = ours.agent("Random").make(arena.spec, ("row",))
    other = load_agent("random").agent.make(arena.spec, ("column",))
    for seed in range(6):
        luck = derive_rows(seed, 4)
        memories = {seat: p.begin(Seating(seat, luck, luck)) for seat, p in {"row": agent, "column": other}.items()}
        timesteps, state = arena.reset(luck)
        rollout(arena, {"row": agent, "column": other}, memories, timesteps, 3, state)
    assert 0 < len(agent._players) <= 4 * moves_of.KEPT_PLAYERS


@pytest.mark.parametrize("name", KINDS)
def test_strategies_of_every_kind_keep_the_laws(name: str) -> None:
    findings = list(check_agent(f"axelrod:{name}", "ipd"))
    assert {f.number: f.verdict.reason for f in findings if isinstance(f.verdict, Failed)} == {}
    assert len(findings) == len(AGENT_LAWS)


def test_every_strategy_plays_or_is_refused_with_a_reason() -> None:
    axelrod = ours.library()
    assert set(ours.names()) == {strategy.__name__ for strategy in axelrod.all_strategies}
    refused = {name for name in ours.names() if ours.refusal(name)}
    assert {strategy.__name__ for strategy in axelrod.cheating_strategies} <= refused
    assert refused >= {"Darwin", "BackStabber", "Stalker", "MetaWinner", *ours.BREAKS_A_LAW, *ours.TOO_SLOW}
    assert len(refused) < 30 and len(ours.names()) > 200
    for name in refused:
        with pytest.raises(UserError, match=f"^{name} of the Axelrod library is no agent: .+"):
            load_agent(f"axelrod:{name}")


@pytest.mark.parametrize("name", ours.BREAKS_A_LAW)
def test_who_is_refused_for_its_luck_does_draw_from_the_global_generator(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        before = torch.get_rng_state()
        ours.AxelrodPlayer(getattr(ours.library(), name), None).act()
        assert not torch.equal(before, torch.get_rng_state())


def test_nobody_who_plays_makes_use_of_the_length() -> None:
    """What the classifiers say, held against what is played: told another length, they do the same."""
    axelrod = ours.library()
    slow = {strategy.__name__ for strategy in axelrod.long_run_time_strategies}
    replies = [axelrod.Action(int(c)) for c in "110111001101"]

    def played(name: str, length: float) -> list[Any]:
        player, other = told(getattr(axelrod, name)(), length), told(axelrod.MockPlayer(replies), length)
        if axelrod.Classifiers["stochastic"](player):
            player.set_seed(1)
        for reply in replies:
            move = player.strategy(other)
            player.update_history(move, reply)
            other.update_history(reply, move)
        return list(player.history)

    names = [name for name in ours.names() if name not in slow]
    differ = {name for name in names if played(name, math.inf) != played(name, len(replies))}
    assert {"Alexei", "Stalker"} <= differ
    assert {name for name in differ if ours.refusal(name) is None} == set()


def test_the_version_of_the_library_is_part_of_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    def identity() -> str:
        return read_entrant("axelrod:TitForTat", load_arena("ipd").make(1), "ipd-v1").id

    now = identity()
    assert load_agent("axelrod:TitForTat").key == f"axelrod:TitForTat,{ours.version()}"
    monkeypatch.setattr(ours, "version", lambda: "axelrod==99")
    assert identity() != now


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("axelrod:TitFor2Tat", "did you mean TitFor2Tats"),
        ("axelrod:zzzzzzzzzz", "list them with `zoo agents axelrod`"),
        ("axelrod:", "list them with `zoo agents axelrod`"),
    ],
)
def test_wrong_names_are_told(text: str, said: str) -> None:
    assert kind_of(text) == "agent"
    with pytest.raises(UserError, match="unknown agent") as caught:
        load_agent(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def without_the_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found: Callable[..., Any] = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name == "axelrod":
            raise ModuleNotFoundError("No module named 'axelrod'", name="axelrod")
        return found(name, package)

    ours.library.cache_clear()
    monkeypatch.setattr(importlib, "import_module", missing)
    yield
    ours.library.cache_clear()


@pytest.mark.usefixtures("without_the_library")
def test_a_missing_library_names_the_fix() -> None:
    for _ in range(2):
        with pytest.raises(UserError, match=r"^the Axelrod library is missing: pip install 'marl-zoo\[axelrod\]'$"):
            registry.load_agent("axelrod:TitForTat")


def test_games_with_three_actions_are_refused() -> None:
    arena = load_arena("matrix", ["payoffs=[[[1, 0], [0, 2], [3, 3]], [[0, 1], [2, 0], [1, 1]]]"]).make(1)
    with pytest.raises(ValueError, match="two actions a seat, matrix-v1 has more"):
        ours.agent("TitForTat").make(arena.spec, ("row",))


@pytest.mark.parametrize(
    "command",
    [
        "match grim axelrod:TitFor2Tats --arena ipd --set arena.max_steps=10 --episodes 4 --no-record",
        "match lola axelrod:TitFor2Tats --arena ipd --set arena.max_steps=10 --learn --rounds 3 --runs 1 --no-record",
        "tournament axelrod:TitForTat axelrod:Random --arena ipd --set arena.max_steps=10 --episodes 4 --no-panel",
        "agents axelrod:TitFor2Tats",
        "agents axelrod",
    ],
)
def test_commands_take_them_for_agents(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == 0, result.output
    assert "axelrod:" in result.output
    if command == "agents axelrod":
        assert all(f"axelrod:{name} " in result.output for name in ours.names())
        assert "it makes use of the length of a match" in result.output

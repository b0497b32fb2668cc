"""Players of the RoShamBo competitions: they throw as the library has them throw, and rank as they did in 1999."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from scipy.stats import spearmanr
from torch import Tensor

import agents.scripts.rrps_library as ours
from agents.protocol import Agent, JointTrajectory, Memory, Seating
from agents.randomness import bits, derive_rows
from agents.rollout import by_moves, rollout
from arenas.protocol import Arena
from zoo.check import AGENT_LAWS, Failed, check_agent
from zoo.cli import cli
from zoo.entry.registry import load_agent, load_arena
from zoo.entry.venue import ArenaChoice, Venue
from zoo.entry.wildcards import expand
from zoo.errors import UserError

INSTALLED = find_spec("pyspiel") is not None
needed = pytest.mark.skipif(not INSTALLED, reason="OpenSpiel is not installed")
THROWS, COPIES = 40, 3
KINDS = ["greenberg", "iocainebot", "randbot", "rockbot", "multibot", "halbot", "sunNervebot", "boom"]


def seated(one: str, other: str, throws: int = THROWS, copies: int = COPIES) -> tuple[Arena, Any, Any, Any]:
    arena = load_arena("rrps", [f"max_steps={throws}"]).make(copies)
    players: dict[str, Agent] = {
        seat: load_agent(text).agent.make(arena.spec, (seat,)) for seat, text in {"row": one, "column": other}.items()
    }
    luck = {seat: derive_rows(5, copies, seat) for seat in players}
    memories: dict[str, Memory] = {s: p.begin(Seating(s, luck[s], luck[s])) for s, p in players.items()}
    return arena, players, memories, luck


def stepwise(one: str, other: str) -> JointTrajectory:
    arena, players, memories, _ = seated(one, other)
    timesteps, _ = arena.reset(derive_rows(5, COPIES, "game"), autoreset=False)
    return rollout(arena, players, memories, timesteps, THROWS, until_over=True)[0]


def leaves(joint: JointTrajectory) -> Iterator[tuple[str, Tensor]]:
    for seat, trajectory in joint.seats.items():
        yield f"{seat} action", trajectory.actions.value
        for name, leaf in trajectory.timesteps._asdict().items():
            if isinstance(leaf, Tensor):
                yield f"{seat} {name}", leaf


@pytest.mark.parametrize("name", KINDS)
@needed
def test_every_throw_is_the_librarys(name: str) -> None:
    """Held against a loop of our own over the library's own player, seeded by C's `srandom`."""
    spiel, c = ours.library(), ctypes.CDLL(None)
    joint = stepwise(f"rrps:{name}", "random")
    luck = bits(derive_rows(5, COPIES, "row"), torch.ones(COPIES, dtype=torch.long)) % 2**32
    for copy in range(COPIES):
        replies = joint.seats["column"].actions.value[:, copy].tolist()
        game = spiel.load_game("repeated_game(stage_game=matrix_rps(),num_repetitions=1000)")
        state, expected = game.new_initial_state(), []
        c.srandom(ctypes.c_uint(int(luck[copy])))
        bot = spiel.make_roshambo_bot(0, name)
        for reply in replies:
            expected.append(bot.step(state))
            state.apply_actions([expected[-1], reply])
        assert joint.seats["row"].actions.value[:, copy].tolist() == expected
        assert float(joint.seats["row"].timesteps.reward[:, copy].sum()) == pytest.approx(state.returns()[0])


@pytest.mark.parametrize(("one", "other"), [("greenberg", "boom"), ("multibot", "multibot"), ("rockbot", "switchalot")])
@needed
def test_whole_matches_are_those_of_single_throws(one: str, other: str) -> None:
    arena, players, memories, _ = seated(f"rrps:{one}", f"rrps:{other}")
    whole = by_moves(arena, players, memories)
    assert whole is not None
    found, expected = dict(leaves(whole)), dict(leaves(stepwise(f"rrps:{one}", f"rrps:{other}")))
    assert found.keys() == expected.keys()
    assert [name for name, leaf in expected.items() if not torch.equal(found[name], leaf)] == []
    assert all(found[name].dtype == leaf.dtype for name, leaf in expected.items())


@pytest.mark.skipif(find_spec("axelrod") is None, reason="the Axelrod library is not installed")
def test_whole_matches_of_axelrods_strategies_are_those_of_single_moves() -> None:
    arena = load_arena("ipd", ["max_steps=20"]).make(4)
    for texts in itertools.product(
        ("axelrod:TitFor2Tats", "axelrod:Random"), ("axelrod:FirstByJoss", "axelrod:Gradual")
    ):
        players = {s: load_agent(t).agent.make(arena.spec, (s,)) for s, t in zip(arena.spec.seats, texts, strict=True)}
        luck = {seat: derive_rows(2, 4, seat) for seat in players}
        memories = {s: p.begin(Seating(s, luck[s], luck[s])) for s, p in players.items()}
        whole = by_moves(arena, players, memories)
        timesteps, _ = arena.reset(derive_rows(2, 4, "game"), autoreset=False)
        single, _ = rollout(arena, players, memories, timesteps, 20, until_over=True)
        assert whole is not None
        for (name, one), (_, other) in zip(leaves(whole), leaves(single), strict=True):
            assert torch.equal(one, other), (texts, name)


@needed
def test_who_looks_at_more_than_moves_plays_throw_by_throw() -> None:
    arena, players, memories, _ = seated("rrps:rockbot", "random")
    assert by_moves(arena, players, memories) is None


@needed
def test_luck_is_dealt_and_the_processs_own_is_left_alone() -> None:
    c = ctypes.CDLL(None)

    def drawn(between: bool) -> list[int]:
        c.srandom(7)
        numbers = [c.random()]
        if between:
            stepwise("rrps:randbot", "rrps:greenberg")
        return [*numbers, c.random(), c.random()]

    assert drawn(True) == drawn(False)
    rows = stepwise("rrps:randbot", "rrps:rockbot").seats["row"].actions.value
    assert not torch.equal(rows[:, 0], rows[:, 1])
    assert torch.equal(rows, stepwise("rrps:randbot", "rrps:greenberg").seats["row"].actions.value)


@pytest.mark.parametrize("name", ["greenberg", "rockbot"])
@needed
def test_they_keep_the_laws(name: str) -> None:
    findings = list(check_agent(f"rrps:{name}", "rrps"))
    assert {f.number: f.verdict.reason for f in findings if isinstance(f.verdict, Failed)} == {}
    assert len(findings) == len(AGENT_LAWS)


@pytest.mark.slow
@needed
def test_all_of_them_keep_the_laws() -> None:
    for name in ours.names():
        assert [f for f in check_agent(f"rrps:{name}", "rrps") if isinstance(f.verdict, Failed)] == [], name


@needed
def test_the_43_are_named_and_those_of_1999_have_their_places() -> None:
    assert len(ours.names()) == 43 and ours.ENTRANTS.keys() <= set(ours.names())
    assert len({place for _, _, place in ours.ENTRANTS.values()}) == len(ours.ENTRANTS) == 22
    assert ours.description("iocainebot") == "Iocaine Powder, by Dan Egnor, number 1 of 1999."
    assert load_agent("rrps:greenberg").key == f"rrps:greenberg,{ours.version()}"


@pytest.mark.slow
@needed
def test_they_rank_as_in_1999() -> None:
    """All meet all for 1,000 throws: the entrants stand as they did among 55, and the winner of 2000 before them."""
    names = ours.names()
    earned = dict.fromkeys(names, 0.0)
    for one, other in itertools.combinations(names, 2):
        arena, players, memories, _ = seated(f"rrps:{one}", f"rrps:{other}", 1000, 1)
        joint = by_moves(arena, players, memories)
        assert joint is not None
        margin = float(joint.seats["row"].timesteps.reward.sum())
        earned[one] += margin
        earned[other] -= margin
    places = {name: place for name, (_, _, place) in ours.ENTRANTS.items()}
    agreement = spearmanr([places[name] for name in places], [-earned[name] for name in places]).statistic
    assert agreement > 0.8
    first = sorted(names, key=lambda name: -earned[name])[:3]
    assert {"greenberg", "iocainebot"} <= set(first)


@needed
def test_other_games_are_refused() -> None:
    with pytest.raises(ValueError, match="rrps:boom knows rock, paper, scissors, and ipd-v1 pays otherwise"):
        load_agent("rrps:boom").agent.make(load_arena("ipd").make(1).spec, ("row",))
    with pytest.raises(ValueError, match=r"rrps:boom knows matches of 1000 throws: set arena\.max_steps no higher"):
        load_agent("rrps:boom").agent.make(load_arena("rrps", ["max_steps=1001"]).make(1).spec, ("row",))


@pytest.mark.skipif(INSTALLED, reason="OpenSpiel is installed")
def test_a_missing_library_names_the_fix() -> None:
    with pytest.raises(UserError, match=r"pip install 'marl-zoo\[openspiel\]'"):
        load_agent("rrps:boom")


@needed
def test_patterns_name_many_at_once() -> None:
    venue = Venue(ArenaChoice("rrps"))
    assert len(expand(venue, ["rrps:*"]).texts) == 43
    named = expand(venue, ["rrps:markov*", "random", "rrps:markov5"])
    assert named.texts == ("rrps:markov5", "rrps:markovbails", "random") and not named.left_out
    with pytest.raises(UserError, match=r"^rrps:x\* names nobody: no such agent$"):
        expand(venue, ["rrps:x*"])


def test_who_cannot_play_is_left_out_of_a_pattern_and_counted() -> None:
    venue = Venue(ArenaChoice("ipd"))
    named = expand(venue, ["g*", "tit-for-tat"])
    assert named.texts == ("grim", "tit-for-tat") and set(named.left_out) == {"greedy"}
    assert named.remark.startswith("left out 1 agent that cannot play here, such as greedy: ")
    with pytest.raises(UserError, match="gree\\* names nobody: none of 1 can play here: greedy: "):
        expand(venue, ["gree*"])
    with pytest.raises(UserError, match="patterns are of registered agents or of axelrod:"):
        expand(venue, ["mpe2:*"])
    assert expand(venue, ["what?.py:A"]).texts == ("what?.py:A",)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("tournament rrps:markov* rrps:rock* --arena rrps --set arena.max_steps=30 --episodes 2 --no-panel", "rockbot"),
        ("match rrps:boom rrps:granite --arena rrps --set arena.max_steps=30 --episodes 2 --no-record", "rrps:boom"),
        ("agents rrps", "rrps:zq_move"),
        ("agents rrps:boom", "Jack van Rijswijk"),
    ],
)
@needed
def test_commands_take_them_for_agents(
    command: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "120")
    result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == 0, result.output
    assert said in result.output

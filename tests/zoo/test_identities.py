"""An arena may be asked for by its identity, as boards, lists of matches and JSON print it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.zoo.command_line import Refused, Zoo
from zoo.entry.registry import ARENAS, names
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError

LONG = "ipd-v1(max_steps=5)"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ipd", ()),
        ("ipd", ("max_steps=5", "gamma=0.5")),
        ("matrix", ("payoffs=[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", "max_steps=3")),
        ("hanabi", ("variant=mini",)),
        ("pettingzoo:classic/tictactoe_v3", ()),
        ("pettingzoo:classic/tictactoe_v3", ("kind=mixed",)),
    ],
)
def test_an_identity_is_the_arena_that_it_names(name: str, settings: tuple[str, ...]) -> None:
    identity = Venue(ArenaChoice(name, settings)).identity
    choice = ArenaChoice(identity)
    assert choice.name == name
    assert Venue(choice).identity == identity


def test_every_arena_that_needs_no_setting_goes_by_its_identity() -> None:
    for name in names(ARENAS):
        try:
            identity = Venue(ArenaChoice(name)).identity
        except UserError:
            continue
        assert ArenaChoice(identity).name == name


def test_wrappers_are_part_of_it() -> None:
    choice = ArenaChoice("pettingzoo:classic/tictactoe_v3", (), ("delay_observations_v0=1", "max_observation_v0=2"))
    identity = Venue(choice).identity
    again = ArenaChoice(identity)
    assert again.wrap == choice.wrap and Venue(again).identity == identity
    assert ArenaChoice(identity, (), choice.wrap) == again
    with pytest.raises(UserError, match="--wrap contradicts"):
        ArenaChoice(identity, (), ("max_observation_v0=3",))


def test_settings_beside_it_add_to_it_and_may_repeat_it() -> None:
    assert ArenaChoice(LONG, ("gamma=0.5",)) == ArenaChoice("ipd", ("max_steps=5", "gamma=0.5"))
    assert ArenaChoice(LONG, ("max_steps=5.0",)) == ArenaChoice("ipd", ("max_steps=5",))
    assert ArenaChoice("ipd-v1", ("max_steps=5",)) == ArenaChoice("ipd", ("max_steps=5",))


@pytest.mark.parametrize(
    ("asked", "settings", "says"),
    [
        (LONG, ("max_steps=6",), "arena.max_steps=6 contradicts .* which says max_steps=5: leave one of them out"),
        ("ipd-v2", (), "is another version or another game: ipd is ipd-v1 here"),
        ("ipd-v2(max_steps=5)", (), r"ipd is ipd-v1\(max_steps=5\) here"),
        ("ipd(max_steps=5)", (), "another version or another game"),
        ("ipd-v1(max_steps=5", (), "the bracket behind ipd-v1 is not closed"),
        ("ipd-v1(max_stepz=5)", (), "no field 'max_stepz'; did you mean max_steps"),
        ("pettingzoo:classic/tictactoe_v3(pettingzoo==0.1)", (), "is another version"),
        ("nowhere-v1(a=1)", (), "unknown arena"),
    ],
)
def test_another_version_and_contradictions_are_refused(asked: str, settings: tuple[str, ...], says: str) -> None:
    with pytest.raises(UserError, match=says) as refusal:
        Venue(ArenaChoice(asked, settings))
    assert "\n" not in str(refusal.value)


def test_commands_take_it(zoo: Zoo, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = zoo("match", "grim", "random", "--arena", LONG, "--panel", "random,grim", "--episodes", 4, "--json").json
    assert told["arena"] == LONG
    assert zoo("matches", "--arena", told["arena"], "--json").json
    assert zoo("leaderboard", "--arena", told["arena"], "--json").json["arena"] == LONG
    assert LONG in zoo("exploit", "grim", "--arena", LONG, "--no-record").out
    assert LONG in zoo("check", LONG).out
    assert "--arena ipd" in zoo("new", "agent", "mine", "--arena", "ipd-v1", code=0).out
    assert "write ipd" in refused("new", "agent", "mine", "--arena", LONG)

"""`zoo match --explain`: the parts add up to the difference, whichever way it is divided."""

from __future__ import annotations

import pytest

from tests.zoo.command_line import Refused, Zoo

IPD = ("--arena", "ipd", "--set", "arena.max_steps=10", "--episodes", 8)


def test_the_parts_add_up_to_the_difference(zoo: Zoo) -> None:
    panel = ("--panel", "always-defect,tit-for-tat,random")
    told = zoo("match", "tit-for-tat", "always-cooperate", *IPD, *panel, "--explain", "--json").json
    (comparison,), (side,) = told["comparisons"], told["explanation"]
    whole = comparison["difference"]["mean"]
    for parts in ("partners", "seats", "states"):
        assert sum(part["adds"] for part in side[parts]) == pytest.approx(whole), parts
    assert sum(part["weight"] for part in side["partners"]) == pytest.approx(1)
    assert [part["name"] for part in side["seats"]] == ["row", "column"]
    assert side["episodes"] == 8
    # what two scripts do against each other can be worked out: it is robbed once, and then both defect
    sucker = next(line for line in side["states"] if line["state"] == "CD")
    assert sucker["acts"] == ["D 1.00", "C 1.00"] and sucker["visited"][0] < sucker["visited"][1]
    defected = next(line for line in side["states"] if line["state"] == "DD")
    assert defected["visited"][1] == 0 and defected["acts"][1] == ""


def test_the_screen_fits_and_says_what_is_compared(zoo: Zoo) -> None:
    out = zoo("match", "grim", "always-cooperate", *IPD, "--panel", "always-defect,grim", "--explain", width=80).out
    assert "by partner" in out and "by seat" in out and "by state" in out
    assert "In each table what is added sums to the difference" in out
    assert max(map(len, out.splitlines())) <= 80


def test_games_won_are_divided_by_seating(zoo: Zoo) -> None:
    game = ("--arena", "matrix", "--set", "arena.payoffs=[[[0,0],[1,-1]],[[-1,1],[0,0]]]", "--set", "arena.max_steps=9")
    told = zoo("match", "always-cooperate", "always-defect", *game, "--episodes", 4, "--explain", "--json").json
    (side,) = told["explanation"]
    assert [part["name"] for part in side["seats"]] == ["always-cooperate as row", "always-cooperate as column"]
    assert [part["first"]["mean"] for part in side["seats"]] == [1.0, 1.0]
    assert sum(part["adds"] for part in side["seats"]) == told["comparisons"][0]["difference"]["mean"]
    assert sum(line["paid"][0] for line in side["states"]) == pytest.approx(9)


def test_nothing_to_explain(zoo: Zoo, refused: Refused) -> None:
    assert "no difference to explain" in zoo("match", "grim", "grim", *IPD, "--panel", "grim,random", "--explain").out
    learning = ("match", "naive", "naive", "--arena", "ipd", "--learn", "--explain")
    assert "--explain is for matches without --learn" in refused(*learning)

"""Nemeses: kept strategies that hold entrants to their worst case."""

from __future__ import annotations

import pytest

from tests.zoo.command_line import Refused, Zoo
from zoo.entry.nemesis import nemeses
from zoo.entry.venue import ArenaChoice, Venue
from zoo.exploit.exact import answerable, exact
from zoo.exploit.nemesis import earned_against, worst_opponent

SCRIPTS = [("ipd", "win-stay-lose-shift"), ("ipd", "tit-for-tat"), ("stag-hunt", "grim"), ("chicken", "random")]


@pytest.mark.parametrize(("arena", "victim"), SCRIPTS)
def test_a_nemesis_holds_its_victim_to_the_worst_case(arena: str, victim: str) -> None:
    venue = Venue(ArenaChoice(arena))
    who = venue.entrant(victim)
    known, measured = answerable(venue, who), exact(venue, who)
    assert known is not None and measured is not None
    worst = measured.mean["worst_case"].mean
    assert earned_against(venue, *known, f"nemesis:{victim}") == pytest.approx(worst, abs=1e-9)
    assert earned_against(venue, *known, worst_opponent(venue, who)) == pytest.approx(worst, abs=1e-9)


def test_every_kept_nemesis_can_enter_and_is_who_it_stands_for() -> None:
    for arena in ("ipd", "stag-hunt", "chicken"):
        venue = Venue(ArenaChoice(arena))
        assert nemeses(venue.identity)
        for victim, text in nemeses(venue.identity).items():
            entrant = venue.entrant(f"nemesis:{victim}", learning=True)
            assert entrant.id_for({}) == venue.entrant(text, learning=True).id_for({})
            assert entrant.label == f"nemesis:{victim}"


def test_a_nemesis_plays_and_is_named(zoo: Zoo, refused: Refused) -> None:
    said = zoo("match", "lola", "nemesis:lola", "--arena", "ipd", "--episodes", 4, "--no-record")
    assert "nemesis:lola" in said.out
    learned = ("--arena", "ipd", "--learn", "--rounds", 2, "--runs", 1, "--no-record")
    assert "nemesis:lola-exact" in zoo("match", "lola-exact", "nemesis:lola-exact", *learned).out
    assert "kept as nemesis:grim" in zoo("exploit", "grim", "--arena", "ipd", "--no-record").out
    assert "no nemesis of 'nobody' is kept in ipd-v1" in refused("match", "lola", "nemesis:nobody", "--arena", "ipd")

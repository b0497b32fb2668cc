"""Self-play beside cross-play, of the house's teams."""

from __future__ import annotations

import pytest

from zoo.entry.venue import ArenaChoice
from zoo.papers import load
from zoo.papers.figure import Part
from zoo.papers.strangers import swapped, teams

GAME = "two-card-v1(game=symmetric)"


def test_every_cooperative_game_with_several_teams_is_there() -> None:
    found = {(arena, rule): entrants for arena, rule, entrants in teams(2)}
    assert found[GAME, "bad"] == ["bad", "bad@seed-1"]
    assert found[GAME, "bad@other-play"] == ["bad@other-play-seed-0", "bad@other-play-seed-1"]
    assert ("switch-v1", "dial") in found and ("hanabi-v1(variant=mini)", "bad") in found
    assert not any(arena.startswith(("ipd", "coin", "tag")) for arena, _ in found)
    assert all(len(entrants) == 2 for entrants in found.values())


def test_an_identity_is_an_arena_with_settings() -> None:
    choice = ArenaChoice("skirmish-v1(opponent=team,scenario=2s3z)")
    assert (choice.name, choice.settings) == ("skirmish", ("opponent=team", "scenario=2s3z"))


def test_other_play_stands_beside_those_who_agreed_on_names() -> None:
    """Two teams with other codes have 10 with themselves and 0 with each other, those under other names 8 with both."""
    figure = load("strangers")
    done = []
    for rule, entrants in (
        ("bad", ["bad", "bad@seed-1"]),
        ("bad@other-play", [f"bad@other-play-seed-{n}" for n in (0, 1)]),
    ):
        settings = {"arena": GAME, "entrants": entrants, "episodes": 12, "seed": 0}
        done.append((Part(f"{rule} in {GAME}", swapped, settings), swapped(lambda done, of: None, **settings)))
    report = figure.assemble(done, True, 2)
    assert [(row.label, row.ours.mean) for row in report.rows] == [
        ("bad, with itself", 10.0),
        ("bad, with strangers", 0.0),
        ("bad@other-play, with itself", 8.0),
        ("bad@other-play, with strangers", 8.0),
    ]
    assert report.rows[1].note == "10.00 less than with itself"
    shares = [bar["share"] for bar in report.data["bars"]]
    assert shares[0] < 0 and shares[1] == pytest.approx(1)
    assert figure.plot(report) is not None

"""The figure of small Hanabi games: scores under both rules, and parts become rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from agents.protocol import Agent
from agents.scripts.hanabi import Hinted
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers import load
from zoo.papers.bad import hanabi, teams
from zoo.papers.figure import Part

MINI = ("variant=mini",)


def of_script(*settings: str) -> dict[str, Agent]:
    spec = Venue(ArenaChoice("hanabi", settings)).arena(1).spec
    return {seat: Hinted.make(spec, (seat,)) for seat in spec.seats}


def test_both_rules_count_the_same_games() -> None:
    """Who never loses scores alike under both; who does loses the points of these games under one of them."""
    small = ("variant=small",)
    found = teams.score(of_script(*small), small, 300, 0)
    assert 0 < found["lost"] < 1
    assert 0 <= found["zero"] < found["kept"] <= 10
    again = teams.score(of_script(*small), (*small, "bomb=keep"), 300, 0)
    assert again == found  # the rule changes what is paid, not what is counted here
    by_game = [teams._each(*pair) for pair in teams.played(of_script(*small), small, 300, 0)]
    zero, kept, lost, perfect = torch.cat(by_game, dim=1)
    assert torch.equal(zero, kept * (1 - lost))
    assert bool((perfect * lost == 0).all()) and bool((perfect <= (kept == 10)).all())


def test_games_are_new_from_chunk_to_chunk_and_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = teams.score(of_script(*MINI), MINI, 200, 3)
    monkeypatch.setattr(teams, "CHUNK", 80)
    assert teams.score(of_script(*MINI), MINI, 200, 3) == pytest.approx(whole)
    assert teams.score(of_script(*MINI), MINI, 200, 4) != whole


def test_parts_become_rows_under_each_rule() -> None:
    figure = load("bad-hanabi")
    parts = figure.parts(True, 2)
    done: list[tuple[Part, Any]] = []
    for part in parts:
        end = {
            "zero": 3.0 + part.settings["seed"],
            "kept": 4.0,
            "lost": 0.01 + 0.02 * part.settings["seed"],
            "perfect": 0.5,
        }
        done.append((part, {"curve": [{"steps": n, **end} for n in (1, 2)], "end": end}))
    report = figure.assemble(done, True, 2)
    methods = sum(len(game.methods) for game in hanabi.GAMES.values())
    assert len(parts) == sum(min(2, game.most) * len(game.methods) for game in hanabi.GAMES.values())
    assert len(report.rows) == 3 * methods
    first = report.rows[0]
    assert (first.label, first.ours.mean, first.at_least) == ("BAD, V2", 3.5, 3.5)
    lost = next(row for row in report.rows if "games lost" in row.group and row.label == "BAD, V2")
    assert lost.note.endswith("at most 0.02 in 1 of 2")
    rules = ("a lost game counts 0", "a lost game keeps its points", "share of games lost")
    assert all(sum(rule in row.group for row in report.rows) == methods for rule in rules)
    drawn = [(line.get_label(), line.get_color()) for panel in figure.plot(report).axes for line in panel.get_lines()]
    assert len(drawn) > len(set(drawn)) == len(hanabi.METHODS)  # a method has one colour in all panels


@pytest.mark.parametrize(("game", "least"), [(MINI, 3.6), (("variant=very-small", "lives=3"), 4.4)])
def test_the_houses_teams_play_well(game: tuple[str, ...], least: float) -> None:
    venue = Venue(ArenaChoice("hanabi", game))
    spec = venue.arena(1).spec
    found = teams.score(venue.entrant("bad").agents(spec, tuple(spec.seats), 0), game, 500, 0)
    assert found["zero"] > least
    assert found["lost"] < 0.02


@pytest.mark.learning
@pytest.mark.parametrize(
    "method",
    [pytest.param(name, marks=[pytest.mark.slow] * ("exact" in text)) for name, text in hanabi.METHODS.items()],
)
def test_every_method_learns_and_is_tested(method: str) -> None:
    found = hanabi.one_run(lambda done, total: None, 0, f"{hanabi.METHODS[method]},hidden=8", MINI, 5 * 2560)
    assert [point["steps"] for point in found["curve"]] == [2560 * n for n in range(1, 6)]
    assert set(found["end"]) == {"zero", "kept", "lost", "perfect"}
    assert 0 <= found["end"]["zero"] <= found["end"]["kept"] <= 4

"""Nemeses: kept strategies that hold entrants to their worst case, and the agent that answers exactly."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.zoo.command_line import Refused, Zoo
from zoo.entry import declarations, declared
from zoo.entry.nemesis import nemeses, nemeses_of
from zoo.entry.venue import ArenaChoice, Venue
from zoo.errors import UserError
from zoo.exploit.answers import can_answer
from zoo.exploit.exact import answerable, exact
from zoo.exploit.nemesis import earned_against, worst_opponent, write_nemesis
from zoo.play.replicas import run_replicas
from zoo.play.table import Table

#: One whose seats differ, one with a memory, one without, and scripts.
VICTIMS = [("ipd", "lola"), ("coin", "lola"), ("coin", "cooperator"), ("imp", "wolf-phc"), ("stag-hunt", "grim")]


def worst_case(venue: Venue, victim: str) -> float:
    measured = exact(venue, venue.entrant(victim))
    assert measured is not None
    return measured.mean["worst_case"].mean


@pytest.mark.parametrize(("arena", "victim"), VICTIMS)
def test_a_nemesis_holds_its_victim_to_the_worst_case(arena: str, victim: str, tmp_path: Path) -> None:
    venue = Venue(ArenaChoice(arena))
    known = answerable(venue, venue.entrant(victim))
    assert known is not None
    worst = worst_case(venue, victim)
    assert earned_against(venue, *known, f"nemesis:{victim}") == pytest.approx(worst, abs=1e-9)
    write_nemesis(venue, venue.entrant(victim), tmp_path / "fresh", "as typed")
    assert earned_against(venue, *known, f"best-response@{tmp_path / 'fresh'}") == pytest.approx(worst, abs=1e-9)


def test_what_is_kept_of_the_worst_cases_is_exact() -> None:
    kept = [
        (arena, one)
        for arena in ("ipd", "imp")
        for one in declarations.read("nemeses")[f"{arena}-v1"]["frozen"].items()
    ]
    venues = {arena: Venue(ArenaChoice(arena)) for arena in ("ipd", "imp")}
    assert len(kept) > 30
    for arena, (victim, one) in kept:
        assert one["worst_case"] == pytest.approx(worst_case(venues[arena], victim), abs=1e-6), (arena, victim)


def test_every_kept_nemesis_can_enter_and_is_who_it_stands_for() -> None:
    for arena in ("coin", "imp", "ipd", "stag-hunt", "chicken"):
        venue = Venue(ArenaChoice(arena))
        for learning in (False, True):
            assert nemeses(venue.identity, learning=learning)
            for victim, text in nemeses(venue.identity, learning=learning).items():
                if not learning and text.startswith("teach"):
                    continue  # it adapts, so it plays only where there is learning
                entrant = venue.entrant(f"nemesis:{victim}", learning=learning)
                assert entrant.id_for({}) == venue.entrant(text, learning=learning).id_for({})
                assert entrant.label == f"nemesis:{victim}"


def test_a_rule_and_its_frozen_policy_have_nemeses_of_their_own() -> None:
    frozen, learning = nemeses("ipd-v1")["lola-exact"], nemeses("ipd-v1", learning=True)["lola-exact"]
    assert frozen.startswith("best-response@") and learning.startswith("teach-then-harvest")
    assert nemeses("ipd-v1", learning=True)["lola"] == "best-response@lola"  # no rule's is kept under this name


def test_a_nemesis_plays_and_is_named(zoo: Zoo, refused: Refused) -> None:
    said = zoo("match", "lola", "nemesis:lola", "--arena", "ipd", "--episodes", 4, "--no-record")
    assert "nemesis:lola" in said.out
    learned = ("--arena", "ipd", "--learn", "--rounds", 2, "--runs", 1, "--no-record")
    assert "nemesis:lola-exact" in zoo("match", "lola-exact", "nemesis:lola-exact", *learned).out
    assert "kept as nemesis:grim" in zoo("exploit", "grim", "--arena", "ipd", "--no-record").out
    assert "no nemesis of 'nobody' is kept in ipd-v1" in refused("match", "lola", "nemesis:nobody", "--arena", "ipd")


def test_agents_show_their_nemeses(zoo: Zoo) -> None:
    of_lola = {(one.arena, one.victim): one for one in nemeses_of("lola")}
    assert of_lola["coin-v1", "lola"].exact and of_lola["coin-v1", "lola"].worst_case == pytest.approx(
        -0.13029, abs=1e-5
    )
    shown = zoo("agents", "advantage-alignment").out
    assert "nemesis:advantage-alignment" in shown and "at most -0.018" in shown
    assert "Nemeses" not in zoo("agents", "iql").out


def test_the_command_keeps_a_nemesis(zoo: Zoo, refused: Refused, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    said = zoo("exploit", "win-stay-lose-shift", "--arena", "ipd", "--nemesis", folder, "--no-record").out
    assert "with its nemesis as" in " ".join(said.split())
    card = json.loads((folder / "card.json").read_text())
    assert card["agent"] == "best-response" and card["config"]["aim"] == "harm" and card["seats"] == ["row", "column"]
    again = refused("exploit", "grim", "--arena", "ipd", "--nemesis", folder)
    assert "holds a checkpoint" in again
    assert "needs --learn" not in again
    assert "is not known" in refused("exploit", "advantage-alignment", "--arena", "coin", "--nemesis", tmp_path / "no")
    assert "is for frozen entrants" in refused(
        "exploit", "lola-exact", "--arena", "ipd", "--learn", "--nemesis", folder
    )


def test_who_sees_the_whole_board_of_one_seat_cannot_answer() -> None:
    venue = Venue(ArenaChoice("coin", ("view=channels",)))
    with pytest.raises(UserError, match="does not tell the position"):
        worst_opponent(venue, venue.entrant("greedy"))


def table(other: str, answer: str, rounds: int) -> Table:
    """Red plays `other`, frozen or not, blue answers."""
    venue = Venue(ArenaChoice("coin", ("max_steps=8",)))
    arena = venue.make(4)
    red = venue.entrant(other, learning=True).agents(arena.spec, ("red",), 0)
    blue = venue.entrant(answer, learning=True).agents(arena.spec, ("blue",), 0)
    made = Table(arena, venue.identity, {**red, **blue}, ("blue",), length=8)
    for _ in itertools.islice(made, rounds):
        pass
    return made


def test_best_response_cooperates_and_harvests_in_turn() -> None:
    texts = {"red": "cooperator", "blue": "best-response,lesson=2,harvest=1,again=2"}
    runs = run_replicas(ArenaChoice("coin"), texts, rounds=8, replicas=1, copies=64, length=50)
    blue = runs.values["blue"][:, 0]
    harvests = [2, 5]
    assert blue[harvests].min() > 0.5 > 0.4 > blue[[0, 1, 3, 4, 6, 7]].max()


def test_against_a_policy_that_it_cannot_answer_it_takes_every_coin() -> None:
    met = table("advantage-alignment,hidden=8", "best-response", 1)
    stranger, blue = met.players["red"].policy("red"), met.players["blue"]
    assert stranger is not None and not can_answer(stranger, coin=True)
    greedy = Venue(ArenaChoice("coin")).entrant("greedy").agents(met.arena.spec, ("blue",), 0)["blue"].policy("blue")
    mine = blue.policy("blue")
    assert greedy is not None and mine is not None
    steps, _ = met.arena.reset(torch.arange(4))
    assert torch.allclose(
        greedy.probabilities(steps["blue"]), mine.probabilities_in(torch.full((4,), 2), steps["blue"])
    )


def test_panels_hold_nemeses_as_who_they_are_and_reciprocity_stays_first() -> None:
    coin, ipd = (declared.panel_for(Venue(ArenaChoice(arena))) for arena in ("coin", "ipd"))
    assert coin is not None and ipd is not None
    for panel in (coin, ipd):
        assert "best-response@lola" in panel.members
        assert not any(member.startswith("nemesis:") for member in panel.members)
    order = ranking(coin)
    assert order[0].startswith("advantage-alignment") and "greedy" not in order[:3]
    order = ranking(ipd)
    reciprocators = ("tit-for-tat", "grim", "win-stay-lose-shift", "lola", "lola@seed-1")
    assert max(map(order.index, reciprocators)) < order.index("always-defect")


def ranking(panel: declared.Panel) -> list[str]:
    """The members by what they earn over the panel."""
    earned = np.array(panel.details["matrix"][""]) @ np.array(panel.weights[""])
    return [panel.members[i] for i in np.argsort(-earned)]

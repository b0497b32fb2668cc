"""Figures of chapter 6: what a team's protocol is worth, and that a tree says what the team does."""

from __future__ import annotations

import pytest

from agents.scripts.switch import SwitchProtocol, protocol
from arenas.riddle import certainty, protocol_value
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers import load
from zoo.papers.dial.protocol import one_run, tree, value_of, written


@pytest.fixture(scope="module")
def found():  # type: ignore[no-untyped-def]
    spec = Venue(ArenaChoice("switch")).spec
    return tree(dict.fromkeys(spec.seats, SwitchProtocol.make(spec, tuple(spec.seats))))


def test_the_tree_of_a_script_is_its_protocol(found) -> None:  # type: ignore[no-untyped-def]
    rule = protocol(3, 6)
    reached = 0
    for day, by_visits in enumerate(found, 1):
        for visits, by_bit in enumerate(by_visits):
            for bit, shares in enumerate(by_bit):
                tells, left, _ = rule(day, min(visits, 1), bit)
                if shares is not None:
                    reached += 1
                    assert shares == [0.0 if n != (2 if tells else left) else 1.0 for n in range(3)]
    assert reached > 10


def test_a_tree_is_valued_exactly(found) -> None:  # type: ignore[no-untyped-def]
    assert value_of(found) == pytest.approx(float(protocol_value(3, protocol(3, 6)))) == float(certainty(3))


def test_the_tree_reads_as_the_thesis_writes_it(found) -> None:  # type: ignore[no-untyped-def]
    lines = written(found)
    assert lines[0] == "day 1, first time: finds Off: On"
    assert "day 3, first time: finds Off: On; finds On: Tell" in lines


def test_a_short_run_makes_both_figures() -> None:
    figure = load("dial-protocol")
    run = one_run(lambda done, of: None, seed=1, updates=2)
    assert -1.36 < run["share"] <= 1  # a lost bet counts -1, and what can be had is .74
    parts = figure.parts(True, 1)
    report = figure.assemble([(parts[0], run)], True, 1)
    assert [row.ours.mean for row in report.rows] == [run["share"], run["of tree"]]
    curves = load("dial-switch")
    labels = [part.name for part in curves.parts(False, 5)]
    assert sum("n = 4" in label for label in labels) == 6 and sum("n = 3" in label for label in labels) == 25
    results = [(part, {"at": [1, 2], "shares": [0.5, 0.8]}) for part in curves.parts(True, 2)]
    rows = curves.assemble(results, True, 2).rows
    assert len(rows) == 5 and rows[0].target == ">=0.98 missed"

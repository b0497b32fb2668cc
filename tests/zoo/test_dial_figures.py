"""Figures of chapter 6: what a team's protocol is worth, and that a tree says what the team does."""

from __future__ import annotations

import pytest
import torch

from agents.protocol import Agent
from agents.scripts.switch import SwitchProtocol, protocol
from arenas.digits.multi_step import MultiStepDigits
from arenas.protocol import Action
from arenas.riddle import certainty, protocol_value
from zoo.entry.venue import ArenaChoice, Venue
from zoo.papers import load
from zoo.papers.dial import rial_saddle
from zoo.papers.dial.protocol import one_run, tree, value_of, written
from zoo.papers.dial.readers import BINS, learned, minds


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
    assert sum("n = 4" in label for label in labels) == 9 and sum("n = 3" in label for label in labels) == 25
    results = [(part, {"at": [1, 2], "shares": [0.5, 0.8]}) for part in curves.parts(True, 2)]
    rows = curves.assemble(results, True, 2).rows
    assert len(rows) == 5 and rows[0].target == ">=0.98 missed"


def test_nothing_tells_rials_messages_apart_until_the_receiver_puts_them_together_with_what_it_sees() -> None:
    receivers = rial_saddle.deaf(50, seed=3)
    assert float(rial_saddle.sender_gap(receivers).max()) < 1e-12
    assert float(rial_saddle.sender_gap(rial_saddle.echo())) == 0  # it listens, but not to any use
    for share in (0.01, 0.5, 1.0):
        mixed = share * rial_saddle.listening() + (1 - share) * receivers
        assert rial_saddle.sender_gap(mixed).numpy() == pytest.approx(4 * share)


def test_nothing_tells_the_receivers_actions_from_0_until_the_sender_tells() -> None:
    assert rial_saddle.receiver_error(0.0) < 1e-12
    assert rial_saddle.receiver_error(0.25) == pytest.approx(0.5)


def test_dials_slope_separates_the_digits_from_the_first_step_on() -> None:
    slopes = rial_saddle.slopes(200, seed=5)
    assert float(slopes.abs().min()) > 0 and 0.8 < float(slopes.abs().mean()) < 1.2  # 8 |mean of 40 signed normals|
    # the mean over agent 1's even digits of (-1)^(u + c') b is what it is made of
    assert float(slopes.mean().abs()) < 4 * float(slopes.std()) / 200**0.5


class Reads(Agent):
    """Names digit 1 where the last message lies between some bounds, and else digit 0."""

    low, high = 0.5, 2.0

    def act(self, timestep, memory):  # type: ignore[no-untyped-def]
        heard = timestep.messages.sum((1, 2))
        return Action(((heard > self.low) & (heard < self.high)).long(), torch.ones(len(heard), 1)), memory


class ReadsMore(Reads):
    low, high = 0.2, 0.7


def test_who_reads_more_than_a_bit_changes_its_mind_more_than_once() -> None:
    arena = MultiStepDigits(20, digits=2, steps=3)
    for kind, changes, twice in ((Reads, 1, 0), (ReadsMore, 2, 1)):
        agent = kind.make(arena.spec, tuple(arena.spec.seats))
        found = minds(arena, dict.fromkeys(arena.spec.seats, agent), 2, seed=1)
        assert found == {"switches": [changes] * 2, "twice": [twice] * 2}


def test_a_short_run_makes_the_figures_of_digits() -> None:
    found = learned(lambda done, of: None, "colour-digit", [], "dial,picture=8", 8, 2, 2, 2, seed=1)
    assert [len(found[name]) for name in ("at", "training", "bits", "held out")] == [2] * 4
    assert len(found["messages"][0]) == BINS and sum(found["messages"][0]) == pytest.approx(1)
    assert all(abs(x) <= 6 for x in found["training"][0])
    figure = load("dial-digits")
    rows = figure.assemble([(part, found) for part in figure.parts(True, 2)], True, 2).rows
    assert len(rows) == 2 * (5 * 3 + 1) and {row.group for row in rows} == {
        "share of the best: colour-digit",
        "share of the best: multi-step-digits, digits=4, steps=3",
    }
    assert rows[3].target.endswith(("met", "missed"))
    noise = load("dial-noise")
    assert [len(noise.parts(quick, 5)) for quick in (True, False)] == [8, 16]
    honest = found | {"training": [[0.9, 0.8]], "bits": [[0.45, 0.8]]}
    rows = noise.assemble([(part, honest) for part in noise.parts(True, 2)], True, 2).rows
    assert {row.ours.mean for row in rows} == {0.75} and "met" in rows[4].note and rows[6].target == ">=0.9 missed"
    saddle = load("rial-saddle")
    parts = saddle.parts(True, 2)
    results = [(parts[0], rial_saddle.enumerated(lambda done, of: None, 0)), *((part, found) for part in parts[1:])]
    rows = saddle.assemble(results, True, 2).rows
    assert [row.ours.mean for row in rows[:2]] == pytest.approx([0, 0], abs=1e-12)


@pytest.mark.slow
@pytest.mark.learning
def test_dial_tells_two_digits_apart_also_on_pictures_that_it_has_not_seen() -> None:
    agent, words = "dial,lambda_=1,picture=16,lr=0.004,sigma=1", ["digits=2", "steps=2"]
    found = learned(lambda done, of: None, "multi-step-digits", words, agent, 64, 150, 1, 3, seed=100)
    for name in ("bits", "held out"):
        assert sorted(found[name][0])[1] > 0.9, name  # one of three may not have begun

"""The script of the switch riddle, and the exact values by which protocols are judged."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
import torch

from agents.scripts.switch import SwitchProtocol, protocol
from arenas.protocol import Action
from arenas.riddle import certainty, days, protocol_value
from arenas.switch import Switch
from zoo.papers.dial.exact import exact_value


def silent(n: int):  # type: ignore[no-untyped-def]
    return lambda day, state, bit: (day == days(n), 0, 0)


def test_the_chance_that_all_have_been_inside_is_counted_out() -> None:
    assert certainty(3) == Fraction(540, 729)
    seen = sum(len(set(order)) == 4 for order in product(range(4), repeat=6))
    assert certainty(4, 6) == Fraction(seen, 4**6)


def test_silence_earns_what_can_be_had_less_the_lost_bets() -> None:
    assert protocol_value(3, silent(3)) == 2 * certainty(3) - 1


def test_three_prisoners_cannot_do_better_than_the_script() -> None:
    assert protocol_value(3, protocol(3, 6)) == certainty(3)


@pytest.mark.parametrize("n", [4, 5])
def test_more_prisoners_count_by_parity(n: int) -> None:
    value = protocol_value(n, protocol(n, days(n))) / certainty(n)
    assert Fraction(99, 100) < value < 1


@pytest.mark.parametrize("n", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_the_script_plays_its_protocol(n: int) -> None:
    spec = Switch(1, n=n).spec
    agent = SwitchProtocol.make(spec, tuple(spec.seats))
    assert exact_value(dict.fromkeys(spec.seats, agent), n=n) == pytest.approx(
        float(protocol_value(n, protocol(n, days(n))))
    )


def test_the_script_knows_one_switch_only() -> None:
    spec = Switch(1, bits=2).spec
    with pytest.raises(ValueError, match="one switch"):
        SwitchProtocol.make(spec, tuple(spec.seats))


@pytest.mark.parametrize("n", [2, 9])
def test_there_are_three_to_eight_prisoners(n: int) -> None:
    with pytest.raises(ValueError, match=r"switch-v1: n must be in \[3, 8\]"):
        Switch(1, n=n)


def test_the_switch_hides_who_left_it_and_who_is_outside_hears_nothing() -> None:
    arena = Switch(256, n=4)
    steps, state = arena.reset(torch.arange(256))
    for _ in range(6):
        inside = torch.stack([step.observation[:, 0] for step in steps.values()], dim=1)
        assert (inside.sum(1) == (~steps["prisoner_0"].last).float()).all()
        for number, step in enumerate(steps.values()):
            assert step.audible is not None and step.messages is not None and step.action_mask is not None
            others = [other for other in range(4) if other != number]
            assert not step.audible[:, others].any() and not step.messages[:, others].any()
            assert torch.equal(step.audible[:, number], inside[:, number] > 0)
            assert torch.equal(step.action_mask[:, 1], (inside[:, number] > 0) | step.last)
        spec = arena.spec.seats["prisoner_0"]
        said = {seat: torch.full((256, spec.message_dim), 1.0) for seat in steps}
        steps, state = arena.step({seat: Action(torch.zeros(256, dtype=torch.long), said[seat]) for seat in steps})
        heard = sum(step.messages.sum((1, 2)) for step in steps.values() if step.messages is not None)
        assert torch.equal(torch.as_tensor(heard), torch.ones(256))
    assert state is not None

"""The games of digits: their payments by hand, who hears what when, their pictures, and the script that reads them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

from agents.scripts.digits import DigitProtocol
from arenas.digits.colour_digit import ColourDigit
from arenas.digits.images import pictures
from arenas.digits.multi_step import MultiStepDigits
from arenas.digits.parity import pay
from arenas.digits.two_readers import SEATS, TwoReaders
from arenas.protocol import Action
from zoo.papers.dial.readers import played

GAMES = [ColourDigit, MultiStepDigits]


def started(game: type[TwoReaders], copies: int = 64, **settings: Any) -> tuple[Any, Any, Any]:
    arena = game(copies, **settings)
    return arena, *arena.reset(torch.arange(copies), autoreset=False)


def moved(arena: Any, value: int = 0, said: float = 0.0) -> Any:
    every = torch.ones(arena.batch_size)
    action = Action((value * every).long(), said * every.unsqueeze(1).expand(-1, arena.settings.bits))
    return arena.step(dict.fromkeys(SEATS, action))


def test_the_pictures_are_those_of_scikit_learn_and_none_is_in_both_halves() -> None:
    halves = [pictures(images) for images in ("train", "held-out")]
    assert [len(half.digits) for half in halves] == [1442, 355]
    assert sum(half.digits.bincount() for half in halves).tolist() == [  # type: ignore[union-attr]
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip
    both = {tuple(image) for half in halves for image in half.pixels.flatten(1).tolist()}
    assert len(both) == 1797
    zero = 16 * pictures("train").pixels[0]  # the first line of the file
    assert zero[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0] and int(zero.sum()) == 294


def test_colour_digit_pays_what_the_formula_says() -> None:
    for u, v, c, e, d, f in itertools.product((0, 1), (0, 1), (0, 1), (0, 1), (2, 5), (8, 9)):
        one = 2 * (-1) ** (u + c + f) + (-1) ** (u + d + e)
        two = 2 * (-1) ** (v + e + d) + (-1) ** (v + f + c)
        paid = pay(torch.tensor([u, v]), torch.tensor([d, f]), torch.tensor([c, e]))
        assert paid.tolist() == [one, two]


def test_no_team_is_paid_more_than_four_even_if_it_sees_everything() -> None:
    best = []
    for c, e, d, f in itertools.product((0, 1), repeat=4):
        cases = torch.tensor(list(itertools.product((0, 1), repeat=2)))
        paid = pay(cases, torch.tensor([d, f]).expand(4, 2), torch.tensor([c, e]).expand(4, 2))
        best.append(float(paid.sum(1).max()))
    assert np.mean(best) == 4


@pytest.mark.parametrize("game", GAMES)
def test_what_is_sent_is_heard_a_step_later_by_the_other_alone(game: type[TwoReaders]) -> None:
    arena, steps, state = started(game, bits=2)
    for t in range(arena.spec.max_steps + 1):
        on = 0 < t < arena.spec.max_steps
        for mine, seat in enumerate(SEATS):
            audible, messages = steps[seat].audible, steps[seat].messages
            assert bool(audible[:, 1 - mine].all()) is on and not audible[:, mine].any()
            assert float(messages[:, mine].abs().sum()) == 0
            assert messages[:, 1 - mine].unique().tolist() == [0.25 * t if on else 0.0]
        assert state[0, -4:].tolist() == ([0, 1, 1, 0] if on else [0, 0, 0, 0])
        steps, state = moved(arena, said=0.25 * (t + 1))


def test_a_digit_is_shown_in_the_channel_of_its_colour() -> None:
    arena, steps, _ = started(ColourDigit, 512)
    for number, seat in enumerate(SEATS):
        ink = steps[seat].observation.flatten(2).sum(2)
        assert torch.equal(ink.argmax(1), arena._colours[:, number]) and float(ink.amin(1).max()) == 0
    shares = arena.drawn.flatten().bincount(minlength=10) / 1024
    assert float((shares - 0.1).abs().max()) < 0.05


def test_multi_step_pays_half_for_each_digit_named_in_the_last_step() -> None:
    arena, steps, _ = started(MultiStepDigits, 256, digits=3, steps=2)
    steps, _ = moved(arena, 2)
    assert float(steps[SEATS[0]].reward.abs().sum()) == 0
    steps, _ = moved(arena, 2)
    assert torch.equal(steps[SEATS[0]].reward, (arena.drawn == 2).sum(1) / 2)
    assert int(arena.drawn.max()) == 2


@pytest.mark.parametrize(
    ("game", "settings", "trained", "unseen", "near"),
    [
        (ColourDigit, {}, 4.0, 3.95, 0.15),  # of each sum the second sign is luck
        (MultiStepDigits, {}, 1.0, 0.985, 0.015),
        (MultiStepDigits, {"digits": 4, "steps": 3}, 1.0, 1.0, 0.01),
        (MultiStepDigits, {"digits": 4, "steps": 2}, 0.5, 0.5, 0.05),  # the second bit comes too late
    ],
)
def test_the_script_says_what_counts(
    game: type[TwoReaders], settings: Any, trained: float, unseen: float, near: float
) -> None:
    for images, value in (("train", trained), ("held-out", unseen)):
        arena = game(2000, images=images, **settings)
        agent = DigitProtocol.make(arena.spec, SEATS)
        paid = float(played(arena, dict.fromkeys(SEATS, agent), 1, seed=3))
        assert paid == pytest.approx(value, abs=1e-9 if value == 1 and images == "train" else near)


@pytest.mark.parametrize(
    ("game", "settings", "said"),
    [
        (MultiStepDigits, {"digits": 11}, r"multi-step-digits-v1: digits must be in \[2, 10\], got 11"),
        (MultiStepDigits, {"steps": 1}, r"multi-step-digits-v1: steps must be in \[2, 10\], got 1"),
        (ColourDigit, {"images": "test"}, "colour-digit-v1: images must be one of train, held-out, got 'test'"),
        (ColourDigit, {"bits": 0}, r"colour-digit-v1: bits must be in \[1, 4\], got 0"),
    ],
)
def test_settings_that_make_no_game_are_refused(game: type[TwoReaders], settings: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        game(1, **settings)


def test_a_game_can_be_read_from_its_text_and_seen_in_its_picture() -> None:
    arena, _, _ = started(MultiStepDigits, 1, digits=4, steps=3)
    moved(arena, said=1.0)
    lines = str(arena.render()).splitlines()
    one, two = arena.drawn[0].tolist()
    assert lines[0] == "step 1 of 3" and lines[9] == "reader_0 sent 1; reader_1 sent 1"
    assert lines[10] == f"they see a {one} and a {two}" and all(len(line) == 35 for line in lines[1:9])
    moved(arena, one)
    moved(arena, two)
    paid = 0.5 * (1 + (one == two))
    assert str(arena.render()).splitlines()[-1].endswith(f"name {two} and {two}, and are paid {paid:g}")
    picture = arena.render(mode="rgb_array")
    assert picture.shape == (88, 144, 3) and picture.dtype == np.uint8
    coloured, _, _ = started(ColourDigit, 1)
    assert ("a red" in str(coloured.render())) or ("a green" in str(coloured.render()))

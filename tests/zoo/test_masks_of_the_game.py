"""Law 0 shows made-up masks, but to what is only to play a game of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zoo.check.acting import _variants
from zoo.check.subject import Specimen, subject


@pytest.mark.parametrize(("own_game", "made_up"), [(False, True), (True, False)])
def test_made_up_masks_are_for_what_may_play_anywhere(own_game: bool, made_up: bool) -> None:
    asked: Specimen = replace(subject("random", "ipd"), own_game=own_game)
    told = [what for _, what in _variants(asked, asked.game(3), asked.first_seats()[0])]
    assert ("with masks that forbid actions" in told) is made_up


def test_a_game_with_masks_shows_others_to_strangers_too() -> None:
    asked: Specimen = replace(subject("random", "ipd"), own_game=True)
    seat, game = asked.first_seats()[0], asked.game(3)
    steps = [moment[seat] for moment in game.moments]
    masks = [step.action_mask.clone() for step in steps if step.action_mask is not None]
    masks[0][0, 0] = False
    forbids = [step._replace(action_mask=mask) for step, mask in zip(steps, masks, strict=True)]
    told = [what for _, what in _variants(asked, game.seats({seat: forbids}), seat)]
    assert "with masks that forbid actions" in told

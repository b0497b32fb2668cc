"""Law 0 holds what is not the zoo's own against the masks of its own game, and what ships against all masks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zoo.check.acting import _variants
from zoo.check.subject import Specimen, subject


@pytest.mark.parametrize(("shipped", "made_up"), [(True, True), (False, False)])
def test_made_up_masks_are_for_what_ships(shipped: bool, made_up: bool) -> None:
    known = subject("random", "ipd")
    asked: Specimen = replace(known, entry=replace(known.entry, shipped=shipped))
    told = [what for _, what in _variants(asked, asked.game(3), asked.first_seats()[0])]
    assert ("with masks that forbid actions" in told) is made_up


def test_a_game_with_masks_shows_others_to_strangers_too() -> None:
    known = subject("random", "ipd")
    asked: Specimen = replace(known, entry=replace(known.entry, shipped=False))
    seat, game = asked.first_seats()[0], asked.game(3)
    steps = [moment[seat] for moment in game.moments]
    masks = [step.action_mask.clone() for step in steps if step.action_mask is not None]
    masks[0][0, 0] = False
    forbids = [step._replace(action_mask=mask) for step, mask in zip(steps, masks, strict=True)]
    told = [what for _, what in _variants(asked, game.seats({seat: forbids}), seat)]
    assert "with masks that forbid actions" in told

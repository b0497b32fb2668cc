"""Sketches: every game that has them draws each moment inside its frame, in colours that a page knows."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from arenas.protocol import Action, Arena
from zoo.entry.registry import load_arena

KNOWN = re.compile(r"red|blue|green|purple|orange|sky|ink|faint|#[0-9a-f]{6}")
SHAPES = {"square", "disc", "ring", "box", "cross", "line", "bar", "word"}
GAMES: dict[str, list[str]] = {
    "coin": [],
    "coin-two": ["size=4"],
    "ipd": [],
    "spread": [],
    "tag": [],
    "reference": [],
    "switch": ["n=4"],
    "trade-comm": ["speech=action"],
    "skirmish": ["scenario=2s3z"],
    "hanabi": ["variant=mini"],
}


def moves(arena: Arena, steps: Any, luck: torch.Generator) -> dict[str, Action]:
    """Random legal actions of all seats."""
    made = {}
    for seat, spec in arena.spec.seats.items():
        mask = steps[seat].action_mask.float()
        value = torch.multinomial(mask, 1, generator=luck).squeeze(1)
        message = torch.zeros(arena.batch_size, spec.message_dim) if spec.message_dim else None
        made[seat] = Action(value, message)
    return made


@pytest.mark.parametrize("name", GAMES)
def test_every_moment_is_drawn_in_its_frame(name: str) -> None:
    arena, luck = load_arena(name, GAMES[name], ()).make(2), torch.Generator().manual_seed(0)
    steps, _ = arena.reset(torch.tensor([1, 2]), autoreset=False)
    drawn = []
    for _ in range(12):
        sketch = arena.sketch(1)
        assert sketch is not None and sketch.marks
        drawn.append(sketch)
        for mark in sketch.marks:
            assert mark.shape in SHAPES and KNOWN.fullmatch(mark.colour)
            assert 0 <= mark.x <= sketch.width and 0 <= mark.y <= sketch.height
        steps, _ = arena.step(moves(arena, steps, luck))
    assert len({(sketch.marks, sketch.caption) for sketch in drawn}) > 1
    assert {(sketch.width, sketch.height) for sketch in drawn} == {drawn[0][:2]}


def test_a_game_without_sketches_says_so() -> None:
    assert load_arena("tandem", [], ()).make(1).sketch(0) is None

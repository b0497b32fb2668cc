"""Pictures of the particle worlds as mpe2 draws them: discs with borders, and a line for each agent that speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from arenas.particle.scene import Scene

_PIXELS = 700
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_RADIUS = 350  # pixels of a unit of size
_INSIDE = 0.9  # share of the picture that the farthest centre may reach
_BRIGHTNESS = 200  # of a colour's 1
_LINE, _FONT = 35, 24  # pixels between lines, and of letters


def word(symbols: Sequence[float], continuous: bool) -> str:
    """What was said: a letter, all numbers of a continuous message, or "_" for nothing."""
    if not any(symbols):
        return "_"
    if continuous:
        return "[" + ",".join(f"{number:.2f}" for number in symbols) + "]"
    return _ALPHABET[max(range(len(symbols)), key=symbols.__getitem__)]


def picture(
    positions: Sequence[Sequence[float]],
    sizes: Sequence[float],
    colours: Sequence[Sequence[float]],
    span: float,
    words: Mapping[str, str],
) -> np.ndarray:
    """uint8 [700, 700, 3]; the picture zooms so that the farthest centre lies near its edge.

    Args:
        positions: x and y of each body, agents first; drawn in this order.
        sizes: radii.
        colours: red, green and blue in [0, 1].
        span: the farthest coordinate when the episode began, at which a unit of size has 315 pixels.
        words: what was said, by the names of the talkers, which are the first agents.
    """
    import pygame
    import pygame.freetype

    pygame.freetype.init()
    screen = pygame.Surface((_PIXELS, _PIXELS))
    screen.fill((255, 255, 255))
    farthest = max(abs(number) for position in positions for number in position)
    lines = list(words.items())
    for i, ((x, y), size, colour) in enumerate(zip(positions, sizes, colours, strict=True)):
        # whole pixels before the margin is taken off, as mpe2 rounds
        column, line = ((v / farthest) * _PIXELS // 2 * _INSIDE + _PIXELS // 2 for v in (x, -y))
        radius = size * _RADIUS * _INSIDE * span / farthest
        pygame.draw.circle(screen, [int(part * _BRIGHTNESS) for part in colour], (column, line), radius)
        pygame.draw.circle(screen, (0, 0, 0), (column, line), radius, 1)
        if i < len(lines):
            font = pygame.freetype.Font(None, _FONT)
            at = (0.05 * _PIXELS, 0.95 * _PIXELS - _LINE * i)
            font.render_to(screen, at, f"{lines[i][0]} sends {lines[i][1]}", (0, 0, 0))
    return pygame.surfarray.array3d(screen).transpose(1, 0, 2).copy()


def describe(scene: Scene, positions: Sequence[Sequence[float]], goals: Sequence[int], words: Mapping[str, str]) -> str:
    """A line for each body: its name, its place, and what it said or whether it is a goal.

    Args:
        scene: the bodies.
        positions: x and y of each body, agents first.
        goals: numbers of the landmarks that are goals.
        words: what was said, by the names of talkers.
    """
    names = [player.name for player in scene.players]
    notes = [f"  says {words[name]}" if name in words else "" for name in names]
    counts: dict[str, int] = {}
    for number, landmark in enumerate(scene.landmarks):
        counts[landmark.name] = counts.get(landmark.name, -1) + 1
        names.append(f"{landmark.name} {counts[landmark.name]}")
        notes.append("  goal" * (number in goals))
    lines = zip(names, positions, notes, strict=True)
    return "\n".join(f"{name:<16}{x:+6.2f} {y:+6.2f}{note}" for name, (x, y), note in lines)

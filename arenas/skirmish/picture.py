"""A battle as text and as a picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from arenas.skirmish.battle import SIZE, Army, Units

_PIXELS = 20  # a unit of the map
_PAPER, _GRID = (240, 238, 232), (222, 219, 210)
_TEAMS = ((52, 104, 172), (196, 78, 62))
_BAR, _HEALTH, _SHIELD = (120, 120, 120), (70, 160, 80), (90, 170, 220)
_RADIUS = 7


class Moment(NamedTuple):
    """One row of a battle: `first_foes` is the number of units in the first team."""

    units: Units
    army: Army
    names: tuple[str, ...]
    first_foes: int
    row: int


def text(moment: Moment, step: int, limit: int) -> str:
    """A line per unit: team, type, place, health, shield."""
    lines = [f"step {step} of {limit}"]
    for k, name in enumerate(moment.names):
        x, y = moment.units.place[moment.row, k].tolist()
        health, shield = float(moment.units.health[moment.row, k]), float(moment.units.shield[moment.row, k])
        team = "blue" if k < moment.first_foes else "red"
        left = f"({x:4.1f}, {y:4.1f})  health {health:5.1f}  shield {shield:5.1f}" if health > 0 else "dead"
        lines.append(f"{team:<5}{name:<11}{left}")
    return "\n".join(lines)


def draw(moment: Moment) -> np.ndarray:
    """The map as uint8 [320, 320, 3]: round units shoot far, square ones fight hand to hand; bars show what is left."""
    side = int(SIZE * _PIXELS)
    image = Image.new("RGB", (side, side), _PAPER)
    pen = ImageDraw.Draw(image)
    for line in range(0, side, 2 * _PIXELS):
        pen.line(((line, 0), (line, side)), fill=_GRID)
        pen.line(((0, line), (side, line)), fill=_GRID)
    for k in range(len(moment.names)):
        _unit(pen, moment, k, side)
    return np.asarray(image, dtype=np.uint8).copy()


def _unit(pen: ImageDraw.ImageDraw, moment: Moment, k: int, side: int) -> None:
    x, y = moment.units.place[moment.row, k].tolist()
    across, down = x * _PIXELS, side - y * _PIXELS
    colour = _TEAMS[k >= moment.first_foes]
    health, shield = (points[moment.row, k].item() for points in (moment.units.health, moment.units.shield))
    if health <= 0:
        pen.line(((across - 4, down - 4), (across + 4, down + 4)), fill=colour, width=2)
        pen.line(((across - 4, down + 4), (across + 4, down - 4)), fill=colour, width=2)
        return
    box = (across - _RADIUS, down - _RADIUS, across + _RADIUS, down + _RADIUS)
    (pen.rectangle if float(moment.army.reach[k]) <= 2 else pen.ellipse)(box, fill=colour, outline=(30, 30, 30))
    full = moment.army.full[:, k].tolist()
    for line, (points, most, fill) in enumerate(((health, full[0], _HEALTH), (shield, full[1], _SHIELD))):
        if most > 0:
            top = down - _RADIUS - 5 - 4 * line
            pen.rectangle((across - 10, top, across + 10, top + 2), fill=_BAR)
            pen.rectangle((across - 10, top, across - 10 + 20 * points / most, top + 2), fill=fill)

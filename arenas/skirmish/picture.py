"""A battle as text and as a picture."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from arenas.sketch import Glyph, Shape, Sketch
from arenas.skirmish.battle import NOBODY, SIZE, Army, Blows, Units

_FINE = 2  # times finer than shown is drawn, for smooth lines
_PIXELS = 26 * _FINE  # a unit of the map
_TITLE = 24 * _FINE  # height of the title line
_RADIUS = 9 * _FINE
_PAPER, _GRID, _INK = (240, 238, 232), (226, 223, 214), (40, 40, 40)
_PUSHES = 30  # by which units that stand on one another are drawn apart
_TEAMS = ((52, 104, 172), (196, 78, 62))
_FALLEN = ((180, 196, 216), (226, 190, 184))
_WIDE, _HIGH = 0.8, 1.15  # of a living unit with its bars, on the map
_BAR, _HEALTH, _SHIELD = (120, 120, 120), (70, 160, 80), (90, 170, 220)


class Moment(NamedTuple):
    """One row of a battle.

    Attributes:
        title: what is fought, in words.
        units, army: all units, and what they can do.
        names: their types.
        first_foe: the number of units in the first team.
        blows: what the last step did; None at the start of an episode.
        row: which copy.
    """

    title: str
    units: Units
    army: Army
    names: tuple[str, ...]
    first_foe: int
    blows: Blows | None
    row: int

    def target(self, k: int) -> tuple[int, bool]:
        """Whom unit `k` was told to attack in the last step, or `NOBODY`, and whether it shot."""
        if self.blows is None:
            return NOBODY, False
        return int(self.blows.target[self.row, k]), bool(self.blows.shot[self.row, k])

    def left(self, team: slice) -> str:
        """How many of a team are alive, and their points."""
        health, shield = self.units.health[self.row, team], self.units.shield[self.row, team]
        alive = health > 0
        return f"{int(alive.sum())} alive, {float((health + shield * alive).sum()):.0f} points"


def apart(moment: Moment) -> list[tuple[float, float]]:
    """Where each unit is drawn: at its place, but the living beside each other where they stand on one another."""
    places = moment.units.place[moment.row].double().numpy().copy()
    alive = (moment.units.health[moment.row] > 0).numpy()
    size, count = np.array([_WIDE, _HIGH]), len(places)
    both = alive[:, None] & alive & ~np.eye(count, dtype=bool)
    turned = np.arange(count)[:, None] - np.arange(count)  # which way those go that stand on the very same spot
    for _ in range(_PUSHES):
        gaps = (places[:, None] - places) / size
        far = np.linalg.norm(gaps, axis=-1)
        near = both & (far < 1)
        if not near.any():
            break
        way = np.where(far[..., None] > 0, gaps / np.maximum(far, 1e-9)[..., None], np.sign(turned)[..., None] * [0, 1])
        places += (way * (near * (1 - far) / 2)[..., None]).sum(1) * size
    edge = size / 2
    return [(float(x), float(y)) for x, y in places.clip(edge, SIZE - edge)]


def text(moment: Moment) -> str:
    """A line per unit: team, type, place, health, shield, and whom it attacks."""
    lines = [moment.title]
    for k, name in enumerate(moment.names):
        x, y = moment.units.place[moment.row, k].tolist()
        health, shield = float(moment.units.health[moment.row, k]), float(moment.units.shield[moment.row, k])
        target, shot = moment.target(k)
        does = f"  {'shoots at' if shot else 'goes for'} {_tag(moment, target)}" if target != NOBODY else ""
        does = does if health > 0 or shot else ""
        left = f"({x:4.1f}, {y:4.1f})  health {health:5.1f}  shield {shield:5.1f}" if health > 0 else "dead"
        lines.append(f"{'blue' if k < moment.first_foe else 'red ':<5}{_tag(moment, k):<4}{name:<11}{left}{does}")
    return "\n".join(lines)


def draw(moment: Moment) -> np.ndarray:
    """The map under a title line, uint8 [440, 416, 3].

    Round units shoot from afar, square ones fight hand to hand; the letter is the type's, the number the unit's. Bars
    show health and shield. A thick line is a shot of the last step; a thin one goes from a unit to whom it attacks when
    its weapon is ready and near enough. A cross is where one has died. Units that stand on one another are drawn side
    by side.
    """
    side = int(SIZE * _PIXELS)
    image = Image.new("RGB", (side, side + _TITLE), _PAPER)
    pen = ImageDraw.Draw(image)
    for line in range(0, side + 1, 2 * _PIXELS):
        pen.line(((line, _TITLE), (line, side + _TITLE)), fill=_GRID, width=_FINE)
        pen.line(((0, line + _TITLE), (side, line + _TITLE)), fill=_GRID, width=_FINE)
    _headline(pen, moment, side)
    alive = (moment.units.health[moment.row] > 0).tolist()
    order = sorted(range(len(moment.names)), key=lambda k: alive[k])  # the living on top
    places = [(x * _PIXELS, _TITLE + (SIZE - y) * _PIXELS) for x, y in apart(moment)]
    for k in order:
        _line(pen, moment, k, places)
    for k in order:
        (_unit if alive[k] else _cross)(pen, moment, k, places[k])
    for k in filter(alive.__getitem__, order):
        _bars(pen, moment, k, places[k])
    shown = image.resize((side // _FINE, (side + _TITLE) // _FINE), Image.Resampling.LANCZOS)
    return np.asarray(shown, dtype=np.uint8).copy()


def sketch(moment: Moment) -> Sketch:
    """The map as marks: discs shoot from afar, squares fight hand to hand, bars show health and shield."""
    alive = (moment.units.health[moment.row] > 0).tolist()
    places = [(x, SIZE - y) for x, y in apart(moment)]
    lines, bodies, bars = list[Glyph](), list[Glyph](), list[Glyph]()
    for k in sorted(range(len(moment.names)), key=lambda k: alive[k]):  # the living on top
        (x, y), colour = places[k], "red" if k >= moment.first_foe else "blue"
        target, shot = moment.target(k)
        if target != NOBODY and (shot or alive[k]):
            there, down = places[target]
            lines.append(Glyph("line", x, y, 0.12 if shot else 0.04, colour, "", there - x, down - y))
        if not alive[k]:
            bodies.append(Glyph("cross", x, y, 0.4, colour))
            continue
        shape: Shape = "square" if float(moment.army.reach[k]) <= 2 else "disc"
        bodies.append(Glyph(shape, x, y, 0.7, colour, _tag(moment, k)))
        points = (moment.units.health[moment.row, k].item(), moment.units.shield[moment.row, k].item())
        for line, (left, most) in enumerate(zip(points, moment.army.full[:, k].tolist(), strict=True)):
            if most > 0:
                level = round(left / most, 2)
                bars.append(Glyph("bar", x, y - 0.6 - 0.17 * line, 0.8, ("green", "sky")[line], "", level))
    blue, red = (moment.left(team) for team in (slice(0, moment.first_foe), slice(moment.first_foe, None)))
    return Sketch(SIZE, SIZE, (*lines, *bodies, *bars), f"blue {blue}; red {red}")


def _headline(pen: ImageDraw.ImageDraw, moment: Moment, side: int) -> None:
    font, middle = ImageFont.load_default(12 * _FINE), _TITLE // 2
    pen.rectangle((0, 0, side, _TITLE), fill=(255, 255, 255))
    pen.text((side // 2, middle), moment.title, fill=_INK, font=font, anchor="mm")
    teams = (slice(0, moment.first_foe), slice(moment.first_foe, None))
    pen.text((6 * _FINE, middle), moment.left(teams[0]), fill=_TEAMS[0], font=font, anchor="lm")
    pen.text((side - 6 * _FINE, middle), moment.left(teams[1]), fill=_TEAMS[1], font=font, anchor="rm")


def _tag(moment: Moment, k: int) -> str:
    """The letter of a unit's type and its number in its team."""
    start = moment.first_foe if k >= moment.first_foe else 0
    return f"{_letter(moment.names[k])}{k - start}"


def _letter(name: str) -> str:
    return name.removeprefix("old-")[0].upper()


def _line(pen: ImageDraw.ImageDraw, moment: Moment, k: int, places: list[tuple[float, float]]) -> None:
    """From a unit towards whom it attacks, up to the target's rim."""
    target, shot = moment.target(k)
    if target == NOBODY or (not shot and moment.units.health[moment.row, k] <= 0):
        return
    (x, y), (there, down) = places[k], places[target]
    length = math.hypot(there - x, down - y)
    if length > _RADIUS:
        end = (there - (there - x) * _RADIUS / length, down - (down - y) * _RADIUS / length)
        colour = _TEAMS[k >= moment.first_foe]
        pen.line(((x, y), end), fill=colour, width=(3 if shot else 1) * _FINE)
        if shot:
            dot = 3 * _FINE
            pen.ellipse((end[0] - dot, end[1] - dot, end[0] + dot, end[1] + dot), fill=colour)


def _cross(pen: ImageDraw.ImageDraw, moment: Moment, k: int, at: tuple[float, float]) -> None:
    (x, y), arm, colour = at, 5 * _FINE, _FALLEN[k >= moment.first_foe]
    for sign in (1, -1):
        pen.line(((x - arm, y - sign * arm), (x + arm, y + sign * arm)), fill=colour, width=2 * _FINE)


def _unit(pen: ImageDraw.ImageDraw, moment: Moment, k: int, at: tuple[float, float]) -> None:
    x, y = at
    box = (x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)
    shape = pen.rectangle if float(moment.army.reach[k]) <= 2 else pen.ellipse
    shape(box, fill=_TEAMS[k >= moment.first_foe], outline=_INK, width=_FINE)
    font = ImageFont.load_default(11 * _FINE)
    pen.text((x, y), _tag(moment, k), fill=(255, 255, 255), font=font, anchor="mm")


def _bars(pen: ImageDraw.ImageDraw, moment: Moment, k: int, at: tuple[float, float]) -> None:
    """What is left of health and, above it, of the shield."""
    x, y = at
    half, full = 11 * _FINE, moment.army.full[:, k].tolist()
    points = (moment.units.health[moment.row, k].item(), moment.units.shield[moment.row, k].item())
    for line, (left, most, fill) in enumerate(zip(points, full, (_HEALTH, _SHIELD), strict=True)):
        if most > 0:
            top = y - _RADIUS - (5 + 4 * line) * _FINE
            pen.rectangle((x - half, top, x + half, top + 3 * _FINE), fill=_BAR)
            pen.rectangle((x - half, top, x - half + 2 * half * left / most, top + 3 * _FINE), fill=fill)

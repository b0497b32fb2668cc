"""A moment of a game as marks on a plane, for whoever draws it: plain numbers and words, without pixels.

x goes to the right and y down, both in units of the game (cells of a board, say). Marks are drawn in their order, so
later ones cover earlier ones.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: What a mark looks like. "square" and "disc" are filled, "ring" and "box" are outlines, "cross" marks what is gone,
#: "line" leads from (x, y) by (dx, dy), "bar" is a level from 0 to 1 that lies in `dx`, "word" is its text alone.
Shape = Literal["square", "disc", "ring", "box", "cross", "line", "bar", "word"]


class Glyph(NamedTuple):
    """One mark.

    `size` is its width in units (a line's: its thickness), `colour` a name (red, blue, green, purple, orange, sky,
    ink, faint) or "#rrggbb", and `text` what stands on it.
    """

    shape: Shape
    x: float
    y: float
    size: float = 0.8
    colour: str = "ink"
    text: str = ""
    dx: float = 0.0
    dy: float = 0.0


class Sketch(NamedTuple):
    """A moment: `width` x `height` units, cells with lines between them where `cells`, marks, and a line of words."""

    width: float
    height: float
    marks: tuple[Glyph, ...]
    caption: str = ""
    cells: bool = False

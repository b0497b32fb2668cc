"""What the coin games share: cells of a torus as numbers, moves as a table, egocentric channels, pictures.

Cell (row, column) of an n x n torus is number row * n + column; P = n * n cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

#: Row and column change of each action: right, left, down, up, stay (the order of the coin game's authors).
MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0))
MOVE_NAMES = ("right", "left", "down", "up", "stay")
COLOURS: Mapping[str, tuple[int, int, int]] = {"red": (200, 60, 50), "blue": (60, 90, 200)}
_SCALE = 24  # pixels a cell


class Lookup:
    """A function of whole numbers 0 .. n - 1 as a table, where the table is small enough to pay.

    Args:
        function: maps long [B] to [B, ...].
        n: how many numbers there are.
        device: where the table lives.
    """

    _LIMIT = 1 << 23  # elements in the table; beyond it the function is computed at each call

    def __init__(self, function: Callable[[Tensor], Tensor], n: int, device: str) -> None:
        self._function = function
        width = function(torch.zeros(1, dtype=torch.long, device=device)).numel()
        small = n * width <= self._LIMIT
        self._table = function(torch.arange(n, device=device)).contiguous() if small else None

    def __call__(self, index: Tensor) -> Tensor:
        """Values at `index` long [B]."""
        return self._function(index) if self._table is None else torch.index_select(self._table, 0, index)


def move_table(size: int, actions: int, device: str) -> Tensor:
    """Cell reached from each cell by each action, flattened: long [P * actions]."""
    cells = torch.arange(size * size)
    rows, columns = cells // size, cells % size
    reached = [(rows + down) % size * size + (columns + right) % size for down, right in MOVES[:actions]]
    return torch.stack(reached, dim=1).flatten().to(device)


def relative_table(size: int, device: str) -> Tensor:
    """Where a cell lies as seen from a viewer who stands in the middle of the board: long [P * P], viewer first."""
    cells = torch.arange(size * size)
    rows, columns = cells // size, cells % size
    middle = size // 2
    down = (rows - rows.unsqueeze(1) + middle) % size
    right = (columns - columns.unsqueeze(1) + middle) % size
    return (down * size + right).flatten().to(device)


def one_hot_channels(cells: Tensor, width: int) -> Tensor:
    """Zeros float32 [B, width] with ones at the indices `cells` long [B, k]."""
    board = torch.zeros(cells.shape[0], width, device=cells.device)
    return board.scatter_(1, cells, 1.0)


def draw_text(size: int, agents: Mapping[str, int], coins: Mapping[str, int], caption: str) -> str:
    """A board as text: capital letter an agent, small letter a coin of that colour, both letters where they meet."""
    cells = ["" for _ in range(size * size)]
    for colour, cell in agents.items():
        cells[cell] += colour[0].upper()
    for colour, cell in coins.items():
        cells[cell] += colour[0].lower()
    width = 1 + max(3, *map(len, cells))
    rows = ["".join((c or ".").center(width) for c in cells[r * size : (r + 1) * size]).rstrip() for r in range(size)]
    return "\n".join([*rows, caption])


def draw_picture(size: int, agents: Mapping[str, int], coins: Mapping[str, int]) -> np.ndarray:
    """A board as uint8 [24 n, 24 n, 3]: agents are squares (halves where they meet), coins are discs."""
    picture = np.full((size * _SCALE, size * _SCALE, 3), 245, dtype=np.uint8)
    picture[::_SCALE] = picture[:, ::_SCALE] = 215
    y, x = np.mgrid[:_SCALE, :_SCALE] - (_SCALE - 1) / 2
    for number, (colour, cell) in enumerate(agents.items()):
        top, left = cell // size * _SCALE, cell % size * _SCALE
        shared = len(set(agents.values())) < len(agents)
        width = (_SCALE - 6) // 2 if shared else _SCALE - 6
        start = left + 3 + (width if shared and number else 0)
        picture[top + 3 : top + _SCALE - 3, start : start + width] = COLOURS[colour]
    for colour, cell in coins.items():
        top, left = cell // size * _SCALE, cell % size * _SCALE
        tile = picture[top : top + _SCALE, left : left + _SCALE]
        distance = np.hypot(x, y)
        tile[distance < 7] = 30  # a dark rim, so that a coin shows on its own colour
        tile[distance < 5.5] = COLOURS[colour]
    return picture

"""What the coin games share: cells of a torus as numbers, moves as a table, egocentric channels, metrics, pictures.

Cell (row, column) of an n x n torus is number row * n + column; P = n * n cells.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from arenas.protocol import Action, ArenaSpec, SeatSpec, TimeStep
from arenas.settings import Checked, Count, Range
from arenas.sketch import Glyph, Sketch
from arenas.tables.finite import FiniteGame

SEATS = ("red", "blue")
#: Row and column change of each action: right, left, down, up (the order of the coin game's authors), stay.
MOVES = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 0))
COLOURS: Mapping[str, tuple[int, int, int]] = {"red": (200, 60, 50), "blue": (60, 90, 200)}
NOWHERE = -1  # the cell of a coin that does not lie on the board
_LOSS = -2.0  # the least that a seat can be paid in a step
_SCALE = 24  # pixels a cell


@dataclass(frozen=True)
class CoinSettings(Checked):
    """Settings of the coin games."""

    size: Annotated[int, Range(2)] = 3  # n, at least 2 (3 in the papers)
    max_steps: Count = 150  # T, steps per episode (150 in LOLA and DiCE, 50 in POLA)
    view: Literal["centred", "channels", "shared"] = "centred"  # how a seat sees the board


class CoinGame(FiniteGame):
    """Red and blue walk on an n x n torus and collect coins of both colours; a game's `build` calls `lay_board`.

    A seat sees the board `centred` on itself, as `channels` with the board in place, or `shared`, which is in place and
    with red's channels for both seats.
    """

    Settings: ClassVar[type] = CoinSettings
    settings: CoinSettings
    #: What people call the actions, as many of them as there are.
    action_names: ClassVar[tuple[str, ...]] = ("right", "left", "down", "up", "stay")

    def lay_board(self, actions: int, positions: int, offers: frozenset[str] = frozenset()) -> None:
        """Make the board and all tables.

        Args:
            actions: how many of `MOVES` there are.
            positions: S.
            offers: words beyond those of every coin game.
        """
        size, max_steps = self.settings.size, self.settings.max_steps
        self._cells, self._actions = size * size, actions
        self._moves = move_table(size, actions, self.device)
        self._relative = relative_table(size, size // 2, self.device)
        spec = ArenaSpec(
            name=self.name,
            seats={seat: SeatSpec((4, size, size), actions, team=seat, bounds=(0, 1)) for seat in SEATS},
            kind="mixed",
            max_steps=max_steps,
            gamma=0.96,
            offers=frozenset({"discrete", "state", "simulator", "coin"}) | offers,
            forfeit=_LOSS * max_steps,
            state_dim=4 * size * size,
            block=500,
        )
        self.tabulate(spec, positions)

    @abstractmethod
    def _pieces(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cells of red, blue, the red coin and the blue coin, long [n] each; NOWHERE for a coin that does not lie."""

    def _views(self, position: Tensor) -> Tensor:
        """float32 [n, 2, 4, size, size]; channels: own agent, other agent, own coin, other's coin."""
        red, blue, red_coin, blue_coin = self._pieces(position)
        seen = [(red, blue, red_coin, blue_coin), (blue, red, blue_coin, red_coin)]
        if self.settings.view == "shared":
            seen[1] = seen[0]
        views = torch.zeros(len(position), 2, 4, self._cells, device=position.device)
        for seat, cells in enumerate(seen):
            for channel, cell in enumerate(cells):
                lies, where = (cell >= 0).float(), cell.clamp_min(0)
                if self.settings.view == "centred":
                    where = self._relative[cells[0] * self._cells + where]
                views[:, seat, channel].scatter_(1, where.unsqueeze(1), lies.unsqueeze(1))
        return views.view(-1, 2, 4, self.settings.size, self.settings.size)

    def _walk(self, transition: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Like `_pieces`, after the moves and before coins that were taken are replaced."""
        red, blue, red_coin, blue_coin = self._pieces(transition // self._actions**2)
        red = self._moves[red * self._actions + transition // self._actions % self._actions]
        blue = self._moves[blue * self._actions + transition % self._actions]
        return red, blue, red_coin, blue_coin

    def _pay(self, transition: Tensor) -> Tensor:
        """+1 for every coin that a seat takes, -2 for every coin of its colour that the other takes."""
        red, blue, red_coin, blue_coin = self._walk(transition)
        red_own, red_other = (red == red_coin).float(), (red == blue_coin).float()
        blue_own, blue_other = (blue == blue_coin).float(), (blue == red_coin).float()
        return torch.stack((red_own + red_other - 2 * blue_other, blue_own + blue_other - 2 * red_other), dim=-1)

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat: `own_colour_share` of its pick-ups (NaN without any), and its `pickups_per_step`."""
        result = {}
        number_of = 1.0 + torch.arange(self._cells, device=self.device)
        for number, seat in enumerate(SEATS):
            # number of the cell of each piece, from 1; 0 where it does not lie on the board
            pieces = (steps[seat].observation[:-1].flatten(-2) @ number_of).long()  # [T, B, 4]
            playing = steps[seat].active[:-1]
            own = number if self.settings.view == "shared" else 0
            reached = self._moves[(pieces[..., own] - 1) * self._actions + actions[seat].value]
            taken = ((pieces[..., 2:] == reached.unsqueeze(-1) + 1) * playing.unsqueeze(-1)).float().sum(0)  # [B, 2]
            picks = taken.sum(-1)
            result[seat] = {
                "own_colour_share": taken[:, own] / picks,
                "pickups_per_step": picks / playing.sum(0),
            }
        return result

    def _board(self, row: int) -> tuple[dict[str, int], dict[str, int]]:
        """Cells of a row's agents, and of the coins that lie on the board."""
        cells = [int(cell) for cell in self._pieces(self._position[row : row + 1])]
        coins = {seat: cell for seat, cell in zip(SEATS, cells[2:], strict=True) if cell != NOWHERE}
        return dict(zip(SEATS, cells[:2], strict=True)), coins

    def _text(self, row: int) -> str:
        """Capital letter an agent, small letter a coin of that colour, all letters where they meet."""
        size, (agents, coins) = self.settings.size, self._board(row)
        cells = ["" for _ in range(size * size)]
        for colour, cell in agents.items():
            cells[cell] += colour[0].upper()
        for colour, cell in coins.items():
            cells[cell] += colour[0].lower()
        width = 1 + max(3, *map(len, cells))
        lines = [cells[r * size : (r + 1) * size] for r in range(size)]
        drawn = ["".join((cell or ".").center(width) for cell in line).rstrip() for line in lines]
        return "\n".join([*drawn, f"step {self._t} of {self.spec.max_steps}"])

    def sketch(self, row: int = 0) -> Sketch:
        """Agents are squares, coins are discs; those that share a cell stand a little apart."""
        size, (agents, coins) = self.settings.size, self._board(row)
        marks: list[Glyph] = []
        for pieces, coin in ((agents, False), (coins, True)):
            shared = len(set(pieces.values())) < len(pieces)
            for number, (colour, cell) in enumerate(pieces.items()):
                aside = (number - 0.5) * 0.3 if shared else 0.0
                x, y = cell % size + 0.5 + aside, cell // size + 0.5
                if not coin:
                    marks.append(Glyph("square", x, y, 0.72, colour))
                    continue
                # a ring in the ink of the page lets a coin be seen on its own colour
                marks += [Glyph("disc", x, y, 0.4, colour), Glyph("ring", x, y, 0.4, "ink")]
        return Sketch(size, size, tuple(marks), cells=True)

    def _picture(self, row: int) -> np.ndarray:
        """uint8 [24 n, 24 n, 3]: agents are squares, coins are discs, and two that share a cell get half."""
        size, (agents, coins) = self.settings.size, self._board(row)
        picture = np.full((size * _SCALE, size * _SCALE, 3), 245, dtype=np.uint8)
        picture[::_SCALE] = picture[:, ::_SCALE] = 215
        y, x = np.mgrid[:_SCALE, :_SCALE] - (_SCALE - 1) / 2
        for pieces, coin in ((agents, False), (coins, True)):
            shared = len(set(pieces.values())) < len(pieces)
            for number, (colour, cell) in enumerate(pieces.items()):
                top, left = cell // size * _SCALE, cell % size * _SCALE
                tile = picture[top : top + _SCALE, left : left + _SCALE]
                half = (x < 0) == (number == 0) if shared else np.ones_like(x, dtype=bool)
                if coin:
                    tile[half & (np.hypot(x, y) < 7)] = 30  # a dark rim, so that a coin shows on its own colour
                    tile[half & (np.hypot(x, y) < 5.5)] = COLOURS[colour]
                else:
                    tile[half & (np.maximum(abs(x), abs(y)) < _SCALE / 2 - 3)] = COLOURS[colour]
        return picture


def move_table(size: int, actions: int, device: str) -> Tensor:
    """Cell reached from each cell by each action, flattened: long [P * actions]."""
    cells = torch.arange(size * size, device=device)
    rows, columns = cells // size, cells % size
    reached = [(rows + down) % size * size + (columns + right) % size for down, right in MOVES[:actions]]
    return torch.stack(reached, dim=1).flatten()


def relative_table(size: int, centre: int, device: str) -> Tensor:
    """Where a cell lies as seen by a viewer that stands on cell (centre, centre): long [P * P], viewer's cell first."""
    cells = torch.arange(size * size, device=device)
    rows, columns = cells // size, cells % size
    down = (rows - rows.unsqueeze(1) + centre) % size
    right = (columns - columns.unsqueeze(1) + centre) % size
    return (down * size + right).flatten()

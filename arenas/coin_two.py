"""The coin game with two coins at once, one of each colour, as in M-FOS (Lu et al. 2022) and pax.

Red and blue walk on a torus, or stay. Each coin keeps its colour and pays as in the one-coin game: +1 to an agent that
steps or stays on it, and -2 to its owner if that is the other agent. A coin that was taken comes back on a uniform
cell, also under an agent or the other coin; and at the start all four things lie on uniform cells that may coincide, as
in M-FOS and pax. What lies under an agent is taken when the agent stays. Both coins in one cell are taken together.

On the 3 x 3 board two agents that each chase their own coin, and tread on the other's where it lies in the way, earn
0.51 each step; two agents that chase the nearest coin earn 0.

Observation, views and state as in `arenas.coin`. Actions: right, left, down, up, stay.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.tables.finite import Lookup
from arenas.tables.grid import CoinGame

_ACTIONS = 5


class CoinTwo(CoinGame):
    """The coin game with a coin of each colour on the board.

    The board is an n x n torus.

    A position is one number, ((red * P + blue) * P + red coin) * P + blue coin, S = P^4 of them. What may come after a
    transition are `count` equally likely positions, `stride` apart from `first` on.
    """

    name = "coin-two-v1"

    def build(self) -> None:
        """Lay the board out; see `Arena.build`."""
        positions, device = self.settings.size**8, self.device
        self.lay_board(_ACTIONS, positions)
        transitions = positions * _ACTIONS**2
        self._next = Lookup(lambda transition: torch.stack(self._successors(transition), dim=1), transitions, device)

    def _pieces(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        agents, coins = position // self._cells**2, position % self._cells**2
        return agents // self._cells, agents % self._cells, coins // self._cells, coins % self._cells

    def _number(self, red: Tensor, blue: Tensor, red_coin: Tensor, blue_coin: Tensor) -> Tensor:
        """The position with these pieces, long [n]."""
        return ((red * self._cells + blue) * self._cells + red_coin) * self._cells + blue_coin

    def _successors(self, transition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """First, stride and count of the positions after a transition."""
        red, blue, red_coin, blue_coin = self._walk(transition)
        red_taken = (red == red_coin) | (blue == red_coin)
        blue_taken = (red == blue_coin) | (blue == blue_coin)
        first = self._number(red, blue, red_coin.where(~red_taken, 0), blue_coin.where(~blue_taken, 0))
        stride = torch.where(red_taken & ~blue_taken, self._cells, 1)
        return first, stride, self._cells ** (red_taken.long() + blue_taken.long())

    def _start(self) -> Tensor:
        """Everything on a uniform cell of its own choice."""
        cells = [self._draw(self._cells) for _ in range(4)]
        return self._number(*cells)

    def _advance(self, transition: Tensor) -> Tensor:
        """The agents have moved; coins that were taken lie on new cells."""
        first, stride, count = self._next(transition).unbind(1)
        return first + stride * self._draw(count)


env, parallel_env = faces(CoinTwo)

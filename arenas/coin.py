"""The coin game (Lerer and Peysakhovich 2017, in the symmetric form of Foerster et al. 2018, LOLA-DiCE).

Two agents, red and blue, walk on a torus. One coin lies on it, red and blue by turns. The agent that steps on it gets
+1; if the coin has the other's colour, the other also gets -2. When both step on it, both get +1 and its owner also -2.
The new coin never lies under an agent. Agents may share a cell. Taking only one's own coins is worth 1/3 per step on
the 3 x 3 board, taking everything is worth 0 once both do it: the prisoner's dilemma at walking speed.

Observation, float32 [4, n, n], egocentric: own agent, other agent, own coin, other's coin, as seen from the viewer, who
stands in the middle (`view=centred`); `view=channels` keeps the board in place, `view=shared` does too, and gives both
seats red's channels, as the authors' code does. Actions: right, left, down, up. State: what red sees, flattened.
"""

from __future__ import annotations

import torch
from torch import Tensor

from arenas.faces import faces
from arenas.tables.finite import Chain, Lookup
from arenas.tables.grid import NOWHERE, CoinGame, relative_table

_ACTIONS = 4
_VALUED = 3  # largest size whose exact value is offered: 162 positions, or 1458 where the board keeps its place


class Coin(CoinGame):
    """The coin game: a coin pays 1 to who takes it, and costs the other 2 if it was theirs.

    The board is an n x n torus.

    A position is one number, ((red * P + blue) * P + coin) * 2 + (1 if the coin is blue), S = 2 P^3 of them. What may
    come after a transition is a run of equally likely successor numbers: a position itself, or the P - 1 numbers from
    S + ((red * P + blue) * 2 + colour) * (P - 1) on, that pair of agents with the coin on each free cell in turn.
    """

    name = "coin-v1"

    def build(self) -> None:
        """Lay the board out; see `Arena.build`."""
        size, device = self.settings.size, self.device
        self._positions = 2 * size**6
        self.lay_board(_ACTIONS, self._positions, frozenset({"value"} if size <= _VALUED else ()))
        self._free = _free_cells(self._cells, device)
        transitions = self._positions * _ACTIONS**2
        self._next = Lookup(lambda transition: torch.stack(self._successors(transition), dim=1), transitions, device)
        self._landing = Lookup(self._land, self._positions + 2 * self._cells**2 * (self._cells - 1), device)

    def _split(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cells of red, of blue and of the coin, and 1 where the coin is blue."""
        pair, coin, colour = position // (2 * self._cells), position // 2 % self._cells, position % 2
        return pair // self._cells, pair % self._cells, coin, colour

    def _pieces(self, position: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        red, blue, coin, colour = self._split(position)
        return red, blue, coin.where(colour == 0, NOWHERE), coin.where(colour == 1, NOWHERE)

    def _successors(self, transition: Tensor) -> tuple[Tensor, Tensor]:
        """The first successor number of a transition, and how many there are."""
        red, blue, red_coin, blue_coin = self._walk(transition)
        pair, coin, colour = red * self._cells + blue, torch.maximum(red_coin, blue_coin), (blue_coin >= 0).long()
        taken = (red == coin) | (blue == coin)
        first = self._positions + (pair * 2 + 1 - colour) * (self._cells - 1)
        free = self._cells - 1 - (red != blue).long()
        return first.where(taken, (pair * self._cells + coin) * 2 + colour), free.where(taken, 1)

    def _land(self, successor: Tensor) -> Tensor:
        """The position behind a successor number."""
        rest = (successor - self._positions).clamp_min(0)
        pair, colour, k = rest // (2 * self._cells - 2), rest // (self._cells - 1) % 2, rest % (self._cells - 1)
        fresh = (pair * self._cells + self._free[pair * (self._cells - 1) + k]) * 2 + colour
        return successor.where(successor < self._positions, fresh)

    def _start(self) -> Tensor:
        """Agents on two distinct cells, the coin on a third, its colour by lot; all uniform."""
        red, blue = self._draw(self._cells), self._draw(self._cells - 1)
        pair = red * self._cells + blue + (blue >= red).long()
        colour, k = self._draw(2), self._draw(self._cells - 2)
        return self._land(self._positions + (pair * 2 + colour) * (self._cells - 1) + k)

    def _advance(self, transition: Tensor) -> Tensor:
        """The agents have moved; where the coin was taken, another of the other colour lies on a free cell."""
        first, count = self._next(transition).unbind(1)
        return self._landing(first + self._draw(count))

    def _chain(self) -> Chain:
        """Of all positions; or, where no view shows how the board lies on the torus, of those with red on cell 0."""
        folded = self.settings.view == "centred"
        n = 2 * self._cells**2 if folded else self._positions
        red, blue, coin, _ = self._split(torch.arange(n, device=self.device))
        start = ((red != blue) & (red != coin) & (blue != coin)).double()
        first, count = self._successors(torch.arange(n * _ACTIONS**2, device=self.device))
        transition = torch.arange(len(count), device=self.device).repeat_interleave(count)
        k = torch.arange(len(transition), device=self.device) - (count.cumsum(0) - count)[transition]
        position = self._land(first[transition] + k)
        if folded:
            position = self._fold(position)
        return Chain(start / start.sum(), transition, position, 1 / count[transition].double())

    def _fold(self, position: Tensor) -> Tensor:
        """The position shifted along the torus until red stands on cell 0."""
        red, blue, coin, colour = self._split(position)
        seen = relative_table(self.settings.size, 0, self.device)
        return (seen[red * self._cells + blue] * self._cells + seen[red * self._cells + coin]) * 2 + colour


def _free_cells(cells: int, device: str) -> Tensor:
    """Cells without an agent for each (red, blue), flattened long [P * P * (P - 1)]; padded where both stand apart."""
    agent = torch.arange(cells, device=device)
    taken = (agent.view(-1, 1, 1) == agent) | (agent.view(1, -1, 1) == agent)  # [red, blue, cell]
    return taken.long().argsort(dim=-1, stable=True)[..., : cells - 1].flatten()


env, parallel_env = faces(Coin)

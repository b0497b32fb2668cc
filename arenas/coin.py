"""The coin game (Lerer and Peysakhovich 2017, in the symmetric form of Foerster et al. 2018, LOLA-DiCE).

Two agents, red and blue, walk on a torus. One coin lies on it, red and blue by turns. Whoever steps on it gets +1; if
the coin has the other's colour, the other gets -2 besides. When both step on it, both get +1 and its owner -2 besides.
The new coin never lies under an agent. Agents may share a cell. Taking only one's own coins is worth 1/3 per step on
the 3 x 3 board, taking everything is worth 0 once both do it: the prisoner's dilemma at walking speed.

Observation, float32 [4, n, n], egocentric: own agent, other agent, own coin, other's coin, as seen from the viewer, who
stands in the middle (`view=centred`); `view=channels` keeps the board in place, `view=shared` besides gives both
seats red's channels, as the authors' code does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from arenas.grid import Lookup, draw_picture, draw_text, move_table, one_hot_channels, relative_table
from arenas.luck import Stream, below
from arenas.protocol import Action, Arena, ArenaSpec, MemorylessPolicy, SeatSpec, Snapshot, TimeStep, TimeSteps

SEATS = ("red", "blue")
VIEWS = ("centred", "channels", "shared")
_ACTIONS = 4


class Coin(Arena):
    """The coin game on an n x n torus.

    Args:
        batch_size: B, copies played at once.
        device: where the tensors live.
        size: n, at least 2 (3 in the papers).
        max_steps: T, steps per episode (150 in LOLA and DiCE, 50 in POLA).
        view: how a seat sees the board, see above.

    Raises:
        ValueError: size or max_steps too small, or an unknown view.
    """

    def __init__(
        self, batch_size: int = 1, *, device: str = "cpu", size: int = 3, max_steps: int = 150, view: str = "centred"
    ) -> None:
        if size < 2 or max_steps < 1:
            raise ValueError(f"coin: size must be at least 2 and max_steps at least 1, got {size} and {max_steps}")
        if view not in VIEWS:
            raise ValueError(f"coin: view must be one of {', '.join(VIEWS)}, got {view!r}")
        self.batch_size, self.device = batch_size, device
        self.size, self.max_steps, self.view = size, max_steps, view
        seat = SeatSpec(observation=(4, size, size), actions=_ACTIONS)
        self.spec = ArenaSpec(
            name="coin-v1",
            seats={name: SeatSpec(seat.observation, seat.actions, team=name) for name in SEATS},
            kind="mixed",
            max_steps=max_steps,
            gamma=0.96,
            offers=frozenset({"discrete", "state", "simulator", "coin"} | ({"value"} if size <= 3 else set())),
            forfeit=-2.0 * max_steps,
            state_dim=4 * size * size,
        )
        self._cells = size * size
        self._states = 2 * self._cells**3
        self._moves = move_table(size, _ACTIONS, device)
        self._relative = relative_table(size, device)
        pay = [[0, 0], [0, 0], [1, 0], [1, -2], [-2, 1], [0, 1], [-1, 1], [1, -1]]  # as numbered in _outcome
        self._outcomes = torch.tensor(pay, dtype=torch.float32, device=device)
        self._free = _free_cells(self._cells).to(device)
        self._move = Lookup(self._moved, self._states * _ACTIONS**2, device)
        self._pay = Lookup(lambda s: self._outcomes[self._outcome(s)], self._states, device)
        self._taken = Lookup(lambda s: self._outcome(s) > 1, self._states, device)
        self._board = Lookup(self._boards, self._states, device)
        self._ones = torch.ones((), device=device).expand(batch_size)
        self._yes = torch.ones((), dtype=torch.bool, device=device).expand(batch_size)
        self._no = torch.zeros((), dtype=torch.bool, device=device).expand(batch_size)
        self._mask = torch.ones((), dtype=torch.bool, device=device).expand(batch_size, _ACTIONS)
        self._nothing = torch.zeros(batch_size, 2, device=device)

    # A board is one number: ((red * P + blue) * P + coin) * 2 + (1 if the coin is blue).

    def _split(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Cells of red, blue and the coin, and 1 where the coin is blue."""
        rest, colour = state >> 1, state & 1
        pair, coin = rest // self._cells, rest % self._cells
        return pair // self._cells, pair % self._cells, coin, colour

    def _moved(self, index: Tensor) -> Tensor:
        """Board after both have moved and before a taken coin is replaced; index = (board * 4 + red's) * 4 + blue's."""
        state, joint = index // _ACTIONS**2, index % _ACTIONS**2
        red, blue, coin, colour = self._split(state)
        red = self._moves[red * _ACTIONS + joint // _ACTIONS]
        blue = self._moves[blue * _ACTIONS + joint % _ACTIONS]
        return ((red * self._cells + blue) * self._cells + coin) * 2 + colour

    def _outcome(self, state: Tensor) -> Tensor:
        """(blue stands on the coin) * 4 + (red stands on it) * 2 + (it is blue)."""
        red, blue, coin, colour = self._split(state)
        return (blue == coin) * 4 + (red == coin) * 2 + colour

    def _boards(self, state: Tensor) -> Tensor:
        """float32 [B, 3, 4 n n]: red's view, blue's view, the board as it lies (the global state)."""
        red, blue, coin, colour = self._split(state)
        middle = torch.full_like(red, self.size // 2 * (self.size + 1))
        rows = []
        for view, mine, other, foreign in ((True, red, blue, colour), (True, blue, red, 1 - colour), (False,) * 4):
            if not view or self.view == "shared":
                where = (red, blue, coin, colour)
            elif self.view == "centred":
                base = mine * self._cells
                where = (middle, self._relative[base + other], self._relative[base + coin], foreign)
            else:
                where = (mine, other, coin, foreign)
            own, them, money, channel = where
            ones = torch.stack((own, them + self._cells, money + (channel + 2) * self._cells), dim=1)
            rows.append(one_hot_channels(ones, 4 * self._cells))
        return torch.stack(rows, dim=1)

    def _with_new_coin(self, state: Tensor, colour: Tensor, random: Tensor) -> Tensor:
        """The board with a coin of `colour` (1: blue) on a uniform cell without an agent."""
        pair = (state >> 1) // self._cells
        apart = pair % (self._cells + 1) != 0  # the pair number is red * (P + 1) where both share a cell
        coin = self._free[pair * (self._cells - 1) + below(random, self._cells - 1 - apart.long())]
        return (pair * self._cells + coin) * 2 + colour

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Agents on two distinct cells, the coin on a third, its colour by lot; all uniform."""
        self._luck = Stream(seed.to(self.device))
        self._autoreset = autoreset
        self._clock = 0  # counts draws and never goes back, so that later episodes of a row have new luck
        return self._begin()

    def _begin(self) -> tuple[TimeSteps, Tensor | None]:
        first, second, third = (self._luck.at(self._clock + k) for k in range(3))
        self._clock += 3
        self._t = 0
        red, blue = below(first, self._cells), below(second, self._cells - 1)
        pair = red * self._cells + blue + (blue >= red)
        self._state = self._with_new_coin(pair * self._cells * 2, third & 1, third)
        return self._timesteps(self._nothing)

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Move both at once, pay, and lay a new coin where one was taken."""
        if self._t == self.max_steps:
            return self._begin() if self._autoreset else self._timesteps(self._nothing)
        joint = torch.add(actions["blue"].value, actions["red"].value, alpha=_ACTIONS)
        moved = self._move(torch.add(joint, self._state, alpha=_ACTIONS**2))
        fresh = self._with_new_coin(moved, 1 - (moved & 1), self._luck.at(self._clock))
        self._state = torch.where(self._taken(moved), fresh, moved)
        self._clock += 1
        self._t += 1
        return self._timesteps(self._pay(moved))

    def _timesteps(self, reward: Tensor) -> tuple[TimeSteps, Tensor | None]:
        over = self._t == self.max_steps
        first = self._yes if self._t == 0 else self._no
        last = self._yes if over else self._no
        active = self._no if over and not self._autoreset else self._yes
        boards = self._board(self._state)
        views = boards.view(-1, 3, 4, self.size, self.size)
        steps = {
            seat: TimeStep(views[:, number], self._mask, reward[:, number], self._ones, first, last, active)
            for number, seat in enumerate(SEATS)
        }
        return steps, boards[:, 2]


def _free_cells(cells: int) -> Tensor:
    """Cells without an agent for each (red, blue), flattened long [P * P * (P - 1)]; padded where both stand apart."""
    agent = torch.arange(cells)
    taken = (agent.view(-1, 1, 1) == agent) | (agent.view(1, -1, 1) == agent)  # [red, blue, cell]
    return taken.long().argsort(dim=-1, stable=True)[..., : cells - 1].flatten()

"""MACKRL's matrix game: two seats, five actions, and a matrix that one, both or neither of them may know.

Schroeder de Witt, Foerster et al. 2019, "Multi-Agent Common Knowledge Reinforcement Learning", section 5.1. Matrix A or
B is drawn with probability 1/2, and both seats are paid

    A = .2 (5 0 0 2 0 / 0 1 2 4 2 / 0 0 0 2 0 / 0 0 0 1 0 / 0 0 0 0 0)
    B = .2 (0 0 1 0 5 / 0 0 2 0 0 / 1 2 4 2 1 / 0 0 2 0 0 / 0 0 1 0 0)

With probability p it is common knowledge which: both see it, and both see that both see it. Else each sees it alone
with probability 1/2. A seat's observation is one-hot: commonly A, commonly B, nothing, saw A, saw B. What the pair
is told in common is one-hot, too: nothing, A, B. The state is one-hot over the ten situations.

The best that can be had is .75 + .25 p: with common knowledge 1; without it, seats that play (0, 0) where they know A,
and as well as they can elsewhere. A pair that acts on what it knows in common alone gets at most .5 + .5 p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.protocol import ArenaSpec, SeatSpec
from arenas.settings import Checked, Share
from arenas.tables.finite import Chain, FiniteGame

SEATS = ("row", "column")
PAIR = "pair"  # the group that has common knowledge
A = ((5, 0, 0, 2, 0), (0, 1, 2, 4, 2), (0, 0, 0, 2, 0), (0, 0, 0, 1, 0), (0, 0, 0, 0, 0))
B = ((0, 0, 1, 0, 5), (0, 0, 2, 0, 0), (1, 2, 4, 2, 1), (0, 0, 2, 0, 0), (0, 0, 1, 0, 0))
_SITUATIONS = 10  # of matrix A, then of B: common, neither sees, column alone, row alone, both see alone
_FINE = 2**30  # p is drawn by comparing a whole number below this
_TILE = 32


@dataclass(frozen=True)
class CommonKnowledgeSettings(Checked):
    """Settings of `common-knowledge`."""

    p: Share = 0.5  # probability that the matrix is common knowledge


class CommonKnowledge(FiniteGame):
    """MACKRL's matrix game."""

    name = "common-knowledge-v1"
    Settings = CommonKnowledgeSettings
    settings: CommonKnowledgeSettings
    last_discount = 0.0

    def build(self) -> None:
        """Make the tables; see `Arena.build`."""
        # The two seats' actions mean different things (A is not symmetric), so each seat is a side of its own.
        spec = ArenaSpec(
            name=self.name,
            seats={seat: SeatSpec((5,), 5, team="team", side=seat, bounds=(0, 1)) for seat in SEATS},
            kind="cooperative",
            max_steps=1,
            gamma=0.99,
            offers=frozenset({"discrete", "one-hot", "common", "state", "simulator", "value"}),
            groups={PAIR: SEATS},
            known={PAIR: 14},
            state_dim=_SITUATIONS,
        )
        self._pays = 0.2 * torch.tensor([A, B], dtype=torch.float32, device=self.device).flatten(1)
        self._eye = torch.eye(_SITUATIONS, device=self.device)
        told = torch.eye(3, device=self.device)[_COMMON.to(self.device)]
        self.common = {PAIR: torch.cat((1 - told[:, :1], torch.ones_like(told[:, :1]).expand(-1, 10), told), dim=1)}
        self.tabulate(spec, _SITUATIONS)

    def _views(self, position: Tensor) -> Tensor:
        """float32 [n, 2, 5]."""
        return torch.nn.functional.one_hot(_SEEN.to(self.device)[position], 5).float()

    def _pay(self, transition: Tensor) -> Tensor:
        joint = self._joint
        paid = self._pays[transition // joint // (_SITUATIONS // 2), transition % joint]
        return paid.unsqueeze(1).expand(-1, 2)

    def _start(self) -> Tensor:
        matrix = self._draw(2)
        common = self._draw(_FINE) < round(self.settings.p * _FINE)
        alone = 1 + self._draw(4)
        return matrix * (_SITUATIONS // 2) + alone.where(~common, 0)

    def _advance(self, transition: Tensor) -> Tensor:
        return transition // self._joint

    def _look(self) -> tuple[Sequence[Tensor], Tensor]:
        return self._view(self._position).unbind(1), self._eye[self._position]

    def _chain(self) -> Chain:
        p, n = self.settings.p, _SITUATIONS * self._joint
        half = torch.tensor([p, *[(1 - p) / 4] * 4], dtype=torch.float64, device=self.device) / 2
        transition = torch.arange(n, device=self.device)
        return Chain(
            torch.cat((half, half)), transition, transition // self._joint, torch.ones_like(transition).double()
        )

    def _text(self, row: int) -> str:
        """Which matrix is played, and who knows it."""
        matrix, who = divmod(int(self._position[row]), _SITUATIONS // 2)
        knows = ("both know it in common", "nobody sees it", "column sees it", "row sees it", "both see it alone")[who]
        return f"step {self._t} of 1: matrix {'AB'[matrix]}; {knows}"

    def _picture(self, row: int) -> np.ndarray:
        """The matrix in shades of green, uint8 [160, 160, 3]."""
        matrix = np.array((A, B)[int(self._position[row]) // (_SITUATIONS // 2)], dtype=np.float64) / 5
        shades = np.array((245, 245, 245)) + matrix[..., None] * (np.array((40, 130, 60)) - 245)
        picture: np.ndarray = shades.astype(np.uint8).repeat(_TILE, axis=0).repeat(_TILE, axis=1)
        picture[::_TILE] = picture[:, ::_TILE] = 200
        return picture


def _situations() -> tuple[Tensor, Tensor]:
    """By situation: what each seat sees, long [10, 2], and what the pair knows in common, long [10]."""
    seen, common = [], []
    for matrix in (0, 1):
        seen.append((matrix, matrix))
        common.append(1 + matrix)
        for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
            seen.append((3 + matrix if row else 2, 3 + matrix if column else 2))
            common.append(0)
    return torch.tensor(seen), torch.tensor(common)


_SEEN, _COMMON = _situations()

env, parallel_env = faces(CommonKnowledge)

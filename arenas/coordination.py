"""Small cooperative games in which independent learners go wrong, each for a reason that can be computed.

`climbing` and `penalty` are played once: two seats choose one of three actions and are paid alike.

    climbing   11 -30   0        penalty   10   0   k
              -30   7   6                   0   2   0
                0   0   5                   k   0  10

In climbing the best pair is dear to miss, so a learner that averages over what its partner tries prefers 5; in penalty
there are two best pairs, and a pair made of both pays k (Claus and Boutilier 1998, "The Dynamics of Reinforcement
Learning in Cooperative Multiagent Systems").

`two-step` is played in two steps: the first seat's action chooses a branch, then both are paid `safe` whatever they do
on branch A, and 0 1 / 1 8 on branch B (Rashid et al. 2018, "QMIX"; a sum of the seats' own values cannot hold it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.matrix import MatrixGame, Payoffs, RepeatedSettings
from arenas.protocol import ArenaSpec, SeatSpec
from arenas.settings import Checked, Count, Range, Share
from arenas.tables.finite import Chain, FiniteGame

_TILE = 48  # pixels a cell
_PAPER, _LINE, _INK = (235, 235, 235), (120, 120, 120), (70, 160, 80)


def _alike(table: list[list[float]]) -> Payoffs:
    """Payoffs of a game in which both seats are paid the same."""
    return [[[pay, pay] for pay in line] for line in table]


@dataclass(frozen=True)
class OnceSettings(RepeatedSettings):
    """Settings of the games that are played once."""

    max_steps: Count = 1  # T, steps per episode
    gamma: Share = 0.99  # discount per step


class Climbing(MatrixGame):
    """The climbing game: the best joint action lies beside the worst."""

    name = "climbing-v1"
    payoffs = _alike([[11, -30, 0], [-30, 7, 6], [0, 0, 5]])
    Settings = OnceSettings
    last_discount = 0.0


@dataclass(frozen=True)
class PenaltySettings(OnceSettings):
    """Settings of `penalty`."""

    k: Annotated[float, Range(-float("inf"), 0, "(]")] = -100.0  # what both are paid where they choose different bests


class Penalty(MatrixGame):
    """The penalty game: two best joint actions, and a penalty for mixing them up."""

    name = "penalty-v1"
    Settings = PenaltySettings
    settings: PenaltySettings
    last_discount = 0.0

    def build(self) -> None:
        """Put the penalty into the payoffs; see `Arena.build`."""
        k = self.settings.k
        self.payoffs = _alike([[10, 0, k], [0, 2, 0], [k, 0, 10]])
        super().build()


@dataclass(frozen=True)
class TwoStepSettings(Checked):
    """Settings of `two-step`."""

    safe: float = 7.0  # what branch A pays both
    gamma: Share = 0.99  # discount per step

    def __post_init__(self) -> None:
        super().__post_init__()
        if not abs(self.safe) < float("inf"):
            raise ValueError(f"safe must be finite, got {self.safe}")


class TwoStep(FiniteGame):
    """The two-step game: one seat chooses the matrix that both then play.

    The observation is one-hot: the first step, branch A, branch B, and the end.
    """

    name = "two-step-v1"
    Settings = TwoStepSettings
    settings: TwoStepSettings
    last_discount = 0.0
    seats: ClassVar[tuple[str, str]] = ("chooser", "follower")
    branch: ClassVar[tuple[tuple[float, float], ...]] = ((0, 1), (1, 8))

    def build(self) -> None:
        """Make the tables of a step; see `Arena.build`."""
        safe = self.settings.safe
        self._paid = torch.tensor([[0.0] * 4, [safe] * 4, [0.0, 1.0, 1.0, 8.0], [0.0] * 4], device=self.device)
        spec = ArenaSpec(
            name=self.name,
            seats={seat: SeatSpec((4,), 2, team="team", side=seat, bounds=(0, 1)) for seat in self.seats},
            kind="cooperative",
            max_steps=2,
            gamma=self.settings.gamma,
            offers=frozenset({"discrete", "one-hot", "state", "simulator", "value"}),
            forfeit=min(safe, 0.0),
            state_dim=4,
        )
        self.tabulate(spec, 4)
        self._chosen = torch.tensor([1, 1, 2, 2], device=self.device)  # by joint action, the first seat's slowest

    def _views(self, position: Tensor) -> Tensor:
        """float32 [n, 2, 4]."""
        return torch.nn.functional.one_hot(position, 4).float().unsqueeze(1).expand(-1, 2, -1)

    def _pay(self, transition: Tensor) -> Tensor:
        return self._paid.flatten()[transition].unsqueeze(1).expand(-1, 2)

    def _start(self) -> Tensor:
        return torch.zeros(self.batch_size, dtype=torch.long, device=self.device)

    def _advance(self, transition: Tensor) -> Tensor:
        return self._chosen[transition % 4].where(transition < 4, 3)

    def _chain(self) -> Chain:
        transition = torch.arange(16, device=self.device)
        start = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64, device=self.device)
        return Chain(start, transition, self._advance(transition), torch.ones(16, dtype=torch.float64))

    def _text(self, row: int) -> str:
        """Which branch was chosen."""
        where = ("the chooser picks a branch", f"branch A pays {self.settings.safe:g}", "branch B", "over")
        return f"step {self._t} of 2: {where[int(self._position[row])]}"

    def _picture(self, row: int) -> np.ndarray:
        """Four tiles (the first step, branch A, branch B, the end), uint8 [48, 192, 3]; the present one is green."""
        picture = np.full((_TILE, 4 * _TILE, 3), _PAPER, dtype=np.uint8)
        picture[:, ::_TILE] = _LINE
        here = int(self._position[row]) * _TILE
        picture[4:-4, here + 4 : here + _TILE - 4] = _INK
        return picture


env, parallel_env = faces(Climbing)

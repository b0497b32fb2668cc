r"""The Tandem game: two players, one real number each, played once.

Letcher, Foerster, Balduzzi, Rocktäschel and Whiteson 2019, "Stable Opponent Shaping in Differentiable Games": the
losses are

    L1 = (x + y)^2 - 2x,    L2 = (x + y)^2 - 2y

and a seat is paid -L. Every point of the line x + y = 1 is a Nash equilibrium, with payoffs 2x - 1 and 2y - 1, and
naive gradient descent ends on it. LOLA does not: it goes on to x + y > 1, where both are paid less, since each expects
the other to yield and none does ("arrogance"). LookAhead and stable opponent shaping (SOS) stay on the Nash line.

An action a in [-1, 1] is x = bound * a. The seats see nothing: the observation is the constant 1, float32 [1]. The
game ends with the step in which both have moved, so no discount matters. A policy's exact value is the payoff at its
mean action: exact where the policy is deterministic, as those of the exact learners are.

A learner's step size acts on a, so on x it is bound^2 times as large: lr = eta = 0.001 are 0.1 with bound 10.

    zoo match sos,lr=0.001,eta=0.001,init=0.1 \
        lola-exact,lr=0.001,eta=0.001,init=0.1 \
        --arena tandem --learn --copies 1
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, cast

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.protocol import (
    Action,
    Arena,
    ArenaSpec,
    MeanPolicy,
    MemorylessPolicy,
    SeatSpec,
    TimeStep,
    TimeSteps,
)
from arenas.settings import Checked, Range

SEATS = ("front", "rear")
_PIXELS = 96
_PAPER, _LINE, _INK = (235, 235, 235), (70, 160, 80), (30, 30, 30)


def payoffs(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(-L1, -L2), in the common shape of x and y."""
    cost = (x + y).square()
    return 2 * x - cost, 2 * y - cost


@dataclass(frozen=True)
class TandemSettings(Checked):
    """Settings of `tandem`."""

    bound: Annotated[float, Range(ends="()")] = 10.0  # the largest |x| that can be played, above 0


class Tandem(Arena):
    """The Tandem game; both seats are of one side."""

    name = "tandem-v1"
    Settings = TandemSettings
    settings: TandemSettings
    kept = ("moves", "over", "autoreset")

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        self.bound = bound = self.settings.bound
        self.spec = ArenaSpec(
            name=self.name,
            seats={name: SeatSpec((1,), 0, action_dim=1, team=name, bounds=(0, 1)) for name in SEATS},
            kind="mixed",
            max_steps=1,
            gamma=0.0,
            offers=frozenset({"continuous", "simulator", "value"}),
            forfeit=-4 * bound**2 - 2 * bound,  # the worst payoff, where both pedal backwards
        )

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; there is no luck in this game. See `Arena.reset`."""
        self._autoreset = autoreset
        return self._begin()

    def _begin(self) -> tuple[TimeSteps, Tensor | None]:
        self._over = False
        self._moves = torch.zeros(self.batch_size, len(SEATS), device=self.device)
        return self._timesteps(torch.zeros_like(self._moves), first=True), None

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play the only step, or rest, or start anew; see `Arena.step`."""
        if self._over:
            return self._begin() if self._autoreset else (self._timesteps(torch.zeros_like(self._moves)), None)
        self._over = True
        self._moves = self.bound * torch.cat([actions[seat].value for seat in SEATS], dim=1)
        return self._timesteps(torch.stack(payoffs(*self._moves.unbind(1)), dim=1)), None

    def _timesteps(self, paid: Tensor, *, first: bool = False) -> TimeSteps:
        """Time steps of all seats from what they are paid, float32 [B, 2]; a game that is not first is over."""
        one = torch.ones(self.batch_size, device=self.device)
        yes, no = one.bool(), torch.zeros_like(one).bool()
        flags = (one, yes, no, yes) if first else (torch.zeros_like(one), no, yes, no)  # discount, first, last, active
        return {
            seat: TimeStep(one.unsqueeze(1), None, reward, *flags)
            for seat, reward in zip(SEATS, paid.unbind(1), strict=True)
        }

    def value(
        self, policies: Mapping[str, MemorylessPolicy], *, steps: int | None = None, gamma: float | None = None
    ) -> dict[str, Tensor]:
        """Payoff float64 [R] of every seat at the policies' means; see `Arena.value`.

        The game lasts one step whatever `steps` and `gamma` are. Means count as they are, also beyond [-1, 1], so that
        the gradient does not end there. Policies of one replica meet every replica of the other.

        Raises:
            ValueError: a policy has a memory or no means, or the numbers of replicas do not fit.
        """
        self.fitting_replicas(policies)
        moves = []
        for seat in SEATS:
            policy = policies[seat]
            if not isinstance(policy, MeanPolicy):
                raise ValueError(
                    f"{self.spec.name}: the policy of {seat} has no method means(timestep), which is valued"
                )
            moment = self.twin(policy.replicas)._begin()[0][seat]
            moves.append(self.bound * cast(MeanPolicy, policy).means(moment).double().squeeze(-1))
        return dict(zip(SEATS, payoffs(moves[0], moves[1]), strict=True))

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat `action`, x or y; and `total`, x + y, which is 1 at every Nash equilibrium."""
        playing = steps[SEATS[0]].active[:-1]
        played = {
            seat: (self.bound * actions[seat].value.squeeze(-1) * playing).sum(0) / playing.sum(0) for seat in SEATS
        }
        total = torch.stack(list(played.values())).sum(0)
        return {seat: {"action": value, "total": total} for seat, value in played.items()}

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """Moves and payoffs as text, or the plane of x (right) and y (up) with the Nash line, uint8 [96, 96, 3]."""
        x, y = self._moves[row].tolist()
        if mode == "ansi":
            if not self._over:
                return "step 0 of 1"
            paid = [float(p) for p in payoffs(*self._moves[row].unbind())]
            return f"step 1 of 1: x = {x:.3f}, y = {y:.3f}; paid {paid[0]:.3f} and {paid[1]:.3f}"
        if mode != "rgb_array":
            return super().render(row, mode)
        picture = np.full((_PIXELS, _PIXELS, 3), _PAPER, dtype=np.uint8)
        for pixel in range(_PIXELS):
            across = (2 * pixel / (_PIXELS - 1) - 1) * self.bound
            self._paint(picture, across, 1 - across, 1, _LINE)
        if self._over:
            self._paint(picture, x, y, 3, _INK)
        return picture

    def _paint(self, picture: np.ndarray, x: float, y: float, size: int, colour: tuple[int, int, int]) -> None:
        """A square of about `size` pixels at (x, y), nothing where that lies outside the plane."""
        if abs(y) > self.bound:
            return
        column, line = (round((v / self.bound + 1) / 2 * (_PIXELS - 1)) for v in (x, -y))
        picture[max(0, line - size + 1) : line + size, max(0, column - size + 1) : column + size] = colour


env, parallel_env = faces(Tandem)

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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, cast

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.lockstep import Lockstep
from arenas.protocol import Action, ArenaSpec, MeanPolicy, MemorylessPolicy, SeatSpec, TimeStep, moment
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


class Tandem(Lockstep):
    """The Tandem game: two want the same sum, and each wants the other to give way."""

    name = "tandem-v1"
    Settings = TandemSettings
    settings: TandemSettings
    kept = ("moves", "t", "autoreset")
    last_discount = 0.0

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
        self._lay_out()

    def _open(self) -> None:
        self._moves = self._nothing

    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        self._moves = self.bound * torch.cat([actions[seat].value for seat in SEATS], dim=1)
        return torch.stack(payoffs(*self._moves.unbind(1)), dim=1)

    def _look(self) -> tuple[Sequence[Tensor], None]:
        return [self._full.unsqueeze(1)] * len(SEATS), None

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
            seen = moment(torch.ones(policy.replicas, 1, device=self.device), first=True)
            moves.append(self.bound * cast(MeanPolicy, policy).means(seen).double().squeeze(-1))
        return dict(zip(SEATS, payoffs(moves[0], moves[1]), strict=True))

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat `action`, x or y; and `total`, x + y, which is 1 at every Nash equilibrium."""
        playing = steps[SEATS[0]].active[:-1]
        played = {
            seat: (self.bound * actions[seat].value.squeeze(-1) * playing).sum(0) / playing.sum(0) for seat in SEATS
        }
        total = torch.stack(list(played.values())).sum(0)
        return {seat: {"action": value, "total": total} for seat, value in played.items()}

    def _text(self, row: int) -> str:
        """Moves and payoffs."""
        if not self._t:
            return "step 0 of 1"
        x, y, *paid = map(float, (*self._moves[row], *payoffs(*self._moves[row])))
        return f"step 1 of 1: x = {x:.3f}, y = {y:.3f}; paid {paid[0]:.3f} and {paid[1]:.3f}"

    def _picture(self, row: int) -> np.ndarray:
        """The plane of x (right) and y (up) with the Nash line, uint8 [96, 96, 3]."""
        x, y = self._moves[row].tolist()
        picture = np.full((_PIXELS, _PIXELS, 3), _PAPER, dtype=np.uint8)
        for pixel in range(_PIXELS):
            across = (2 * pixel / (_PIXELS - 1) - 1) * self.bound
            self._paint(picture, across, 1 - across, 1, _LINE)
        if self._t:
            self._paint(picture, x, y, 3, _INK)
        return picture

    def _paint(self, picture: np.ndarray, x: float, y: float, size: int, colour: tuple[int, int, int]) -> None:
        """A square of about `size` pixels at (x, y), nothing where that lies outside the plane."""
        if abs(y) > self.bound:
            return
        column, line = (round((v / self.bound + 1) / 2 * (_PIXELS - 1)) for v in (x, -y))
        picture[max(0, line - size + 1) : line + size, max(0, column - size + 1) : column + size] = colour


env, parallel_env = faces(Tandem)

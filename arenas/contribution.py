"""The contribution game: a shared, noisy sum of what n seats contribute, in which every advantage can be computed.

Each step a seat sees its own signal, one of four, and chooses one of four actions. All are paid alike

    r = sum over seats a of ( 1[u^a is right for o^a] + b_a(o^a) ) + sigma sqrt(n) e,   e standard normal,

and all signals are drawn anew. Which action is right for a signal is the same for every seat, so that policies can sit
anywhere; the offsets b_a, which no action can change, are not. The state is all signals.

What it is for: with exact critics and the uniform policy the variance of COMA's and IAC-Q's advantage is that of one
seat's own contribution, 3/16, whatever n is. The advantage of central-QV has n times that; that of central-V adds the
noise, n sigma^2, and gamma^2 times the variance of the next offsets; that of IAC-V adds what the other seats' present
offsets are, too. `zoo reproduce coma-baseline` shows them all beside games that are played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from arenas.faces import faces
from arenas.lockstep import Drawing
from arenas.luck import uniform
from arenas.protocol import Action, ArenaSpec, MemorylessPolicy, SeatSpec, TimeStep, moment
from arenas.settings import Amount, Checked, Count, Range, Share
from arenas.signals import RIGHT, SIGNALS, offsets

_TILE = 24
_NO, _YES = (210, 120, 110), (110, 180, 110)


@dataclass(frozen=True)
class ContributionSettings(Checked):
    """Settings of `contribution`."""

    agents: Annotated[int, Range(2, 100)] = 4  # n
    sigma: Amount = 1.0  # the noise is sigma sqrt(n), in units of one right action
    max_steps: Count = 1  # T, steps per episode
    gamma: Share = 0.9  # discount per step


class Contribution(Drawing):
    """The contribution game: a team is paid a noisy sum of what its members give."""

    name = "contribution-v1"
    Settings = ContributionSettings
    settings: ContributionSettings
    kept = ("signals", "right", "seed", "clock", "t", "autoreset")
    last_discount = 0.0

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        n, steps = self.settings.agents, self.settings.max_steps
        self.offsets = offsets(n).to(self.device)
        self._best = torch.tensor(RIGHT, device=self.device)
        self._eye = torch.eye(SIGNALS, device=self.device)
        least = float(self.offsets.amin(1).sum()) - 4 * self.settings.sigma * n**0.5
        self.spec = ArenaSpec(
            name=self.name,
            seats={f"agent_{k}": SeatSpec((SIGNALS,), SIGNALS, team="team", bounds=(0, 1)) for k in range(n)},
            kind="cooperative",
            max_steps=steps,
            gamma=self.settings.gamma,
            offers=frozenset({"discrete", "one-hot", "state", "simulator", "value"}),
            forfeit=least * steps,
            state_dim=n * SIGNALS,
        )
        self._lay_out()

    def _open(self) -> None:
        self._deal()
        self._right = self._nothing.bool()

    def _deal(self) -> None:
        """New signals, long [B, n]."""
        self._signals = torch.stack([self._draw(SIGNALS) for _ in self.spec.seats], dim=1)

    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        chosen = torch.stack([actions[seat].value for seat in self.spec.seats], dim=1)
        self._right = chosen == self._best[self._signals]
        share = self._right + self.offsets.expand(len(chosen), -1, -1).gather(2, self._signals.unsqueeze(2)).squeeze(2)
        paid: Tensor = share.sum(1) + self.settings.sigma * self.settings.agents**0.5 * self._normal()
        self._deal()
        return paid.unsqueeze(1).expand(-1, self.settings.agents)

    def _normal(self) -> Tensor:
        """Standard normal numbers, float32 [B], by Box and Muller."""
        first, second = (uniform(self._seed, self._clock + k + (1 << 40)) for k in (0, 1))
        self._clock += 2
        return (-2 * (1 - first).log()).sqrt() * (2 * torch.pi * second).cos()

    def _look(self) -> tuple[Sequence[Tensor], Tensor]:
        seen = self._eye[self._signals]
        return seen.unbind(1), seen.flatten(1)

    def value(
        self, policies: Mapping[str, MemorylessPolicy], *, steps: int | None = None, gamma: float | None = None
    ) -> dict[str, Tensor]:
        """Exact expected return float64 [R], the same for every seat; see `Arena.value`."""
        self.fitting_replicas(policies)
        gamma = self.spec.gamma if gamma is None else gamma
        if steps is None and not gamma < 1:
            raise ValueError(f"{self.spec.name}: the infinite game needs a gamma below 1, got {gamma}; or give steps")
        total: Tensor = self.offsets.double().mean(1).sum()
        for seat in self.spec.seats:
            policy = policies[seat]
            seen = moment(torch.cat([self._eye] * policy.replicas), SIGNALS)
            shares = policy.probabilities(seen).double().view(policy.replicas, SIGNALS, SIGNALS)
            total = total + shares[:, torch.arange(SIGNALS), self._best].mean(1)
        times = 1 / (1 - gamma) if steps is None else sum(gamma**k for k in range(steps))
        return dict.fromkeys(self.spec.seats, total * times)

    def metrics(self, steps: Mapping[str, TimeStep], actions: Mapping[str, Action]) -> dict[str, dict[str, Tensor]]:
        """Per seat `right`, the share of its actions that were right."""
        result = {}
        for seat, seen in steps.items():
            playing = seen.active[:-1]
            best = self._best[seen.observation[:-1].argmax(-1)]
            result[seat] = {"right": ((actions[seat].value == best) & playing).sum(0) / playing.sum(0)}
        return result

    def _text(self, row: int) -> str:
        """Signals, and who was right in the last step."""
        signals = " ".join(map(str, self._signals[row].tolist()))
        return f"step {self._t} of {self.spec.max_steps}: signals {signals}; {int(self._right[row].sum())} were right"

    def _picture(self, row: int) -> np.ndarray:
        """A tile per seat, green where its last action was right, uint8 [24, 24 n, 3]."""
        right = self._right[row].tolist()
        picture = np.array([[_YES if yes else _NO for yes in right]], dtype=np.uint8)
        picture = picture.repeat(_TILE, axis=0).repeat(_TILE, axis=1)
        picture[:, ::_TILE] = 255
        return picture


env, parallel_env = faces(Contribution)

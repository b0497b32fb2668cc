"""Arenas with one fault each: `LAW` says which law must catch it, and no other may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from arenas.coin import Coin
from arenas.matrix import IteratedPrisonersDilemma, Matrix
from arenas.protocol import Action, MemorylessPolicy, Snapshot, TimeSteps


class NoVersion(IteratedPrisonersDilemma):
    """Rules that could change without notice."""

    LAW = "1"
    name = "ipd"


class PromisesVectors(IteratedPrisonersDilemma):
    """Offers what it does not have."""

    LAW = "1"

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150) -> None:
        super().__init__(batch_size, device=device, max_steps=max_steps)
        self.spec = replace(self.spec, offers=self.spec.offers | {"continuous"})


class SeesTwoStates(IteratedPrisonersDilemma):
    """Says that it shows the number of a state, and shows two."""

    LAW = "1"

    def _views(self, position: Tensor) -> Tensor:
        views = super()._views(position).clone()
        views[..., 0] = 1
        return views


class ForbidsTheDead(IteratedPrisonersDilemma):
    """Forbids actions where none counts."""

    LAW = "1"

    def _timesteps(self, reward: Tensor) -> tuple[TimeSteps, Tensor | None]:
        steps, state = super()._timesteps(reward)
        for seat, step in steps.items():
            assert step.action_mask is not None
            steps[seat] = step._replace(action_mask=step.action_mask & step.active.unsqueeze(1))
        return steps, state


class NeverSaysFirst(IteratedPrisonersDilemma):
    """Starts anew and does not say so."""

    LAW = "7"

    def _timesteps(self, reward: Tensor) -> tuple[TimeSteps, Tensor | None]:
        steps, state = super()._timesteps(reward)
        return {s: step._replace(first=step.first & (self._clock < 0)) for s, step in steps.items()}, state


class OutsideLuck(Coin):
    """Luck depends on a global generator's seed."""

    LAW = "2"

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        return super().reset(seed + torch.initial_seed(), autoreset=autoreset)


class LuckByPlace(Coin):
    """A row's luck depends on where it stands."""

    LAW = "3"

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        return super().reset(seed + torch.arange(len(seed), device=seed.device), autoreset=autoreset)


class FavoursRow(Matrix):
    """Row is paid more, and yet both are of one side."""

    LAW = "5"
    name = "unfair-v1"

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150) -> None:
        payoffs = [[[0, -1], [-2, 0]], [[1, -3], [-1, -2]]]
        super().__init__(batch_size, payoffs=payoffs, device=device, max_steps=max_steps)
        self.spec = replace(self.spec, seats={s: replace(seat, side="player") for s, seat in self.spec.seats.items()})


class SharesAView(Coin):
    """Both see the board as red does."""

    LAW = "5"

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150) -> None:
        super().__init__(batch_size, device=device, max_steps=max_steps, view="shared")


class ForgetsTime(IteratedPrisonersDilemma):
    """A snapshot without the clock."""

    LAW = "6"

    def restore(self, snapshot: Snapshot) -> None:
        super().restore({**snapshot, "t": 0})


class ForgetsWhoEnded(Coin):
    """A snapshot that does not say which rows are over; the game itself still knows."""

    LAW = "6"

    def snapshot(self) -> Snapshot:
        return {name: value for name, value in super().snapshot().items() if name not in ("last", "t")}


class NeverRests(IteratedPrisonersDilemma):
    """Starts anew whatever is asked."""

    LAW = "7"

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        return super().reset(seed)


class ForgetsTheDevice(IteratedPrisonersDilemma):
    """Makes a tensor wherever torch's default is."""

    LAW = "8"

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        steps, state = super().step(actions)
        return {seat: step._replace(reward=torch.tensor(step.reward.tolist())) for seat, step in steps.items()}, state


class SharesAClock(IteratedPrisonersDilemma):
    """A twin runs by the same clock."""

    LAW = "9"

    def __init__(self, batch_size: int = 1, *, device: str = "cpu", max_steps: int = 150) -> None:
        self._clocks: dict[str, int] = {}
        super().__init__(batch_size, device=device, max_steps=max_steps)

    @property
    def _t(self) -> int:
        return self._clocks["t"]

    @_t.setter
    def _t(self, value: int) -> None:
        self._clocks["t"] = value


class Exaggerates(IteratedPrisonersDilemma):
    """An exact value that is not."""

    LAW = "10"

    def value(
        self, policies: Mapping[str, MemorylessPolicy], *, steps: int | None = None, gamma: float | None = None
    ) -> dict[str, Tensor]:
        return {seat: 1.1 * v for seat, v in super().value(policies, steps=steps, gamma=gamma).items()}

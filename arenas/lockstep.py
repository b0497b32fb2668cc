"""Games by one clock: an episode lasts `max_steps` steps, so that all rows begin and end together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from arenas.luck import Stream
from arenas.protocol import Action, Arena, Snapshot, TimeStep, TimeSteps


class Lockstep(Arena):
    """Base of the games by one clock; a game's `build` sets `spec` and calls `_lay_out`.

    A game says how an episode begins (`_open`), what a step does and pays (`_play`), what is seen (`_look`), and how
    it is drawn (`_text`, `_picture`).

    Attributes:
        last_discount: the discount of an episode's last step: 1 where time cuts the game, 0 where the rules end it.
    """

    last_discount: ClassVar[float] = 1.0

    def _lay_out(self) -> None:
        """Make what depends on the batch size: constants, of one element each however many rows share it."""
        seats, batch_size, device = self.spec.seats.values(), self.batch_size, self.device
        true = torch.ones((), dtype=torch.bool, device=device)
        self._yes, self._no = true.expand(batch_size), (~true).expand(batch_size)
        self._masks = [true.expand(batch_size, seat.actions) if seat.actions else None for seat in seats]
        self._full, self._ended = (torch.tensor(x, device=device).expand(batch_size) for x in (1.0, self.last_discount))
        self._nothing = torch.zeros((), device=device).expand(batch_size, len(seats))

    @abstractmethod
    def _open(self) -> None:
        """Begin an episode in every row."""

    @abstractmethod
    def _play(self, actions: Mapping[str, Action]) -> Tensor:
        """Play a step; returns what it pays every seat, float32 [B, N]."""

    @abstractmethod
    def _look(self) -> tuple[Sequence[Tensor], Tensor | None]:
        """What every seat sees, float32 [B, *O] each, and the global state."""

    def _known(self) -> Mapping[str, Tensor]:
        """What each group knows in common, float32 [B, K]; nothing where the game has no groups."""
        return {}

    @abstractmethod
    def _text(self, row: int) -> str:
        """A row as text."""

    @abstractmethod
    def _picture(self, row: int) -> np.ndarray:
        """A row as uint8 [H, W, 3]."""

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`."""
        self._seed, self._autoreset = seed.to(self.device), autoreset
        return self._begin()

    def _begin(self) -> tuple[TimeSteps, Tensor | None]:
        self._t = 0
        self._open()
        return self._timesteps(self._nothing)

    def step(self, actions: Mapping[str, Action]) -> tuple[TimeSteps, Tensor | None]:
        """Play one step in every row, or start anew, or rest; see `Arena.step`."""
        if self._t == self.spec.max_steps:
            return self._begin() if self._autoreset else self._timesteps(self._nothing)
        paid = self._play(actions)
        self._t += 1
        return self._timesteps(paid)

    def _timesteps(self, paid: Tensor) -> tuple[TimeSteps, Tensor | None]:
        """Time steps of all seats from what they are paid [B, N], and the global state."""
        first = self._yes if self._t == 0 else self._no
        over = self._t == self.spec.max_steps
        discount, last, active = (self._ended, self._yes, self._no) if over else (self._full, self._no, self._yes)
        seen, state = self._look()
        common, members = self._known(), self.spec.groups
        steps = {
            seat: TimeStep(
                view,
                mask,
                reward,
                discount,
                first,
                last,
                active,
                common={group: known for group, known in common.items() if seat in members[group]},
            )
            for seat, view, mask, reward in zip(self.spec.seats, seen, self._masks, paid.unbind(1), strict=True)
        }
        return steps, state

    def render(self, row: int = 0, mode: str = "ansi") -> str | np.ndarray:
        """Row `row` as text ("ansi") or as a picture ("rgb_array"); see `Arena.render`."""
        if mode == "ansi":
            return self._text(row)
        return self._picture(row) if mode == "rgb_array" else super().render(row, mode)


class Drawing(Lockstep):
    """Base of the games by one clock that draw whole numbers as they go; "seed" and "clock" belong into `kept`."""

    def reset(self, seed: Tensor, *, autoreset: bool = True) -> tuple[TimeSteps, Tensor | None]:
        """Start an episode in every row; see `Arena.reset`."""
        self._luck = Stream(seed.to(self.device))
        self._clock = 0  # counts draws and never goes back, so that later episodes of a row have new luck
        return super().reset(seed, autoreset=autoreset)

    def _draw(self, n: int | Tensor) -> Tensor:
        """A fresh whole number in [0, n) per row, long [B]."""
        self._clock += 1
        return self._luck.below(self._clock - 1, n)

    def restore(self, snapshot: Snapshot) -> None:
        """Go back to `snapshot`."""
        super().restore(snapshot)
        self._luck = Stream(self._seed)

"""The switch riddle with every order in which the prisoners can be led in, for exact values."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from arenas.switch import Switch


class EveryOrder(Switch):
    """The switch riddle with as many copies as there are orders up to today."""

    def build(self) -> None:
        """Set the rules; see `Arena.build`."""
        super().build()
        self._next = self._eye

    def _drawn(self) -> Tensor:
        return self._next

    def copied(self, change: Callable[[Tensor], Tensor]) -> None:
        """Change all rows alike: some are left, or each is repeated."""
        for name in (*self.kept, "yes", "nobody"):
            if isinstance(value := getattr(self, f"_{name}"), Tensor):
                setattr(self, f"_{name}", change(value))
        self.batch_size, self._next = len(self._yes), self._nobody

    def everybody(self) -> None:
        """Repeat each row, so that the next day may bring anybody."""
        rows = self.batch_size
        self.copied(lambda leaf: leaf.repeat_interleave(self.settings.n, dim=0))
        self._next = self._eye.repeat(rows, 1)

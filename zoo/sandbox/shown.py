"""What of a time step is sent: the leaves that differ from the seat's last one. Masks and flags rarely do."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from arenas.protocol import TimeStep
from zoo.sandbox.frames import NUMPY_CODES


class Shown:
    """One seat's last time step as it was sent."""

    def __init__(self) -> None:
        self._known: list[Any] = []  # the leaves as numpy's arrays' forms, None for a leaf that is None
        self._content: list[Any] = []
        self._groups: list[str] = []

    def changes(self, timestep: TimeStep) -> tuple[Any, list[bytes | None]]:
        """Form of every leaf, None where all are as before; and the bytes of those leaves that differ."""
        leaves: list[Tensor | None] = list(timestep[:9])
        if timestep.common:
            leaves += timestep.common.values()
        arrays = [None if leaf is None else leaf.numpy(force=True) for leaf in leaves]
        known = [None if array is None else (array.dtype, array.shape) for array in arrays]
        content = [b"" if array is None else array.tobytes() for array in arrays]
        groups = list(timestep.common)
        if known != self._known or groups != self._groups:
            self._known, self._content, self._groups = known, content, groups
            forms = [form and [NUMPY_CODES[form[0]], list(form[1])] for form in known]
            return [forms, groups], [None if array is None else new for array, new in zip(arrays, content, strict=True)]
        fresh = [None if new == old else new for new, old in zip(content, self._content, strict=True)]
        self._content = content
        return None, fresh

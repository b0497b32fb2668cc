"""What of a time step is sent: the leaves that differ from the seat's last one. Masks and flags rarely do."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from arenas.protocol import TimeStep
from zoo.sandbox.frames import CODES, content_of


class Shown:
    """One seat's last time step as it was sent.

    A leaf that is the same tensor as before is taken for unchanged: whoever plays keeps all time steps of a game, so an
    arena never writes into one that it has handed out.
    """

    def __init__(self, seat: str) -> None:
        self.seat = seat
        self._leaves: list[Tensor | None] = []
        self._forms: list[Any] = []  # (type, shape) of every leaf, None for a leaf that is None
        self._content: list[bytes | None] = []
        self._groups: list[str] = []

    def changes(self, timestep: TimeStep) -> tuple[Any, list[bytes | None]]:
        """Form of every leaf, None where all are as before; and the bytes of those leaves that differ."""
        leaves: list[Tensor | None] = list(timestep[:9])
        if timestep.common or self._groups:
            if [*timestep.common] != self._groups:
                return self._anew(timestep)
            leaves += timestep.common.values()
        if len(leaves) != len(self._leaves):
            return self._anew(timestep)
        fresh: list[bytes | None] = [None] * len(leaves)
        for index, leaf in enumerate(leaves):
            if leaf is self._leaves[index]:
                continue
            form = self._forms[index]
            if leaf is None or form is None or leaf.shape != form[1] or leaf.dtype is not form[0]:
                return self._anew(timestep)
            content = content_of(leaf)
            if content != self._content[index]:
                self._content[index] = fresh[index] = content
        self._leaves = leaves
        return None, fresh

    def _anew(self, timestep: TimeStep) -> tuple[Any, list[bytes | None]]:
        """Everything."""
        self._groups = [*timestep.common]
        self._leaves = [*timestep[:9], *timestep.common.values()]
        self._forms = [None if leaf is None else (leaf.dtype, leaf.shape) for leaf in self._leaves]
        self._content = [None if leaf is None else content_of(leaf) for leaf in self._leaves]
        forms = [None if form is None else [CODES[form[0]], list(form[1])] for form in self._forms]
        return [forms, self._groups], [*self._content]

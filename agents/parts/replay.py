"""A ring of transitions in preallocated tensors, so that it can be saved, and what is done with rows out of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

LEAST, MOST = 0.01, 2.0  # bounds of an importance weight


class Replay:
    """Keeps the last `capacity` transitions, each a dict of rows.

    Args:
        capacity: number of transitions.
        fields: name -> an example batch [n, ...] whose trailing shape and type the storage takes over.
    """

    def __init__(self, capacity: int, fields: Mapping[str, Tensor]) -> None:
        self.capacity = capacity
        self._rows = {name: _zeros((capacity, *example.shape[1:]), example) for name, example in fields.items()}
        self._added = torch.zeros((), dtype=torch.long)
        self._device = next(iter(self._rows.values())).device

    def __len__(self) -> int:
        return min(int(self._added), self.capacity)

    def add(self, rows: Mapping[str, Tensor]) -> None:
        """Append rows [n, ...] of every field, over the oldest where the ring is full."""
        count = len(next(iter(rows.values())))
        start = int(self._added)
        slots = (torch.arange(max(0, count - self.capacity), count, device=self._device) + start) % self.capacity
        for name, storage in self._rows.items():
            storage[slots] = rows[name][-self.capacity :]
        self._added += count

    def sample(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """`count` rows drawn uniformly with replacement."""
        return self.at(_some(len(self), count, generator).to(self._device))

    def at(self, numbers: Tensor) -> dict[str, Tensor]:
        """The rows with these numbers, long of any shape."""
        flat = numbers.flatten()
        rows = {name: torch.index_select(storage, 0, flat) for name, storage in self._rows.items()}
        return {name: leaf.view(*numbers.shape, *leaf.shape[1:]) for name, leaf in rows.items()}

    def newest(self, count: int) -> dict[str, Tensor]:
        """The last `count` rows added, or all where there are fewer."""
        last = int(self._added)
        return self.at(torch.arange(last - min(count, len(self)), last, device=self._device) % self.capacity)

    def filled(self, name: str) -> Tensor:
        """All rows of a field, in no order of time."""
        return self._rows[name][: len(self)]

    def state(self, prefix: str) -> dict[str, Tensor]:
        """The live tensors, named under `prefix`."""
        return {f"{prefix}/{name}": rows for name, rows in self._rows.items()} | {f"{prefix}/added": self._added}


def drawn(rows: Mapping[str, Tensor], count: int, generator: torch.Generator) -> dict[str, Tensor]:
    """`count` of the rows, drawn as `Replay.sample` draws from those that it keeps."""
    chosen = _some(len(next(iter(rows.values()))), count, generator)
    return {name: leaf[chosen.to(leaf.device)] for name, leaf in rows.items()}


def pieces(leaf: Tensor, steps: int, whole: int) -> Tensor:
    """A leaf of a segment cut into rows, one for each piece and copy: [T or T + 1, N, B, ...] -> [rows, W, N, ...].

    Pieces are of `steps` actions, W = steps, or steps + 1 where the leaf has a last time step. Where T is no multiple
    of them, the last piece is filled up with its last entry.

    Args:
        leaf: of the segment; or something of every piece [pieces, N, B, ...], for which W = 1.
        steps: S.
        whole: T.
    """
    count = -(-whole // steps)
    wide, every = (1, 1) if steps > 1 and len(leaf) == count else (steps + len(leaf) - whole, steps)
    missing = (count - 1) * every + wide - len(leaf)
    if missing:
        leaf = torch.cat([leaf, leaf[-1:].expand(missing, *leaf.shape[1:])])
    rows = leaf.unfold(0, wide, every).movedim(-1, 1)  # [pieces, W, N, B, ...]
    return rows.movedim(3, 1).flatten(0, 1)


def importance(now: Tensor, then: Tensor) -> Tensor:
    """For each of N seats the product over the others of their actions' probabilities now / then: [S, N, B] all."""
    others = 1 - torch.eye(now.shape[1], device=now.device).view(1, now.shape[1], -1, 1)
    return ((now / then).unsqueeze(1) ** others).prod(2)  # [S, N, N, B]; 0 ** 0 is 1


def tempered(weight: Tensor, seats: int) -> Tensor:
    """Importance weights as the paper uses them, before they are divided by their running mean."""
    return weight.clamp(LEAST, MOST) ** (1 / (seats - 1))


def _some(rows: int, count: int, generator: torch.Generator) -> Tensor:
    return torch.randint(rows, (count,), generator=generator, device=generator.device)


def _zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Zeros of the type and on the device of `like`, which cost nothing while nothing is written (frozen play)."""
    # NumPy asks the system for empty pages, which it hands out when they are written; torch writes them all at once
    return torch.from_numpy(np.zeros(shape, dtype=like[:0].cpu().numpy().dtype)).to(like.device)

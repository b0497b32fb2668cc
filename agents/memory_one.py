"""Memory-one classics of the iterated prisoner's dilemma, as probabilities of cooperating (action 0).

A memory-one strategy is (start; CC, CD, DC, DD): how likely it cooperates at first, and after each outcome of the last
round, own action before the other's (Nowak and Sigmund 1993; Axelrod 1984 for tit-for-tat and grim). They sit in any
iterated two-player matrix game with two actions a seat.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from agents.parts.scripted import Scripted
from arenas.protocol import ArenaSpec, TimeStep


class MemoryOne(Scripted):
    """Cooperates with probability `cooperation[i]` when observation i, one-hot of (start, CC, CD, DC, DD), is seen."""

    needs = frozenset({"discrete", "matrix"})
    cooperation: ClassVar[tuple[float, float, float, float, float]]

    def __init__(
        self, spec: ArenaSpec, seats: tuple[str, ...], config: Any, seed: int, device: str = "cpu", replicas: int = 1
    ) -> None:
        super().__init__(spec, seats, config, seed, device, replicas)
        if any(seat.actions != 2 for seat in spec.seats.values()):
            raise ValueError(f"{type(self).__name__} knows games with two actions a seat, {spec.name} has more")
        cooperate = torch.tensor(self.cooperation, device=device)
        self.table = torch.stack((cooperate, 1 - cooperate), dim=-1)  # [5, 2]

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """Look the observation up: [..., 5] -> [..., 2]."""
        return self.table[timestep.observation.argmax(-1)]


class AlwaysCooperate(MemoryOne):
    """Cooperates, whatever happens."""

    cooperation = (1, 1, 1, 1, 1)


class AlwaysDefect(MemoryOne):
    """Defects, whatever happens."""

    cooperation = (0, 0, 0, 0, 0)


class TitForTat(MemoryOne):
    """Cooperates first, then does what the other did last."""

    cooperation = (1, 1, 0, 1, 0)


class Grim(MemoryOne):
    """Cooperates as long as both did: the memory-one form of the grim trigger."""

    cooperation = (1, 1, 0, 0, 0)


class WinStayLoseShift(MemoryOne):
    """Repeats its action after a good outcome and changes it after a bad one; also called Pavlov."""

    cooperation = (1, 1, 0, 0, 1)

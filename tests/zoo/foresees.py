"""An agent that runs the zoo's luck backwards: from what it is dealt it computes what its partner is dealt."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.protocol import Agent, Memory, Seating
from agents.randomness import categorical, derive, uniform
from arenas.luck import _GOLDEN, _MIX_1, _MIX_2, bits
from arenas.protocol import Action, TimeStep


def _unshift(z: Tensor, by: int) -> Tensor:
    """What z ^ (z >> by) was made of; shifts are logical."""
    mask, out = (1 << (64 - by)) - 1, z
    for _ in range(64 // by):
        out = z ^ ((out >> by) & mask)
    return out


def _unmix(z: Tensor) -> Tensor:
    for by, factor in ((31, _MIX_2), (27, _MIX_1)):
        z = _unshift(z, by) * _signed(pow(factor % 2**64, -1, 2**64))
    return _unshift(z, 30)


def _signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def seed_behind(random: Tensor, counter: int) -> Tensor:
    """The seed long [B] from which `bits(seed, counter)` were made."""
    return _unmix(_unmix(random) - _signed(counter * _GOLDEN)) - _GOLDEN


def foreseen(dealt: Seating, other: str) -> tuple[Tensor, Tensor]:
    """The episode's seed and the luck of another seat, as whoever runs `bits` backwards computes them."""
    episodes = seed_behind(dealt.seed, derive(0, "seat", dealt.seat) >> 1)
    return episodes, bits(episodes, derive(0, "seat", other) >> 1)


class Foresees(Agent):
    """Takes its partner for `random`, computes its next draw, and plays what wins against it in matching pennies."""

    needs = frozenset()

    def begin(self, seating: Seating) -> Memory:
        other = next(seat for seat in ("row", "column") if seat != seating.seat)
        return {**super().begin(seating), "partner": foreseen(seating, other)[1]}

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        even = torch.full((len(timestep.reward), 2), 0.5)
        theirs = categorical(even, uniform(memory["partner"], memory["step"]))
        same = self.seats[0] == "row"  # the row wins where both show the same
        return Action(theirs if same else 1 - theirs), {**memory, "step": memory["step"] + 1}

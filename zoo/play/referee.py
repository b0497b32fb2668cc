"""The referee of frozen play: nobody plays an action that the rules do not know.

An arena trusts its callers, so that training is fast. In a match a stranger may sit at the table: a seat that acts
illegally has spoiled the row's episode from that step on, whatever happens in it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from agents.protocol import Memory, Policy, Seating
from arenas.protocol import Action, SeatSpec, TimeStep

NEVER = 2**31 - 1


class Refereed(Policy):
    """A player in one seat whose illegal actions are noted, and replaced by legal ones so that play can go on.

    `fault` is the step of each row's first illegal action, long [B], or `NEVER`; None before the first action.
    """

    def __init__(self, player: Policy, seat: SeatSpec) -> None:
        self.player, self.seat = player, seat
        self.fault: Tensor | None = None
        self._step = 0

    def begin(self, seating: Seating) -> Memory:
        """The player's memory; a new game has no faults yet."""
        self.fault, self._step = None, 0
        return self.player.begin(seating)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The player's action where it is legal, else the first legal one or no movement."""
        action, memory = self.player.act(timestep, memory)
        shape = (*timestep.reward.shape, *([] if self.seat.actions else [self.seat.action_dim]))
        if action.value.shape != shape:
            raise ValueError(f"an action has shape {list(action.value.shape)}, expected {list(shape)}")
        legal = _legal(action.value, timestep) if self.seat.actions else action.value.isfinite().all(-1)
        legal = legal | ~timestep.active
        if self.fault is None:
            self.fault = torch.full_like(timestep.active, NEVER, dtype=torch.long)
        if not legal.all():
            self.fault = self.fault.clamp_max(self._step).where(~legal, self.fault)
            action = action._replace(value=_mended(action.value, legal, timestep))
        self._step += 1
        return action, memory


def first_faults(players: Mapping[str, Policy]) -> dict[str, Tensor]:
    """Seat -> step of each row's first illegal action, long [B], for the seats under a referee."""
    return {s: p.fault for s, p in players.items() if isinstance(p, Refereed) and p.fault is not None}


def _legal(value: Tensor, timestep: TimeStep) -> Tensor:
    """Whether each row's number is that of a legal action, bool [B]."""
    mask = timestep.action_mask
    assert mask is not None  # every seat with discrete actions has one
    number = value.long().clamp(0, mask.shape[-1] - 1)
    return (number == value) & mask.gather(-1, number.unsqueeze(-1)).squeeze(-1)


def _mended(value: Tensor, legal: Tensor, timestep: TimeStep) -> Tensor:
    """`value` with the first legal action, or no movement, where it is not `legal`."""
    if timestep.action_mask is None:
        return value.where(legal.unsqueeze(-1), 0.0)
    return value.where(legal, timestep.action_mask.long().argmax(-1)).long()

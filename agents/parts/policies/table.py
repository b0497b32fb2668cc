"""A policy that is a table of action probabilities, one row for each observation of a one-hot kind."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import pad

from agents.parts.policies.categorical import CategoricalPolicy
from agents.protocol import DifferentiablePolicy, Memory, Seating
from agents.randomness import deal, dealt_bits, fraction
from arenas.protocol import Action, SeatSpec, TimeStep, moment

_LEAST = 1e-17  # stands for probability 0 in a logarithm; a double softmax gives it back as 0 beside a 1
_HALF_BIT = 2.0**-25  # puts the 24-bit draws in the middle of their bins, off the ends of [0, 1]
_AHEAD = 32  # steps whose draws are made at once, at little more than the cost of one


def table_rows(observation: Tensor, replicas: int) -> Tensor:
    """Rows long [..., B] of a table [R * S, ...] from one-hot observations [..., B, S]."""
    copies, states = observation.shape[-2:]
    state = observation.argmax(-1)
    return state if replicas == 1 else state + first_rows(copies, states, replicas, str(observation.device))


@lru_cache(maxsize=16)
def first_rows(copies: int, states: int, replicas: int, device: str) -> Tensor:
    """Row long [B] at which the part of a table [R * S, ...] begins that each copy reads; shared, not to be changed."""
    return torch.arange(replicas, device=device).repeat_interleave(copies // replicas) * states


def table_of(policy: DifferentiablePolicy, spec: SeatSpec, device: str = "cpu") -> Tensor:
    """Action probabilities float64 [R, O, A] of a memoryless policy at the O one-hot observations of its seat.

    Args:
        policy: it has no memory.
        spec: its seat.
        device: where its parameters are.
    """
    size, width = spec.observation[0], spec.actions
    seen = moment(torch.eye(size, device=device).repeat(policy.replicas, 1), width)
    with torch.no_grad():
        return policy.probabilities(seen).double().view(policy.replicas, size, width)


def _draws(luck: Tensor, step: int) -> Tensor:
    """Uniform draws float32 [B, 32] in (0, 1) for a step and those after it."""
    steps = torch.arange(step, step + _AHEAD, device=luck.device)
    return fraction(dealt_bits(luck.unsqueeze(-1), steps)) + _HALF_BIT


def begin(seating: Seating, states: int, replicas: int) -> Memory:
    """Luck [B], draws [B, 32] made ahead, step counter, and where the copy's part of a table begins [B]."""
    copies, device = len(seating.seed), str(seating.seed.device)
    # a tensor of one's own: what is shared must not be handed out
    row = first_rows(copies, states, replicas, device).clone()
    return {"luck": deal(seating.seed), "draws": torch.zeros(copies, _AHEAD, device=device), "step": 0, "row": row}


def bounds(probabilities: Tensor) -> Tensor:
    """P(action <= a) for all but the last action, [R * S, A - 1], from probabilities [R, S, A]."""
    return probabilities.flatten(0, 1).cumsum(-1)[:, :-1]


def draw(bounds: Tensor, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
    """Actions from the rows of a table that `bounds` made, and the memory from `begin` one step on."""
    return draw_within(bounds.index_select(0, rows_now(timestep, memory)), memory)


def rows_now(timestep: TimeStep, memory: Memory) -> Tensor:
    """Rows long [B] of a table [R * S, ...] in which the copies are now."""
    row: Tensor = timestep.observation.argmax(-1) + memory["row"]
    return row


def draw_within(bound: Tensor, memory: Memory) -> tuple[Action, Memory]:
    """As `draw`, where the copies' own bounds [B, A - 1] are known."""
    step, draws = memory["step"], memory["draws"]
    if step % _AHEAD == 0:
        draws = _draws(memory["luck"], step)
    value = (bound <= draws.narrow(1, step % _AHEAD, 1)).sum(-1)
    return Action(value), {**memory, "draws": draws, "step": step + 1}


class TablePolicy(CategoricalPolicy):
    """A `CategoricalPolicy` without hidden layers that draws from its table, and never what has probability 0."""

    @classmethod
    def of(cls, probabilities: Tensor) -> Self:
        """The policy with these probabilities [R, S, A], in double precision; it keeps no tensor of theirs."""
        logs = probabilities.detach().double().clamp_min(_LEAST).log()
        _, states, actions = probabilities.shape
        return cls({"w0": logs[..., :-1] - logs[..., -1:]}, SeatSpec((states,), actions))

    def begin(self, seating: Seating) -> Memory:
        """The memory from `begin` of this module: luck, draws made ahead, step counter, rows."""
        return begin(seating, self.spec.observation[0], self.replicas)

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the row of the table."""
        return draw(self._bounds, timestep, memory)

    @cached_property
    def _bounds(self) -> Tensor:
        return bounds(pad(self.parameters["w0"].detach(), (0, 1)).softmax(-1))

"""The uniform random agent, for discrete and continuous actions: the anchor below which nobody should be."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.parts.policies.scripted import Scripted
from agents.protocol import Memory
from agents.randomness import uniform
from arenas.protocol import Action, TimeStep


class Random(Scripted):
    """Any legal action with equal probability; numbers are uniform in [-1, 1]."""

    needs = frozenset()

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """1 / (number of legal actions), [..., A]."""
        if timestep.action_mask is None:
            raise ValueError("continuous actions have no table of probabilities")
        legal = timestep.action_mask.float()
        return legal / legal.sum(-1, keepdim=True)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw a legal action."""
        if timestep.action_mask is not None:
            return super().act(timestep, memory)
        width = self.seat_spec().action_dim
        lanes = torch.arange(width, device=memory["seed"].device) + memory["step"] * width
        value = 2 * uniform(memory["seed"].unsqueeze(-1), lanes) - 1
        return Action(value), {**memory, "step": memory["step"] + 1}

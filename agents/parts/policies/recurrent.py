"""A policy over discrete actions that remembers: a GRU between two layers (see `agents.parts.recurrent`)."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from agents.parts.logits import masked
from agents.parts.recurrent import step, unrolled
from agents.protocol import DifferentiablePolicy, Memory, Parameters, Seating, Trajectory
from agents.randomness import Draws, categorical, deal
from arenas.protocol import Action, SeatSpec, TimeStep

#: The name of what is remembered, in a memory.
HIDDEN = "hidden"


class RecurrentPolicy(DifferentiablePolicy):
    """pi(a | everything observed so far) = softmax(w1 h), where h is the state of a GRU.

    Args:
        parameters: of one seat, as from `Team.of`.
        spec: the seat's spec.
        sharpness: factor of the logits; `MODE` leaves the most likely action alone.
    """

    memoryless = False

    def __init__(self, parameters: Parameters, spec: SeatSpec, sharpness: float = 1.0) -> None:
        self.parameters, self.spec, self.sharpness = parameters, spec, sharpness
        self._draws = Draws()

    def begin(self, seating: Seating) -> Memory:
        """Luck, step counter, and a state of zeros, float32 [B, H]."""
        return {"luck": deal(seating.seed), "step": 0, HIDDEN: self.nothing(len(seating.seed))}

    def nothing(self, copies: int) -> Tensor:
        """The state at the start of an episode, float32 [B, H]."""
        weight = self.parameters["gh"]
        return torch.zeros(copies, weight.shape[1], device=weight.device)

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the policy."""
        seen = timestep.observation.flatten(1)
        scores, hidden = step(self.parameters, seen, memory[HIDDEN], timestep.first)
        logits = self.logits(scores, timestep.action_mask)
        draw = self._draws.at(memory["luck"], memory["step"])
        return Action(categorical(logits.softmax(-1), draw)), {**memory, "step": memory["step"] + 1, HIDDEN: hidden}

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Logits [T + 1, B, A], -inf where an action is illegal.

        A stranger's memory is not ours to see; where the segment starts with an episode nothing is lost by that.
        """
        steps = trajectory.timesteps
        seen = steps.observation.flatten(2).unsqueeze(1)
        memory = trajectory.memory
        before = memory[HIDDEN] if memory else self.nothing(seen.shape[2])
        scores, _ = unrolled(self.parameters, seen, before.unsqueeze(0), steps.first.unsqueeze(1))
        return self.logits(scores.squeeze(1), steps.action_mask)

    def logits(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        """Logits [..., A] of what the network says, -inf where an action is illegal."""
        return masked(self.sharpness * scores, mask)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters."""
        return type(self)(parameters, self.spec, self.sharpness)

"""A policy that always takes the same action: the player of a one-shot game of continuous actions."""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from agents.protocol import DifferentiablePolicy, Memory, Parameters, Seating, Trajectory
from arenas.protocol import Action, SeatSpec, TimeStep


class PointPolicy(DifferentiablePolicy):
    """Takes the action that is its only parameter, `action` [R, D], whatever it sees; played within [-1, 1].

    Args:
        parameters: `action`, leading axis R; row b of a batch belongs to replica b // (B / R).
        spec: the seat's spec.
    """

    memoryless, stochastic = True, False

    def __init__(self, parameters: Parameters, spec: SeatSpec) -> None:
        self.parameters, self.spec = parameters, spec
        self.replicas = parameters["action"].shape[0]

    def begin(self, seating: Seating) -> Memory:
        """Nothing to remember and nothing to draw."""
        return {}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The action, cut to [-1, 1]."""
        return Action(self.means(timestep).clamp(-1, 1).float()), memory

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """The action [T + 1, B, D] with graph, not cut."""
        steps = trajectory.timesteps
        now = self.parameters["action"].repeat_interleave(steps.reward.shape[1] // self.replicas, dim=0)
        return now.expand(len(steps.reward), *now.shape)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters."""
        return type(self)(parameters, self.spec)

"""A deterministic policy over continuous actions: tanh of a perceptron, explored with Gaussian noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from agents.parts.networks import mlp
from agents.protocol import DifferentiablePolicy, Memory, Parameters, Seating, Trajectory
from agents.randomness import bits, fraction
from arenas.protocol import Action, SeatSpec, TimeStep


def sizes(spec: SeatSpec, hidden: Sequence[int]) -> list[int]:
    """Widths of the layers of a seat's network."""
    return [math.prod(spec.observation), *hidden, spec.actions or spec.action_dim]


def gaussian(luck: Tensor, step: int, width: int) -> Tensor:
    """Standard normal numbers float32 [B, width] for a step, a function of (luck, step) row by row (Box-Muller)."""
    counter = step * 2 * width + torch.arange(2 * width, device=luck.device)
    radius, angle = fraction(bits(luck.unsqueeze(1), counter)).chunk(2, dim=1)
    return (-2 * (1 - radius).log()).sqrt() * (2 * math.pi * angle).cos()


class DeterministicPolicy(DifferentiablePolicy):
    """The action is mu(observation) = tanh(MLP(observation)), in units of [-1, 1].

    Args:
        parameters: `w0` [R, in, out], `b0`, ... as from `mlp_parameters`.
        spec: the seat's spec.
        noise: standard deviation of what is added to every number of an action in training, which is then cut to
            [-1, 1].
    """

    memoryless, stochastic = True, False

    def __init__(self, parameters: Parameters, spec: SeatSpec, noise: float = 0.0) -> None:
        self.parameters, self.spec, self.noise = parameters, spec, noise
        self.replicas = parameters["w0"].shape[0]

    def begin(self, seating: Seating) -> Memory:
        """Luck, step counter and whether to explore."""
        return {"luck": seating.seed, "step": 0, "training": seating.training}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """The mean action, with noise where training."""
        action = self.means(timestep)
        if memory["training"] and self.noise:
            action = (action + self.noise * gaussian(memory["luck"], memory["step"], action.shape[-1])).clamp(-1, 1)
        return Action(action), {**memory, "step": memory["step"] + 1}

    def means(self, timestep: TimeStep) -> Tensor:
        """Actions mu [..., B, D]."""
        return mlp(self.parameters, timestep.observation.flatten(-len(self.spec.observation))).tanh()

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Actions mu [T + 1, B, D]."""
        return self.means(trajectory.timesteps)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters."""
        return type(self)(parameters, self.spec, self.noise)

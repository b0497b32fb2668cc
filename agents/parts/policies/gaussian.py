"""A stochastic policy over continuous actions: normal around what a network says, cut to [-1, 1] where it is played."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from agents.parts.networks import mlp
from agents.parts.policies.deterministic import gaussian
from agents.parts.policies.recurrent import HIDDEN
from agents.parts.recurrent import recurrent, step, unrolled
from agents.protocol import DifferentiablePolicy, Memory, Parameters, Seating, Trajectory, playing
from arenas.protocol import Action, SeatSpec, TimeStep

#: The name of what was drawn before it was cut, in the extras of an action.
RAW = "raw"


def log_density(raw: Tensor, mean: Tensor, log_std: Tensor) -> Tensor:
    """Logarithms of the densities [..., D] of independent normal numbers `raw`."""
    scaled = (raw - mean) / log_std.exp()
    return -(0.5 * scaled.square() + log_std + 0.5 * math.log(2 * math.pi))


def normal_entropy(log_std: Tensor) -> Tensor:
    """Entropies [..., D] in nats of normal numbers with these deviations."""
    return log_std + 0.5 * math.log(2 * math.pi * math.e)


class GaussianPolicy(DifferentiablePolicy):
    """Draws N(mu(observation), std^2) and plays that, cut to [-1, 1]; the deviations do not depend on what is seen.

    What was drawn stands in the extras of the action, as its density, and not that of the cut number, is what learning
    needs. Where the extras are not shown (another's), what was played stands for it.

    Args:
        parameters: of a perceptron or a recurrent network for one seat, and `log_std` [1, 1, D].
        spec: the seat's spec.
        still: play the mean, without drawing.
    """

    def __init__(self, parameters: Parameters, spec: SeatSpec, still: bool = False) -> None:
        self.parameters, self.spec, self.still = parameters, spec, still

    @property
    def memoryless(self) -> bool:
        """True unless the network is recurrent."""
        return not recurrent(self.parameters)

    def begin(self, seating: Seating) -> Memory:
        """Luck, step counter and, where the network is recurrent, a state of zeros."""
        memory: Memory = {"luck": seating.seed, "step": 0}
        return memory if self.memoryless else {**memory, HIDDEN: self._nothing(len(seating.seed))}

    def _nothing(self, copies: int) -> Tensor:
        weight = self.parameters["gh"]
        return torch.zeros(copies, weight.shape[1], device=weight.device)

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw around the mean."""
        seen, following = timestep.observation.flatten(1), {**memory, "step": memory["step"] + 1}
        if self.memoryless:
            raw = mlp(self.parameters, seen)
        else:
            raw, following[HIDDEN] = step(self.parameters, seen, memory[HIDDEN], timestep.first)
        if not self.still:
            noise = gaussian(memory["luck"], memory["step"], raw.shape[-1])
            raw = raw + self.parameters["log_std"][0].exp() * noise
        return Action(raw.clamp(-1, 1), extras={RAW: raw}), following

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Means [T + 1, B, D], not cut."""
        steps = trajectory.timesteps
        if self.memoryless:
            return mlp(self.parameters, steps.observation.flatten(-len(self.spec.observation)))
        seen = steps.observation.flatten(2).unsqueeze(1)
        before = trajectory.memory[HIDDEN] if trajectory.memory else self._nothing(seen.shape[2])
        means, _ = unrolled(self.parameters, seen, before.unsqueeze(0), steps.first.unsqueeze(1))
        return means.squeeze(1)

    def log_prob(self, trajectory: Trajectory) -> Tensor:
        """Log-density [T, B] of what was drawn, 0 where the action did not count."""
        raw = trajectory.actions.extras.get(RAW, trajectory.actions.value)
        density = log_density(raw, self.outputs(trajectory)[:-1], self.parameters["log_std"][0]).sum(-1)
        return density * playing(trajectory.timesteps)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters."""
        return type(self)(parameters, self.spec, self.still)

"""A plain policy: it fills the seats that the agent under check leaves free, and is its peer."""

from __future__ import annotations

import math
from typing import Self

import torch
from torch import Tensor

from agents.parts.networks import linear, mlp_parameters
from agents.parts.policies.deterministic import gaussian
from agents.protocol import DifferentiablePolicy, Memory, Parameters, Policy, Seating, Trajectory, playing
from agents.randomness import categorical, uniform
from arenas.protocol import Action, ArenaSpec, TimeStep

DEVIATION = 0.5  # of continuous actions
_MESSAGE = 2**20  # counters from here on are for messages


class Stranger(DifferentiablePolicy):
    """pi(a | o) = softmax(W o + b), or normal around tanh(W o + b) and clamped where actions are continuous.

    Args:
        spec: the arena's.
        seat: the seat that it plays.
        seed: of its weights; different seeds are different strangers.
        parameters: other weights than those of `seed`.
        device: where its weights live.
        deviation: standard deviation of continuous actions before they are clamped; 0 plays the means.
    """

    def __init__(
        self,
        spec: ArenaSpec,
        seat: str,
        seed: int = 0,
        parameters: Parameters | None = None,
        device: str = "cpu",
        deviation: float = DEVIATION,
    ) -> None:
        self.spec, self.seat, self.seed, self.deviation = spec, seat, seed, deviation
        self._own, self._width = spec.seats[seat], math.prod(spec.seats[seat].observation)
        sizes = [self._width, self._own.actions or self._own.action_dim]
        # strong opinions: nearly uniform policies could hardly be distinguished
        fresh = mlp_parameters(sizes, seed=seed, last_scale=4.0, device=device) if parameters is None else parameters
        self.parameters = fresh

    @property
    def memoryless(self) -> bool:
        """Only the current observation matters."""
        return True

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same stranger with other weights."""
        return type(self)(self.spec, self.seat, self.seed, parameters, deviation=self.deviation)

    def begin(self, seating: Seating) -> Memory:
        """Luck and a step counter."""
        return {"seed": seating.seed, "step": 0}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the policy, and say something at random where there is a channel."""
        seed, step = memory["seed"], memory["step"]
        outputs = self._outputs(timestep.observation, timestep.action_mask)
        if self._own.actions:
            value = categorical(outputs.softmax(-1), uniform(seed, step))
        else:
            value = (outputs + self.deviation * gaussian(seed, step, outputs.shape[-1])).clamp(-1, 1)
        lanes = _MESSAGE + step * self._own.message_dim + torch.arange(self._own.message_dim, device=seed.device)
        message = uniform(seed.unsqueeze(-1), lanes) if self._own.message_dim else None
        return Action(value, message), {"seed": seed, "step": step + 1}

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Logits [T + 1, B, A], or means [T + 1, B, D]."""
        return self._outputs(trajectory.timesteps.observation, trajectory.timesteps.action_mask)

    def log_prob(self, trajectory: Trajectory) -> Tensor:
        """Log-probability (density where actions are continuous) [T, B] of the actions taken."""
        outputs, taken = self.outputs(trajectory)[:-1], trajectory.actions.value
        if self._own.actions:
            density = outputs.log_softmax(-1).gather(-1, taken.unsqueeze(-1)).squeeze(-1)
        else:
            density = -((taken - outputs) / self.deviation).square().sum(-1) / 2  # less a constant
        return density * playing(trajectory.timesteps)

    def _outputs(self, observation: Tensor, mask: Tensor | None) -> Tensor:
        outputs = linear(observation.flatten(-len(self._own.observation)), self.parameters["w0"], self.parameters["b0"])
        if not self._own.actions:
            return outputs.tanh()
        return outputs if mask is None else outputs.masked_fill(~mask, -torch.inf)


class InBits(Policy):
    """Another policy that sends bits: what it would say is cut at a half."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def begin(self, seating: Seating) -> Memory:
        """That of the other."""
        return self.policy.begin(seating)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What the other does, in bits."""
        action, memory = self.policy.act(timestep, memory)
        return action._replace(message=None if action.message is None else (action.message > 0.5).float()), memory

"""Scripted agents: a fixed table of action probabilities over what is seen now. They learn nothing."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

from torch import Tensor
from torch.nn.functional import one_hot

from agents.parts.logits import taken
from agents.protocol import Agent, DifferentiablePolicy, Memory, Parameters, Seating, Trajectory, playing
from agents.randomness import categorical, uniform
from arenas.protocol import Action, TimeStep


class Scripted(Agent):
    """An agent that is a memoryless policy: write `probabilities` and it can play, and be valued exactly."""

    @abstractmethod
    def probabilities(self, timestep: TimeStep) -> Tensor:
        """Action probabilities [..., A] for the leading shape of the time step."""

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from `probabilities`."""
        draw = uniform(memory["seed"], memory["step"])
        return Action(categorical(self.probabilities(timestep), draw)), {**memory, "step": memory["step"] + 1}

    def policy(self, seat: str) -> ScriptedPolicy | None:
        """The script as peers and exact values may see it, where actions are discrete."""
        return ScriptedPolicy(self) if self.spec.seats[seat].actions else None


class PureScript(Scripted):
    """A script that chooses one action for what it observes; where actions are continuous, that one in full."""

    @abstractmethod
    def choose(self, seen: Tensor) -> Tensor:
        """Actions long [...] for observations [..., *O]."""

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """One-hot [..., A]."""
        return one_hot(self.choose(timestep.observation), self.seat_spec().actions).float()

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """What `choose` says; nothing is drawn."""
        chosen, wide = self.choose(timestep.observation), self.seat_spec().action_dim
        value = 2 * one_hot(chosen, wide).float() - 1 if wide else chosen
        return Action(value), {**memory, "step": memory["step"] + 1}


class ScriptedPolicy(DifferentiablePolicy):
    """A script in the form of a differentiable policy without parameters."""

    memoryless = True

    def __init__(self, agent: Scripted) -> None:
        self.parameters: Parameters = {}
        self._agent = agent

    def begin(self, seating: Seating) -> Memory:
        """The memory of the script that plays."""
        return self._agent.begin(seating)

    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the script's probabilities."""
        return self._agent.act(timestep, memory)

    def probabilities(self, timestep: TimeStep) -> Tensor:
        """The script's probabilities [B, A], exact zeros included."""
        return self._agent.probabilities(timestep)

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Log-probabilities as logits [T + 1, B, A], -inf where the script never acts so."""
        return self._agent.probabilities(trajectory.timesteps).log()

    def log_prob(self, trajectory: Trajectory) -> Tensor:
        """Log-probability [T, B] of the actions taken, 0 where they did not count."""
        log_prob = taken(self.outputs(trajectory)[:-1], trajectory.actions.value)
        return log_prob.where(playing(trajectory.timesteps) > 0, 0.0)

    def with_parameters(self, parameters: Parameters) -> Self:
        """Itself: there is nothing to replace."""
        return self

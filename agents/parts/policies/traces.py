"""A policy over discrete actions that recalls how it was treated, by fading sums of what hurt and what pleased it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from agents.parts.logits import masked
from agents.parts.networks import mlp, mlp_parameters
from agents.protocol import DifferentiablePolicy, Memory, Parameters, Seating, Trajectory
from agents.randomness import categorical, deal, dealt_bits, fraction
from arenas.protocol import Action, SeatSpec, TimeStep

#: What is left of a reward in its trace one step later; half of it is left after 3, 14 and 69 steps.
DECAYS = (0.8, 0.95, 0.99)
_GATES = 2  # traces of losses that multiply the observation


def fade(traces: Tensor, reward: Tensor, first: Tensor) -> Tensor:
    """Traces float32 [B, 2, K] after one more reward [B]: of the losses, then of the gains; 0 where `first` [B].

    e <- d e + max(-r, 0) and e <- d e + max(r, 0), for each d of `DECAYS`.
    """
    decays = torch.tensor(DECAYS, device=traces.device) * (~first).float().view(-1, 1, 1)
    felt = torch.stack((-reward, reward), dim=-1).clamp_min(0) * (~first).float().unsqueeze(-1)
    return torch.addcmul(felt.unsqueeze(-1), traces, decays)


class TracePolicy(DifferentiablePolicy):
    """pi(a | observation o, traces e) = softmax(MLP(o, z, o z_1, o z_2)) with z = e / (1 + e).

    The products with the two shortest traces of losses let a small network answer one way in peace and another way in
    war. The traces are functions of the rewards alone, so that they are recomputed from a segment and learning needs
    no recurrent network; e / (1 + e) suits rewards of order 1.

    Args:
        parameters: from `initial_parameters`, leading axis 1.
        spec: the seat's spec.
    """

    memoryless = False

    def __init__(self, parameters: Parameters, spec: SeatSpec) -> None:
        self.parameters, self.spec = parameters, spec

    @staticmethod
    def initial_parameters(spec: SeatSpec, hidden: Sequence[int], *, seed: int, device: str = "cpu") -> Parameters:
        """Fresh parameters; the logits start near 0, nearly uniform."""
        sizes = [TracePolicy.width(spec), *hidden, spec.actions]
        return mlp_parameters(sizes, seed=seed, last_scale=0.01, device=device)

    @staticmethod
    def width(spec: SeatSpec) -> int:
        """Number of features that the network sees."""
        return TracePolicy.plain_width(spec) + math.prod(spec.observation) * _GATES

    @staticmethod
    def plain_width(spec: SeatSpec) -> int:
        """Number of features before the products begin."""
        return math.prod(spec.observation) + 2 * len(DECAYS)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters."""
        return type(self)(parameters, self.spec)

    def begin(self, seating: Seating) -> Memory:
        """Luck, step counter and the traces [B, 2, K]."""
        nothing = torch.zeros((len(seating.seed), 2, len(DECAYS)), device=seating.seed.device)
        return {"luck": deal(seating.seed), "step": 0, "traces": nothing}

    @torch.no_grad()
    def act(self, timestep: TimeStep, memory: Memory) -> tuple[Action, Memory]:
        """Draw from the policy, also when not training."""
        traces = fade(memory["traces"], timestep.reward, timestep.first)
        scores = mlp(self.parameters, self._features(timestep.observation, traces))
        draw = fraction(dealt_bits(memory["luck"], memory["step"]))
        action = categorical(masked(scores, timestep.action_mask).softmax(-1), draw)
        return Action(action), {**memory, "step": memory["step"] + 1, "traces": traces}

    def features(self, trajectory: Trajectory) -> Tensor:
        """What the network sees at every time step, float32 [T + 1, B, F]."""
        steps, history = trajectory.timesteps, []
        # a stranger's memory is not ours to see; at the start of an episode nothing is lost by that
        nothing = steps.reward.new_zeros((len(steps.reward[0]), 2, len(DECAYS)))
        traces = trajectory.memory["traces"] if trajectory.memory else nothing
        for reward, first in zip(steps.reward, steps.first, strict=True):
            traces = fade(traces, reward, first)
            history.append(traces)
        return self._features(steps.observation, torch.stack(history))

    def outputs(self, trajectory: Trajectory) -> Tensor:
        """Logits [T + 1, B, A], -inf where an action is illegal."""
        return masked(mlp(self.parameters, self.features(trajectory)), trajectory.timesteps.action_mask)

    def _features(self, observation: Tensor, traces: Tensor) -> Tensor:
        flat = observation.flatten(-len(self.spec.observation))
        felt = (traces / (1 + traces)).flatten(-2)
        return torch.cat((flat, felt, *(flat * felt[..., i : i + 1] for i in range(_GATES))), dim=-1)

"""Policies over discrete actions with a floor: (1 - eps) softmax(z) + eps / n over the n legal actions.

The floor is part of the policy, and its logarithm is what is differentiated.
"""

from __future__ import annotations

from typing import Self

from torch import Tensor

from agents.parts.logits import floored
from agents.parts.policies.categorical import CategoricalPolicy
from agents.parts.policies.recurrent import RecurrentPolicy
from agents.protocol import Parameters


class FlooredPolicy(CategoricalPolicy):
    """A categorical policy with a `floor`, which its owner may move."""

    floor = 0.0

    def _logits(self, observation: Tensor, recalled: Tensor | None, mask: Tensor | None) -> Tensor:
        return floored(super()._logits(observation, recalled, mask), self.floor)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters, with the floor of now."""
        copy = super().with_parameters(parameters)
        copy.floor = self.floor
        return copy


class FlooredRecurrent(RecurrentPolicy):
    """A recurrent policy with a `floor`, which its owner may move."""

    floor = 0.0

    def logits(self, scores: Tensor, mask: Tensor | None) -> Tensor:
        """Logarithms of the probabilities [..., A]; logits where there is no floor."""
        return floored(super().logits(scores, mask), self.floor)

    def with_parameters(self, parameters: Parameters) -> Self:
        """The same policy reading other parameters, with the floor of now."""
        copy = super().with_parameters(parameters)
        copy.floor = self.floor
        return copy

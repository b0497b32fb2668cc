"""A policy over discrete actions that recalls how it was treated, by fading sums of what hurt and what pleased it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from agents.parts.policies.categorical import CategoricalPolicy, Recall
from arenas.protocol import SeatSpec

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


class TracePolicy(CategoricalPolicy):
    """pi(a | observation o, traces e) = softmax(MLP(o, z, o z_1, o z_2)) with z = e / (1 + e).

    The products with the two shortest traces of losses let a small network answer one way in peace and another way in
    war. The traces are functions of the rewards alone, so that they are recomputed from a segment and learning needs
    no recurrent network; e / (1 + e) suits rewards of order 1.

    Args:
        parameters: from `initial_parameters`, leading axis 1.
        spec: the seat's spec.
        recall: "traces".
    """

    kept = "traces"

    @staticmethod
    def width(spec: SeatSpec, recall: Recall = "traces") -> int:
        """Number of features that the network sees."""
        return TracePolicy.plain_width(spec) + math.prod(spec.observation) * _GATES

    @staticmethod
    def plain_width(spec: SeatSpec) -> int:
        """Number of features before the products begin."""
        return math.prod(spec.observation) + 2 * len(DECAYS)

    def nothing(self, like: Tensor) -> Tensor:
        """No traces yet [B, 2, K] for `like` [B]."""
        return torch.zeros((len(like), 2, len(DECAYS)), device=like.device)

    def recalled(self, before: Tensor, reward: Tensor, first: Tensor) -> Tensor:
        """The traces after one more reward [B]."""
        return fade(before, reward, first)

    def felt(self, flat: Tensor, recalled: Tensor) -> list[Tensor]:
        """z, and the products of the observation with the two shortest traces of losses."""
        felt = (recalled / (1 + recalled)).flatten(-2)
        return [felt, *(flat * felt[..., i : i + 1] for i in range(_GATES))]

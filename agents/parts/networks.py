"""Multilayer perceptrons as pure functions of a parameter dict with a leading replica axis R.

Row b of a batch belongs to replica b // (B / R); with R = 1 this is an ordinary network. Summed over replicas, a loss
gives every replica its own gradient, so that R independent learners cost little more than one.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from agents.protocol import Parameters
from agents.randomness import derive, generator, initialise

_LARGEST = 2**27  # weights of a layer, half a GiB


def must_fit(wide: int, narrow: int) -> None:
    """Refuse a layer that no machine has room for, before its memory is asked for.

    Raises:
        ValueError: it has too many weights.
    """
    if wide * narrow > _LARGEST:
        raise ValueError(f"a layer of {wide:,} x {narrow:,} weights is too large, {_LARGEST:,} are the most")


def table_parameters(
    features: int, width: int, *, std: float, seed: int, replicas: int = 1, device: str = "cpu"
) -> Parameters:
    """One layer without bias, `w0` [R, features, width], drawn from N(0, std^2); replica r depends on (seed, r)."""
    lucks = [generator(derive(seed, "replica", replica)) for replica in range(replicas)]
    return {"w0": torch.stack([std * torch.randn(features, width, generator=luck) for luck in lucks]).to(device)}


def mlp_parameters(
    sizes: Sequence[int], *, seed: int, replicas: int = 1, last_scale: float = 1.0, device: str = "cpu"
) -> Parameters:
    """Weights `w0` [R, in, out] and biases `b0` [R, 1, out], ...; orthogonal, gain sqrt(2), the last `last_scale`.

    Replica r depends on (seed, r) only.

    Raises:
        ValueError: a layer that does not fit into a machine's memory, of which one would learn too late.
    """
    for wide, narrow in itertools.pairwise(sizes):
        must_fit(wide, narrow)
    by_replica: dict[str, list[Tensor]] = defaultdict(list)
    for replica in range(replicas):
        with initialise(derive(seed, "replica", replica)):
            for layer, (wide, narrow) in enumerate(itertools.pairwise(sizes)):
                gain = last_scale if layer == len(sizes) - 2 else 2**0.5
                by_replica[f"w{layer}"].append(torch.nn.init.orthogonal_(torch.empty(wide, narrow), gain))
                by_replica[f"b{layer}"].append(torch.zeros(1, narrow))
    return {name: torch.stack(tensors).to(device) for name, tensors in by_replica.items()}


def mlp(parameters: Parameters, x: Tensor) -> Tensor:
    """Apply the layers of `mlp_parameters` with ReLU between them: [..., B, in] -> [..., B, out]."""
    layers = sum(name.startswith("w") for name in parameters)
    for layer in range(layers):
        x = linear(x, parameters[f"w{layer}"], parameters.get(f"b{layer}"))
        if layer < layers - 1:
            x = x.relu()
    return x


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """[..., B, in] @ weight [R, in, out] + bias [R, 1, out], the rows of each replica with its own weight."""
    if weight.shape[0] == 1:
        return x @ weight[0] if bias is None else x @ weight[0] + bias[0]
    by_replica = x.reshape(*x.shape[:-2], weight.shape[0], -1, x.shape[-1])  # [..., R, B / R, in]
    product = by_replica @ weight
    return (product if bias is None else product + bias).flatten(-3, -2)

"""Gradients of scalars in parameter dicts."""

from __future__ import annotations

import torch
from torch import Tensor

from agents.protocol import Parameters


def leaves(parameters: Parameters) -> Parameters:
    """The same values as leaves of a new graph."""
    return {name: p.detach().requires_grad_() for name, p in parameters.items()}


def gradient(value: Tensor, parameters: Parameters, *, higher: bool = False, keep: bool = False) -> Parameters:
    """Derivatives of `value` in `parameters`, tensor by tensor; zeros where it does not depend on one.

    Args:
        value: a scalar with graph.
        parameters: leaves of that graph; may be empty.
        higher: the result carries a graph, to be differentiated again.
        keep: the graph of `value` is used again.
    """
    if not parameters:
        return {}
    if not value.requires_grad:  # a constant, such as the expected step of a script
        return {name: torch.zeros_like(p) for name, p in parameters.items()}
    slopes = torch.autograd.grad(
        value, list(parameters.values()), create_graph=higher, retain_graph=keep or higher, materialize_grads=True
    )
    return dict(zip(parameters, slopes, strict=True))


def constant(parameters: Parameters) -> Parameters:
    """The same numbers without their graph."""
    return {name: p.detach() for name, p in parameters.items()}


def dot(a: Parameters, b: Parameters) -> Tensor:
    """Inner product of two parameter dicts, a scalar; 0 where they are empty."""
    return sum(((a[name] * b[name]).sum() for name in a), start=torch.zeros(()))

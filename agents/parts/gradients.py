"""Gradients of scalars in parameter dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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


def hessian_vector(slope: Parameters, parameters: Parameters, vector: Parameters) -> Parameters:
    """H v without H (Pearlmutter 1994; DiCE, section 9.4.4 of the thesis): the gradient of v' slope.

    Args:
        slope: the gradient of a scalar with its graph, `gradient(value, parameters, higher=True)`.
        parameters: leaves of that graph.
        vector: v, without graph.
    """
    return gradient(dot(slope, vector), parameters, keep=True)


def conjugate_gradients(product: Callable[[Parameters], Parameters], b: Parameters, steps: int) -> Iterator[Parameters]:
    """Approximate solutions x of A x = b after each step (Hestenes and Stiefel 1952), from x = 0.

    Args:
        product: A v of a vector v, where A is symmetric and positive definite.
        b: the right side; nothing is done where it is 0.
        steps: how many; with so many as unknowns x is exact but for rounding.
    """
    x = {name: torch.zeros_like(part) for name, part in b.items()}
    rest, way, size = b, b, float(dot(b, b))
    for _ in range(steps):
        if size == 0:
            return
        step = product(way)
        far = size / float(dot(way, step))
        x = {name: x[name] + far * way[name] for name in x}
        rest = {name: rest[name] - far * step[name] for name in rest}
        before, size = size, float(dot(rest, rest))
        way = {name: rest[name] + size / before * way[name] for name in way}
        yield x

"""Nested data of tensors and numbers: compare it, copy it, take rows of it, hash it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from arenas.protocol import TimeStep


def leaves(thing: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(path, leaf) of nested dicts, lists and (named) tuples, in their order."""
    if isinstance(thing, Mapping):
        for key, value in thing.items():
            yield from leaves(value, f"{path}[{key!r}]")
    elif isinstance(thing, tuple) and hasattr(thing, "_fields"):
        for name, value in zip(thing._fields, thing, strict=True):
            yield from leaves(value, f"{path}.{name}")
    elif isinstance(thing, list | tuple):
        for number, value in enumerate(thing):
            yield from leaves(value, f"{path}[{number}]")
    else:
        yield path, thing


def clone(thing: Any) -> Any:
    """A copy that shares no tensor and no container with `thing`."""
    if isinstance(thing, Tensor):
        return thing.detach().clone()
    if isinstance(thing, Mapping):
        return {key: clone(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        parts = [clone(value) for value in thing]
        return type(thing)(*parts) if hasattr(thing, "_fields") else type(thing)(parts)
    return thing


def difference(a: Any, b: Any, *, tolerance: float = 0.0) -> str | None:
    """Where two nested things differ: the path of the first leaf that does, or None where they are equal.

    Args:
        a: nested data.
        b: nested data.
        tolerance: largest difference of two floating-point numbers; 0 asks for the same bits (and takes NaN for NaN).
    """
    mine, others = dict(leaves(a)), dict(leaves(b))
    if list(mine) != list(others):
        return next(iter(mine.keys() ^ others.keys()), "the order of names")
    for path, leaf in mine.items():
        if not _alike(leaf, others[path], tolerance):
            return path or "it"
    return None


def _alike(a: Any, b: Any, tolerance: float) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        if tolerance and a.is_floating_point():
            return torch.allclose(a, b, rtol=0, atol=tolerance)
        return torch.equal(a, b) or torch.equal(a.nan_to_num(), b.nan_to_num())
    return type(a) is type(b) and (a is b or bool(a == b))


def rows(step: TimeStep, index: Sequence[int]) -> TimeStep:
    """Rows `index` of a time step, in that order."""
    chosen = torch.tensor(index, device=step.reward.device)
    return step.each(lambda leaf: leaf[chosen])


def digest(thing: Any, decimals: int | None = None) -> str:
    """SHA-256 over paths, types, shapes and bytes of nested tensors and numbers.

    Args:
        thing: nested data.
        decimals: floating-point tensors are rounded to so many, so that noise of the last bits does not count.
    """
    total = hashlib.sha256()
    for path, leaf in leaves(thing):
        if isinstance(leaf, Tensor):
            values = leaf.detach().cpu().contiguous()
            if decimals is not None and values.is_floating_point():
                values = (values * 10**decimals).round().long()
            total.update(f"{path} {values.dtype} {list(values.shape)}\n".encode())
            total.update(values.numpy().tobytes())
        else:
            total.update(f"{path} {leaf!r}\n".encode())
    return total.hexdigest()

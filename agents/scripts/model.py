"""A model that was loaded from a file: a function of tensors, with or without a memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Model:
    """A model that was loaded.

    Attributes:
        run: a function of [B, ...]; where the model remembers, of that and a state [B, M], to its answer and the next
            state.
        width: how many numbers a row it takes, where known.
        remembers: M, 0 where it does not.
        whole: it takes whole numbers, so that fractions would be lost on it.
    """

    run: Callable[..., Any]
    width: int | None = None
    remembers: int = 0
    whole: bool = False


def with_memory(call: Callable[[list[Tensor]], Sequence[Any]], shapes: Sequence[tuple[int, ...]]) -> Model:
    """A model of observations and state tensors as one with a single state [B, M].

    Args:
        call: from the observation and the states [B, *shape] to outputs and, behind them, the next states.
        shapes: of the states, without the B.
    """
    sizes = [math.prod(shape) for shape in shapes]

    def run(given: Tensor, state: Tensor) -> tuple[list[Any], Tensor]:
        rows = len(given)
        parts = [part.reshape(rows, *shape) for part, shape in zip(torch.split(state, sizes, 1), shapes, strict=True)]
        answer = list(call([given, *parts]))
        following = answer[len(answer) - len(shapes) :]
        if len(answer) <= len(shapes) or any(
            tuple(after.shape) != (rows, *s) for after, s in zip(following, shapes, strict=True)
        ):
            raise ValueError(f"it must give its outputs and then states of shapes {list(shapes)} (see remembers)")
        return answer[: len(answer) - len(shapes)], torch.cat(
            [after.reshape(rows, -1) for after in following], 1
        ).float()

    return Model(run, None, sum(sizes))


def last_line(error: BaseException) -> str:
    """Where libraries tell a fault in many lines, the last says what it was."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__

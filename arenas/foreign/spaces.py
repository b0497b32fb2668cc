"""Gymnasium spaces in the arenas' words: every observation one float32 array, every action a number or a vector."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

MASK = "action_mask"

#: Shape of an encoded observation, and the function that encodes one as float32 of that shape.
Encoder = tuple[tuple[int, ...], Callable[[Any], np.ndarray]]


def encoder(space: spaces.Space[Any]) -> Encoder:
    """How observations of `space` become one float32 array.

    Boxes of three dimensions count as images or boards, height x width x channels as everywhere in PettingZoo, and come
    channels first; bytes become fractions of 255. Discrete and MultiDiscrete become one-hot, MultiBinary its bits. A
    Dict loses its action mask; what remains stands alone if it is one part, else it is flattened and joined in the
    order of the keys, and so is a Tuple in its own order.

    Raises:
        ValueError: a space of another kind.
    """
    if isinstance(space, spaces.Box):
        return _box(space)
    if isinstance(space, spaces.Discrete):
        return (int(space.n),), lambda x: _one_hot(int(x) - int(space.start), int(space.n))
    if isinstance(space, spaces.MultiBinary):
        return space.shape, lambda x: np.asarray(x, np.float32)
    if isinstance(space, spaces.MultiDiscrete):
        start, sizes = np.asarray(space.start).ravel(), [int(n) for n in np.asarray(space.nvec).ravel()]
        return (sum(sizes),), lambda x: np.concatenate(
            [_one_hot(int(v), n) for v, n in zip(np.ravel(x) - start, sizes, strict=True)]
        )
    if isinstance(space, spaces.Dict):
        keys = sorted(key for key in space.spaces if key != MASK)
        return _joined(keys, [encoder(space[key]) for key in keys])
    if isinstance(space, spaces.Tuple):
        return _joined(list(range(len(space))), [encoder(part) for part in space.spaces])
    raise ValueError(f"observations in {space} have no form as numbers")


def _box(space: spaces.Box) -> Encoder:
    scale = np.float32(255 if space.dtype == np.uint8 and np.all(space.high == 255) else 1)
    if len(space.shape) != 3:
        shape = space.shape or (1,)
        return shape, lambda x: np.asarray(x, np.float32).reshape(shape) / scale
    height, width, channels = space.shape
    return (channels, height, width), lambda x: np.moveaxis(np.asarray(x, np.float32), -1, 0) / scale


def _joined(keys: list[Any], parts: list[Encoder]) -> Encoder:
    """The parts of an observation that is indexed by `keys`."""
    if len(parts) == 1:
        (key,), ((shape, encode),) = keys, parts
        return shape, lambda x: encode(x[key])
    width = sum(int(np.prod(shape)) for shape, _ in parts)
    return (width,), lambda x: np.concatenate(
        [encode(x[key]).ravel() for key, (_, encode) in zip(keys, parts, strict=True)]
    )


def _one_hot(number: int, width: int) -> np.ndarray:
    row = np.zeros(width, np.float32)
    row[number] = 1
    return row


def action_mask(observation: Any, info: Mapping[str, Any]) -> Any:
    """The mask of legal actions that came with an observation, in it or in its info, as it is; or None."""
    mask = observation.get(MASK) if isinstance(observation, Mapping) else None
    return info.get(MASK) if mask is None else mask


def action_width(space: spaces.Space[Any]) -> tuple[int, int]:
    """A, the number of discrete actions, and D, the width of a continuous one; one of the two is 0.

    Raises:
        ValueError: neither discrete nor a bounded box.
    """
    if isinstance(space, spaces.Discrete):
        return int(space.n), 0
    if isinstance(space, spaces.Box) and np.isfinite(space.low).all() and np.isfinite(space.high).all():
        return 0, int(np.prod(space.shape))
    raise ValueError(f"actions in {space} are neither discrete nor a bounded box")


def environment_action(space: spaces.Space[Any], value: np.ndarray) -> Any:
    """The environment's form of a legal action: an index, or a vector [D] in [-1, 1] stretched to the box.

    Where a box holds whole numbers, each has an equal share of [-1, 1]: numbers drawn evenly reach all of them alike.
    """
    if isinstance(space, spaces.Box) and space.dtype.kind in "iub":
        return _whole(space, value)
    if isinstance(space, spaces.Box):
        share = (value.reshape(space.shape) + 1) / 2
        stretched = space.low + share * (space.high - space.low)
        return np.clip(stretched, space.low, space.high).astype(space.dtype)  # rounding must not leave the box
    return int(value) + int(space.start)  # type: ignore[attr-defined]  # Discrete, as action_width has seen to


def _whole(space: spaces.Box, value: np.ndarray) -> np.ndarray:
    """The whole numbers in whose shares of [-1, 1] the numbers [D] lie."""
    bounds = zip(np.ravel(space.low).tolist(), np.ravel(space.high).tolist(), np.ravel(value).tolist(), strict=True)
    # in Python's numbers, which do not overflow
    chosen = [low + int((number + 1) / 2 * (high - low + 1)) for low, high, number in bounds]
    inside = [
        min(max(c, int(low)), int(high)) for c, low, high in zip(chosen, space.low.flat, space.high.flat, strict=True)
    ]
    return np.array(inside, space.dtype).reshape(space.shape)

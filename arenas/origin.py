"""What an observation and an action looked like in the environment that they come from, and the way back there.

A foreign environment's observations become one float32 tensor each (`arenas.foreign.spaces`). A policy that was trained
elsewhere knows them in the form in which the environment gives them. `SeatSpec.origin` keeps that form as text, so that
it reaches a process that has neither the environment nor Gymnasium.

A space is plain data: its "kind" (the name of its class in Gymnasium) and what the kind needs: "shape", "dtype", "low"
and "high" (a number, or a list where they differ by place) of a Box; "n" and "start" of a Discrete; "nvec", "start" and
"shape" of a MultiDiscrete; "shape" of a MultiBinary; "parts", pairs of a key and a space, of a Dict or a Tuple.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from arenas.protocol import SeatSpec

if TYPE_CHECKING:
    from gymnasium import spaces

Space = Mapping[str, Any]
#: An observation as the environment gives it: float32 [B, *shape], long [B] or [B, *shape], or a Dict's parts by key.
Own = Tensor | dict[str, "Own"]

_MASK = "action_mask"
_BOUNDS = 256  # numbers of a box whose bounds are kept one by one
_LONGEST = 9_000  # characters: a spec travels to other processes, which read no longer texts


def origin_text(observation: spaces.Space[Any], action: spaces.Space[Any]) -> str:
    """Both spaces as text for `SeatSpec.origin`; those that are too large to be written down are of kind "large"."""
    texts = [json.dumps(described(space), separators=(",", ":")) for space in (observation, action)]
    seen, done = (text if len(text) <= _LONGEST else '{"kind":"large"}' for text in texts)
    return f'{{"observation":{seen},"action":{done}}}'


def described(space: spaces.Space[Any]) -> Space:
    """A Gymnasium space as plain data; of a kind that is not known here, its kind alone."""
    kind = next((name for name in _DESCRIBE if name in {c.__name__ for c in type(space).__mro__}), "")
    return {"kind": kind or type(space).__name__, **(_DESCRIBE[kind](space) if kind else {})}


def _box(space: Any) -> Space:
    return {
        "shape": list(space.shape),
        "dtype": str(space.dtype),
        "low": _bound(space.low),
        "high": _bound(space.high),
    }


def _bound(values: np.ndarray) -> Any:
    """A number, a list of numbers, or None where they are many and differ."""
    if not values.size or np.all(values == values.flat[0]):
        return values.flat[0].item() if values.size else 0
    return values.ravel().tolist() if values.size <= _BOUNDS else None


_DESCRIBE: dict[str, Any] = {
    "Box": _box,
    "Discrete": lambda space: {"n": int(space.n), "start": int(space.start)},
    "MultiDiscrete": lambda space: {
        "nvec": np.ravel(space.nvec).tolist(),
        "start": np.ravel(space.start).tolist(),
        "shape": list(space.shape),
    },
    "MultiBinary": lambda space: {"shape": list(space.shape)},
    "Dict": lambda space: {"parts": [[str(key), described(part)] for key, part in space.spaces.items()]},
    "Tuple": lambda space: {"parts": [[str(key), described(part)] for key, part in enumerate(space.spaces)]},
}


def observation_of(seat: SeatSpec) -> Space | None:
    """What a seat's observations are in its environment; None where they are there as they are here."""
    found: Space | None = json.loads(seat.origin)["observation"] if seat.origin else None
    return found


def action_of(seat: SeatSpec) -> Space | None:
    """What a seat's actions are in its environment; None where they are there as they are here."""
    found: Space | None = json.loads(seat.origin)["action"] if seat.origin else None
    return found


def seen_parts(space: Space) -> list[tuple[str, Space]]:
    """The parts of a Dict or a Tuple of which observations are made, in the order in which they are joined."""
    if space["kind"] == "Tuple":
        return [(key, part) for key, part in space["parts"]]
    return sorted(((key, part) for key, part in space["parts"] if key != _MASK), key=lambda pair: pair[0])


def width(space: Space) -> int:
    """How many numbers an encoded observation has."""
    match space["kind"]:
        case "Discrete":
            return int(space["n"])
        case "MultiDiscrete":
            return int(sum(space["nvec"]))
        case "Dict" | "Tuple":
            return sum(width(part) for _, part in seen_parts(space))
    return math.prod(space["shape"])


def scaled(space: Space) -> bool:
    """Whether it is a box of bytes, which are encoded as fractions of 255."""
    return bool(space["kind"] == "Box" and space["dtype"] == "uint8" and space["high"] == 255)


def own_form(space: Space, encoded: Tensor, mask: Tensor | None = None) -> Own:
    """An encoded observation [B, *O] as the environment gives it.

    Args:
        space: the space of the observation.
        encoded: float32 [B, *O].
        mask: the legal actions bool [B, A], which are a part of the observation where the environment puts them there.

    Raises:
        ValueError: a space of a kind that has no encoding.
    """
    rows = len(encoded)
    match space["kind"]:
        case "Box":
            numbers = (encoded * 255).round() if scaled(space) else encoded
            if len(space["shape"]) == 3:
                numbers = numbers.view(rows, *_moved(space["shape"])).movedim(1, -1)
            return numbers.reshape(rows, *space["shape"])
        case "MultiBinary":
            return encoded.reshape(rows, *space["shape"])
        case "Discrete":
            return encoded.reshape(rows, -1).argmax(-1) + int(space["start"])
        case "MultiDiscrete":
            digits = [part.argmax(-1) for part in torch.split(encoded.reshape(rows, -1), space["nvec"], -1)]
            start = torch.tensor(space["start"], device=encoded.device)
            return (torch.stack(digits, -1) + start).view(rows, *space["shape"])
        case "Dict" | "Tuple":
            parts = seen_parts(space)
            bounds = itertools.accumulate((width(part) for _, part in parts), initial=0)
            flat = encoded.reshape(rows, -1)
            found = {
                key: own_form(part, flat[:, begin:end], mask)
                for (key, part), (begin, end) in zip(parts, itertools.pairwise(bounds), strict=True)
            }
            if mask is not None and any(key == _MASK for key, _ in space["parts"]):
                found[_MASK] = mask.float()
            return found
    raise ValueError(f"observations of kind {space['kind']} have no form as numbers")


def _moved(shape: list[int]) -> tuple[int, int, int]:
    """Height x width x channels, channels first."""
    height, wide, channels = shape
    return channels, height, wide


def alone(space: Space) -> Space:
    """A Dict or Tuple of one part is that part."""
    while space["kind"] in ("Dict", "Tuple") and len(parts := seen_parts(space)) == 1:
        space = parts[0][1]
    return space


def unmistakable(space: Space) -> bool:
    """Whether everybody would make the same numbers of it, in the same order, as the arena does."""
    match space["kind"]:
        case "Box":
            return len(space["shape"]) != 3 and not scaled(space)
        case "Dict" | "Tuple":
            shown = seen_parts(space)
            in_order = [key for key, _ in space["parts"] if key in dict(shown)]
            return in_order == [key for key, _ in shown] and all(unmistakable(part) for _, part in shown)
    return True

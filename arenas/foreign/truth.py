"""Whether an environment shows what its spaces say: observations within them, and masks as wide as the actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from arenas.foreign.spaces import MASK

#: Gives what is wrong with an observation, "" where it is as its space says.
Checker = Callable[[Any], str]

_NUMBERS = "biuf"  # kinds of arrays
_SLACK = 1e-4  # by which a number may leave its box, relative to the bound: rounding is no mistake


def checker(space: spaces.Space[Any]) -> Checker:
    """What checks observations in `space`, one of those that `arenas.foreign.spaces.encoder` knows."""
    if isinstance(space, spaces.Box):
        return _box(space)
    if isinstance(space, spaces.Discrete):
        start = int(space.start)
        return _whole(np.array([start]), np.array([start + int(space.n) - 1]), space)
    if isinstance(space, spaces.MultiBinary):
        return _whole(np.zeros(space.shape), np.ones(space.shape), space)
    if isinstance(space, spaces.MultiDiscrete):
        low = np.asarray(space.start)
        return _whole(low, low + np.asarray(space.nvec) - 1, space)
    if isinstance(space, spaces.Dict):
        return _parts({key: checker(part) for key, part in space.spaces.items() if key != MASK}, Mapping)
    if isinstance(space, spaces.Tuple):
        return _parts(dict(enumerate(map(checker, space.spaces))), (tuple, list))
    return lambda _: ""


def _parts(parts: Mapping[Any, Checker], form: Any) -> Checker:
    def check(value: Any) -> str:
        if not isinstance(value, form):
            return f"a {type(value).__name__} in place of {len(parts)} parts"
        for key, of_part in parts.items():
            try:
                part = value[key]
            except (LookupError, TypeError):
                return f"nothing under {key!r}"
            if wrong := of_part(part):
                return f"{wrong} under {key!r}"
        return ""

    return check


def _box(space: spaces.Box) -> Checker:
    low, high = np.asarray(space.low), np.asarray(space.high)
    with np.errstate(invalid="ignore"):
        slack_low = np.where(np.isfinite(low), low - _SLACK * (1 + abs(low.astype(float))), low)
        slack_high = np.where(np.isfinite(high), high + _SLACK * (1 + abs(high.astype(float))), high)
    least, most = slack_low.min(initial=np.inf), slack_high.max(initial=-np.inf)
    alike = bool((slack_low == least).all() and (slack_high == most).all())  # the usual case, and the fast one
    boundless = bool(alike and least == -np.inf and most == np.inf)

    def check(value: Any) -> str:
        array = np.asarray(value)
        if wrong := _shape(array, space):
            return wrong
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            return f"{array.ravel()[~np.isfinite(array.ravel())][0]}"
        if boundless or not array.size:
            return ""
        if alike:
            if array.min() >= least and array.max() <= most:
                return ""
        elif not ((array < slack_low) | (array > slack_high)).any():
            return ""
        flat = array.reshape(space.shape)
        outside = (flat < slack_low) | (flat > slack_high)
        return f"{flat[outside].ravel()[0]}, which is outside {_short(space)}"

    return check


def _whole(low: np.ndarray, high: np.ndarray, space: spaces.Space[Any]) -> Checker:
    def check(value: Any) -> str:
        array = np.asarray(value)
        if array.dtype.kind not in _NUMBERS or array.size != low.size:
            return f"{_said(array)}, which is outside {_short(space)}"
        flat = array.ravel()
        with np.errstate(invalid="ignore"):
            inside = (flat >= low.ravel()) & (flat <= high.ravel()) & (flat == np.floor(flat))
        return "" if inside.all() else f"{flat[~inside][0]}, which is outside {_short(space)}"

    return check


def _shape(array: np.ndarray, space: spaces.Box) -> str:
    """Whether an array can be what a box holds; one of other axes but as many numbers can, where it is no picture."""
    fits = array.shape == space.shape or (len(space.shape) != 3 and array.size == int(np.prod(space.shape)))
    if array.dtype.kind not in _NUMBERS:
        return f"{_said(array)}, which is no array of numbers"
    return "" if fits else f"an array of shape {list(array.shape)}, where its space has {list(space.shape)}"


def _said(array: np.ndarray) -> str:
    text = " ".join(str(array.tolist()).split())
    return text if len(text) <= 40 else f"{text[:37]}..."


def _short(space: spaces.Space[Any]) -> str:
    text = " ".join(str(space).split())
    return text if len(text) <= 60 else f"its {type(space).__name__} of shape {list(space.shape or ())}"


def mask_fault(mask: Any, actions: int) -> tuple[str, str]:
    """What is wrong with a mask for that many actions, and the rule; "" and "" where nothing is."""
    array = np.asarray(mask)
    if array.dtype.kind not in _NUMBERS:
        return f"gave a mask of {_said(array)}", "a mask holds a 1 or a 0 for each action"
    if array.shape != (actions,):
        width = array.size if array.ndim == 1 else list(array.shape)
        return f"gave a mask of width {width}", f"there are {actions} actions, so it must be {actions} wide"
    if not np.isin(array, (0, 1)).all():
        return f"gave a mask of {_said(array)}", "a mask holds a 1 or a 0 for each action"
    return "", ""

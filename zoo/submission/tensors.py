"""A safetensors file held against its own rules, and some more, before any library reads it.

The format: 8 bytes length, a JSON header {name: {"dtype", "shape", "data_offsets"}}, then the bytes. The library
accepts a name that stands there twice, long metadata and numbers that are not finite; here they are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.submission.refusal import Refused, shown

#: Bytes of a header, names in it, letters of a name, dimensions of a tensor: at most.
_HEADER, _TENSORS, _LETTERS, _DIMENSIONS = 1 << 20, 2_000, 200, 8
_ELEMENTS = 1 << 56  # of a tensor, its empty dimensions left out
_SIZES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
_CURE = "write it with safetensors' save_file"


def check_tensors(data: bytes, where: str) -> dict[str, tuple[int, ...]]:
    """See that the bytes are a plain safetensors file; returns name -> shape.

    Args:
        data: the file.
        where: what to call it.

    Raises:
        Refused: it is not.
    """
    if len(data) < 8:
        raise Refused("weights", where, "it is no safetensors file", _CURE)
    length = int.from_bytes(data[:8], "little")
    if length > _HEADER or 8 + length > len(data):
        raise Refused("weights", where, f"its header claims {length} bytes", f"{_CURE}, without long metadata")
    try:
        header = json.loads(data[8 : 8 + length].decode(), object_pairs_hook=_each_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused("weights", where, f"its header is broken ({_said(error)})", _CURE) from error
    if not isinstance(header, dict):
        raise Refused("weights", where, "its header is no table", _CURE)
    header.pop("__metadata__", None)
    if not 0 < len(header) <= _TENSORS:
        raise Refused("weights", where, f"it has {len(header)} tensors", f"keep 1 to {_TENSORS}")
    body = memoryview(data)[8 + length :]
    places = sorted((_place(name, entry, where), name) for name, entry in header.items())
    end = 0
    for (start, stop), name in places:
        if start != end or stop > len(body):
            raise Refused("weights", where, f"the bytes of {shown(name)} overlap others or leave a hole", _CURE)
        end = stop
        _check_finite(body[start:stop], header[name]["dtype"], name, where)
    if end != len(body):
        raise Refused("weights", where, "bytes follow its last tensor", _CURE)
    return {name: tuple(entry["shape"]) for name, entry in header.items()}


def _place(name: str, entry: Any, where: str) -> tuple[int, int]:
    """Where a tensor's bytes begin and end, if its entry is sound."""
    fault = ""
    if not name.isprintable() or not 0 < len(name) <= _LETTERS:
        fault = "has no plain name"
    elif not isinstance(entry, Mapping) or set(entry) != {"dtype", "shape", "data_offsets"}:
        fault = "is not described by dtype, shape and data_offsets"
    elif not isinstance(entry["dtype"], str) or entry["dtype"] not in _SIZES:
        fault = f"has a type other than {', '.join(_SIZES)}"
    elif not _whole(entry["shape"]) or len(entry["shape"]) > _DIMENSIONS:
        fault = "has no plain shape"
    elif math.prod(max(n, 1) for n in entry["shape"]) > _ELEMENTS:
        fault = "has a shape that no tensor has"
    elif not _whole(entry["data_offsets"]) or len(entry["data_offsets"]) != 2:
        fault = "has no plain place"
    if fault:
        raise Refused("weights", where, f"tensor {shown(name)!r} {fault}", _CURE)
    start, stop = entry["data_offsets"]
    if stop - start != math.prod(entry["shape"]) * _SIZES[entry["dtype"]]:
        raise Refused("weights", where, f"tensor {shown(name)!r} has another size than its shape", _CURE)
    return start, stop


def _whole(values: Any) -> bool:
    """Whether it is a list of whole numbers from 0 on, none absurdly large."""
    return isinstance(values, list) and all(type(x) is int and 0 <= x < 1 << 48 for x in values)


def _check_finite(data: memoryview, dtype: str, name: str, where: str) -> None:
    if dtype == "BF16":  # all ones in the exponent
        finite = bool(((np.frombuffer(data, "<u2") & 0x7F80) != 0x7F80).all())
    else:
        finite = dtype not in _FLOATS or bool(np.isfinite(np.frombuffer(data, _FLOATS[dtype])).all())
    if not finite:
        raise Refused("weights", where, f"tensor {shown(name)!r} is not finite", "train it again, with a lower step")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a name stands there twice")
    return table


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _said(error: BaseException) -> str:
    return shown(str(error)) if not isinstance(error, RecursionError) else "too deep"

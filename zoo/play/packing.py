"""Take trees of tensors and numbers apart for files: tensors by name, and JSON that says where each of them was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

_TENSOR, _TUPLE, _DEVICE = "$tensor", "$tuple", "$device"


def pack(tree: Any, name: str = "") -> tuple[dict[str, Tensor], Any]:
    """Copies of the tensors of `tree` by path ("memories/red/seed"), and the tree as JSON with paths in their places.

    Args:
        tree: dicts with text keys, lists, tuples, tensors, numbers, texts and None, nested at will.
        name: the path of the tree itself.

    Raises:
        TypeError: the tree holds something else, or two tensors have one path.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _pack(tree, name, tensors)


def _pack(tree: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(tree, Tensor):
        if name in tensors:
            raise TypeError(f"two tensors of one state are called {name}")
        tensors[name] = tree.detach().clone()
        return {_TENSOR: name, _DEVICE: str(tree.device)}
    if isinstance(tree, Mapping):
        for key in tree:
            if not isinstance(key, str):
                raise TypeError(f"{name or 'the state'} has a key that is no text: {key!r}")
        return {key: _pack(value, f"{name}/{key}" if name else key, tensors) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        items = [
            _pack(value, f"{name}/{number}" if name else str(number), tensors) for number, value in enumerate(tree)
        ]
        return items if isinstance(tree, list) else {_TUPLE: items}
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise TypeError(f"{name} is {type(tree).__name__}: neither tensor nor number, so it cannot be saved")


def unpack(packed: Any, tensors: Mapping[str, Tensor]) -> Any:
    """The tree that `pack` took apart, its tensors on the devices where they were.

    Raises:
        KeyError: a tensor is missing.
    """
    if isinstance(packed, list):
        return [unpack(item, tensors) for item in packed]
    if not isinstance(packed, dict):
        return packed
    if _TENSOR in packed:
        return tensors[packed[_TENSOR]].to(packed[_DEVICE])
    if _TUPLE in packed:
        return tuple(unpack(item, tensors) for item in packed[_TUPLE])
    return {key: unpack(value, tensors) for key, value in packed.items()}

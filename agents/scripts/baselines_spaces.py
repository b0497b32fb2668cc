"""The spaces that a file of Stable-Baselines3 names, and how an observation in them becomes the network's input.

Everything is read from the readable part of `data`: a space's own fields, and for a Dict the text of its parts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from arenas.origin import Own, Space, own_form, seen_parts

ELSEWHERE = "export its actor as TorchScript or ONNX"
_PART = re.compile(r"'((?:[^'\\]|\\.)*)'\s*[:,]\s*(\w+)\(")


@dataclass(frozen=True)
class PartSpace:
    """One part of what a network was trained on: the whole observation, or one key of a Dict.

    `shape` is that of the numbers that it takes, of which a Discrete and a MultiDiscrete have one for each value.
    """

    key: str
    kind: str
    shape: tuple[int, ...]
    dtype: str = ""
    nvec: tuple[int, ...] = ()
    bytes: bool = False  # bounds 0 and 255

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)

    @property
    def picture(self) -> bool:
        """Whether the library takes it for a picture."""
        return self.kind == "Box" and len(self.shape) == 3 and self.dtype == "uint8" and self.bytes


def kind_of(space: Mapping[str, Any]) -> str:
    """The last word of "<class 'gymnasium.spaces.box.Box'>"."""
    return str(space.get(":type:", "unknown")).rstrip("'>").rpartition(".")[-1]


def numbers_in(text: str) -> list[float]:
    """From numpy's "[0. 0.5 1. ]"; none where it leaves some out."""
    return [] if "..." in text else [float(word) for word in text.replace("[", " ").replace("]", " ").split()]


def parts_of(space: Mapping[str, Any]) -> list[PartSpace]:
    """What the network was trained on; of a Dict its parts, in its own order.

    Raises:
        ValueError: a space of another kind, or one that the readable part of `data` does not tell in full.
    """
    if kind_of(space) == "Dict":
        return _dict_parts(str(space.get("spaces", "")))
    return [_single(space)]


def _single(space: Mapping[str, Any]) -> PartSpace:
    kind = kind_of(space)
    try:
        match kind:
            case "Box":
                low, high = (set(re.findall(r"[^\s\[\]]+", str(space[name]))) - {"..."} for name in ("low", "high"))
                shape = tuple(int(n) for n in space["_shape"])
                return PartSpace("", kind, shape, str(space["dtype"]), bytes=(low, high) == ({"0"}, {"255"}))
            case "Discrete":
                _from_zero([int(space.get("start", 0))])
                return PartSpace("", kind, (int(space["n"]),), nvec=(int(space["n"]),))
            case "MultiDiscrete":
                _from_zero([int(n) for n in numbers_in(str(space.get("start", "")))])
                return _digits("", numbers_in(str(space["nvec"])))
            case "MultiBinary":
                return PartSpace("", kind, tuple(int(n) for n in space["_shape"]))
    except (KeyError, TypeError):
        raise ValueError(f"data does not say what its observations of kind {kind} are; {ELSEWHERE}") from None
    raise ValueError(f"it was trained on observations of kind {kind}; {ELSEWHERE}")


def _dict_parts(text: str) -> list[PartSpace]:
    """From "{'a': Discrete(4), 'b': Box(-1.0, 1.0, (3,), float32)}", the text of a Dict's spaces."""
    parts, place = [], 0
    while found := _PART.search(text, place):
        end = _closing(text, found.end())
        parts.append(_from_text(found[1], found[2], text[found.end() : end]))
        place = end + 1
    if not parts:
        raise ValueError(f"data does not say what the parts of its observations of kind Dict are; {ELSEWHERE}")
    return parts


def _closing(text: str, start: int) -> int:
    """Where the bracket that was opened before `start` is closed."""
    depth = 1
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    raise ValueError(f"data breaks off in its observations of kind Dict; {ELSEWHERE}")


def _from_text(key: str, kind: str, inside: str) -> PartSpace:
    """A space from its text: "Box(0, 255, (3, 40, 40), uint8)", "Discrete(4)", "MultiDiscrete([2 3])"."""
    start = [int(n) for n in re.findall(r"\d+", inside.partition("start=")[2])]
    _from_zero(start)
    match kind:
        case "Box" if box := re.fullmatch(r"(.*),\s*\(([\d,\s]*)\),\s*(\w+)", inside, re.DOTALL):
            shape = tuple(int(n) for n in box[2].split(",") if n.strip())
            return PartSpace(key, kind, shape, box[3], bytes=box[1].split(",") == ["0", " 255"])
        case "Discrete" if number := re.match(r"\d+", inside):
            return PartSpace(key, kind, (int(number[0]),), nvec=(int(number[0]),))
        case "MultiDiscrete":
            return _digits(key, numbers_in(inside.partition("]")[0]))
        case "MultiBinary":
            return PartSpace(key, kind, tuple(int(n) for n in re.findall(r"\d+", inside)))
    raise ValueError(f"its observations have a part {key!r} of kind {kind}, which is not read; {ELSEWHERE}")


def _digits(key: str, sizes: Sequence[float]) -> PartSpace:
    if not sizes:
        raise ValueError(f"its MultiDiscrete is too long to be written out in data; {ELSEWHERE}")
    nvec = tuple(int(n) for n in sizes)
    return PartSpace(key, "MultiDiscrete", (sum(nvec),), nvec=nvec)


def _from_zero(start: Sequence[int]) -> None:
    if any(start):
        raise ValueError(f"its numbers start at {list(start)}, which the library itself does not heed; {ELSEWHERE}")


def shown_as(parts: Sequence[PartSpace], origin: Space | None, shape: tuple[int, ...]) -> Mapping[str, Space] | None:
    """The spaces of the arena in which a network's parts are found, by key; None where all is as the arena shows it.

    Args:
        parts: what the network was trained on.
        origin: what the seat's observations are in its environment; None where they are as the arena shows them.
        shape: of an observation in the arena.

    Raises:
        ValueError: the network was trained on something else than the arena shows.
    """
    if origin is None:
        if len(parts) > 1 or parts[0].key or parts[0].kind != "Box" or parts[0].dtype == "uint8":
            kind = "Dict" if parts[0].key else f"{parts[0].kind} {parts[0].dtype}".rstrip()
            raise ValueError(f"it was trained on observations of kind {kind}, this arena shows a Box of float32")
        fits(parts[0], {"kind": "Box", "shape": list(shape), "dtype": "float32"})
        return None
    if not parts[0].key:
        while origin["kind"] == "Dict" and len(seen_parts(origin)) == 1:
            origin = seen_parts(origin)[0][1]
        fits(parts[0], origin)
        return {"": origin}
    found = dict(origin["parts"]) if origin["kind"] == "Dict" else {}
    for part in parts:
        if part.key not in found:
            raise ValueError(
                f"it was trained on a Dict with {part.key!r}, the arena shows {', '.join(found) or origin['kind']}"
            )
        fits(part, found[part.key])
    return found


def fits(part: PartSpace, space: Space) -> None:
    """Refuse a part that was trained on another space than the one that is shown.

    Raises:
        ValueError: kind, shape or values differ.
    """
    shape, same = tuple(space.get("shape", ())), part.kind == space["kind"]
    if part.kind == "Box" and same:
        turned = part.picture and len(shape) == 3 and part.shape == (shape[2], *shape[:2])
        flat = len(shape) < 3 and part.shape == (math.prod(shape),)
        same = part.shape == shape or turned or flat
        if same and part.picture and not (space["dtype"] == "uint8" and space["high"] == 255):
            same = False
    elif part.kind == "MultiBinary":
        same = same and part.shape == shape
    elif same:
        same = list(part.nvec) == (space["nvec"] if part.kind == "MultiDiscrete" else [space["n"]])
        same = same and not any(space["start"] if part.kind == "MultiDiscrete" else [space["start"]])
    if not same:
        theirs = f"{part.kind} {list(part.nvec or part.shape)}".rstrip()
        ours = f"{space['kind']} {list(shape) or [space.get('n', space.get('nvec', ''))]}"
        at = f" under {part.key!r}" if part.key else ""
        raise ValueError(
            f"it was trained on observations {theirs}{at}, the arena shows {ours}: wrap the environment as it was"
            f" (--wrap), or override observation"
        )


def network_input(
    parts: Sequence[PartSpace],
    spaces: Mapping[str, Space] | None,
    origin: Space | None,
    seen: Tensor,
    mask: Tensor | None,
) -> Tensor:
    """An observation of the arena [B, *O] as the numbers [B, W] that the library would give to the network's extractor.

    Pictures are still bytes, so that whoever overrides `observation` may give what the environment gave.
    """
    if spaces is None or origin is None:
        return seen.flatten(1)
    if not parts[0].key:
        return _flat(parts[0], own_form(spaces[""], seen))
    own = own_form(origin, seen, mask)
    assert isinstance(own, dict)  # as `shown_as` has seen to
    return torch.cat([_flat(part, own[part.key]) for part in parts], 1)


def _flat(part: PartSpace, given: Own) -> Tensor:
    assert isinstance(given, Tensor)  # the library knows no spaces within the parts of a Dict
    if part.nvec:
        digits = torch.split(given.reshape(len(given), -1), 1, 1)
        one_hot = torch.nn.functional.one_hot
        return torch.cat([one_hot(d.squeeze(1), n) for d, n in zip(digits, part.nvec, strict=True)], 1).float()
    if part.picture and tuple(given.shape[1:]) != part.shape:
        given = given.movedim(-1, 1)  # as the library's own wrapper turns them
    return given.flatten(1)

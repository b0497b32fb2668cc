"""Values as plain data and back: settings, specs and what a class declares, in forms that msgpack knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arenas.hands import Hands
from arenas.protocol import ArenaSpec, SeatSpec

#: Bounds of what an agent may declare.
DEPTH, ITEMS, TEXT = 8, 1000, 20_000
_KINDS: dict[str, Any] = {"tuple": tuple, "list": list, "frozenset": frozenset}


def to_plain(value: Any) -> Any:
    """A value as data that msgpack keeps: containers say what they are.

    Raises:
        TypeError: it holds something other than truth values, numbers, texts, None and containers of these.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return ["dict", [[to_plain(key), to_plain(inner)] for key, inner in value.items()]]
    for name, kind in _KINDS.items():
        if isinstance(value, kind):
            return [name, [to_plain(inner) for inner in value]]
    raise TypeError(f"{type(value).__name__} is no plain value")


def from_plain(data: Any, depth: int = 0) -> Any:
    """The value of such data, whoever made it.

    Raises:
        ValueError: it is no such data.
    """
    if data is None or type(data) in (bool, int, float):
        return data
    if type(data) is str and len(data) <= TEXT:
        return data
    if type(data) is list and len(data) == 2 and type(data[1]) is list and len(data[1]) <= ITEMS and depth < DEPTH:
        kind, inside = data
        values = [from_plain(inner, depth + 1) for inner in inside] if kind != "dict" else inside
        if kind == "dict" and all(type(pair) is list and len(pair) == 2 for pair in inside):
            return {from_plain(key, DEPTH): from_plain(inner, depth + 1) for key, inner in inside}
        if type(kind) is str and kind in _KINDS:
            try:
                return _KINDS[kind](values)
            except TypeError:  # a set of what cannot be hashed
                pass
    raise ValueError("it is no plain value")


def spec_to_plain(spec: ArenaSpec) -> Any:
    """An arena's rules as data, but for its symmetries, which are long and of use to the house's learners alone."""
    rules = {name: value for name, value in vars(spec).items() if name not in ("seats", "symmetries")}
    rules["offers"] = spec.offers - {"symmetries"}
    rules["hands"] = None if spec.hands is None else vars(spec.hands)
    return [to_plain(rules), [[seat, to_plain(vars(of_seat))] for seat, of_seat in spec.seats.items()]]


def spec_from_plain(data: Any) -> ArenaSpec:
    """The rules that `spec_to_plain` wrote."""
    plain, seats = data
    rules = from_plain(plain)
    rules["hands"] = None if rules["hands"] is None else Hands(**rules["hands"])
    return ArenaSpec(seats={seat: SeatSpec(**from_plain(of_seat)) for seat, of_seat in seats}, **rules)

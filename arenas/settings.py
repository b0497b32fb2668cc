"""Settings that check themselves: what a field may hold stands in its type, as in `lr: Amount = 0.1`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Range:
    """Numbers from `least` to `most`; a round bracket in `ends` leaves out the number at that end."""

    least: float = 0.0
    most: float = math.inf
    ends: str = "[]"

    def __contains__(self, number: float) -> bool:
        above = number > self.least or (self.ends[0] == "[" and number == self.least)
        return above and (number < self.most or (self.ends[1] == "]" and number == self.most))

    def __str__(self) -> str:
        if self.most < math.inf:
            return f"in {self.ends[0]}{self.least:g}, {self.most:g}{self.ends[1]}"
        return f"{'at least' if self.ends[0] == '[' else 'above'} {self.least:g}{' and finite' * (self.ends[1] == ')')}"


#: Numbers from 0 on, and above 0.
Amount = Annotated[float, Range()]
Positive = Annotated[float, Range(ends="(]")]
#: Numbers from 0 to 1.
Share = Annotated[float, Range(0, 1)]
ShareOrNone = Annotated[float | None, Range(0, 1)]
#: Whole numbers from 0 on, and from 1 on.
Whole = Annotated[int, Range()]
Count = Annotated[int, Range(1)]


class Checked:
    """Base of dataclasses that refuse a number outside the range of its field, and a word that its `Literal` lacks.

    None is in every range.

    Raises:
        ValueError: naming the field.
    """

    def __post_init__(self) -> None:
        declared: Any = type(self)  # hashable, which mypy doubts
        for name, allowed in _allowed(declared).items():
            value = getattr(self, name)
            if isinstance(allowed, tuple) and value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
            if value is not None and value not in allowed:
                raise ValueError(f"{name} must be {allowed}, got {value}")


@cache
def _allowed(declared: type) -> dict[str, Range | tuple[str, ...]]:
    """The fields of a dataclass that have a range or a choice of words."""
    hints = get_type_hints(declared, include_extras=True)
    words = {name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Literal}
    return words | {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}

"""`field=value` texts against typed fields: an agent's config and an arena's arguments are read the same way."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zoo.errors import UserError, nearest

_LARGEST = 2**63 - 1  # whole number that records can hold
_WIDEST = 3.4e38  # number that float32 holds


@dataclasses.dataclass(frozen=True)
class ConfigField:
    """One setting: its type, its default and, where it is described, its meaning."""

    name: str
    type: Any
    default: Any
    meaning: str = ""

    @property
    def required(self) -> bool:
        """True where there is no default."""
        return self.default is inspect.Parameter.empty

    @property
    def type_text(self) -> str:
        """The type as one would type its values: "float", "auto | reward", "int | none"; JSON for anything else."""
        return _type_name(self.type)

    @property
    def default_text(self) -> str | None:
        """The default as one would type it, None where a value must be given."""
        if self.required:
            return None
        if self.default is None:
            return "none"
        if isinstance(self.default, str) and self.default and self.default.isprintable():
            return self.default
        return json.dumps(self.default, default=str)  # a stranger's text may hold what controls a terminal


def _type_name(kind: Any) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " | ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_type_name(a) for a in arguments)
    if kind is type(None):
        return "none"
    return kind.__name__ if kind in (bool, int, float, str) else "JSON"


def config_fields(config: Any) -> dict[str, ConfigField]:
    """The fields of a frozen dataclass, or of an instance of one, with its values as defaults."""
    hints = typing.get_type_hints(config if isinstance(config, type) else type(config))
    fields = dataclasses.fields(config)
    return {
        f.name: ConfigField(f.name, hints[f.name], getattr(config, f.name, inspect.Parameter.empty)) for f in fields
    }


def argument_fields(factory: Callable[..., Any]) -> dict[str, ConfigField]:
    """The settings of an arena: its `Settings`, and keyword-only arguments of its constructor other than `device`."""
    # inspect.signature leaves a constructor's hints as texts; they are resolved where it was defined
    owners = (vars(owner) for owner in getattr(factory, "__mro__", ()))
    function = next((names["__init__"] for names in owners if "__init__" in names), factory)
    hints, parameters = typing.get_type_hints(function), inspect.signature(factory).parameters.values()
    own = {
        p.name: ConfigField(p.name, hints.get(p.name, Any), p.default)
        for p in parameters
        if p.kind is p.KEYWORD_ONLY and p.name != "device"
    }
    settings = getattr(factory, "Settings", None)
    passes_on = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return own | config_fields(settings) if settings and passes_on else own


def split(text: str) -> list[str]:
    """Split at commas that are not inside brackets or quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        quoted ^= c == '"'
        if not quoted:
            depth += (c in "[({") - (c in "])}")
            if c == "," and depth == 0:
                parts.append(text[start:i])
                start = i + 1
    return [*parts, text[start:]] if text else []


def read(
    assignments: Iterable[str], fields: Mapping[str, ConfigField], owner: str, *, further: bool = False
) -> dict[str, Any]:
    """Typed values from texts such as "lr=0.1".

    With `further`, unknown fields are kept for the arena to judge: as JSON where they can be, else as texts.

    Raises:
        UserError: not an assignment, an unknown field (with the nearest names), or a value of the wrong type.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        name = name.strip()
        if not equals:
            raise UserError(f"{owner}: expected field=value, got {assignment!r}")
        if name not in fields and further:
            values[name] = json_or_text(text.strip())
            continue
        if name not in fields:
            raise UserError(f"{owner} has no field {name!r}; {nearest(name, fields)}")
        values[name] = convert(text.strip(), fields[name].type, f"{owner}: {name}")
    return values


def convert(text: str, kind: Any, what: str) -> Any:
    """`text` as a value of type `kind` (bool, int, float, str, Literal, unions, or JSON for anything else).

    Raises:
        UserError: the text is no such value.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        by_text = {str(choice): choice for choice in arguments}
        if text in by_text:
            return by_text[text]
        raise UserError(f"{what} must be one of {', '.join(by_text)}, got {text!r}")
    if origin in (typing.Union, types.UnionType):
        if type(None) in arguments and text.lower() in ("none", "null"):  # as typed, and as cards hold it
            return None
        choices = [choice for choice in arguments if choice is not type(None)]
        if len(choices) == 1:
            return convert(text, choices[0], what)
        for choice in choices:
            try:
                return convert(text, choice, what)
            except UserError:
                continue  # the next member of the union may fit
        raise UserError(f"{what} cannot be {text!r}")
    if kind is bool:
        if text.lower() in ("true", "yes", "1", "false", "no", "0"):
            return text.lower() in ("true", "yes", "1")
        raise UserError(f"{what} must be true or false, got {text!r}")
    if kind is str:
        return text
    if kind in (int, float):
        kinds = {int: "a whole number", float: "a finite number"}
        try:
            number = kind(text)
        except ValueError:
            raise UserError(f"{what} must be {kinds[kind]}, got {text!r}") from None
        if kind is int and abs(number) > _LARGEST:
            raise UserError(f"{what} must be a whole number of at most {_LARGEST}, got {text}")
        if kind is float and not math.isfinite(number):
            raise UserError(f"{what} must be {kinds[kind]}, got {text!r}")
        if kind is float and abs(number) > _WIDEST:
            raise UserError(f"{what} must be a number of at most {_WIDEST:g}, got {text}")
        return number
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        raise UserError(f"{what}: {text!r} is not valid JSON") from None


def json_or_text(text: str) -> Any:
    """The value that `text` is in JSON, else the text itself."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return text


def canonical(values: Mapping[str, Any]) -> str:
    """Settings as text that is the same for equal settings: "a=1,b=[1, 2]"."""
    return ",".join(f"{k}={_plain(v)}" for k, v in sorted(values.items()))


def typed(values: Mapping[str, Any]) -> list[str]:
    """Settings as `field=value` texts, from which `read` makes the same values."""
    return [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in values.items()]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)

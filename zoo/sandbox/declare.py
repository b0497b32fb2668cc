"""What an agent's class declares, read in its own process and built again as a class on the referee's side."""

from __future__ import annotations

import dataclasses
import json
import keyword
import types
import typing
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.protocol import Agent
from zoo.handed import hand_down
from zoo.sandbox.log import one_line
from zoo.sandbox.plain import from_plain, to_plain

#: What an agent's code was found to be when it was first imported: its files, its class, and the level of isolation.
Code = tuple[str, str, str]
_first: dict[Code, Any] = {}

_TYPES = {"bool": bool, "int": int, "float": float, "str": str, "none": type(None), "any": Any}
_WORDS, _FIELDS = 100, 200


@dataclass(frozen=True)
class Declared:
    """What a class says of itself: its attributes by name, and (name, type, default) of every setting."""

    name: str
    attributes: Mapping[str, Any]
    fields: tuple[tuple[str, Any, Any], ...]
    files: tuple[str, ...]

    def config(self, check: Callable[[Mapping[str, Any]], None]) -> type:
        """A frozen dataclass with the same settings; `check` judges values other than the defaults.

        Raises:
            ValueError: a field has no name that Python allows.
        """
        defaults = {name: default for name, _, default in self.fields}

        def __post_init__(config: Any) -> None:
            values = {name: getattr(config, name) for name in defaults}
            if values != defaults:
                check(values)

        columns = [(name, kind, _field(default)) for name, kind, default in self.fields]
        namespace = {"__post_init__": __post_init__, "__doc__": f"Settings of {self.name}."}
        try:
            return dataclasses.make_dataclass(f"{self.name}Config", columns, frozen=True, namespace=namespace)
        except TypeError as error:
            raise ValueError(str(error)) from error


def _field(default: Any) -> Any:
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default))
    return dataclasses.field(default=default)


#: What the attributes of an agent's class are.
_ATTRIBUTES: dict[str, tuple[type | tuple[type, ...], str]] = {
    "needs": ((frozenset, set), 'a set of words such as frozenset({"discrete"})'),
    "needs_to_learn": ((frozenset, set), 'a set of words such as frozenset({"joint"})'),
    "owns": (str, '"seat", "side" or "all"'),
    "behaviour": (int, "a whole number"),
    "learns": (bool, "True or False"),
    "departed": (Mapping, "a mapping from names of settings to values"),
}


def must_declare(agent: type[Agent]) -> None:
    """Make sure that a class says of itself what every agent's class does.

    Raises:
        TypeError: an attribute is not what it should be; the text names it.
    """
    for name, (kinds, expected) in _ATTRIBUTES.items():
        value = getattr(agent, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is int):
            raise TypeError(f"{agent.__name__}.{name} is {value!r}, expected {expected}")
    if not (isinstance(agent.Config, type) and dataclasses.is_dataclass(agent.Config)):
        raise TypeError(f"{agent.__name__}.Config is {agent.Config!r}, expected a frozen dataclass of the settings")


def describe(agent: type[Agent], files: tuple[str, ...]) -> list[Any]:
    """What a class declares as data; in its own process.

    Raises:
        TypeError: an attribute is not what it should be, or a setting is no plain value.
    """
    must_declare(agent)
    config = agent.Config()
    hints = typing.get_type_hints(agent.Config)
    fields = []
    for field in dataclasses.fields(config):
        try:
            fields.append([field.name, _type(hints[field.name]), to_plain(getattr(config, field.name))])
        except TypeError:
            raise TypeError(
                f"the setting {field.name!r} is a {type(getattr(config, field.name)).__name__}; settings are numbers,"
                " texts, truth values, None and tuples or lists of these"
            ) from None
    said = {
        "doc": agent.__doc__ or "",
        "needs": frozenset(agent.needs),
        "needs_to_learn": frozenset(agent.needs_to_learn),
        "owns": agent.owns,
        "behaviour": agent.behaviour,
        "learns": agent.learns,
        "departed": dict(agent.departed),
    }
    return [agent.__name__, to_plain(said), fields, list(files)]


def declared(data: Any) -> Declared:
    """What a class declares, from data that its own process sent.

    Raises:
        ValueError: it is no such data; the text says what is wrong.
    """
    if type(data) is not list or len(data) != 4:
        raise ValueError("its declaration is incomplete")
    name, said, fields, files = data
    attributes = from_plain(said)
    _need(type(name) is str and name.isidentifier() and len(name) <= 200, "it has no name")
    _need(isinstance(attributes, dict), "its declaration is incomplete")
    kinds = {"doc": str, "needs": frozenset, "needs_to_learn": frozenset, "owns": str, "behaviour": int, "learns": bool}
    for attribute, kind in (kinds | {"departed": dict}).items():
        _need(type(attributes.get(attribute)) is kind, f"`{attribute}` is not what it should be")
    _need(attributes.keys() == kinds.keys() | {"departed"}, "it declares something unknown")
    for words in (attributes["needs"], attributes["needs_to_learn"]):
        _need(
            len(words) <= _WORDS
            and all(type(word) is str and len(word) <= 100 and word.isprintable() for word in words),
            "`needs` is no set of words",
        )
    _need(attributes["owns"] in ("seat", "side", "all"), "`owns` is neither seat, side nor all")
    _need(0 <= attributes["behaviour"] < 1 << 31, "`behaviour` is no whole number from 0 to 2^31 - 1")
    _need(_recordable(attributes["departed"]), "`departed` is not by names of settings, or not finite")
    _need(type(fields) is list and len(fields) <= _FIELDS, "it has too many settings")
    _need(type(files) is list and all(type(file) is str and len(file) <= 1000 for file in files), "it names no files")
    columns = []
    for field in fields:
        _need(type(field) is list and len(field) == 3, "a setting is incomplete")
        _need(_is_name(field[0]) and not field[0].startswith("__"), "a setting has no name")
        columns.append((field[0], _kind(field[1]), from_plain(field[2])))
        _need(_recordable({field[0]: columns[-1][2]}), f"the default of {field[0]} is not finite, or no JSON")
    _need(len({column[0] for column in columns}) == len(columns), "two settings have one name")
    return Declared(name, attributes, tuple(columns), tuple(files))


def _recordable(settings: Mapping[Any, Any]) -> bool:
    """Whether records, which are JSON, can keep settings."""
    try:
        json.dumps(settings, allow_nan=False)
    except (ValueError, TypeError):
        return False
    return all(map(_is_name, settings))


def _is_name(word: Any) -> bool:
    """Whether Python reads a word as the name that it is: some letters it takes for others."""
    plain = type(word) is str and word.isidentifier() and not keyword.iskeyword(word)
    return plain and unicodedata.normalize("NFKC", word) == word


def _need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(one_line(otherwise))


def _type(kind: Any) -> Any:
    """A type as data; "any" for one that settings are not typed in."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return ["literal", *map(to_plain, arguments)]
    if origin in (typing.Union, types.UnionType):
        return ["union", *map(_type, arguments)]
    return next((name for name, known in _TYPES.items() if known is kind), "any")


def _is_choice(value: Any) -> bool:
    return value is None or type(value) in (bool, int) or (type(value) is str and value.isprintable())


def _kind(data: Any, depth: int = 0) -> Any:
    """The type that `_type` wrote.

    Raises:
        ValueError: there is none.
    """
    if type(data) is str and data in _TYPES:
        return _TYPES[data]
    if type(data) is list and 2 <= len(data) <= _WORDS and depth < 3:
        if data[0] == "literal" and all(map(_is_choice, data[1:])):
            return Literal[tuple(data[1:])]
        if data[0] == "union":
            return typing.Union[tuple(_kind(inner, depth + 1) for inner in data[1:])]  # noqa: UP007
    raise ValueError("a setting has no type")


def declarations() -> dict[Code, Any]:
    """What every class that this process knows has declared first, as data for `declared`."""
    return _first


def know(first: Mapping[Code, Any]) -> None:
    """Take what classes declared first, here or where this process's work comes from, for what they declare.

    A class that declares something else later is at fault when its agent is made; it does not become somebody else.
    """
    for code, data in first.items():
        _first.setdefault(code, data)


hand_down(declarations, know)

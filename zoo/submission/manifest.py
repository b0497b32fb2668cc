"""`zoo.toml`: who made a submission, for which arena, and what in it plays.

name = "my-learner"
author = "Ada Lovelace"
arena = "ipd"
entry = "agent.py:MyLearner"
weights = "weights.safetensors"   # if it was trained
config = {lr = 0.5}               # settings that differ from the agent's own
seats = ["row", "column"]         # seats that the weights were trained for, if not all
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import nearest
from zoo.submission.names import MANIFEST, check_name
from zoo.submission.refusal import Refused, line_of, shown

_LARGEST = 1 << 16  # bytes
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_ENTRY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._ /-]*\.py:[A-Za-z_][A-Za-z0-9_]*")
_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Manifest:
    """What `zoo.toml` says; `entry` is "" where the submission is a checkpoint alone."""

    name: str
    author: str
    arena: str
    entry: str = ""
    weights: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    seats: tuple[str, ...] = ()

    def text(self) -> str:
        """The manifest as a file."""
        lines = [f"{key} = {_quoted(getattr(self, key))}" for key in _TEXTS if getattr(self, key)]
        if self.seats:
            lines.append(f"seats = [{', '.join(map(_quoted, self.seats))}]")
        if self.config:
            lines.append(f"config = {{{', '.join(f'{key} = {_quoted(value)}' for key, value in self.config.items())}}}")
        return "\n".join(lines) + "\n"


_TEXTS = ("name", "author", "arena", "entry", "weights")


def _quoted(value: Any) -> str:
    """A text, number, truth value or list of these, as TOML writes it."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_quoted, value))}]"
    return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")


def check_entrant_name(name: str, where: str) -> None:
    """See that a name can stand on a board and be typed.

    Raises:
        Refused: it cannot.
    """
    if not _NAME.fullmatch(name) or len(name) > 40:
        cure = "use small letters, digits and single '-', beginning with a letter, at most 40 of them"
        raise Refused("name", where, f"{shown(name)!r} is no name", cure)


def read_manifest(data: bytes) -> Manifest:
    """The manifest in these bytes.

    Raises:
        Refused: the first mistake, with its line.
    """
    try:
        text = data.decode() if len(data) <= _LARGEST else ""
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refused("manifest", line_of(MANIFEST, line), "it is not UTF-8", "save it as UTF-8") from error
    if len(data) > _LARGEST:
        raise Refused("manifest", MANIFEST, "it is longer than 64 KiB", "keep data in other files")
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # tomllib's error is a ValueError
        found = re.search(r" \(at line (\d+), column \d+\)", str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        said = shown(str(error).partition(" (at")[0]) if not isinstance(error, RecursionError) else "too deep"
        raise Refused("manifest", line_of(MANIFEST, line), f"it is no TOML: {said}", 'write KEY = "TEXT"') from error
    for key, value in values.items():
        place = line_of(MANIFEST, _line(text, key))
        if key not in _CHECKS:
            hint = nearest(key, _CHECKS)
            raise Refused("manifest", place, f"{shown(key)!r} means nothing here", hint)
        if fault := _CHECKS[key](value):
            raise Refused("manifest", place, f"{key} {fault[0]}", fault[1])
    for key in ("name", "author", "arena"):
        if key not in values:
            raise Refused("manifest", line_of(MANIFEST, 1), f"{key} is missing", f'add a line {key} = "..."')
    check_entrant_name(values["name"], line_of(MANIFEST, _line(text, "name")))
    made: dict[str, Any] = {key: tuple(value) if key == "seats" else value for key, value in values.items()}
    return Manifest(**made)


def _line(text: str, key: str) -> int:
    """The line at which a key's value begins."""
    found = re.search(rf"^[ \t]*\[?[ \t]*[\"']?{re.escape(key)}\b", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else 1


Fault = tuple[str, str] | None  # what is wrong, and the cure


def _is_text(most: int, example: str) -> Callable[[Any], Fault]:
    def check(value: Any) -> Fault:
        if isinstance(value, str) and value.strip() and len(value) <= most and value.isprintable():
            return None
        return f"is not a text of one line with at most {most} letters", f"write, for example, {example}"

    return check


def _entry(value: Any) -> Fault:
    if isinstance(value, str) and len(value) <= 200 and _ENTRY.fullmatch(value):
        return _path(value.rpartition(":")[0])
    return "does not say which class of which file plays", 'write entry = "agent.py:MyAgent"'


def _weights(value: Any) -> Fault:
    if isinstance(value, str) and len(value) <= 120 and value.isprintable() and value.endswith(".safetensors"):
        return _path(value)
    return "is not the name of a safetensors file", 'write weights = "weights.safetensors"'


def _path(name: str) -> Fault:
    """What is wrong with a file's name, if anything, by the rules for files."""
    try:
        check_name(name)
    except Refused as error:
        return f"names {shown(name)}, but {error.what}", error.cure
    return None


def _config(value: Any) -> Fault:
    if not isinstance(value, dict) or len(value) > 100 or not all(_SETTING.fullmatch(key) for key in value):
        return "is no table of settings", "write config = {lr = 0.5}"
    for key, setting in value.items():
        parts = setting if isinstance(setting, list) else [setting]
        if len(parts) > 100 or not all(_plain(part) for part in parts):
            return f"has a value for {shown(key)} that is no number, text, truth value or list of these", "write one"
    return None


def _plain(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 200 and value.isprintable()
    if isinstance(value, float):
        return value - value == 0.0  # finite
    return isinstance(value, int) and abs(value) < 1 << 63


def _is_seat(name: str) -> bool:
    return 0 < len(name) <= 100 and name.isprintable()


def _seats(value: Any) -> Fault:
    texts = isinstance(value, list) and all(isinstance(seat, str) and _is_seat(seat) for seat in value)
    if texts and 0 < len(set(value)) == len(value) <= 100:
        return None
    return "is no list of different seats", 'write seats = ["row", "column"], or leave it out'


#: Key -> what is wrong with a value, if anything.
_CHECKS: Mapping[str, Callable[[Any], Fault]] = {
    "name": _is_text(200, 'name = "my-learner"'),
    "author": _is_text(80, 'author = "Ada Lovelace"'),
    "arena": _is_text(200, 'arena = "ipd"'),
    "entry": _entry,
    "weights": _weights,
    "config": _config,
    "seats": _seats,
}

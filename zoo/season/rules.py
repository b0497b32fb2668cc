"""The rules of a season, as a TOML file states them; every mistake in it is one line with its number and the cure."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zoo.errors import UserError, nearest
from zoo.sandbox.levels import LEVELS

#: What `zoo season new --example` prints: a file that works as it stands, but for its deadline.
EXAMPLE = """\
# The rules of a season. `zoo season new FILE.toml` starts it; from then on the rules stay as they are.

name = "spring"                     # letters, digits and dashes; the commands take it from now on
arena = "ipd"                       # see `zoo arenas`
settings = ["max_steps=100"]        # of the arena, as in --set arena.max_steps=100; [] for the usual ones

deadline = 2027-03-01T12:00:00Z     # in UTC; what comes later is refused
entries_a_day = 5                   # of one author, from 00:00 to 24:00 UTC; the latest before the deadline counts

rounds = 2                          # in each round everybody meets everybody
episodes = 20                       # of every pair, in each seating, in each round
minutes = 40                        # after which `zoo season run` stops; the same command goes on; 0 for no limit

partners = []                       # whom all entries meet and are compared by; [] for the arena's panel
hidden = ["memory-one,cd=0.6"]      # further partners, whom nobody knows before the seed is revealed

isolation = "strict"                # how entries are kept apart; see `docs/sandbox.md`
"""

#: Levels at which an entry cannot read the secret seed.
_CONFINED = tuple(level for level in LEVELS if level != "trusted")
_WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")


@dataclass(frozen=True)
class Rules:
    """What a season is.

    Attributes:
        name: by which commands know it.
        arena, settings: the game.
        deadline: in UTC; an entry counts if it came before.
        entries_a_day: of one author, by days of UTC.
        rounds, episodes: each pair plays so many episodes in each seating in every round.
        minutes: wall time of one run, 0 for as long as it takes.
        partners: texts of those whom all meet and know; empty for the arena's panel.
        hidden: texts of those whom all meet and nobody knows.
        isolation: how entries are kept apart.
        text: the file's content; lines: {key: number of its line}, for messages; file: where it lay.
    """

    name: str
    arena: str
    deadline: datetime
    settings: tuple[str, ...] = ()
    entries_a_day: int = 5
    rounds: int = 1
    episodes: int = 50
    minutes: int = 0
    partners: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    isolation: str = "strict"
    text: str = field(default="", repr=False, compare=False)
    lines: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)
    file: str = field(default="", compare=False)

    @property
    def digest(self) -> str:
        """sha256 of the file, by which everybody can see that the rules have stayed."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def wrong(self, key: str, what: str) -> UserError:
        """What is wrong with the value of a key, with the number of its line."""
        where = f", line {self.lines[key]}" if key in self.lines else ""
        return UserError(f"{self.file}{where}: {key}: {what}")


def read_rules(path: Path) -> Rules:
    """The rules that a file states.

    Raises:
        UserError: it cannot be read, or something in it is missing, unknown or out of range.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        why = error.strerror or error
        raise UserError(f"cannot read {path}: {why}; `zoo season new --example` prints one") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8; save it as UTF-8") from error
    return parse_rules(text, str(path))


def parse_rules(text: str, file: str) -> Rules:
    """The rules that the content of a file states; see `read_rules`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}, {_syntax(str(error), text)}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists in lists
        why = "it is nested too deep" if isinstance(error, RecursionError) else "a number in it is too long"
        raise UserError(f"{file}: {why}; `zoo season new --example` prints one") from error
    lines = _lines(text)
    said = _Said(data, Rules("", "", datetime.now(UTC), text=text, lines=lines, file=file))
    said.refuse_unknown()
    return Rules(
        name=said.take("name", _name),
        arena=said.take("arena", _text),
        deadline=said.take("deadline", _time),
        settings=said.take("settings", _texts, ()),
        entries_a_day=said.take("entries_a_day", _count(1, 1000), 5),
        rounds=said.take("rounds", _count(1, 1000), 1),
        episodes=said.take("episodes", _count(2, 10_000), 50),
        minutes=said.take("minutes", _count(0, 100_000), 0),
        partners=said.take("partners", _texts, ()),
        hidden=said.take("hidden", _texts, ()),
        isolation=said.take("isolation", _level, "strict"),
        text=text,
        lines=lines,
        file=file,
    )


KEYS = (
    *("name", "arena", "settings", "deadline", "entries_a_day", "rounds", "episodes", "minutes"),
    *("partners", "hidden", "isolation"),
)
_REQUIRED = object()


@dataclass(frozen=True)
class _Said:
    """The values of a file, and rules that know the numbers of its lines."""

    data: Mapping[str, Any]
    rules: Rules

    def refuse_unknown(self) -> None:
        """See that every key is one that is known."""
        for key in self.data:
            if key not in KEYS:
                raise self.rules.wrong(key, f"there is no such setting; {nearest(key, KEYS)}")

    def take(self, key: str, read: Callable[[Any], Any], default: Any = _REQUIRED) -> Any:
        """The value of a key."""
        if key not in self.data:
            if default is _REQUIRED:
                example = next(line for line in EXAMPLE.splitlines() if line.startswith(f"{key} ="))
                line = example.partition("#")[0].strip()
                raise UserError(f"{self.rules.file}: {key} is missing; add a line such as `{line}`")
            return default
        try:
            return read(self.data[key])
        except ValueError as error:
            raise self.rules.wrong(key, str(error)) from error


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _WORD.match(value):
        raise ValueError(f'{value!r} is no name of small letters, digits and dashes; write one such as "spring-2027"')
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'{value!r} is no text; write one in quotes, such as "ipd"')
    return value.strip()


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise ValueError(f'{value!r} is no list of texts; write one such as ["grim", "tit-for-tat"]')
    texts = tuple(text.strip() for text in value)
    for text in texts:
        if texts.count(text) > 1:
            raise ValueError(f"{text!r} stands there twice; leave one out")
    return texts


def _time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise ValueError(f"{value} is no date with a time; write 2027-03-01T12:00:00Z, without quotes")
    if value.tzinfo is None:
        raise ValueError(f"{value.isoformat()} names no time zone; write {value.isoformat()}Z for UTC")
    return value.astimezone(UTC)


def _count(low: int, high: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{value!r} is no whole number from {low} to {high:,}")
        return value

    return read


def _level(value: Any) -> str:
    if value not in _CONFINED:
        raise ValueError(f"{value!r} is no level of isolation; {nearest(str(value), _CONFINED)}")
    return str(value)


def _lines(text: str) -> dict[str, int]:
    """{key: number of the first line that sets it}; keys of tables are theirs."""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if found := re.match(r"\s*\[*\s*[\"']?([A-Za-z0-9_-]+)[\"']?\s*(?:=|\.|\])", line):
            lines.setdefault(found[1], number)
    return lines


def _syntax(message: str, text: str) -> str:
    """What the parser says, with the line first."""
    found = re.search(r"^(.*?) \(at line (\d+), column (\d+)\)$", message)
    if not found:  # "at end of document"
        return f"line {len(text.splitlines()) or 1}: {message}; close what was opened"
    line = text.splitlines()[int(found[2]) - 1].strip() if text else ""
    return f"line {found[2]}: {found[1]} at column {found[3]}: {line[:60]!r}; texts need quotes, lists brackets"

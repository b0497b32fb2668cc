"""What there is: agents and arenas, described from their own docstrings, fields and specs."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import sys
import textwrap
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from arenas.protocol import Arena
from zoo.entry import checkpoint
from zoo.errors import UserError
from zoo.registry import AGENTS, ARENAS, AgentEntry, ArenaEntry, library, load_agent, load_arena, names
from zoo.settings import argument_fields, config_fields, split


@dataclass(frozen=True)
class Setting:
    """One setting as a user meets it; `default` is None where a value must be given."""

    name: str
    type: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class Line:
    """A registered name with its object, or with the reason why it has none."""

    name: str
    entry: AgentEntry | ArenaEntry | None
    fault: str = ""


def agents() -> Iterator[Line]:
    """Every registered agent; one that cannot be imported spoils its own line only."""
    for name in names(AGENTS):
        try:
            yield Line(name, load_agent(name))
        except UserError as error:
            yield Line(name, None, str(error))


@dataclass(frozen=True)
class Foreigner:
    """An agent of another library, by the name that enters a match, with the reason where it can enter none."""

    name: str
    summary: str
    refusal: str | None


def foreigners(scheme: str) -> list[Foreigner]:
    """All agents of a library, `axelrod:NAME`, sorted.

    Raises:
        UserError: the library is not installed.
    """
    module = library(scheme)
    return [
        Foreigner(f"{scheme}:{name}", _first_sentence(module.description(name)), module.refusal(name))
        for name in module.names()
    ]


def arenas() -> Iterator[Line]:
    """Every registered arena, likewise."""
    for name in names(ARENAS):
        try:
            yield Line(name, load_arena(name))
        except UserError as error:
            yield Line(name, None, str(error))


def summary(thing: Any) -> str:
    """The first sentence of an object's docstring, without the full stop."""
    return _first_sentence(inspect.cleandoc(thing.__doc__ or ""))


def _first_sentence(doc: str) -> str:
    return doc.partition("\n")[0].partition(". ")[0].rstrip(".")


def story(thing: Any) -> str:
    """What a module's docstring says, then what an object's own says after its first line and before its arguments."""
    module = inspect.cleandoc(sys.modules[thing.__module__].__doc__ or "")
    own = re.split(r"\n+(?:Args|Raises|Attributes):\n", inspect.cleandoc(thing.__doc__ or ""))[0].partition("\n")[2]
    return "\n\n".join(part.strip() for part in (module, own) if part.strip())


def agent_settings(entry: AgentEntry) -> list[Setting]:
    """The fields of an agent's config; a field's meaning is the comment behind it."""
    config = entry.agent.Config()
    comments = _field_comments(type(config))
    return [
        Setting(f.name, _type_name(f.type), _plain(f.default), comments.get(f.name, ""))
        for f in config_fields(config).values()
    ]


def arena_settings(entry: ArenaEntry) -> list[Setting]:
    """The keyword arguments of an arena; their meaning is told under `Args:` in its docstring."""
    meanings: dict[str, str] = {}
    for owner in reversed(getattr(entry.factory, "__mro__", (entry.factory,))):
        meanings |= _arguments(inspect.cleandoc(owner.__doc__ or ""))
    return [
        Setting(f.name, _type_name(f.type), None if f.required else _plain(f.default), meanings.get(f.name, ""))
        for f in argument_fields(entry.factory).values()
        if f.name not in entry.fixed and f.name != "wrap"
    ]


def house_checkpoints(agent: str) -> list[str]:
    """Identities of the arenas for which the house has a checkpoint of an agent, sorted."""
    cards = checkpoint.HOUSE.glob(f"*/{agent}/{checkpoint.CARD}")
    return sorted(card.parent.parent.name for card in cards)


def house_entrants(identity: str) -> list[str]:
    """Agents of which the house has a checkpoint for an arena, sorted."""
    return sorted(card.parent.name for card in (checkpoint.HOUSE / identity).glob(f"*/{checkpoint.CARD}"))


def playable(agent: str, left_out: dict[str, str]) -> list[str]:
    """Registered arenas that an agent can play as they are; why not the others is noted in `left_out`.

    Raises:
        UserError: an unknown agent.
    """
    chosen = load_agent(split(agent)[0])
    places = []
    for line in arenas():
        try:
            if not isinstance(line.entry, ArenaEntry):
                raise UserError(line.fault)
            game = line.entry.make(1)
        except UserError as error:
            left_out[line.name] = f"cannot be made ({error})"
            continue
        missing = refusal(chosen, game)
        game.close()
        if missing:
            left_out[line.name] = missing
        else:
            places.append(line.name)
    return places


def players(arena: Arena) -> list[str]:
    """Registered agents that can play in an arena."""
    return [a.name for a in agents() if isinstance(a.entry, AgentEntry) and not refusal(a.entry, arena)]


def refusal(entry: AgentEntry, arena: Arena) -> str | None:
    """Why an agent cannot play in an arena ("does not offer ..."), or None.

    An agent that breaks is not refused: what is wrong with it is for the laws to tell.
    """
    from agents.protocol import missing_words

    try:
        missing = missing_words(entry.agent, arena.spec.offers)
        if missing:
            return f"does not offer {', '.join(missing)}"
        for seat in arena.spec.seats:
            entry.agent.make(arena.spec, (seat,))
    except ValueError as error:
        return f"is refused ({error})"
    except Exception:
        return None
    return None


def _field_comments(config: type) -> dict[str, str]:
    """Field -> the comment behind it, over all dataclasses that a config is derived from."""
    found: dict[str, str] = {}
    for owner in reversed(config.__mro__):
        if not dataclasses.is_dataclass(owner):
            continue
        lines = textwrap.dedent(inspect.getsource(owner)).splitlines()
        body = ast.parse("\n".join(lines)).body[0]
        assert isinstance(body, ast.ClassDef)
        for node in body.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                behind = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]
                found[node.target.id] = behind.strip().removeprefix("#").strip()
    return found


def _arguments(doc: str) -> dict[str, str]:
    """Argument -> what a docstring in Google's style says of it."""
    section = re.search(r"^Args:\n((?:[ ]{4}.*\n?|\n)*)", doc, re.MULTILINE)
    if section is None:
        return {}
    entries = re.findall(r"^(\w+): (.*(?:\n[ ]+.*)*)", textwrap.dedent(section.group(1)), re.MULTILINE)
    return {name: " ".join(text.split()).removesuffix(".") for name, text in entries}


def _type_name(kind: Any) -> str:
    """A type as one would type its values: "float", "auto | reward", "int | none"; JSON for anything else."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " | ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " | ".join(_type_name(a) for a in arguments)
    if kind is type(None):
        return "none"
    return kind.__name__ if kind in (bool, int, float, str) else "JSON"


def _plain(value: Any) -> str:
    """A value as one would type it."""
    if value is None:
        return "none"
    return value or '""' if isinstance(value, str) else json.dumps(value, default=str)

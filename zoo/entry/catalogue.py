"""What there is: agents and arenas, described from their own docstrings, fields and specs.

What the lists say of the zoo's own names lies in `catalogue.json`, so that a list imports nothing that it lists. A test
compares the file with the classes, and `write` writes it anew. Entries of other packages are imported.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.entry import checkpoint
from zoo.entry.registry import (
    AGENTS,
    ARENAS,
    OURS,
    AgentEntry,
    ArenaEntry,
    library,
    load_agent,
    load_arena,
    names,
)
from zoo.entry.settings import ConfigField, argument_fields, config_fields, split
from zoo.errors import UserError

if TYPE_CHECKING:
    from arenas.protocol import Arena

#: What a list says of one name, as plain data; an entry that cannot be imported has its `fault` alone.
Facts = dict[str, Any]
KEPT = Path(__file__).with_suffix(".json")


def agent_list() -> dict[str, Facts]:
    """Registered agent -> summary, needs, learns, house_checkpoints."""
    listed = _list(AGENTS, _agent_facts)
    return {name: {**facts, "house_checkpoints": house_checkpoints(name)} for name, facts in listed.items()}


def arena_list() -> dict[str, Facts]:
    """Registered arena -> summary, and kind and seats, or a note where it cannot be made as it is."""
    return _list(ARENAS, _arena_facts)


def write() -> None:
    """Write `catalogue.json` from the classes."""
    described = {
        "agents": {name: _agent_facts(name) for name, point in names(AGENTS).items() if _is_ours(point.module)},
        "arenas": {name: _arena_facts(name) for name, point in names(ARENAS).items() if _is_ours(point.module)},
    }
    KEPT.write_text(json.dumps(described, indent=1) + "\n")


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


def _list(group: str, describe: Callable[[str], Facts]) -> dict[str, Facts]:
    kept = json.loads(KEPT.read_text())[group.removeprefix("zoo.")]
    listed = {}
    for name, point in names(group).items():
        try:
            listed[name] = kept[name] if name in kept and _is_ours(point.module) else describe(name)
        except UserError as error:  # one that cannot be imported spoils its own line only
            listed[name] = {"fault": str(error)}
    return listed


def _agent_facts(name: str) -> Facts:
    agent = load_agent(name).agent
    return {"summary": summary(agent), "needs": sorted(agent.needs), "learns": agent.learns}


def _arena_facts(name: str) -> Facts:
    entry = load_arena(name)
    facts: Facts = {"summary": summary(entry.factory)}
    try:
        arena = entry.make(1)
    except UserError as error:
        return facts | {"note": str(error)}
    sizes = {name: {"actions": seat.actions, "action_dim": seat.action_dim} for name, seat in arena.spec.seats.items()}
    arena.close()
    return facts | {"kind": arena.spec.kind, "seats": sizes}


@dataclass(frozen=True)
class Foreigner:
    """An agent or a game of another library, by its name here, with the reason where it cannot be used."""

    name: str
    summary: str
    refusal: str | None


def foreigners(scheme: str) -> list[Foreigner]:
    """All agents of a library, `axelrod:NAME`, or all games, `openspiel:NAME`, sorted.

    Raises:
        UserError: the library is not installed.
    """
    module = library(scheme)
    return [
        Foreigner(f"{scheme}:{name}", _first_sentence(module.description(name)), module.refusal(name))
        for name in module.names()
    ]


def summary(thing: Any) -> str:
    """The first sentence of an object's docstring, without the full stop."""
    return _first_sentence(inspect.cleandoc(thing.__doc__ or ""))


def _first_sentence(doc: str) -> str:
    return doc.partition("\n")[0].partition(". ")[0].rstrip(".")


def story(thing: Any) -> str:
    """What a module's docstring says, then what an object's own says after its first line and before its arguments."""
    home = sys.modules[thing.__module__]  # the class of an agent in a process of its own stands in no module here
    module = inspect.cleandoc(home.__doc__ or "") if getattr(home, thing.__name__, None) is thing else ""
    own = re.split(r"\n+(?:Args|Raises|Attributes):\n", inspect.cleandoc(thing.__doc__ or ""))[0].partition("\n")[2]
    return "\n\n".join(part.strip() for part in (module, own) if part.strip())


def agent_settings(entry: AgentEntry) -> list[ConfigField]:
    """The fields of an agent's config."""
    config = entry.agent.Config()
    return _with_meanings(config_fields(config).values(), type(config))


def arena_settings(entry: ArenaEntry) -> list[ConfigField]:
    """The settings of an arena."""
    fields = argument_fields(entry.factory).values()
    changeable = [f for f in fields if f.name not in entry.fixed and f.name != "wrap"]
    return _with_meanings(changeable, entry.factory.Settings)


def _with_meanings(fields: Iterable[ConfigField], declared: type) -> list[ConfigField]:
    """The meaning of a field is the comment behind it in the dataclass that declares it."""
    meanings = _field_comments(declared)
    return [dataclasses.replace(field, meaning=meanings.get(field.name, "")) for field in fields]


def house_checkpoints(agent: str) -> list[str]:
    """Identities of the arenas for which the house has a checkpoint of an agent, sorted."""
    cards = checkpoint.HOUSE.glob(f"*/{agent}/{checkpoint.CARD}")
    return sorted(card.parent.parent.name for card in cards)


def house_checkpoint_names(agent: str, arena: str = "") -> list[str]:
    """What may stand behind "@" of an agent: the house's further checkpoints, of one arena by its name or of all."""
    cards = checkpoint.HOUSE.glob(f"*/{agent}/*/{checkpoint.CARD}")
    return sorted({card.parent.name for card in cards if card.parent.parent.parent.name.startswith(arena)})


def house_entrants(identity: str) -> list[str]:
    """Agents of which the house has a checkpoint for an arena, sorted."""
    return sorted(card.parent.name for card in (checkpoint.HOUSE / identity).glob(f"*/{checkpoint.CARD}"))


def house_entrants_elsewhere(identity: str) -> dict[str, list[str]]:
    """Agent -> other settings of an arena's game for which the house has a checkpoint of it, as identities write them.

    Sorted; "" are the usual settings.
    """
    game = identity.partition("(")[0]
    found: dict[str, list[str]] = {}
    for folder in sorted(checkpoint.HOUSE.glob(f"{game}*")):
        head, _, settings = folder.name.removesuffix(")").partition("(")
        if head == game and folder.name != identity:
            for agent in house_entrants(folder.name):
                found.setdefault(agent, []).append(settings)
    return dict(sorted(found.items()))


def playable(agent: str, left_out: dict[str, str]) -> list[str]:
    """Registered arenas that an agent can play as they are; why not the others is noted in `left_out`.

    Raises:
        UserError: an unknown agent.
    """
    name, *assignments = split(agent)
    chosen = load_agent(name)
    config = chosen.config(assignments) if assignments else None
    playing = []
    for where in names(ARENAS):
        try:
            arena = load_arena(where).make(1)
        except UserError as error:
            left_out[where] = f"cannot be made ({error})"
            continue
        refused = refusal(chosen, arena, config)
        arena.close()
        if refused:
            left_out[where] = refused
        else:
            playing.append(where)
    return playing


def players(arena: Arena) -> list[str]:
    """Registered agents that can play in an arena."""
    playing = []
    for name in names(AGENTS):
        with suppress(UserError):  # an agent that cannot be imported plays nowhere
            if not refusal(load_agent(name), arena):
                playing.append(name)
    return playing


#: What learners need that no arena offers: training shows it (`--sight`).
SHOWN = frozenset({"joint", "policies"})


def refusal(entry: AgentEntry, arena: Arena, config: Any = None) -> str | None:
    """Why an agent cannot play in an arena ("does not offer ..."), or None; `config` is its own defaults if None.

    A learner that cannot learn there has nothing to play by. An agent that breaks is not refused: the laws say what is
    wrong with it.
    """
    from agents.protocol import missing_words

    try:
        missing = missing_words(entry.agent, arena.spec.offers)
        if missing:
            return f"does not offer {', '.join(missing)}"
        missing = missing_words(entry.agent, arena.spec.offers | SHOWN, learning=True)
        if missing and entry.agent.learns:
            return f"does not offer {', '.join(missing)}, without which it cannot learn"
        for seat in arena.spec.seats:
            entry.agent.make(arena.spec, (seat,), config)
    except ValueError as error:
        return f"is refused ({error})"
    except Exception:
        return None
    return None


def _field_comments(config: type) -> dict[str, str]:
    """Field -> the comment behind it, over all dataclasses that a config is derived from."""
    comments: dict[str, str] = {}
    for owner in reversed(config.__mro__):
        if not dataclasses.is_dataclass(owner):
            continue
        try:
            lines = textwrap.dedent(inspect.getsource(owner)).splitlines()
        except OSError:  # declared in another process
            continue
        body = ast.parse("\n".join(lines)).body[0]
        assert isinstance(body, ast.ClassDef)
        for node in body.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                behind = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset :]
                comments[node.target.id] = behind.strip().removeprefix("#").strip()
    return comments

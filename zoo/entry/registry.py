"""Agents and arenas by name: entry points, `module:Class`, `path/to/file.py:Class`, or `LIBRARY:NAME`.

Listing names imports nothing; using a name imports that one module. Agents that the zoo does not ship are imported in
a process of their own, unless they are trusted, see `zoo.sandbox.levels`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoo.entry import submitted
from zoo.entry.importing import existing_file, games_hint, importing, load_file, reason_of
from zoo.entry.settings import argument_fields, canonical, config_fields, read
from zoo.errors import UserError, broke, nearest, nearest_class
from zoo.sandbox.levels import isolation, refusal
from zoo.sandbox.source import Source

if TYPE_CHECKING:
    from agents.protocol import Agent
    from arenas.protocol import Arena

AGENTS, ARENAS = "zoo.agents", "zoo.arenas"
_LONGEST = 10_000_000  # steps of an episode
_VERSIONED = re.compile(r"[-_]v\d+$")
#: The packages of the zoo: what lies in them ships with it.
OURS = ("agents", "arenas", "leaderboard", "zoo")
#: Schemes that name a foreign environment: `pettingzoo:classic/connect_four_v3`, `mpe2:simple_tag_v3`.
FOREIGN = ("pettingzoo", "mpe2", "lbforaging", "openspiel")
#: Libraries by scheme, with the modules that wrap them: of agents, `axelrod:NAME`, and of games, `openspiel:NAME`.
LIBRARIES = {"axelrod": "agents.scripts.axelrod_library", "rrps": "agents.scripts.rrps_library"}
GAMES = {"openspiel": "arenas.foreign.openspiel"}


@dataclass(frozen=True)
class AgentEntry:
    """An agent class under the name by which it was asked for.

    `key` identifies the code: the registered name, `module:Class`, or a hash of the file with the files beside it that
    it imports, and the class; and a hash of the other files that the agent reads (`Agent.files`). `shipped` says
    whether it is the zoo's own. The class of one that is not may be a `zoo.sandbox.remote.Remote`.
    """

    name: str
    key: str
    agent: type[Agent]
    shipped: bool = True

    @property
    def isolation(self) -> str:
        """How its agents are kept apart: "trusted" where they run in this process."""
        return str(getattr(self.agent, "level", "trusted"))

    def config(self, assignments: list[str]) -> Any:
        """The agent's config with `field=value` texts applied.

        Raises:
            UserError: an unknown field or a value that does not fit.
        """
        default = self.agent.Config()
        values = read(assignments, config_fields(default), self.name)
        try:
            return type(default)(**{**vars(default), **values})
        except (TypeError, ValueError) as error:
            raise UserError(f"{self.name}: {error}") from error


@dataclass(frozen=True)
class ArenaEntry:
    """An arena under the name by which it was asked for, with the settings given.

    `key` identifies the code where the game's own name does not: `module:Class`, or the hash of the file and the class.
    `content` is the hash of the file, where there is one, with the modules beside it that it imports, and `modules`
    what they were imported as.
    """

    name: str
    factory: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)  # arguments that are no settings: what to play, its wrappers
    key: str = ""
    content: str = ""
    modules: frozenset[str] = frozenset()

    def make(self, batch_size: int, device: str = "cpu") -> Arena:
        """A fresh arena.

        Raises:
            UserError: the arena refuses its settings.
        """
        from arenas.protocol import Arena, ArenaError, ArenaSpec

        given = {**self.fixed, **self.settings}
        for setting in argument_fields(self.factory).values():
            if setting.required and setting.name not in given:
                raise UserError(f"arena {self.name} needs {setting.name}: --set arena.{setting.name}=VALUE")
        try:
            with redirect_stdout(sys.stderr):  # standard output belongs to the result
                arena = self.factory(batch_size, device=device, **given)
        except ArenaError as error:  # it names the arena itself
            raise UserError(" ".join(str(error).split())) from error
        except (TypeError, ValueError, ImportError) as error:  # how an arena refuses its settings
            reason = reason_of(error).removeprefix(f"{getattr(self.factory, 'name', '')}: ")  # named once is enough
            raise UserError(f"arena {self.name}: {reason}") from error
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # an arena may be anybody's and fail in any way
            raise broke(f"arena {self.name} cannot be made", error) from error
        if not isinstance(arena, Arena):
            raise UserError(f"arena {self.name}: {self.factory!r} did not make an arenas.protocol.Arena")
        if not isinstance(getattr(arena, "spec", None), ArenaSpec):
            raise UserError(f"arena {self.name}: it has no spec, an arenas.protocol.ArenaSpec, after build()")
        if arena.spec.max_steps > _LONGEST:
            raise UserError(f"arena {self.name}: max_steps is {arena.spec.max_steps}, an episode may last {_LONGEST:,}")
        return arena

    def identity(self, arena: Arena) -> str:
        """Name with version, arguments other than the defaults, wrappers, and where the game is not ours its origin.

        The origin of a game from a file is the file's name, where the file declares a name with a version (`name` of an
        `Arena`, "name" in the `metadata` of an environment), and otherwise the hash of the file.
        """
        fields = argument_fields(self.factory)
        changed = {n: v for n, v in self.settings.items() if n not in fields or v != fields[n].default}
        changed = getattr(arena, "in_identity", dict)(changed)  # a foreign game adds what it was recognised as
        wrapped = {"wrap": list(self.fixed["wrap"])} if "wrap" in self.fixed else {}
        parts = canonical({**changed, **wrapped}), self._declared(arena) or self.key, getattr(arena, "package", "")
        return f"{arena.spec.name}({','.join(filter(None, parts))})" if any(parts) else arena.spec.name

    def _declared(self, arena: Arena) -> str:
        """What stands for the code of a game whose file declares a version, else ""."""
        if not self.modules:
            return ""
        if "env" in self.fixed:
            name, module = getattr(arena, "declared", ("", ""))
            return name if module.partition(".")[0] in self.modules and _VERSIONED.search(name) else ""
        owner = next((kind for kind in type(arena).__mro__ if "name" in vars(kind)), None)
        own = owner is not None and owner.__module__.partition(".")[0] in self.modules
        return Path(self.name).name if own and _VERSIONED.search(arena.spec.name) else ""


@functools.cache
def names(group: str) -> Mapping[str, importlib.metadata.EntryPoint]:
    """Name -> entry point, sorted; scanned once a process.

    Raises:
        UserError: two packages claim one name.
    """
    points: dict[str, importlib.metadata.EntryPoint] = {}
    for point in importlib.metadata.entry_points(group=group):
        other = points.setdefault(point.name, point)
        if other.value != point.value:
            owners = " and ".join(sorted({_owner(other), _owner(point)}))
            raise UserError(f"the name {point.name!r} is claimed by {owners}: uninstall one of them")
    return dict(sorted(points.items()))


def load_agent(text: str) -> AgentEntry:
    """The agent that `text` names: a registered one, `module:Class`, `path.py:Class`, `axelrod:NAME`, or a submission.

    Raises:
        UserError: unknown name (with the nearest), not an agent, a library that is missing, or an agent that the zoo
            does not ship where this machine cannot keep it apart.
    """
    if text not in names(AGENTS) and (entered := submitted.find(text)) is not None:
        return replace(load_agent(entered.text), name=entered.label)
    if _of_library(text):
        loaded, key = _load_foreign_agent(text)
    elif (source := _stranger(text)) is not None:
        return _strangers_entry(text, source)
    else:
        loaded, key = _load(text, AGENTS)
    return AgentEntry(text, _with_files(text, key or text, _checked(text, loaded)), loaded)


def _checked(text: str, loaded: Any) -> type[Agent]:
    from agents.protocol import Agent
    from zoo.sandbox.declare import must_declare

    if not (isinstance(loaded, type) and issubclass(loaded, Agent)):
        raise UserError(f"{text} is not an agent: expected a subclass of agents.protocol.Agent")
    try:
        must_declare(loaded)
    except TypeError as error:
        raise UserError(f"{text} cannot be used: {error}") from error
    return loaded


def is_shipped(text: str) -> bool:
    """Whether a name of an agent or an arena stands for the zoo's own, or for what a library of the zoo's list has."""
    point = names(AGENTS).get(text) or names(ARENAS).get(text)
    place, colon, _ = (point.value if point else text).rpartition(":")
    known = place in FOREIGN or place in LIBRARIES or place.partition(".")[0] in OURS
    return not colon or (known and not place.endswith(".py"))


def _stranger(text: str) -> Source | None:
    """The files of an agent that the zoo does not ship; None where it does, or where `text` names nothing.

    Raises:
        UserError: there is no such file or module, or it cannot be read.
    """
    point = names(AGENTS).get(text)
    place, _, attribute = (point.value if point else text).rpartition(":")
    if is_shipped(text):
        return None
    if not place.endswith(".py"):
        return Source.of_module(f"{place}:{attribute}")
    return Source.of_file(existing_file(place), attribute)


def _strangers_entry(text: str, source: Source) -> AgentEntry:
    """The entry of an agent that the zoo does not ship; its key is the same however it is kept apart."""
    level = isolation()
    if level == "trusted":
        agent = _checked(text, _load(text, AGENTS)[0])
    elif why := refusal(level):
        raise UserError(why)
    else:
        from zoo.sandbox.remote import remote_agent, remote_file

        place, _, attribute = text.rpartition(":")
        agent = remote_file(existing_file(place), attribute) if place.endswith(".py") else remote_agent(source)
    if not text.rpartition(":")[0].endswith(".py"):  # a module's name does not say which code it holds
        key = f"{text},sha256-{source.digest[:16]}"
        return AgentEntry(text, _with_files(text, key, agent), agent, shipped=False)
    key = f"sha256-{source.code_digest[:16]}:{source.attribute}"
    data = [content for name, content in sorted(source.files.items()) if not name.endswith(".py")]
    return AgentEntry(text, _with_files(text, key, agent, data), agent, shipped=False)


def _with_files(text: str, key: str, agent: type[Agent], found: Sequence[bytes] = ()) -> str:
    """The key of an agent's code, with a hash of the other files that it reads, if any: declared, or else `found`."""
    try:
        contents = [existing_file(str(file)).read_bytes() for file in agent.files()] or found
    except (KeyboardInterrupt, UserError):
        raise
    except OSError as error:
        raise UserError(f"{text}: cannot read {error.filename}: {error.strerror or error}") from error
    except BaseException as error:  # an agent may be anybody's and fail in any way
        raise broke(f"{text} cannot name its files", error) from error
    digests = [hashlib.sha256(content).digest() for content in contents]
    return f"{key},sha256-{hashlib.sha256(b''.join(digests)).hexdigest()[:16]}" if digests else key


def kind_of(text: str) -> Literal["agent", "arena"]:
    """Whether `text` names an agent or an arena; anything else is taken for an arena or what makes one.

    A class that the zoo does not ship is imported where its agents would be, and here only when it is none.

    Raises:
        UserError: unknown name (with the nearest), or a file or module that cannot be imported.
    """
    from agents.protocol import Agent

    agents, arenas = names(AGENTS), names(ARENAS)
    if text in agents or _of_library(text) or (text not in arenas and submitted.find(text) is not None):
        return "agent"
    versioned = text.partition("(")[0].rpartition("-v")[0]  # of an identity, as boards print it
    if text in arenas or versioned in arenas or text.partition(":")[0] in FOREIGN:
        return "arena"
    if ":" not in text:
        raise UserError(f"unknown agent or arena {text!r}; {nearest_class(text, [*agents, *arenas])}")
    source = _stranger(text)
    if source is not None and isolation() != "trusted":
        return "agent" if not source.names_function() and _imports_as_agent(text) else "arena"
    loaded, _ = _load(text, ARENAS)
    return "agent" if isinstance(loaded, type) and issubclass(loaded, Agent) else "arena"


def _imports_as_agent(text: str) -> bool:
    """Whether a class is an agent, as the process that imports it says."""
    try:
        load_agent(text)
    except UserError as error:
        if "is not an agent" in str(error):
            return False
        raise
    return True


def load_arena(text: str, assignments: list[str] | None = None, wrap: tuple[str, ...] = ()) -> ArenaEntry:
    """The arena that `text` names, with `field=value` texts applied.

    `text` is a registered name, `module:attribute`, `path.py:attribute`, or `SCHEME:NAME` for an environment of
    PettingZoo or of another library (`FOREIGN`). An attribute that is no `Arena` is taken for a function that makes a
    PettingZoo environment; then arguments of the environment's own may be given as fields too.

    Raises:
        UserError: unknown name (with the nearest), unknown field, or a value that does not fit.
    """
    from arenas.protocol import Arena

    factory: Any = None
    fixed: dict[str, Any] = {}
    content, modules = "", frozenset[str]()
    if ":" in text and text.partition(":")[0] in FOREIGN:
        key, fixed = "", {"env": text}
    else:
        factory, key = _load(text, ARENAS)
        if not callable(factory):
            raise UserError(
                f"{text} is no arena: expected a subclass of arenas.protocol.Arena, or a function that"
                " makes a PettingZoo environment"
            )
        if key.startswith("sha256-"):
            content, modules = key.partition(":")[0], load_file(text.rpartition(":")[0]).names
        if key and not (isinstance(factory, type) and issubclass(factory, Arena)):
            # the function's own name may be another file's; the file (its hash is in the key) and the attribute are not
            fixed = {"env": factory, "name": Path(text).name}
    if fixed:
        from arenas.foreign.arena import Foreign

        factory = Foreign
    if wrap:
        if not fixed:
            raise UserError(f"--wrap needs a PettingZoo environment, and {text} is an arena of its own")
        fixed["wrap"] = tuple(wrap)
    fields = {name: f for name, f in argument_fields(factory).items() if name not in ("env", "name", "wrap")}
    # what `Foreign` does not know itself is for the environment, which may take arguments of its own
    values = read(assignments or [], fields, f"arena {text}", further=bool(fixed))
    return ArenaEntry(text, factory, values, fixed, key, content, modules)


def library(scheme: str) -> Any:
    """The module that wraps a library; it has `names`, `refusal`, `description`, `version`, and `agent` or `named`.

    Raises:
        UserError: the library is not installed, or cannot be imported.
    """
    module = importlib.import_module({**LIBRARIES, **GAMES}[scheme])
    try:
        module.library()
    except ModuleNotFoundError as error:
        raise UserError(str(error)) from error
    except (Exception, SystemExit) as error:  # a third party's module may fail in any way
        raise UserError(f"{scheme} cannot be imported: {reason_of(error)}") from error
    return module


def _of_library(text: str) -> bool:
    return ":" in text and text.partition(":")[0] in LIBRARIES


def _load_foreign_agent(text: str) -> tuple[Any, str]:
    """A library's agent, and its name with the library's version."""
    scheme, _, name = text.partition(":")
    module = library(scheme)
    known = module.names()
    if name not in known:
        hint = nearest(name, known)
        listed = f"list them with `zoo agents {scheme}`"  # there are hundreds
        raise UserError(f"unknown agent {text!r}; {hint if hint.startswith('did you') else listed}")
    try:
        return module.agent(name), f"{text},{module.version()}"
    except ValueError as error:
        raise UserError(str(error)) from error


def _owner(point: importlib.metadata.EntryPoint) -> str:
    return f"{point.dist.name if point.dist else 'an unknown package'} ({point.value})"


def _load(text: str, group: str) -> tuple[Any, str]:
    """What a name, `module:attribute` or `path.py:attribute` stands for, and a key for its code ("": registered)."""
    if point := names(group).get(text):
        with importing(f"{point.name} ({point.value})"):
            return point.load(), ""
    if ":" not in text:
        kind = group.removeprefix("zoo.").rstrip("s")
        hint = games_hint(text) if kind == "arena" else ""
        raise UserError(f"unknown {kind} {text!r}; {hint or nearest_class(text, names(group))}")
    place, _, attribute = text.rpartition(":")
    if place.endswith(".py"):
        loaded = load_file(place)
        module, key = loaded.module, f"sha256-{loaded.digest}:{attribute}"
    else:
        key = text
        with importing(place):
            module = importlib.import_module(place)
    if not hasattr(module, attribute):
        public = [n for n in vars(module) if not n.startswith("_")]
        raise UserError(f"{place} has no {attribute!r}; {nearest(attribute, public)}")
    return getattr(module, attribute), key

"""Agents and arenas by name: entry points, `module:Class`, `path/to/file.py:Class`, or `LIBRARY:NAME`.

Listing names imports nothing; using a name imports that one module.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from zoo.entry import submitted
from zoo.entry.settings import argument_fields, canonical, config_fields, read
from zoo.errors import UserError, broke, nearest

if TYPE_CHECKING:
    from agents.protocol import Agent
    from arenas.protocol import Arena

AGENTS, ARENAS = "zoo.agents", "zoo.arenas"
#: Schemes that name a foreign environment: `pettingzoo:classic/connect_four_v3`, `mpe2:simple_tag_v3`.
FOREIGN = ("pettingzoo", "mpe2")
#: Schemes that name an agent of another library, `axelrod:TitFor2Tats`, with the module that wraps it.
LIBRARIES = {"axelrod": "agents.scripts.axelrod_library"}


@dataclass(frozen=True)
class AgentEntry:
    """An agent class under the name by which it was asked for.

    `key` identifies the code: the registered name, `module:Class`, or the hash of the file and the class; and a hash of
    the other files that the agent reads (`Agent.files`).
    """

    name: str
    key: str
    agent: type[Agent]

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
    """

    name: str
    factory: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)  # arguments that are no settings: what to play, its wrappers
    key: str = ""

    def make(self, batch_size: int, device: str = "cpu") -> Arena:
        """A fresh arena.

        Raises:
            UserError: the arena refuses its settings.
        """
        from arenas.protocol import Arena, ArenaError

        given = {**self.fixed, **self.settings}
        for setting in argument_fields(self.factory).values():
            if setting.required and setting.name not in given:
                raise UserError(f"arena {self.name} needs {setting.name}: --set arena.{setting.name}=VALUE")
        try:
            arena = self.factory(batch_size, device=device, **given)
        except (TypeError, ValueError, ArenaError, ImportError) as error:  # how an arena refuses its settings
            raise UserError(f"arena {self.name}: {_one_line(error)}") from error
        except (Exception, SystemExit) as error:  # an arena may be anybody's and fail in any way
            raise broke(f"arena {self.name} cannot be made", error) from error
        if not isinstance(arena, Arena):
            raise UserError(f"arena {self.name}: {self.factory!r} did not make an arenas.protocol.Arena")
        return arena

    def identity(self, arena: Arena) -> str:
        """Name with version, arguments other than the defaults, wrappers, and where the game is not ours its origin."""
        fields = argument_fields(self.factory)
        changed = {n: v for n, v in self.settings.items() if n not in fields or v != fields[n].default}
        wrapped = {"wrap": list(self.fixed["wrap"])} if "wrap" in self.fixed else {}
        package = getattr(arena, "package", "")
        inside = ",".join(part for part in (canonical({**changed, **wrapped}), self.key, package) if part)
        return f"{arena.spec.name}({inside})" if inside else arena.spec.name


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


def is_registered(text: str) -> bool:
    """Whether an agent has this name by an entry point."""
    return text in names(AGENTS)


def load_agent(text: str) -> AgentEntry:
    """The agent that `text` names: a registered one, `module:Class`, `path.py:Class`, `axelrod:NAME`, or a submission.

    Raises:
        UserError: unknown name (with the nearest), not an agent, or a library that is missing.
    """
    from agents.protocol import Agent

    if not is_registered(text) and (entered := submitted.find(text)) is not None:
        return replace(load_agent(entered.text), name=entered.label)
    if _of_library(text):
        loaded, key = _load_foreign_agent(text)
    else:
        loaded, key = _load(text, AGENTS)
    if not (isinstance(loaded, type) and issubclass(loaded, Agent)):
        raise UserError(f"{text} is not an agent: expected a subclass of agents.protocol.Agent")
    return AgentEntry(text, _with_files(text, key or text, loaded), loaded)


def _with_files(text: str, key: str, agent: type[Agent]) -> str:
    """The key of an agent's code, with a hash of the other files that it reads, if any."""
    try:
        digests = [hashlib.sha256(file.read_bytes()).digest() for file in agent.files()]
    except OSError as error:
        raise UserError(f"{text}: cannot read {error.filename}: {error.strerror or error}") from error
    except (Exception, SystemExit) as error:  # an agent may be anybody's and fail in any way
        raise broke(f"{text} cannot name its files", error) from error
    return f"{key},sha256-{hashlib.sha256(b''.join(digests)).hexdigest()[:16]}" if digests else key


def kind_of(text: str) -> Literal["agent", "arena"]:
    """Whether `text` names an agent or an arena; anything else is taken for an arena or what makes one.

    Raises:
        UserError: unknown name (with the nearest), or a file or module that cannot be imported.
    """
    from agents.protocol import Agent

    agents, arenas = names(AGENTS), names(ARENAS)
    if text in agents or _of_library(text):
        return "agent"
    if text in arenas or text.partition(":")[0] in FOREIGN:
        return "arena"
    if submitted.find(text) is not None:
        return "agent"
    if ":" not in text:
        raise UserError(f"unknown agent or arena {text!r}; {nearest(text, [*agents, *arenas])}")
    loaded, _ = _load(text, ARENAS)
    return "agent" if isinstance(loaded, type) and issubclass(loaded, Agent) else "arena"


def load_arena(text: str, assignments: list[str] | None = None, wrap: tuple[str, ...] = ()) -> ArenaEntry:
    """The arena that `text` names, with `field=value` texts applied.

    `text` is a registered name, `module:attribute`, `path.py:attribute`, or `pettingzoo:NAME` or `mpe2:NAME` for any
    PettingZoo environment. An attribute that is no `Arena` is taken for a function that makes such an environment; then
    arguments of the environment's own may be given as fields too.

    Raises:
        UserError: unknown name (with the nearest), unknown field, or a value that does not fit.
    """
    from arenas.protocol import Arena

    factory: Any = None
    fixed: dict[str, Any] = {}
    if text.partition(":")[0] in FOREIGN:
        key, fixed = "", {"env": text}
    else:
        factory, key = _load(text, ARENAS)
        if not callable(factory):
            raise UserError(
                f"{text} is no arena: expected a subclass of arenas.protocol.Arena, or a function that"
                " makes a PettingZoo environment"
            )
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
    return ArenaEntry(text, factory, values, fixed, key)


def library(scheme: str) -> Any:
    """The module that wraps a library's agents; it has `names`, `refusal`, `agent`, `description` and `version`.

    Raises:
        UserError: the library is not installed, or cannot be imported.
    """
    module = importlib.import_module(LIBRARIES[scheme])
    try:
        module.library()
    except ModuleNotFoundError as error:
        raise UserError(str(error)) from error
    except (Exception, SystemExit) as error:  # a third party's module may fail in any way
        raise UserError(f"{scheme} cannot be imported: {_one_line(error)}") from error
    return module


def _of_library(text: str) -> bool:
    scheme, colon, _ = text.partition(":")
    return bool(colon) and scheme in LIBRARIES


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


@contextmanager
def _importing(what: str, module: str = "") -> Iterator[None]:
    """An import inside, which may fail in any way where a third party wrote it; then `module` is forgotten."""
    try:
        yield
    except (Exception, SystemExit) as error:
        sys.modules.pop(module, None)
        raise UserError(f"{what} cannot be imported: {_one_line(error)}") from error


def _load(text: str, group: str) -> tuple[Any, str]:
    """What a name, `module:attribute` or `path.py:attribute` stands for, and a key for its code ("": registered)."""
    if point := names(group).get(text):
        with _importing(f"{point.name} ({point.value})"):
            return point.load(), ""
    if ":" not in text:
        raise UserError(f"unknown {group.removeprefix('zoo.').rstrip('s')} {text!r}; {nearest(text, names(group))}")
    place, _, attribute = text.rpartition(":")
    if place.endswith(".py"):
        module, digest = _load_file(place)
        key = f"sha256-{digest}:{attribute}"
    else:
        key = text
        with _importing(place):
            module = importlib.import_module(place)
    if not hasattr(module, attribute):
        public = [n for n in vars(module) if not n.startswith("_")]
        raise UserError(f"{place} has no {attribute!r}; {nearest(attribute, public)}")
    return getattr(module, attribute), key


def _load_file(place: str) -> tuple[ModuleType, str]:
    """The module that a file holds, imported once a process, and a hash of the file."""
    path = Path(place).expanduser()
    if not path.is_file():
        raise UserError(f"there is no file {place}")
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UserError(f"cannot read {place}: {error.strerror or error}") from error
    # a copy in another folder is a module of its own: it may read other files beside it
    name = f"zoo_file_{digest}_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # every file *.py has them
        sys.modules[name] = importlib.util.module_from_spec(spec)
        with _importing(place, name):
            spec.loader.exec_module(sys.modules[name])
    return sys.modules[name], digest


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"

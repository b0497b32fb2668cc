"""One PettingZoo environment behind one interface, whichever form it has, made by name and wrapped by name."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import json
import pkgutil
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import pettingzoo

from arenas.protocol import ArenaError

Make = Callable[..., Any]


class Copy(ABC):
    """One running environment.

    Attributes:
        env: the environment itself.
        turn: the agents that act now; empty once the episode is over.
        observations: what the agents see now, by agent, where the environment says it.
        infos: its remarks, by agent.
        rewards: what the last step paid, by agent.
        left: agents that left in the last step: True for a termination, False for a truncation.
    """

    def __init__(self, name: str, env: Any) -> None:
        self.env = env
        self.turn: tuple[Any, ...] = ()
        self.observations: dict[Any, Any] = {}
        self.infos: dict[Any, dict[str, Any]] = {}
        self.rewards: dict[Any, float] = {}
        self.left: dict[Any, bool] = {}
        self._name, self._seed = name, 0

    @contextmanager
    def blame(self) -> Iterator[None]:
        """Blame the environment for every error inside."""
        with blame(f"{self._name}, episode seed {self._seed}"):
            yield

    def reset(self, seed: int) -> None:
        """Start an episode.

        Raises:
            ArenaError: the environment broke; so in `step` and `state`.
        """
        self._seed, self.rewards, self.left = seed, {}, {}
        with self.blame():
            self._reset(seed)

    def step(self, actions: dict[Any, Any]) -> None:
        """Play the actions of the agents in `turn`."""
        with self.blame():
            self._step(actions)

    def state(self) -> np.ndarray:
        """The global state, flat float32 [S]."""
        with self.blame():
            return np.asarray(self.env.state(), np.float32).ravel()

    def state_width(self) -> int:
        """S; 0 where the environment shows no state, which each says by an exception of its own."""
        try:
            return len(self.state())
        except ArenaError:
            return 0

    @abstractmethod
    def _reset(self, seed: int) -> None: ...

    @abstractmethod
    def _step(self, actions: dict[Any, Any]) -> None: ...


class ParallelCopy(Copy):
    """A parallel environment: every living agent is on turn."""

    def _reset(self, seed: int) -> None:
        self.observations, self.infos = self.env.reset(seed=seed)
        self.turn = tuple(self.env.agents)

    def _step(self, actions: dict[Any, Any]) -> None:
        self.observations, self.rewards, ended, cut, self.infos = self.env.step(actions)
        self.left = {agent: bool(ended[agent]) for agent in self.turn if ended[agent] or cut[agent]}
        self.turn = tuple(agent for agent in self.env.agents if agent not in self.left)


class TurnCopy(Copy):
    """An AEC environment: one agent is on turn."""

    def _reset(self, seed: int) -> None:
        self.env.reset(seed=seed)
        self._look()

    def _step(self, actions: dict[Any, Any]) -> None:
        self.env.step(actions[self.env.agent_selection])
        self.rewards = dict(self.env.rewards)
        self._look()

    def _look(self) -> None:
        """Note what all agents see, then take the empty steps that PettingZoo wants of agents that left."""
        env = self.env
        self.observations = {agent: env.observe(agent) for agent in env.agents}
        self.infos = dict(env.infos)
        self.left = {a: bool(env.terminations[a]) for a in env.agents if env.terminations[a] or env.truncations[a]}
        while env.agents and (env.terminations[env.agent_selection] or env.truncations[env.agent_selection]):
            env.step(None)
        self.turn = (env.agent_selection,) if env.agents else ()


def copy_of(name: str, env: Any) -> Copy:
    """A copy for an environment of either form.

    Raises:
        ArenaError: it is no PettingZoo environment, or does not say who may play.
    """
    for form, kind in ((pettingzoo.ParallelEnv, ParallelCopy), (pettingzoo.AECEnv, TurnCopy)):
        if isinstance(env, form):
            if not getattr(env, "possible_agents", None):
                raise ArenaError(f"{name}: the environment does not name its possible_agents")
            return kind(name, env)
    raise ArenaError(f"{name}: {type(env).__name__} is neither a ParallelEnv nor an AECEnv")


@contextmanager
def blame(what: str) -> Iterator[None]:
    """Turn every exception into an `ArenaError` of one line."""
    try:
        yield
    except ArenaError:
        raise
    except Exception as error:  # a stranger's environment may fail in any way
        raise ArenaError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}") from error


def maker(env: str | Make) -> tuple[str, str, Make]:
    """The full name of an environment, the package with its version ("" if it is no package's), and what makes one.

    Raises:
        ValueError: an unknown name.
    """
    if not isinstance(env, str):
        return f"{env.__module__}:{getattr(env, '__qualname__', type(env).__qualname__)}", "", env
    scheme, _, rest = env.rpartition(":")
    if env.startswith("openspiel:"):  # a game's parameters may hold colons
        scheme, _, rest = env.partition(":")
    if scheme in ("", "pettingzoo"):
        rest = re.sub(r"-v(\d+)$", r"_v\1", rest)
        return f"pettingzoo:{rest}", _version("pettingzoo"), _from_registry(rest)
    if scheme == "mpe2":
        return env, _version("mpe2"), _from_mpe2(rest)
    if scheme == "lbforaging":
        from arenas.foreign.foraging import named

        make = named(rest)  # which says what to install where it is missing
        return env, _version("lbforaging"), make
    if scheme == "openspiel":
        from arenas.foreign import openspiel

        made = openspiel.named(rest)  # which says what to install where it is missing
        return env, openspiel.version(), made
    raise ValueError(
        f"{env}: unknown scheme {scheme!r}; environments are named by pettingzoo:, mpe2:, lbforaging: or openspiel:"
    )


def _from_registry(name: str) -> Make:
    key = re.sub(r"_v(\d+)$", r"-v\1", name)  # as the registry writes it
    for form, registry in (("parallel", pettingzoo.parallel_registry), ("aec", pettingzoo.aec_registry)):
        if key in registry:
            return partial(pettingzoo.make, form, key)
    raise ValueError(f"PettingZoo has no environment {name!r}; {_nearest(name, pettingzoo.aec_registry)}")


def _from_mpe2(name: str) -> Make:
    import mpe2

    known = [module.name for module in pkgutil.iter_modules(mpe2.__path__) if re.search(r"_v\d+$", module.name)]
    if name not in known:
        raise ValueError(f"mpe2 has no environment {name!r}; {_nearest(name, known)}")
    make: Make = importlib.import_module(f"mpe2.{name}").parallel_env
    return make


def wrapper(text: str) -> Make:
    """A SuperSuit wrapper from "NAME" or "NAME=ARGUMENT", the argument in JSON or plain text.

    Raises:
        ValueError: an unknown name.
    """
    import supersuit

    name, equals, given = text.partition("=")
    known = [n for n in dir(supersuit) if re.search(r"_v\d+$", n)]
    if name not in known:
        raise ValueError(f"SuperSuit has no wrapper {name!r}; {_nearest(name, known)}")
    try:
        argument = json.loads(given) if equals else None
    except json.JSONDecodeError:
        argument = given

    def wrap(env: Any) -> Any:
        with blame(f"wrapper {text}"):
            return getattr(supersuit, name)(env, argument) if equals else getattr(supersuit, name)(env)

    return wrap


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    return f"the nearest names are {', '.join(difflib.get_close_matches(name, names, n=3, cutoff=0.0))}"


def _version(package: str) -> str:
    return f"{package}=={importlib.metadata.version(package)}"

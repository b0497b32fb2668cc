"""One running PettingZoo environment behind one interface, whichever form it has, held to PettingZoo's contract.

What is told here is what PettingZoo's own loop sees: the dicts of a parallel environment, and `last()` of a turn game,
whose seats are asked one by one, each on its own turn, and once more when it has left. Whoever breaks the contract is
refused in one line that names episode, step, seat, method and rule.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

import numpy as np
import pettingzoo

from arenas.foreign.luck import Luck
from arenas.protocol import ArenaError

_FLAGS = "each agent that acted needs True or False in terminations and in truncations"


class Copy(ABC):
    """One running environment.

    Attributes:
        env: the environment itself.
        one_by_one: whether one agent is on turn at a time.
        playing: the agents whose actions the environment waits for; empty once the episode is over.
        observations: what agents see now, by agent, of those who may be asked.
        infos: its remarks, by agent.
        rewards: what the last step paid, by agent.
        left: agents that left in the last step: True for a termination, False for a truncation.
        method: the environment's method that was called last.
    """

    one_by_one = False

    def __init__(self, name: str, env: Any) -> None:
        self.env = env
        self.playing: tuple[Any, ...] = ()
        self.observations: Mapping[Any, Any] = {}
        self.infos: Mapping[Any, Any] = {}
        self.rewards: dict[Any, float] = {}
        self.left: dict[Any, bool] = {}
        self.method = "reset"
        self._name, self._seed, self._step_number = name, 0, 0
        self._known = frozenset(env.possible_agents)
        self._dead: set[Any] = set()
        self._luck = Luck()

    def fault(self, what: str, rule: str, agent: Any = None, method: str = "") -> ArenaError:
        """The environment's mistake: `method` (the last one called) did `what`, and `rule` says what is right."""
        method = method or self.method
        seat = "" if agent is None else str(agent)
        where = f"{self._name}, episode seed {self._seed}, step {self._step_number}{f', seat {seat}' if seat else ''}"
        line = f"{where}: {method}() {what}{f'; {rule}' if rule else ''}"
        return ArenaError(line, seat=seat, step=self._step_number, method=method, rule=rule)

    @contextmanager
    def asked(self, method: str, agent: Any = None) -> Iterator[None]:
        """One of the environment's methods is called inside: what it prints goes to stderr, what it raises is its own.

        Raises:
            ArenaError: for whatever it raises.
        """
        self.method = method
        with _guarded(lambda words: self.fault(f"raised {words}", "", agent)):
            yield

    def reset(self, seed: int) -> None:
        """Start an episode.

        Raises:
            ArenaError: the environment broke, or breaks PettingZoo's contract; so in `step` and `state`.
        """
        self._seed, self._step_number, self.rewards, self.left = seed, 0, {}, {}
        self._dead.clear()
        with self._luck.dealt(seed):
            self._reset(seed)

    def step(self, actions: Mapping[Any, Any]) -> None:
        """Play the actions of the agents in `playing`."""
        self._step_number += 1
        self.rewards, self.left = {}, {}
        with self._luck.dealt():
            self._step(actions)

    def state(self, width: int | None = None) -> np.ndarray:
        """The global state, flat float32 [S], where S should be `width`."""
        with self.asked("state"):
            state = np.asarray(self.env.state(), np.float32).ravel()
        if width not in (None, len(state)):
            raise self.fault(f"gave {len(state)} numbers", f"after the first reset it gave {width}")
        if not np.isfinite(state).all():
            raise self.fault("gave a number that is not finite", "a state must hold finite numbers")
        return state

    def state_width(self) -> int:
        """S; 0 where the environment shows no state, which each says by an exception of its own."""
        try:
            return len(self.state())
        except ArenaError:
            return 0

    def close(self) -> None:
        """Close the environment; what it says against that does not matter any more."""
        with suppress(ArenaError), self.asked("close"):
            self.env.close()

    def owed(self) -> dict[Any, float]:
        """What agents have earned and would be told at their next turn; for an episode that is cut now."""
        return {}

    @abstractmethod
    def _reset(self, seed: int) -> None: ...

    @abstractmethod
    def _step(self, actions: Mapping[Any, Any]) -> None: ...

    def _agents(self) -> tuple[Any, ...]:
        """Who is in the game."""
        agents = tuple(self.env.agents or ())
        for agent in agents:
            if agent not in self._known:
                raise self.fault(f"put {agent!r} into agents", "possible_agents must name everybody", agent)
        return agents

    def _number(self, paid: Any, agent: Any) -> float:
        """A reward, which may come as an array of one number."""
        rule = "a reward must be one finite number"
        array = np.asarray(paid)
        if array.size != 1 or array.dtype.kind not in "biuf":
            raise self.fault(f"paid {shown(paid)}", rule, agent)
        if not np.isfinite(number := float(array.reshape(()))):
            raise self.fault(f"paid {number}", rule, agent)
        return number

    def _flag(self, of: Any, agent: Any) -> bool:
        """A termination or a truncation."""
        array = np.asarray(of)
        if array.size != 1 or array.dtype.kind not in "biuf":
            raise self.fault(f"said {shown(of)} of a termination or truncation", _FLAGS, agent)
        return bool(array.reshape(()))


class ParallelCopy(Copy):
    """A parallel environment: every living agent acts at once."""

    def _reset(self, seed: int) -> None:
        with self.asked("reset"):
            given = self.env.reset(seed=seed)
            self.playing = self._agents()
        rule = "it must return two dicts, observations and infos"
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise self.fault(f"returned {kind(given)}", rule)
        self.observations, self.infos = (self._dict(part, rule) for part in given)
        self._absent = self._known - set(self.playing)
        self._shown()

    def _step(self, actions: Mapping[Any, Any]) -> None:
        acted = [agent for agent in self.playing if agent not in self._dead]
        with self.asked("step"):
            given = self.env.step(dict(actions))
            here = self._agents()
        rule = "it must return five dicts: observations, rewards, terminations, truncations, infos"
        if not isinstance(given, tuple | list) or len(given) != 5:
            raise self.fault(f"returned {kind(given)}", rule)
        self.observations, paid, ended, cut, self.infos = (self._dict(part, rule) for part in given)
        self._leave(acted, here, ended, cut)
        for agent in (agent for agent in paid if agent in self._known):  # in its order: a set has none
            number = self._number(paid[agent], agent)
            if agent in self._dead and agent not in self.left:
                if number:
                    raise self.fault(f"paid {number:g} to an agent that had left", "the dead are not paid", agent)
            else:
                self.rewards[agent] = number
        # an environment may leave its dead in `agents`; once they are all that is left, the game is over
        self.playing = here if set(here) - self._dead else ()
        self._absent = self._known - set(here)
        self._shown()

    def _leave(self, acted: list[Any], here: tuple[Any, ...], ended: Mapping[Any, Any], cut: Mapping[Any, Any]) -> None:
        """Who leaves; nobody leaves without a word, and nobody comes back."""
        for agent in acted:
            for name, flags in (("terminations", ended), ("truncations", cut)):
                if agent not in flags:
                    raise self.fault(f"left {agent} out of {name}", _FLAGS, agent)
            over = self._flag(ended[agent], agent)
            if over or self._flag(cut[agent], agent):
                self.left[agent] = over
                self._dead.add(agent)
            elif agent not in here:
                rule = "an agent leaves by a termination or a truncation"
                raise self.fault(f"took {agent} off agents without a word", rule, agent)
        for agent in here:
            back = agent in self._dead and agent not in self.left
            if back and (agent in self._absent or not (ended.get(agent, True) or cut.get(agent, True))):
                raise self.fault(f"brought {agent} back", "an agent that has left does not return", agent)

    def _shown(self) -> None:
        """Whether everybody who is to act was shown something."""
        for agent in self.playing:
            if agent not in self._dead and agent not in self.observations:
                raise self.fault(f"left {agent} out of the observations", "every living agent must see", agent)

    def _dict(self, part: Any, rule: str) -> Mapping[Any, Any]:
        if not isinstance(part, Mapping):
            raise self.fault(f"returned {kind(part)} where a dict is due", rule)
        return part


class TurnCopy(Copy):
    """An AEC environment: one agent is on turn, and is asked by `last()` alone."""

    one_by_one = True

    def _reset(self, seed: int) -> None:
        with self.asked("reset"):
            self.env.reset(seed=seed)
        self._look()

    def _step(self, actions: Mapping[Any, Any]) -> None:
        (action,) = actions.values()
        with self.asked("step", self.playing[0]):
            self.env.step(action)
        self._look()

    def _look(self) -> None:
        """What `last()` tells the agent on turn, after the empty steps that PettingZoo wants of agents that left.

        What an agent has earned is told on its turn, so it is paid then; those that leave are paid with their empty
        step, and are shown nothing more.
        """
        env, self.observations, self.playing = self.env, {}, ()
        while agents := self._agents():
            agent = env.agent_selection
            if agent not in agents:
                raise self.fault(f"left agent_selection at {agent!r}", "it must name one of agents")
            if agent in self._dead:
                raise self.fault(f"brought {agent} back", "an agent that has left does not return", agent)
            with self.asked("last", agent):
                over = self._flag(env.terminations[agent], agent) or self._flag(env.truncations[agent], agent)
                seen, paid, ended, cut, info = env.last(observe=not over)
            self.rewards[agent] = self._number(paid, agent)
            if not (over or self._flag(ended, agent) or self._flag(cut, agent)):
                self.observations, self.infos, self.playing = {agent: seen}, {agent: info}, (agent,)
                return
            self.left[agent] = self._flag(ended, agent)
            self._dead.add(agent)
            with self.asked("step", agent):
                env.step(None)
            if agent in self._agents():
                rule = "the dead are taken off agents then, as by AECEnv._was_dead_step"
                raise self.fault(f"left {agent} in agents after its empty step, step(None)", rule, agent)

    def owed(self) -> dict[Any, float]:
        """See `Copy.owed`: what stands on the ledger."""
        with self.asked("last"):
            ledger = getattr(self.env, "_cumulative_rewards", {})
            waiting = {a: ledger[a] for a in self._agents() if a not in self.playing and a in ledger}
        return {agent: self._number(paid, agent) for agent, paid in waiting.items()}


def copy_of(name: str, env: Any) -> Copy:
    """A copy for an environment of either form.

    Raises:
        ArenaError: it is no PettingZoo environment, or does not say who may play.
    """
    for form, kind_of_copy in ((pettingzoo.ParallelEnv, ParallelCopy), (pettingzoo.AECEnv, TurnCopy)):
        if isinstance(env, form):
            agents = getattr(env, "possible_agents", None)
            if not agents:
                raise ArenaError(f"{name}: the environment does not name its possible_agents")
            texts = [str(agent) for agent in agents]
            if twice := next((text for text in texts if texts.count(text) > 1), ""):
                raise ArenaError(f"{name}: two of possible_agents are called {twice!r}; each needs a name of its own")
            return kind_of_copy(name, env)
    raise ArenaError(f"{name}: {type(env).__name__} is neither a ParallelEnv nor an AECEnv")


@contextmanager
def blame(what: str) -> Iterator[None]:
    """Turn every exception into an `ArenaError` of one line; what is printed inside goes to stderr."""
    with _guarded(lambda words: ArenaError(f"{what}: {words}")):
        yield


@contextmanager
def _guarded(fault: Callable[[str], ArenaError]) -> Iterator[None]:
    """What is printed inside goes to stderr, and what is raised becomes the `fault` of its words."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ArenaError:
        raise
    except (Exception, SystemExit) as error:  # a stranger's environment may fail in any way
        raise fault(told(error)) from error


def told(error: BaseException) -> str:
    """An exception in one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if message else ''}{message}"


def shown(value: Any) -> str:
    """A value as a message can hold it."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def kind(value: Any) -> str:
    """A word for what came where dicts were due: "None", "a tuple of 4", "a dict"."""
    if value is None:
        return "None"
    size = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    return f"a {type(value).__name__}{size}"

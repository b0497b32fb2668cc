"""SuperSuit's wrappers by name, with their arguments as JSON: `resize_v1=[84,84]`, `frame_stack_v1={"stack_size": 2}`.

A list holds arguments in their order, an object arguments by name, anything else is the one argument. SuperSuit knows
no observations with an action mask beside them (a Dict of `observation` and `action_mask`): here its wrappers work on
`observation` alone, and the mask of the moment is put beside what comes out.
"""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pettingzoo
from gymnasium import spaces
from pettingzoo.utils.wrappers import BaseParallelWrapper, BaseWrapper

from arenas.protocol import ArenaError

Wrap = Callable[[Any], Any]

SEEN, MASK = "observation", "action_mask"
_FUNCTION = "it takes functions, which have no form as text: wrap inside a function of your own, --arena my_env.py:env"
_VECTOR = "it makes one environment of many copies, and the zoo makes its own copies"
#: Wrappers that no arena can have, with the reason.
REFUSED = {
    **dict.fromkeys(("action_lambda_v1", "observation_lambda_v0", "reward_lambda_v0"), _FUNCTION),
    "concat_vec_envs_v1": _VECTOR,
    "gym_vec_env_v0": _VECTOR,
    "pettingzoo_env_to_vec_env_v1": _VECTOR,
    "stable_baselines3_vec_env_v0": _VECTOR,
    "stable_baselines_vec_env_v0": _VECTOR,
    "vectorize_aec_env_v0": _VECTOR,
}
_REPEATS = "it repeats actions, which may no longer be legal"
#: Wrappers that no game with action masks can have, with the reason.
REFUSED_WITH_MASKS = {
    "frame_skip_v0": _REPEATS,
    "sticky_actions_v0": _REPEATS,
    "pad_action_space_v0": "the mask would no longer fit the actions",
    "black_death_v3": "a dead seat would be asked to act without a mask",
}
#: What some wrappers need and do not say.
NEEDS = {
    "clip_actions_v0": "it needs actions in boxes",
    "normalize_obs_v0": "it needs float32 or float64 in finite bounds; put dtype_v0=float32 before it",
    "resize_v1": "it needs pictures of two or three dimensions",
}


def wrapping(texts: Sequence[str]) -> Wrap:
    """What wraps an environment in SuperSuit's wrappers, innermost first, each "NAME" or "NAME=ARGUMENTS".

    Raises:
        ValueError: an unknown wrapper, or one that no arena can have.
    """
    wrappers = [(text, *_read(text)) for text in texts]

    def wrap(env: Any) -> Any:
        masked = bool(wrappers) and _is_masked(env)
        bare = _bare(env) if masked else env
        wrapped = bare
        for text, name, call in wrappers:
            if masked and name in REFUSED_WITH_MASKS:
                raise ArenaError(f"wrapper {text}: the game has action masks, and {REFUSED_WITH_MASKS[name]}")
            with _blamed(text, name):
                if name == "clip_actions_v0" and not _has_boxes(wrapped):
                    raise TypeError  # SuperSuit finds it out at the first step
                wrapped = call(wrapped)
        return _masked(wrapped, bare) if masked else wrapped

    return wrap


def known() -> list[str]:
    """The names of all wrappers of SuperSuit."""
    import supersuit

    return sorted(name for name in dir(supersuit) if re.search(r"_v\d+$", name))


def _read(text: str) -> tuple[str, Wrap]:
    """A wrapper's name, and itself with its arguments."""
    import supersuit

    name, equals, given = text.partition("=")
    names = known()
    if name not in names:
        near = ", ".join(difflib.get_close_matches(name, names, n=3, cutoff=0.0))
        raise ValueError(f"SuperSuit has no wrapper {name!r}; the nearest names are {near}")
    if name in REFUSED:
        raise ValueError(f"wrapper {name}: {REFUSED[name]}")
    arguments, keywords = _arguments(name, given) if equals else ((), {})
    function = getattr(supersuit, name)
    signature = inspect.signature(function)
    try:
        signature.bind(None, *arguments, **keywords)
    except TypeError as error:
        takes = ", ".join(str(p) for p in list(signature.parameters.values())[1:])
        raise ValueError(f"wrapper {text}: {error}; it takes {takes or 'no arguments'}") from None
    return name, lambda env: function(env, *arguments, **keywords)


def _arguments(name: str, given: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional arguments and keywords; lists within are tuples, as SuperSuit wants them."""
    try:
        value = json.loads(given)
    except (json.JSONDecodeError, RecursionError):
        value = given
    if name == "dtype_v0":
        value = _dtypes(value)
    if isinstance(value, dict):
        return (), {key: _tuples(one) for key, one in value.items()}
    if name == "reshape_v0" and value and isinstance(value, list) and all(isinstance(one, int) for one in value):
        value = [value]  # a shape is the one argument
    if isinstance(value, list):
        return tuple(_tuples(one) for one in value), {}
    return (value,), {}


def _dtypes(value: Any) -> Any:
    """Names of numpy's types as types."""
    if isinstance(value, dict):
        return {key: _dtypes(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_dtypes(one) for one in value]
    try:
        return np.dtype(value)
    except TypeError:
        raise ValueError(f"wrapper dtype_v0: numpy has no type {value!r}") from None


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value


@contextmanager
def _blamed(text: str, name: str) -> Iterator[None]:
    """An `ArenaError` of one line for whatever a wrapper raises."""
    try:
        yield
    except ArenaError:
        raise
    except Exception as error:  # SuperSuit refuses in many ways
        said = " ".join(str(error).split()) or NEEDS.get(name) or type(error).__name__
        raise ArenaError(f"wrapper {text} does not fit this game: {said}") from error


def _has_boxes(env: Any) -> bool:
    return all(isinstance(env.action_space(agent), spaces.Box) for agent in env.possible_agents)


def _is_masked(env: Any) -> bool:
    """Whether every seat sees an observation with a mask beside it, and nothing else."""
    seen = [env.observation_space(agent) for agent in getattr(env, "possible_agents", ())]
    return bool(seen) and all(isinstance(s, spaces.Dict) and set(s.spaces) == {SEEN, MASK} for s in seen)


def _bare(env: Any) -> Any:
    return _BareParallel(env) if isinstance(env, pettingzoo.ParallelEnv) else _BareTurns(env)


def _masked(wrapped: Any, bare: Any) -> Any:
    return (_MaskedParallel if isinstance(wrapped, pettingzoo.ParallelEnv) else _MaskedTurns)(wrapped, bare)


class _BareTurns(BaseWrapper):  # type: ignore[misc]  # pettingzoo is not checked
    """A turn game without the masks, which are asked for by `mask`."""

    def observation_space(self, agent: Any) -> Any:
        return self.env.observation_space(agent)[SEEN]

    def observe(self, agent: Any) -> Any:
        return self.env.observe(agent)[SEEN]

    def mask_space(self, agent: Any) -> Any:
        return self.env.observation_space(agent)[MASK]

    def mask(self, agent: Any) -> Any:
        return self.env.observe(agent)[MASK]


class _MaskedTurns(BaseWrapper):  # type: ignore[misc]
    """A wrapped turn game with the masks of the game inside."""

    def __init__(self, env: Any, bare: _BareTurns) -> None:
        super().__init__(env)
        self._bare = bare

    def observation_space(self, agent: Any) -> spaces.Dict:
        return spaces.Dict({SEEN: self.env.observation_space(agent), MASK: self._bare.mask_space(agent)})

    def observe(self, agent: Any) -> dict[str, Any]:
        return {SEEN: self.env.observe(agent), MASK: self._bare.mask(agent)}


class _BareParallel(BaseParallelWrapper):  # type: ignore[misc]
    """A parallel game without the masks, which stay in `masks`."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.masks: dict[Any, Any] = {}

    def observation_space(self, agent: Any) -> Any:
        return self.env.observation_space(agent)[SEEN]

    def mask_space(self, agent: Any) -> Any:
        return self.env.observation_space(agent)[MASK]

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        seen, infos = self.env.reset(seed=seed, options=options)
        return self._split(seen), infos

    def step(self, actions: Any) -> tuple[Any, ...]:
        seen, *rest = self.env.step(actions)
        return (self._split(seen), *rest)

    def _split(self, seen: dict[Any, Any]) -> dict[Any, Any]:
        self.masks = {agent: view[MASK] for agent, view in seen.items()}
        return {agent: view[SEEN] for agent, view in seen.items()}


class _MaskedParallel(BaseParallelWrapper):  # type: ignore[misc]
    """A wrapped parallel game with the masks of the game inside."""

    def __init__(self, env: Any, bare: _BareParallel) -> None:
        super().__init__(env)
        self._bare = bare

    def observation_space(self, agent: Any) -> spaces.Dict:
        return spaces.Dict({SEEN: self.env.observation_space(agent), MASK: self._bare.mask_space(agent)})

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, Any]:
        seen, infos = self.env.reset(seed=seed, options=options)
        return self._joined(seen), infos

    def step(self, actions: Any) -> tuple[Any, ...]:
        seen, *rest = self.env.step(actions)
        return (self._joined(seen), *rest)

    def _joined(self, seen: dict[Any, Any]) -> dict[Any, Any]:
        return {agent: {SEEN: view, MASK: self._bare.masks[agent]} for agent, view in seen.items()}

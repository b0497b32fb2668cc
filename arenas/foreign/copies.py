"""PettingZoo environments made by name, and wrapped by name."""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import pettingzoo

Make = Callable[..., Any]


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


def must_fit(env: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse words for the arguments of an environment that are numbers, or true or false, by default.

    Raises:
        ValueError: there is such a word, which the environment itself may take for true.
    """
    try:
        known = inspect.signature(type(env.unwrapped).__init__).parameters
    except (TypeError, ValueError):  # it is not written in Python
        return
    for name, value in arguments.items():
        default = known[name].default if name in known else None
        if isinstance(value, str) and isinstance(default, bool | int | float):
            due = "true or false" if isinstance(default, bool) else "a number"
            raise ValueError(f"{name} must be {due}, got {value!r}")


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


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    return f"the nearest names are {', '.join(difflib.get_close_matches(name, names, n=3, cutoff=0.0))}"


def _version(package: str) -> str:
    return f"{package}=={importlib.metadata.version(package)}"

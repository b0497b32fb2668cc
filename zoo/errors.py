"""The one exception for faults of input: one line that names the fault and the fix, exit code 2."""

from __future__ import annotations

import difflib
import importlib.util
import os
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Module of an optional library -> the extra of `marl-zoo` that installs it.
EXTRAS = {
    "mpe2": "environments",
    "pygame": "environments",
    "matplotlib": "plots",
    **dict.fromkeys(("starlette", "uvicorn", "python_multipart"), "serve"),
}
#: What to do where `no_memory` is true.
MORE_MEMORY = "this takes more memory than there is: ask for fewer copies or episodes, or for smaller settings"
_ROOT = Path(__file__).resolve().parent.parent
#: Libraries under which the fault of an agent or a game comes to light, but where it never lies.
_LIBRARIES = {"torch", "numpy", "scipy", "gymnasium", "pettingzoo", "supersuit", "mpe2", "safetensors", "click"}


class UserError(Exception):
    """Something the user gave cannot be used; the message says what and how to mend it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean lola or lola-dice?", or the list of known words."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(names)}" if names else "none is known"


def nearest_class(text: str, known: Iterable[str]) -> str:
    """The same for what should name an agent or an arena; a file alone does not say which of its classes."""
    return f"name its class, too: {text}:CLASS" if text.endswith(".py") else nearest(text, known)


def no_memory(error: BaseException) -> bool:
    """Whether something was asked for that does not fit into memory; torch has no exception of its own."""
    text = str(error)
    return isinstance(error, MemoryError) or "can't allocate memory" in text or "std::bad_alloc" in text


def broke(what: str, error: BaseException) -> UserError:
    """`error`, raised by somebody's code, as one line that names `what` broke and the place where it did."""
    if no_memory(error):
        return UserError(f"{what}: {MORE_MEMORY}")
    message = " ".join(str(error).split())
    return UserError(f"{what}: {type(error).__name__}{': ' if message else ''}{message}{place(error)}")


def place(error: BaseException) -> str:
    """Where in somebody's own code an exception was raised, " (mine.py, line 5)", or "".

    The innermost frame outside the zoo, Python and the libraries below; where there is none, that in an agent or an
    arena of the zoo's.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ranks = [_rank(frame.filename) for frame in frames]
    if max(ranks, default=0) == 0:
        return ""
    frame = frames[max(range(len(frames)), key=lambda at: (ranks[at], at))]
    return f" ({Path(frame.filename).name}, line {frame.lineno})"


def _rank(filename: str) -> int:
    """2 for a stranger's file, 1 for the zoo's agents and arenas, 0 for the harness and for libraries."""
    file = Path(filename).resolve()
    if file.is_relative_to(_ROOT) and (package := file.relative_to(_ROOT).parts[0]) in _PACKAGES:
        return _PACKAGES[package]
    for folder in ("site-packages", "dist-packages"):
        if folder in file.parts:
            return 0 if file.parts[file.parts.index(folder) + 1] in _LIBRARIES else 2
    return 0 if filename.startswith("<") or file.is_relative_to(Path(os.__file__).resolve().parent) else 2


_PACKAGES = {"agents": 1, "arenas": 1, "leaderboard": 0, "zoo": 0}


def need(module: str, purpose: str) -> None:
    """Make sure that an optional library is there before work begins that ends with it.

    Raises:
        UserError: it is not installed; the line names the extra that installs it.
    """
    if importlib.util.find_spec(module) is None:
        raise UserError(f"{purpose}: {_install(module)}")


def missing(error: BaseException) -> str | None:
    """How to install the optional library whose absence is behind an exception, or None where that is not the cause."""
    for cause in _causes(error):
        module = (cause.name or "").partition(".")[0] if isinstance(cause, ModuleNotFoundError) else ""
        if module in EXTRAS:
            return _install(module)
    return None


def _install(module: str) -> str:
    return f"{module} is not installed: pip install 'marl-zoo[{EXTRAS[module]}]'"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

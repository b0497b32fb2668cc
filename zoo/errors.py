"""The one exception for faults of input: one line that names the fault and the fix, exit code 2."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path


class UserError(Exception):
    """Something the user gave cannot be used; the message says what and how to mend it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean lola or lola-dice?", or the list of known words."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(names)}" if names else "none is known"


def broke(what: str, error: BaseException) -> UserError:
    """`error`, raised by somebody's code, as one line that names `what` broke and the place where it did."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    said = " ".join(str(error).split())
    return UserError(f"{what}: {type(error).__name__}{': ' if said else ''}{said}{where}")

"""The one exception for faults of input: one line that names the fault and the fix, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Something the user gave cannot be used; the message says what and how to mend it."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean lola or lola-dice?", or the list of known words."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(names)}" if names else "none is known"

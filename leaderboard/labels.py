"""What people read in the place of ids."""

from collections import Counter
from collections.abc import Iterable, Mapping

SHORT = 8
"""Characters of an id that stand for it where it must be short."""


def short_id(entrant: str) -> str:
    """The first characters of an id."""
    return entrant[:SHORT]


def unique_labels(entrants: Iterable[str], labels: Mapping[str, str]) -> dict[str, str]:
    """A label for each entrant id, no two the same: those that occur twice get their short id, "lola (1f0c9a3b)".

    Args:
        entrants: entrant ids.
        labels: {entrant id: label}; an entrant that it lacks is called by its short id.
    """
    ids = sorted(set(entrants))
    plain = {entrant: labels.get(entrant, short_id(entrant)) for entrant in ids}
    often = Counter(plain.values())
    named = {e: plain[e] if often[plain[e]] == 1 else f"{plain[e]} ({short_id(e)})" for e in ids}
    often = Counter(named.values())
    return {e: named[e] if often[named[e]] == 1 else f"{plain[e]} ({e})" for e in ids}

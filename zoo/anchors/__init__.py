"""Anchors, for callers that hold no venue."""

from zoo.entry import declared
from zoo.entry.declared import BEST, Anchors
from zoo.entry.venue import ArenaChoice, Venue

__all__ = ["BEST", "Anchors", "anchors_for"]


def anchors_for(choice: ArenaChoice, identity: str, low: str | None = None, high: str | None = None) -> Anchors:
    """See `zoo.entry.declared.anchors_for`."""
    return declared.anchors_for(Venue(choice), low, high)

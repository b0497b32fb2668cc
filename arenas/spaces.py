"""Gymnasium's spaces as numbers, under the name of this module's first place; see `arenas.foreign.spaces`."""

from arenas.foreign.spaces import encoder

__all__ = ["encoder"]

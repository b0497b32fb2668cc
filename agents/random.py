"""The random player, under the name of this module's first place; see `agents.scripts.random`."""

from agents.scripts.random import Random

__all__ = ["Random"]

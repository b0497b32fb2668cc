"""Memory-one strategies, under the name of this module's first place; see `agents.scripts.memory_one`."""

from agents.scripts.memory_one import AlwaysCooperate, AlwaysDefect, Grim, MemoryOne, TitForTat, WinStayLoseShift

__all__ = ["AlwaysCooperate", "AlwaysDefect", "Grim", "MemoryOne", "TitForTat", "WinStayLoseShift"]

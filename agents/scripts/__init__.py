"""Agents that do not learn here: scripts, strategies of another library, and policies that were trained elsewhere."""

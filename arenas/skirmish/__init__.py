"""Skirmish: a battle of two small teams of units, in the manner of SMAC."""

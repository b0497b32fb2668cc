"""Hanabi: its rules, what is seen, and how it is drawn."""

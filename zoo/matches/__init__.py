"""Matches: learning and frozen ones, and tournaments."""

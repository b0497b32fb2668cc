"""Strangers' agents in processes of their own: confined, timed, and asked through frames of plain data."""

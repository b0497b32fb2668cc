"""Boards and cross-play matrices for people (`terminal`) and for programs (`tables`)."""

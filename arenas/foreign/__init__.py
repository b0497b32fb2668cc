"""PettingZoo on both sides: its environments as arenas, and arenas as its environments."""

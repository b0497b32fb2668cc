"""What a command names: arenas, entrants and their checkpoints, found and read."""

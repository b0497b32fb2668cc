"""The zoo: registry, matches, training, tournaments and the command line over arenas, agents and leaderboard."""

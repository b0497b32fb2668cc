"""Play of frozen and of learning players: who sits where, whole episodes, blocks, rounds, replays."""

"""Reports that people pass on: cards and replays are made here, and `leaderboard.report` lays them out."""

"""Records, ratings, tables and reports of a competition between agents.

This package knows nothing of games or of learners: it is handed records (`leaderboard.records`), keeps them
(`leaderboard.store.store`), and recomputes every figure from them (`leaderboard.views`). Importing it loads none of its
dependencies; each module loads those that it needs.
"""

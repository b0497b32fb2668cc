"""The games. They know nothing of agents."""

"""Foerster et al. 2018, Learning with Opponent-Learning Awareness: its tables and figures."""

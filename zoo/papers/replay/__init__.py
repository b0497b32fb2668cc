"""Foerster et al. 2017, Stabilising Experience Replay for Deep Multi-Agent Reinforcement Learning: its figures."""

"""Tan 1993, Multi-Agent Reinforcement Learning: Independent vs. Cooperative Agents."""

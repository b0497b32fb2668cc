"""Lowe et al. 2017, Multi-Agent Actor-Critic for Mixed Cooperative-Competitive Environments: tables and figures."""

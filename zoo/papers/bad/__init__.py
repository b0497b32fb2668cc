"""Foerster et al. 2019, the Bayesian action decoder: its two-card game."""

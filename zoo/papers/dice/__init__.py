"""Foerster et al. 2018, DiCE: its estimators and learning curves."""

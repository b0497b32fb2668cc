"""Seasons: competitions with a deadline, a secret seed, hidden partners, and marks for whoever does not play fair."""

"""Training: what is to be trained, the loop that trains it, and the folder that a run is kept in."""

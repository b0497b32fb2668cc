"""The learners: one algorithm, one file. They know arenas only through `arenas.protocol`, never a particular game."""

"""Schroeder de Witt, Foerster et al. 2019, MACKRL: its matrix game and its battles."""

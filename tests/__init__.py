"""The tests; helpers that several of them share are imported by their full names."""

"""Strangers' agents act in confined processes of their own."""

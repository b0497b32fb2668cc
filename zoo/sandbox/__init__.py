"""Strangers' agents in processes of their own."""

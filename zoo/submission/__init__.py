"""Agents of others: how one is read, checked, entered on a board, taken off again and handed on.

A submission is a file, a folder or a zip with code, or a checkpoint of one of the zoo's own agents. Nothing of it runs
before every rule about files has been kept, and then it runs where agents of others run.
"""

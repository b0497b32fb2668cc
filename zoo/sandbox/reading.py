"""Strangers' Python files as trees, within bounds: a referee that reads them must not run out of memory or of time."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable

#: Bytes of one file of code, and of all that are read; a tree has 800 times as many at worst.
FILE, ALL = 1 << 18, 1 << 20


class TooLong(ValueError):
    """More code than anybody reads."""


def check_lengths(sizes: Iterable[int]) -> None:
    """See that files of code are no longer than may be read.

    Raises:
        TooLong: one of them is, or all together are.
    """
    total = 0
    for size in sizes:
        total += size
        if size > FILE:
            raise TooLong(f"it is longer than {FILE >> 10} KiB")
        if total > ALL:
            raise TooLong(f"its code is longer than {ALL >> 10} KiB altogether")


def parsed(data: bytes, errors: str = "strict") -> ast.Module:
    """The tree of a file in UTF-8, whatever encoding it names: some would take hours to decode.

    Args:
        data: the file.
        errors: what becomes of bytes that are no UTF-8, as `bytes.decode` has it.

    Raises:
        TooLong: it is not read at all.
        SyntaxError: it is no Python.
        ValueError: it is no UTF-8, or holds a null character.
        RecursionError, MemoryError: it is nested too deep; 3.11 to 3.13 survive it.
    """
    check_lengths([len(data)])
    text = data.decode("utf-8-sig", errors)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)

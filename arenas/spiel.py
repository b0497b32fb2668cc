"""Where OpenSpiel is: its games are arenas, and its rock-paper-scissors players are agents."""

from __future__ import annotations

import importlib
import importlib.metadata
from typing import Any


def library() -> Any:
    """The package `pyspiel`.

    Raises:
        ModuleNotFoundError: it is not installed.
    """
    try:
        return importlib.import_module("pyspiel")
    except ModuleNotFoundError as error:
        if error.name != "pyspiel":
            raise
        raise ModuleNotFoundError("OpenSpiel is missing: pip install 'marl-zoo[openspiel]'", name="pyspiel") from None


def version() -> str:
    """The library's version, on which rules and players depend: "open_spiel==2.0.2"."""
    return f"open_spiel=={importlib.metadata.version('open_spiel')}"

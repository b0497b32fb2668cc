"""Imports that may fail in any way, as a third party wrote what is imported; files are imported once a process."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

from zoo.errors import UserError


@contextmanager
def importing(what: str, module: str = "") -> Iterator[None]:
    """An import inside; when it fails, `module` is forgotten.

    Raises:
        UserError: it failed.
    """
    try:
        with redirect_stdout(sys.stderr):  # standard output belongs to the result
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        sys.modules.pop(module, None)
        raise UserError(f"{what} cannot be imported: {reason_of(error)}") from error


def load_file(place: str) -> tuple[ModuleType, str]:
    """The module that a file holds, imported once a process, and a hash of the file, 16 hex digits.

    Raises:
        UserError: there is no such file, or it cannot be read or imported.
    """
    path = existing_file(place)
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise UserError(f"cannot read {place}: {error.strerror or error}") from error
    # a copy in another folder is a module of its own: it may read other files beside it
    name = f"zoo_file_{digest}_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # every file *.py has them
        sys.modules[name] = importlib.util.module_from_spec(spec)
        with importing(place, name):
            spec.loader.exec_module(sys.modules[name])
    return sys.modules[name], digest


def existing_file(place: str) -> Path:
    """The file's path.

    Raises:
        UserError: there is no regular file.
    """
    path = Path(place).expanduser()
    if not path.is_file():
        raise UserError(f"there is no file {place}")
    return path


def reason_of(error: BaseException) -> str:
    """What an exception says, in one line, with its kind where that says more than its text."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"

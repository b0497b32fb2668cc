"""Imports that may fail in any way, as a third party wrote what is imported; files are imported once a process."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from zoo.errors import UserError
from zoo.sandbox.source import Source


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


@dataclass(frozen=True)
class Loaded:
    """A file that was imported: its module, a hash of its code, 16 hex digits, and the names of its modules.

    The code is the file's and that of the modules beside it which it imports. Their names are its own in `sys.modules`,
    and those by which it imports the others.
    """

    module: ModuleType
    digest: str
    names: frozenset[str]


_beside: dict[str, tuple[Path, str]] = {}  # module beside a file that was imported -> folder, and digest of the code


def load_file(place: str) -> Loaded:
    """The module that a file holds, imported once a process, with the modules beside it that it imports.

    Raises:
        UserError: there is no such file, it cannot be read or imported, or a module beside it has a name that is taken.
    """
    path = existing_file(place)
    source = Source.of_file(path, "")
    folder, digest = path.resolve().parent, source.code_digest[:16]
    tops = {name.partition("/")[0].removesuffix(".py") for name in source.files if name.endswith(".py")} - {path.stem}
    # a copy in another folder is a module of its own: it may read other files beside it
    name = f"zoo_file_{digest}_{hashlib.sha256(bytes(path.resolve())).hexdigest()[:16]}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None  # every file *.py has them
        with _importable(place, folder, tops, digest):
            sys.modules[name] = importlib.util.module_from_spec(spec)
            with importing(place, name):
                spec.loader.exec_module(sys.modules[name])
    return Loaded(sys.modules[name], digest, frozenset({name, *tops}))


@contextmanager
def _importable(place: str, folder: Path, tops: Collection[str], digest: str) -> Iterator[None]:
    """Modules in a folder can be imported inside, before all others of their names; and afterwards behind the others.

    Raises:
        UserError: something else is imported under such a name.
    """
    for top in sorted(tops):
        where, code = _beside.get(top, (folder, digest))
        if where != folder or (top in sys.modules and top not in _beside):
            raise UserError(f"{place} imports {top} from beside it, and another {top} is in use: give it another name")
        if code != digest:  # it was edited
            for known in [known for known in sys.modules if known.partition(".")[0] == top]:
                del sys.modules[known]
    if not tops:
        yield
        return
    importlib.invalidate_caches()
    _beside.update(dict.fromkeys(tops, (folder, digest)))
    text = str(folder)
    sys.path[:] = [text, *(other for other in sys.path if other != text)]
    try:
        yield
    finally:  # what it imports later, as a game begins, it still finds
        sys.path[:] = [*(other for other in sys.path if other != text), text]


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
    return text if isinstance(error, ValueError | ModuleNotFoundError) and text else f"{type(error).__name__}: {text}"


#: A library of games, as one may call it -> one of its games, as it is asked for.
_GAME_OF = {
    "pettingzoo": "pettingzoo:classic/connect_four_v3",
    "mpe2": "mpe2:simple_tag_v3",
    **dict.fromkeys(("lbforaging", "foraging"), "lbforaging:Foraging-8x8-2p-1f-v3"),
    "openspiel": "openspiel:hex",
}


def games_hint(text: str) -> str:
    """How the games of a library are named, where `text` is the library's name alone; else ""."""
    return f"it is a library, whose games are named as in {_GAME_OF[text]}" if text in _GAME_OF else ""

"""Where the files of submissions lie: `submissions/` in the home folder, one folder each, whole or not there."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from zoo.entry.submitted import place
from zoo.errors import UserError
from zoo.submission.archive import Files

_HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node())[:20] or "host"


@contextmanager
def staged(files: Files) -> Iterator[Path]:
    """The files in a private temporary folder, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="zoo-submission-"))
    try:
        _write(folder, files)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def shelve(digest: str, files: Files) -> Path:
    """Keep the files of a submission; returns their folder, which another process may have made meanwhile.

    Raises:
        UserError: they cannot be written.
    """
    folder = place(digest)
    try:
        folder.parent.mkdir(exist_ok=True)
        _sweep(folder.parent)
        beside = Path(tempfile.mkdtemp(prefix=f".new-{_HOST}-{os.getpid()}-", dir=folder.parent))
        try:
            _write(beside, files)
            with suppress(FileExistsError, NotADirectoryError):
                if not folder.is_dir():
                    beside.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except OSError as error:
        raise UserError(f"cannot keep files in {folder.parent}: {error.strerror or error}") from error
    return folder


def read_shelf(folder: Path) -> dict[str, bytes]:
    """The files of a submission, by relative name.

    Raises:
        UserError: they cannot be read.
    """
    try:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files if path.suffix != ".pyc"}
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {error.strerror or error}") from error


def _write(folder: Path, files: Files) -> None:
    for name, data in files.items():
        path = folder.joinpath(*PurePosixPath(name).parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _sweep(shelf: Path) -> None:
    """Remove what killed processes of this machine have left."""
    for rest in shelf.glob(f".new-{_HOST}-*"):
        number = rest.name.removeprefix(f".new-{_HOST}-").partition("-")[0]
        with suppress(OSError, ValueError):
            if not _lives(int(number)):
                shutil.rmtree(rest, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

"""What a stranger's agent consists of: its files, and which class in them; copied to where its process may read."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from zoo import home
from zoo.errors import UserError
from zoo.sandbox.reading import TooLong, check_lengths, parsed

#: What one agent's files may come to.
FILES, BYTES = 1000, 256 * 2**20
#: Folders that are never part of an agent.
_SKIPPED = {"__pycache__", ".git", ".venv", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
#: The zoo's own packages, which are no part of an agent that lies beside them.
_OURS = {Path(__file__).resolve().parents[2] / name for name in ("agents", "arenas", "leaderboard", "zoo")}


@dataclass(frozen=True)
class Source:
    """The files of an agent and where its class is.

    Attributes:
        files: relative POSIX path -> content.
        entry: the file and the class, "students.py:Crash".

    Raises:
        UserError: a path that leads out of the folder, too many files or bytes, or an entry that is no file of these.
    """

    files: Mapping[str, bytes]
    entry: str

    def __post_init__(self) -> None:
        for name in self.files:
            if _leads_out(name):
                raise UserError(f"{self.entry}: the file name {name!r} leads out of the agent's folder")
        if len(self.files) > FILES or (size := sum(map(len, self.files.values()))) > BYTES:
            much = f"{len(self.files):,} files" if len(self.files) > FILES else f"{size:,} bytes"
            raise UserError(
                f"{self.entry}: an agent may consist of {FILES:,} files and {BYTES:,} bytes, and this has {much}"
            )
        if self.file not in self.files:
            raise UserError(f"{self.entry}: there is no file {self.file} in it")

    @property
    def file(self) -> str:
        """The file of the class, relative."""
        return self.entry.rpartition(":")[0]

    @property
    def attribute(self) -> str:
        """The class's name in its file."""
        return self.entry.rpartition(":")[2]

    @cached_property
    def digest(self) -> str:
        """Hash of all files, 64 hex digits; of one file alone it is that of its content."""
        return _digest(self.files)

    @cached_property
    def code_digest(self) -> str:
        """Hash of the files of code, 64 hex digits; of one file alone it is that of its content."""
        return _digest({name: content for name, content in self.files.items() if name.endswith(".py")})

    def names_function(self) -> bool:
        """Whether the name is that of a function in the file itself, which can make an arena and be no agent."""
        try:
            body = parsed(self.files[self.file], "replace").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        return any(isinstance(node, ast.FunctionDef) and node.name == self.attribute for node in body)

    def staged(self) -> Path:
        """A read-only copy of the files in a folder that holds nothing else; made at once or not at all.

        It lies in the zoo's home.

        Raises:
            UserError: it cannot be written.
        """
        # the folder says what it must hold, so that a damaged copy is noticed
        names = hashlib.sha256("\n".join(sorted(self.files)).encode()).hexdigest()[:8]
        try:
            place = _base() / f"{self.digest[:32]}-{names}"
            if not self._intact(place):
                self._copy(place)
        except OSError as error:
            raise UserError(f"cannot copy the agent {self.entry} to {error.filename}: {error.strerror}") from error
        return place

    def _intact(self, place: Path) -> bool:
        """Whether the copy is there whole; files are made read-only, but whoever may write here may change them."""
        if not place.is_dir():
            return False
        there = {path.relative_to(place).as_posix(): path for path in place.rglob("*") if not path.is_dir()}
        return there.keys() == self.files.keys() and all(
            not path.is_symlink()
            and path.stat().st_size == len(self.files[name])
            and path.read_bytes() == self.files[name]
            for name, path in there.items()
        )

    def _copy(self, place: Path) -> None:
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
        try:
            for name, content in self.files.items():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                (fresh / name).write_bytes(content)
                (fresh / name).chmod(0o444)
            for folder in [path for path in fresh.rglob("*") if path.is_dir()]:
                folder.chmod(0o555)
            fresh.chmod(0o755)  # a folder that is moved must be writable
            try:
                fresh.rename(place)
            except OSError:  # another process was faster, or a damaged copy is in the way
                if not self._intact(place):
                    _remove(place)
                    fresh.rename(place)
        finally:
            if fresh.exists():
                _remove(fresh)

    def with_files(self, folder: Path, names: Iterable[str]) -> Source:
        """The same with further regular files below a folder.

        Raises:
            UserError: there is no such file there, or too much comes together.
        """
        files = dict(self.files)
        for name in names:
            # the first before anything there is looked at
            if _leads_out(name) or not _regular(folder / name) or _kept(folder / name, folder):
                raise UserError(f"{self.entry}: it names the file {name}, which is no regular file in {folder}")
            files[name] = _read(folder / name)
        return Source(files, self.entry)

    @classmethod
    def of_file(cls, path: Path, attribute: str) -> Source:
        """A class in a file, with the modules beside it that the file imports and the files beside it that it names.

        What belongs to it is read off the code, which is not run: modules by their imports, and so on from there;
        other files where a text in the code is the path of a regular file below the folder.

        Raises:
            UserError: the file cannot be read.
        """
        return _with_siblings(path, attribute)

    @classmethod
    def of_folder(cls, folder: Path, entry: str) -> Source:
        """A class, "FILE.py:Class", with all regular files below a folder.

        Raises:
            UserError: a link among them, too much, or a file that cannot be read.
        """
        return cls(dict(_below(folder)), entry)

    @classmethod
    def of_module(cls, text: str) -> Source:
        """A class that is installed or lies on Python's path, "package.module:Class", with its package's files.

        Raises:
            UserError: there is no such module, or it is no file of Python's.
        """
        module, _, attribute = text.rpartition(":")
        top, *inner = module.split(".")
        try:
            spec = find_spec(top)  # a top-level module is found without anything being run
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            raise UserError(f"{module} cannot be imported: there is no module {top!r} that is written in Python")
        origin = Path(spec.origin)
        if origin.name != "__init__.py":
            return cls.of_file(origin, attribute)
        files = {f"{top}/{name}": content for name, content in _below(origin.parent)}
        stem = "/".join([top, *inner])
        file = f"{stem}.py" if f"{stem}.py" in files else f"{stem}/__init__.py"
        return cls(files, f"{file}:{attribute}")


def _digest(files: Mapping[str, bytes]) -> str:
    if len(files) == 1:
        return hashlib.sha256(next(iter(files.values()))).hexdigest()
    total = hashlib.sha256()
    for name, content in sorted(files.items()):
        total.update(f"{len(name.encode())} {name} {len(content)}\n".encode() + content)
    return total.hexdigest()


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > BYTES:
            raise UserError(f"{path} has {size:,} bytes; an agent may have {BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error


def _below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Relative path and content of every regular file below a folder, in order."""
    total = count = 0
    root = folder.resolve()
    for place, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not _kept(Path(place, name), root))
        for name in sorted([*folders, *files]):
            path = Path(place) / name
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) or path.suffix == ".pyc":
                continue
            if not stat.S_ISREG(mode):
                raise UserError(f"{path} is a link or a device: an agent consists of regular files")
            count, total = count + 1, total + path.lstat().st_size
            if count > FILES or total > BYTES:
                raise UserError(
                    f"{folder}: an agent may consist of {FILES:,} files and {BYTES:,} bytes, and this is more"
                )
            yield path.relative_to(root).as_posix(), _read(path)


def _with_siblings(path: Path, attribute: str) -> Source:
    folder = path.resolve().parent
    files = {path.name: _read(path)}
    waiting, read = [path.name], list[int]()
    while waiting:
        name = waiting.pop()
        read.append(len(files[name]))
        try:
            check_lengths(read)
            tree = parsed(files[name], "replace")
        except TooLong as error:
            raise UserError(f"{folder / name}: {error}; keep data in other files") from error
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # its process will say what is wrong with it
        for found in sorted({*_modules(tree, name, folder), *_named(tree, folder)} - files.keys()):
            files[found] = _read(folder / found)
            if found.endswith(".py"):
                waiting.append(found)
            if len(files) > FILES:
                raise UserError(f"{path}: an agent may consist of {FILES:,} files, and this has more")
    return Source(files, f"{path.name}:{attribute}")


def _modules(tree: ast.Module, name: str, folder: Path) -> Iterator[str]:
    """The files below a folder that a module imports: modules, and packages whole."""
    tops: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            tops |= {(node.module or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            tops.add((node.module or "").partition(".")[0])
    for top in tops - sys.stdlib_module_names - {""}:
        if folder / top in _OURS:
            continue
        if _regular(folder / f"{top}.py"):
            yield f"{top}.py"
        elif _regular(folder / top / "__init__.py"):
            yield from (f"{top}/{inner}" for inner, _ in _below(folder / top))
        elif (folder / top).is_dir() and not (folder / top).is_symlink():  # a package without an `__init__`: its code
            yield from (f"{top}/{inner}" for inner, _ in _below(folder / top) if inner.endswith(".py"))


def _named(tree: ast.Module, folder: Path) -> Iterator[str]:
    """The files below a folder, other than code, whose relative path is a text in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and 0 < len(node.value) <= 255:
            path = PurePosixPath(node.value)
            inside = not path.is_absolute() and ".." not in path.parts and path.suffix not in ("", ".py", ".pyc")
            if inside and "\0" not in node.value and _regular(folder / path) and not _kept(folder / path, folder):
                yield str(path)


def _leads_out(name: str) -> bool:
    """Whether a name is anything else than the relative path of something below a folder."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or str(path) != name or "\\" in name or "\0" in name


def _regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and path.resolve() == path
    except OSError:
        return False


def _kept(path: Path, folder: Path) -> bool:
    """Whether a file below an agent's folder is the zoo's own: its home may lie there, with the secret seeds in it."""
    kept = home.folder().resolve()
    if folder.is_relative_to(kept):  # the agent lies in the home itself, as submissions do
        return path.is_relative_to(kept / "secrets")
    return path.is_relative_to(kept)


def _base() -> Path:
    """The folder of the copies."""
    base = home.folder() / "sandbox"
    base.mkdir(mode=0o755, exist_ok=True)
    return base


def _remove(folder: Path) -> None:
    """Remove a copy, whose folders are read-only."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)

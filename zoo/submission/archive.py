"""Reads a zip, a folder or a file into memory, under one set of rules; nothing is written, and no rule is skipped.

A zip is read member by member. Before Python's `zipfile` sees it, its end and its table of contents have been bounded;
after that every member is held against its neighbours, so that no two share bytes (CVE-2024-0450), and unpacked in
pieces, so that what it claims to be decides nothing. A folder is read without following a link.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import UserError
from zoo.submission import names
from zoo.submission.refusal import Refused, shown

Files = Mapping[str, bytes]

_PIECE = 1 << 16  # bytes unpacked at a time
_RATIO, _FREE = 100, 1 << 20  # how far a member may shrink when packed, if it is larger than so many bytes
_END, _ZIP64 = b"PK\x05\x06", b"PK\x06\x07"
_ENDS, _HEADER = 22, 30  # bytes of the end of a zip without its comment, and of a member's own header
_ENCRYPTED, _OTHER_FLAGS = 0x41, 0xFFFF & ~(0x0001 | 0x0006 | 0x0008 | 0x0040 | 0x0800)
_CURE = "pack the folder again as an ordinary zip"


def _check_submitted(name: str) -> None:
    names.check_name(name)
    names.check_suffix(name)


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold at most; the defaults are those of submissions.

    Attributes:
        count: files; file, total: bytes of one and of all, unpacked; ratio: how far one may shrink when packed.
        check: raises `Refused` for a name that no file may have.
    """

    count: int = names.COUNT
    file: int = names.FILE
    total: int = names.TOTAL
    ratio: int = _RATIO
    check: Callable[[str], None] = _check_submitted

    @property
    def table(self) -> int:
        """Bytes of the table of contents."""
        return self.count * 2 * (46 + 2 * names.LETTERS + 256)


_SUBMISSION = Bounds()


@dataclass(frozen=True)
class Contents:
    """What a submission consists of.

    Attributes:
        files: relative POSIX path -> content, sorted.
        left_out: names of what systems and tools leave behind, which were not read.
    """

    files: Files
    left_out: tuple[str, ...] = ()


def read(path: Path) -> Contents:
    """The files of a submission.

    Raises:
        Refused: a rule is broken.
        UserError: there is nothing at `path`, or it cannot be read.
    """
    try:
        if path.is_dir():
            return _sorted(*_folder(path))
        if not path.is_file():
            raise UserError(f"there is no file or folder {path}")
        if path.suffix.lower() == ".zip":
            return _unwrapped(_sorted(*read_zip(_bytes(path, names.ARCHIVE), path.name)))
        names.check_suffix(path.name)
        names.check_name(path.name)
        return _sorted({path.name: _bytes(path, names.FILE)}, [])
    except OSError as error:
        raise UserError(f"cannot read {error.filename or path}: {error.strerror or error}") from error


def _bytes(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Refused("size", path.name, f"it is larger than {most >> 20} MiB", "send less")
    return data


def _sorted(files: dict[str, bytes], left_out: list[str]) -> Contents:
    names.check_distinct(files)
    return Contents(dict(sorted(files.items())), tuple(sorted(left_out)))


def _unwrapped(contents: Contents) -> Contents:
    """Without the folder around everything that packing a folder makes."""
    tops = {name.partition("/")[0] for name in contents.files}
    if len(tops) != 1 or not all("/" in name for name in contents.files):
        return contents
    return Contents({name.partition("/")[2]: data for name, data in contents.files.items()}, contents.left_out)


def _folder(root: Path) -> tuple[dict[str, bytes], list[str]]:
    """The files of a folder; no link is followed, and nothing but regular files is opened."""
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    waiting, total = [root], 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                place = Path(entry.path)
                name = place.relative_to(root).as_posix()
                if names.is_litter(name):
                    left_out.append(name)
                    continue
                names.check_name(name)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(place)
                    continue
                if not entry.is_file(follow_symlinks=False):
                    raise Refused("members", shown(name), "it is a link or a device", "put the file itself there")
                names.check_suffix(name)
                names.check_count(len(files) + 1)
                files[name] = _regular(place, name)
                total += len(files[name])
                names.check_size(name, len(files[name]), total)
    return files, left_out


def _regular(place: Path, name: str) -> bytes:
    """The bytes of a regular file that is no link, also if somebody exchanges it meanwhile."""
    handle = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Refused("members", shown(name), "it is a link or a device", "put the file itself there")
        return file.read(names.FILE + 1)


def read_zip(data: bytes, where: str, bounds: Bounds = _SUBMISSION) -> tuple[dict[str, bytes], list[str]]:
    """The files of a zip, and the names of what was left out.

    Args:
        data: the archive.
        where: what to call it.
        bounds: what it may hold at most.

    Raises:
        Refused: a rule is broken.
    """
    _check_end(data, where, bounds)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_members(members, data, where)
            return _unpacked(archive, members, bounds)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # what a broken archive makes zipfile raise is not written down anywhere
        raise Refused("archive", where, f"it is broken ({type(error).__name__})", _CURE) from error


def _check_end(data: bytes, where: str, bounds: Bounds) -> None:
    """See that the archive ends where it says so, is one plain part, and has a table of contents of a fair size."""
    at = data.rfind(_END)
    if at < 0 or len(data) < at + _ENDS:
        raise Refused("archive", where, "it is no zip", _CURE)
    disk, first_disk, here, count, size, offset, comment = struct.unpack("<4H2LH", data[at + 4 : at + _ENDS])
    if at + _ENDS + comment != len(data):
        raise Refused("archive", where, "something follows its end", _CURE)
    if 0xFFFF in (disk, first_disk, here, count) or 0xFFFFFFFF in (size, offset) or _ZIP64 in data[:at][-20:]:
        raise Refused("archive", where, "it uses the zip64 format", f"send less, or {_CURE}")
    if disk or first_disk or here != count:
        raise Refused("archive", where, "it is one part of several", _CURE)
    if count > 2 * bounds.count or size > bounds.table:
        raise Refused("size", where, f"it has {count} members", f"send at most {bounds.count} files")
    if offset + size != at or data[:2] != b"PK":
        raise Refused("archive", where, "something stands before or inside its table of contents", _CURE)


def _check_members(members: list[zipfile.ZipInfo], data: bytes, where: str) -> None:
    """See that every member is an ordinary one, and that no two share a name or bytes of the archive."""
    seen: set[str] = set()
    for member in members:
        name = member.orig_filename
        if name in seen:
            raise Refused("members", shown(name), "two members have this name", _CURE)
        seen.add(name)
        if "\x00" in name or name != member.filename:
            raise Refused("names", shown(name), "the name does not work on every system", "rename it")
        if member.flag_bits & _ENCRYPTED:
            raise Refused("archive", shown(name), "it is encrypted", "pack it without a password")
        if member.flag_bits & _OTHER_FLAGS or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Refused("archive", shown(name), "it is packed in a rare way", "store or deflate it")
        kind = stat.S_IFMT(member.external_attr >> 16)
        wanted = (0, stat.S_IFDIR) if member.is_dir() else (0, stat.S_IFREG)
        if kind not in wanted or (member.is_dir() and member.file_size):
            raise Refused("members", shown(name), "it is a link or a device", "put the file itself there")
    end = 0
    for member in sorted(members, key=lambda item: item.header_offset):
        start = member.header_offset
        if start < end or start + _HEADER > len(data):
            raise Refused("members", shown(member.filename), "it shares bytes with another member", _CURE)
        name_length, extra = struct.unpack("<2H", data[start + 26 : start + _HEADER])
        end = start + _HEADER + name_length + extra + member.compress_size
    if members and end > data.rfind(_END):
        raise Refused("members", where, "a member reaches beyond the archive", _CURE)


def _unpacked(
    archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], bounds: Bounds
) -> tuple[dict[str, bytes], list[str]]:
    """The members that are files, each unpacked in pieces until it ends or is too large."""
    files: dict[str, bytes] = {}
    left_out: list[str] = []
    total = 0
    for member in members:
        name = member.filename
        if names.is_litter(name.rstrip("/")):
            left_out.append(name)
            continue
        if member.is_dir():
            names.check_name(name.removesuffix("/"))
            continue
        bounds.check(name)
        names.check_count(len(files) + 1, bounds.count)
        pieces, size = [], 0
        for piece in _pieces(archive, member):
            pieces.append(piece)
            size, total = size + len(piece), total + len(piece)
            names.check_size(name, size, total, bounds.file, bounds.total)
            if size > _FREE and size > bounds.ratio * max(1, member.compress_size):
                raise Refused(
                    "size", shown(name), f"it is packed more than {bounds.ratio} to 1", "send data that says more"
                )
        if size != member.file_size:
            raise Refused("archive", shown(name), "it has another size than it claims", _CURE)
        files[name] = b"".join(pieces)
    return files, left_out


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as file:
        while piece := file.read(_PIECE):
            yield piece


def pack(files: Files, free: int = _FREE) -> bytes:
    """A zip of files, the same bytes for the same files; those of more than `free` bytes are stored as they are."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.external_attr = (stat.S_IFREG | 0o644) << 16
            # what is packed too well would be refused when it is read again
            plain = len(data) > free
            member.compress_type = zipfile.ZIP_STORED if plain else zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    return out.getvalue()

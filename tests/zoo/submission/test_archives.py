"""Archives: what is accepted is read whole, everything else is refused by name, and nothing is written."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zoo.errors import UserError
from zoo.submission import archive, names
from zoo.submission.archive import Bounds, pack, read, read_zip
from zoo.submission.refusal import RULES, Refused

AGENT = b"class Mine:\n    pass\n"
Made = Callable[[zipfile.ZipFile], Any]


def zipped(make: Made) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        make(made)
    return out.getvalue()


def member(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def refused(data: bytes) -> Refused:
    with pytest.raises(Refused) as caught:
        read_zip(data, "mine.zip")
    assert "\n" not in str(caught.value)
    assert caught.value.rule in RULES
    assert caught.value.cure
    return caught.value


def test_a_zip_a_folder_and_a_file_are_read_alike(tmp_path: Path) -> None:
    files = {"agent.py": AGENT, "parts/table.json": b"{}"}
    folder = tmp_path / "mine"
    (folder / "parts").mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (tmp_path / "mine.zip").write_bytes(pack(files))
    with zipfile.ZipFile(tmp_path / "wrapped.zip", "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(f"mine/{name}", data)
    assert read(folder).files == read(tmp_path / "mine.zip").files == read(tmp_path / "wrapped.zip").files == files
    assert read(folder / "agent.py").files == {"agent.py": AGENT}


def test_what_systems_leave_behind_is_left_out_and_said(tmp_path: Path) -> None:
    data = zipped(lambda made: [made.writestr(n, b"x") for n in ("agent.py", "__MACOSX/._agent.py", ".DS_Store")])
    files, left_out = read_zip(data, "mine.zip")
    assert (set(files), left_out) == ({"agent.py"}, ["__MACOSX/._agent.py", ".DS_Store"])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "agent.cpython-311.pyc").write_bytes(b"x")
    (tmp_path / "agent.py").write_bytes(AGENT)
    assert read(tmp_path).left_out == ("__pycache__",)


@pytest.mark.parametrize(
    "name",
    [
        "../agent.py",
        "a/../../agent.py",
        "/etc/agent.py",
        "C:/agent.py",
        "a\\b.py",
        "./agent.py",
        "a//b.py",
        "nul.py",
        "a/COM1.txt",
        "agent .py ",
        "ag\u202eent.py",
        "-agent.py",
        "a/b/c/d/e/f/g.py",
        f"{'a' * 130}.py",
        "agent.py\n.py",
        "\uff41gent.py",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    assert refused(zipped(lambda made: made.writestr(member(name), AGENT))).rule in ("names", "suffix")


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("weights.pt", "safetensors.torch import save_file"),
        ("weights.pth", "safetensors.torch import save_file"),
        ("policy.pkl", "safetensors.torch import save_file"),
        ("policy.joblib", "safetensors.torch import save_file"),
        ("table.npz", "safetensors.numpy import save_file"),
        ("table.npy", "safetensors.numpy import save_file"),
        ("fast.so", "Python source"),
        ("inner.zip", "put its files in directly"),
        ("notes.ipynb", "export the notebook"),
        ("run.sh", "leave it out"),
        ("agent.PY", "leave it out"),
        ("Makefile", "leave it out"),
    ],
)
def test_other_kinds_of_files_are_refused_with_the_cure(name: str, cure: str, tmp_path: Path) -> None:
    fault = refused(zipped(lambda made: made.writestr(member(name), b"x")))
    assert (fault.rule, fault.where) == ("suffix", name)
    assert cure in fault.cure
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(Refused, match="not accepted"):
        read(tmp_path)
    if not name.endswith(".zip"):
        with pytest.raises(Refused, match="not accepted"):
            read(tmp_path / name)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
def test_members_that_are_no_files_are_refused(kind: int) -> None:
    assert refused(zipped(lambda made: made.writestr(member("agent.py", kind | 0o777), b"x"))).rule == "members"


def test_names_that_occur_twice_or_clash_are_refused() -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zipped(lambda made: [made.writestr("agent.py", b"x"), made.writestr("agent.py", b"y")])
    assert refused(data).rule == "members"
    (one, two) = ({"Agent.py": b"x", "agent.py": b"y"}, {"a.py": b"x", "a.py/b.py": b"y"})
    for files in (one, two):
        with pytest.raises(Refused) as caught:
            archive._sorted(files, [])
        assert caught.value.rule == "names"


def bomb(method: int, size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        info = zipfile.ZipInfo("zeros.txt")
        info.compress_type = method
        with made.open(info, "w") as file:
            for _ in range(size >> 20):
                file.write(bytes(1 << 20))
    return out.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_bombs_of_one_member_are_refused(method: int) -> None:
    data = bomb(method, 40 << 20)
    assert len(data) < 1 << 20
    assert refused(data).rule == ("size" if method == zipfile.ZIP_DEFLATED else "archive")


def test_a_member_that_claims_to_be_small_is_refused() -> None:
    data = bytearray(bomb(zipfile.ZIP_DEFLATED, 3 << 20))
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 10)  # the size in the table of contents
    assert refused(bytes(data)).rule in ("archive", "size")


def test_many_members_that_are_small_alone_are_refused() -> None:
    text = os.urandom(1 << 15)
    with pytest.raises(Refused) as caught:
        read_zip(zipped(lambda made: [made.writestr(f"{n}.txt", text) for n in range(3)]), "z", Bounds(total=1 << 16))
    assert caught.value.rule == "size"
    many = zipped(lambda made: [made.writestr(f"{n}.txt", b"") for n in range(names.COUNT + 1)])
    assert refused(many).rule == "size"
    assert refused(zipped(lambda made: [made.writestr(f"{n}.txt", b"") for n in range(3000)])).rule == "size"


def overlapping(count: int) -> bytes:
    """A zip whose members all share the bytes of the first (CVE-2024-0450)."""
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = body.compress(bytes(900_000)) + body.flush()
    head = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 20, 0, 8, 0, 0, zlib.crc32(bytes(900_000)), len(packed), 900_000, 5, 0
    )
    data = head + b"0.txt" + packed
    table = b"".join(
        struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 8, 0, 0, zlib.crc32(bytes(900_000)), len(packed), 900_000,
            5, 0, 0, 0, 0, 0, 0,
        )
        + f"{n}.txt".encode()
        for n in range(count)
    )  # fmt: skip
    return data + table + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(table), len(data), 0)


def test_overlapping_members_are_refused() -> None:
    assert set(read_zip(overlapping(1), "mine.zip")[0]) == {"0.txt"}
    assert refused(overlapping(9)).rule == "members"


def test_encrypted_and_rarely_packed_members_are_refused() -> None:
    plain = zipped(lambda made: made.writestr("agent.py", AGENT))
    for flag in (0x1, 0x40, 0x20, 0x2000):
        data = bytearray(plain)
        for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            struct.pack_into("<H", data, data.find(sign) + offset, flag)
        assert refused(bytes(data)).rule == "archive"
    data = bytearray(plain)
    for sign, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        struct.pack_into("<H", data, data.find(sign) + offset, 99)
    assert refused(bytes(data)).rule == "archive"


def test_zip64_and_lies_about_the_end_are_refused() -> None:
    plain = zipped(lambda made: made.writestr("agent.py", AGENT))
    at = plain.rfind(b"PK\x05\x06")
    for offset, form, value in ((8, "<2H", (0xFFFF, 0xFFFF)), (12, "<L", (0xFFFFFFFF,)), (16, "<L", (0xFFFFFFFF,))):
        data = bytearray(plain)
        struct.pack_into(form, data, at + offset, *value)
        assert refused(bytes(data)).rule == "archive"
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)
    assert refused(plain[:at] + locator + plain[at:]).rule == "archive"
    assert refused(b"#!/bin/sh\n" + plain).rule == "archive"
    assert refused(plain + b"more").rule == "archive"
    assert refused(plain[:-3]).rule == "archive"
    assert refused(b"").rule == "archive"
    big = zipped(lambda made: made.writestr("agent.py", AGENT))
    data = bytearray(big)
    struct.pack_into("<L", data, data.find(b"PK\x01\x02") + 20, 1 << 30)  # packed bytes beyond the end
    assert refused(bytes(data)).rule in ("members", "archive")


def test_links_and_devices_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "agent.py").write_bytes(AGENT)
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(Refused, match=r"link\.txt: it is a link or a device"):
        read(folder)
    (folder / "link.txt").unlink()
    (folder / "inside").symlink_to(tmp_path)
    with pytest.raises(Refused, match="inside: it is a link"):
        read(folder)
    (folder / "inside").unlink()
    os.mkfifo(folder / "pipe.txt")
    with pytest.raises(Refused, match=r"pipe\.txt: it is a link or a device"):
        read(folder)


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "data.txt").open("wb") as file:
        file.truncate(1 << 40)  # a hole
    with pytest.raises(Refused, match="larger than"):
        read(tmp_path)
    with pytest.raises(Refused, match="larger than"):
        read(tmp_path / "data.txt")


def test_nothing_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no file or folder"):
        read(tmp_path / "none.zip")

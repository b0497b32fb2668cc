"""Broken archives, manifests and tensors end in a refusal or in files, never in another exception or a file outside."""

from __future__ import annotations

import io
import os
import random
import resource
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.zoo.submission.test_archives import overlapping
from tests.zoo.submission.test_reading import AGENT, GOOD
from zoo.submission import names
from zoo.submission.archive import read_zip
from zoo.submission.manifest import read_manifest
from zoo.submission.refusal import Refused
from zoo.submission.submission import Asked, open_submission
from zoo.submission.tensors import check_tensors

WEIGHTS = safetensors.numpy.save({"row/w": np.ones((4, 3), np.float32), "row/b": np.ones(3, np.float64)})


def good() -> list[bytes]:
    """Archives to begin with: plain, deflated, streamed, with folders, overlapping."""
    archives = [overlapping(3)]
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as made:
            made.writestr("mine/zoo.toml", GOOD)
            made.writestr("mine/agent.py", AGENT)
            made.writestr("mine/w/weights.safetensors", WEIGHTS)
            made.writestr("mine/empty/", b"")
        archives.append(out.getvalue())
    return archives


def changed(data: bytes, luck: random.Random) -> bytes:
    """Some bytes exchanged, cut out, doubled, or replaced by what parsers mind."""
    parts = bytearray(data)
    for _ in range(luck.choice((1, 1, 2, 4, 16))):
        at = luck.randrange(len(parts) + 1)
        end = min(len(parts), at + luck.choice((1, 2, 4, 8, 64)))
        match luck.randrange(6):
            case 0:
                parts[at:end] = luck.randbytes(end - at)
            case 1:
                del parts[at:end]
            case 2:
                parts[at:at] = parts[at:end]
            case 3:
                odd = (b"\xff\xff\xff\xff", bytes(4), b"PK\x05\x06", b"PK\x01\x02", b"../", b"\x00", b"[" * 40, b"\\")
                parts[at:end] = luck.choice(odd)
            case 4 if at < len(parts):
                parts[at] ^= 1 << luck.randrange(8)
            case _:
                other = luck.randrange(len(parts) + 1)
                parts[at:end] = parts[other : other + end - at]
    return bytes(parts)


def outcomes(count: int, seed: int) -> Iterator[bool]:
    """Whether each of so many broken things was accepted."""
    luck, archives = random.Random(seed), good()
    for number in range(count):
        try:
            match number % 4:
                case 0 | 1:
                    files, _ = read_zip(changed(luck.choice(archives), luck), "mine.zip")
                    assert all(not name.startswith("/") and ".." not in name.split("/") for name in files)
                    assert sum(map(len, files.values())) <= names.TOTAL
                case 2:
                    read_manifest(changed(GOOD.encode() + b"config = {lr = 0.5}\n", luck))
                case _:
                    check_tensors(changed(WEIGHTS, luck), "w.safetensors")
            yield True
        except Refused as fault:
            assert "\n" not in str(fault)
            yield False


def peak() -> int:
    """The most memory that this process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_some_broken_things() -> None:
    accepted = list(outcomes(600, seed=1))
    assert 0 < sum(accepted) < len(accepted)


@pytest.mark.slow
def test_ten_thousand_broken_things_take_no_memory() -> None:
    list(outcomes(2_000, seed=2))
    before = peak()
    accepted = list(outcomes(10_000, seed=3))
    assert 0 < sum(accepted) < len(accepted)
    assert peak() - before < 64 << 10


def test_broken_submissions_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.environ["ZOO_HOME"])
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    luck, (*_, archive) = random.Random(4), good()
    for number in range(60):
        path = tmp_path / "mine.zip"
        path.write_bytes(changed(archive, luck))
        with suppress(Refused):
            open_submission(str(path), Asked(f"mine-{number}", "Ada", "ipd"))
        assert {item.name for item in tmp_path.iterdir()} == {"mine.zip", "temporary"}
    assert list(home.iterdir()) == list((tmp_path / "temporary").iterdir()) == []

"""What an agent consists of: which files, their hash, and a copy that is whole or not there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from zoo.errors import UserError
from zoo.sandbox import source
from zoo.sandbox.source import Source


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / "home"))
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


def test_one_file_is_known_by_its_content(home: Path) -> None:
    (home / "mine.py").write_text("class Mine: ...")
    one = Source.of_file(home / "mine.py", "Mine")
    assert one.digest == one.code_digest == hashlib.sha256(b"class Mine: ...").hexdigest()
    assert (one.file, one.attribute) == ("mine.py", "Mine")


def test_files_are_told_apart_by_names_and_bounds() -> None:
    digests = {
        Source(files, "a.py:A").digest
        for files in (
            {"a.py": b"1", "b.py": b"2"},
            {"a.py": b"12", "b.py": b""},
            {"a.py": b"1", "c.py": b"2"},
            {"a.py": b"2", "b.py": b"1"},
            {"a.py": b"1", "b.py": b"2", "c.txt": b""},
        )
    }
    assert len(digests) == 5
    with_data = Source({"a.py": b"1", "b.txt": b"2"}, "a.py:A")
    assert with_data.code_digest == hashlib.sha256(b"1").hexdigest() != with_data.digest


def test_imports_are_followed_and_nothing_else_comes_along(home: Path) -> None:
    (home / "mine.py").write_text("import one, os\nfrom . import two\nfrom pack.inner import x\nF = 'data/w.bin'\n")
    (home / "one.py").write_text("def late():\n    import three\n")
    for name in ("two", "three", "unused", "os"):
        (home / f"{name}.py").write_text("")
    (home / "pack" / "deep").mkdir(parents=True)
    for name in ("__init__.py", "inner.py", "deep/more.py", "table.csv"):
        (home / "pack" / name).write_text("")
    (home / "data").mkdir()
    (home / "data" / "w.bin").write_text("w")
    (home / "data" / "v.bin").write_text("v")
    (home.parent / "outside.txt").write_text("")
    (home / "link.txt").symlink_to(home.parent / "outside.txt")
    (home / "unused.py").write_text("'link.txt'")
    (home / "three.py").write_text("F = ['link.txt', '../outside.txt', '/etc/passwd', 'nothing.txt', 'a\\0.b']")
    assert sorted(Source.of_file(home / "mine.py", "Mine").files) == [
        *("data/w.bin", "mine.py", "one.py", "pack/__init__.py", "pack/deep/more.py", "pack/inner.py"),
        *("pack/table.csv", "three.py", "two.py"),
    ]


def test_code_is_read_within_bounds_and_never_in_the_encoding_that_it_names(home: Path) -> None:
    """Some encodings take minutes for a megabyte, and a tree has hundreds of times as many bytes as its file."""
    (home / "one.py").write_text("")
    (home / "mine.py").write_text("# coding: punycode\nimport one\n")
    assert sorted(Source.of_file(home / "mine.py", "Mine").files) == ["mine.py", "one.py"]
    (home / "one.py").write_text("0\n" * (1 << 18))
    with pytest.raises(UserError, match=r"one\.py: it is longer than 256 KiB; keep data in other files"):
        Source.of_file(home / "mine.py", "Mine")
    for number in range(6):
        (home / f"part{number}.py").write_text("#" * 200_000)
    (home / "mine.py").write_text("".join(f"import part{number}\n" for number in range(6)))
    with pytest.raises(UserError, match="its code is longer than 1024 KiB altogether"):
        Source.of_file(home / "mine.py", "Mine")


def test_a_package_without_an_init_file_comes_along_with_its_code(home: Path) -> None:
    (home / "plain" / "deep").mkdir(parents=True)
    for name in ("inner.py", "deep/more.py", "table.csv"):
        (home / "plain" / name).write_text("")
    (home / "mine.py").write_text("def late():\n    from plain.deep import more\n")
    files = Source.of_file(home / "mine.py", "Mine").files
    assert sorted(files) == ["mine.py", "plain/deep/more.py", "plain/inner.py"]


@pytest.mark.parametrize("name", ["../a.py", "/a.py", "b/../../a.py", "./a.py", "a//b.py", "a\\b.py", "a\0.py"])
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="leads out of the agent's folder"):
        Source({name: b"", "mine.py": b""}, "mine.py:Mine")


def test_links_are_refused(home: Path) -> None:
    (home / "mine.py").write_text("")
    (home / "weights").symlink_to("/etc")
    with pytest.raises(UserError, match="is a link or a device: an agent consists of regular files"):
        Source.of_folder(home, "mine.py:Mine")
    (home / "weights").unlink()
    os.mkfifo(home / "pipe")
    with pytest.raises(UserError, match="is a link or a device"):
        Source.of_folder(home, "mine.py:Mine")


def test_too_much_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BYTES", 10)
    monkeypatch.setattr(source, "FILES", 2)
    (home / "mine.py").write_text("")
    (home / "a.bin").write_text("x" * 11)
    with pytest.raises(UserError, match="may consist of 2 files and 10 bytes, and this is more"):
        Source.of_folder(home, "mine.py:Mine")
    (home / "a.bin").write_text("x")
    assert len(Source.of_folder(home, "mine.py:Mine").files) == 2
    (home / "b.bin").write_text("x")
    with pytest.raises(UserError, match="and this is more"):
        Source.of_folder(home, "mine.py:Mine")
    with pytest.raises(UserError, match="and this has 3 files"):
        Source({"mine.py": b"", "a": b"", "b": b""}, "mine.py:Mine")
    with pytest.raises(UserError, match=r"there is no file other\.py in it"):
        Source({"mine.py": b""}, "other.py:Mine")


def test_the_copy_holds_exactly_the_files(home: Path) -> None:
    mine = Source({"mine.py": b"1", "data/w.bin": b"2"}, "mine.py:Mine")
    place = mine.staged()
    assert {p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()} == mine.files
    assert mine.staged() == place
    assert [p for p in place.parent.iterdir() if p != place] == []
    assert all(not path.stat().st_mode & 0o222 for path in place.rglob("*"))


@pytest.mark.parametrize("damage", ["changed", "missing", "added", "linked"])
def test_a_damaged_copy_is_made_again(home: Path, damage: str) -> None:
    mine = Source({"mine.py": b"1", "data/w.bin": b"2"}, "mine.py:Mine")
    place = mine.staged()
    (place / "data").chmod(0o755)
    file = place / "data" / "w.bin"
    file.chmod(0o644)
    if damage == "changed":
        file.write_bytes(b"3")
    elif damage == "added":
        (place / "data" / "more").write_bytes(b"")
    else:
        file.unlink()
    if damage == "linked":
        (home / "w.bin").write_bytes(b"2")
        file.symlink_to(home / "w.bin")
    assert mine.staged() == place
    assert {p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()} == mine.files
    assert not file.is_symlink()


def test_a_module_is_found_and_not_imported(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "pack_for_test").mkdir()
    (home / "pack_for_test" / "__init__.py").write_text("raise RuntimeError")
    (home / "pack_for_test" / "inner.py").write_text("")
    (home / "single_for_test.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(home)
    packed = Source.of_module("pack_for_test.inner:Mine")
    assert packed.entry == "pack_for_test/inner.py:Mine"
    assert sorted(packed.files) == ["pack_for_test/__init__.py", "pack_for_test/inner.py"]
    assert Source.of_module("pack_for_test:Mine").entry == "pack_for_test/__init__.py:Mine"
    assert Source.of_module("single_for_test:Mine").entry == "single_for_test.py:Mine"
    for name in ("nothing_for_test:Mine", "sys:Mine", "_json:Mine"):
        with pytest.raises(UserError, match="cannot be imported: there is no module"):
            Source.of_module(name)


def test_what_the_home_keeps_below_an_agents_folder_never_comes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path / ".zoo"))
    secrets = tmp_path / ".zoo" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "seed-1.key").write_text("secret")
    (tmp_path / "agent.py").write_text('SEED = ".zoo/secrets/seed-1.key"\n')
    found = Source.of_file(tmp_path / "agent.py", "Mine")
    assert [*found.files] == ["agent.py"]
    with pytest.raises(UserError, match=r"names the file \.zoo/secrets/seed-1\.key"):
        found.with_files(tmp_path, [".zoo/secrets/seed-1.key"])
    assert [*Source.of_folder(tmp_path, "agent.py:Mine").files] == ["agent.py"]


def test_an_agent_in_the_home_itself_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOO_HOME", str(tmp_path))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "seed-1.key").write_text("secret")
    (tmp_path / "data.json").write_text("{}")
    (tmp_path / "agent.py").write_text('READS = ["secrets/seed-1.key", "data.json"]\n')
    assert {*Source.of_file(tmp_path / "agent.py", "Mine").files} == {"agent.py", "data.json"}

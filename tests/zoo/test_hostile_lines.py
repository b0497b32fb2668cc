"""Hostile command lines, `hostile/lines.txt`: each ends in a line or two of error and exit code 2, and loses nothing.

All of them run in this process, in a folder that `hostile/yard.py` fills. Those that start processes of strangers'
agents, or learn, are slow.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo.command_line import contents, recorded
from tests.zoo.hostile.yard import Line, build, read
from zoo.cli import COMMANDS, main

LINES = read()
GAME = "ipd-v1(max_steps=5)"
#: Kinds of which every line starts a process or learns; elsewhere the line says so by its file or option.
_COSTLY = ("mine.py:", "strange.py:", "policies.py:", "helped.py:", "sandbox", "--learn --rounds 3")
#: Commands that report on standard output before they fail: what they found, and how far they came.
_REPORTS = {"verify", "train", "replay", "reproduce"}


def _costly(line: Line) -> bool:
    return any(word in line.text for word in _COSTLY)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """The folder, with its home, and what stands for the words in braces."""

    def done(*words: object) -> None:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        assert not end.value.code

    folder = tmp_path_factory.mktemp("yard")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ZOO_HOME", str(folder / "home"))
        yield folder, build(folder, done)


def _fault(line: Line, named: dict[str, str], capfd: pytest.CaptureFixture[str]) -> str:
    """What is wrong with how the command ends, or ""."""
    environment, words = line.words(named)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["zoo", *words])
        try:
            main(words)
        except SystemExit as end:
            code = end.code
        except BaseException as error:
            code = f"{type(error).__name__}: {error}"[:300]
    said = capfd.readouterr()
    # what a world prints goes to standard error, too, and is no error
    lines = [text for text in said.err.splitlines() if text.strip() and not text.startswith("the world says")]
    if code == 2 and 1 <= len(lines) <= 2 and "Traceback" not in said.err and all(len(text) < 3000 for text in lines):
        return "" if not said.out or line.command in _REPORTS else f"{line.text}: printed {said.out[:200]!r}"
    return f"{line.text}: exit code {code}, said {said.err[-300:]!r} and {said.out[-100:]!r}"


def _all_end_well(
    lines: list[Line], yard: tuple[Path, dict[str, str]], capfd: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
) -> None:
    folder, named = yard
    patch.chdir(folder)
    patch.setenv("ZOO_HOME", str(folder / "home"))
    patch.setenv("COLUMNS", "100")
    before = contents(recorded(GAME))
    files = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert [fault for line in lines if (fault := _fault(line, named, capfd))] == []
    assert before.items() <= contents(recorded(GAME)).items()
    assert {path for path, content in files.items() if path.read_bytes() != content} == set()


@pytest.mark.parametrize("command", [*COMMANDS, "none of them"])
def test_every_line_ends_in_one_line(
    command: str, yard: tuple[Path, dict[str, str]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [one for one in LINES if one.command == command or (command not in COMMANDS and one.command not in COMMANDS)]
    _all_end_well([line for line in own if not _costly(line)], yard, capfd, monkeypatch)


@pytest.mark.slow
def test_every_costly_line_ends_in_one_line(
    yard: tuple[Path, dict[str, str]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _all_end_well([line for line in LINES if _costly(line)], yard, capfd, monkeypatch)


def test_there_are_enough_lines_of_every_command_and_kind() -> None:
    assert len(LINES) >= 400
    assert len({(tuple(line.text.split())) for line in LINES}) == len(LINES)
    commands, kinds = Counter(line.command for line in LINES), Counter(line.kind for line in LINES)
    assert {name for name in COMMANDS if commands[name] < 10} == set()
    assert {kind for kind, count in kinds.items() if count < 5} == set()
    assert all(line.attacks for line in LINES)


def test_a_device_is_never_written_over(
    yard: tuple[Path, dict[str, str]], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder's file is written beside it and renamed, which would make a file of a device; here of a pipe."""
    folder, named = yard
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ZOO_HOME", str(folder / "home"))
    os.mkfifo("pipe")
    assert _fault(Line("", "publish pipe", ""), named, capfd) == ""
    assert Path("pipe").is_fifo()
    shutil.copy("notes.txt", "mine-too.txt")
    assert _fault(Line("", "publish mine-too.txt", ""), named, capfd) == ""
    assert Path("mine-too.txt").read_text() == Path("notes.txt").read_text()

"""The command line as a user types it, inside this process; and entrants and environments from files."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.zoo.command_line import AGENTS, ENVIRONMENTS, Refused, Said, Zoo
from zoo.cli import main


@pytest.fixture
def zoo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Zoo:
    """`zoo("match", "a", "b", "--arena", "ipd")`; numbers may be given as numbers, `width` is that of the terminal."""

    def run(*words: object, width: int = 100, code: int = 0) -> Said:
        monkeypatch.setenv("COLUMNS", str(width))
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        said = Said(int(end.value.code or 0), printed.out, printed.err)
        assert said.code == code, said
        return said

    return run


@pytest.fixture
def refused(zoo: Zoo) -> Refused:
    """Like `zoo` for a command that cannot be done: one line on standard error, exit code 2; returns that line."""

    def run(*words: object) -> str:
        said = zoo(*words, code=2)
        assert said.out == ""
        lines = said.err.splitlines()
        if lines[0].startswith("Usage: "):  # click explains how the command is used
            lines = lines[3:]
            assert lines[0].startswith("Error: ")
        else:
            assert lines[0].startswith("zoo: ")
        assert len(lines) == 1, said.err
        assert "Traceback" not in said.err
        return lines[0]

    return run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands run in, with `mine.py` (agents), `envs.py` (environments) and `broken.py`."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("mine.py", AGENTS), ("envs.py", ENVIRONMENTS), ("broken.py", "raise OSError('worn out')")):
        Path(name).write_text(textwrap.dedent(text))
    return tmp_path

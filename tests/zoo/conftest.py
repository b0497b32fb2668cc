"""The command line as a user types it, inside this process; entrants and environments from files; and a browser."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import CHROMIUM
from tests.zoo.command_line import AGENTS, ENVIRONMENTS, Refused, Said, Zoo
from zoo.cli import main
from zoo.work import progress


@pytest.fixture(autouse=True)
def no_line_for_being_slow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short work prints no progress, however starved the machine; the tests of progress have a clock of their own."""
    if request.path.name != "test_progress.py":
        monkeypatch.setattr(progress, "_SOON", math.inf)
        monkeypatch.setattr(progress.Progress, "_announce", lambda *_: None)  # which reckons from the time it took


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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        # as root, as in a container, Chromium starts only without its own sandbox
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Any]:
    """`show(page)` opens an address, or a file without a network.

    Anything that a page says on the console fails the test, and so does anything that a file fetches.
    """
    contexts, said = [], []

    def opened(page: str | Path, **terms: Any) -> Any:
        context = browser.new_context(offline=isinstance(page, Path), **terms)
        contexts.append(context)
        shown = context.new_page()
        shown.set_default_timeout(120_000)  # for a machine that does much else
        shown.on("console", lambda message: said.append(message.text))
        shown.on("pageerror", lambda error: said.append(str(error)))
        if isinstance(page, Path):
            own = ("file:", "data:", "blob:")
            shown.on("request", lambda request: said.extend([request.url] * (not request.url.startswith(own))))
        shown.goto(page.as_uri() if isinstance(page, Path) else page)
        return shown

    yield opened
    for context in contexts:
        context.close()
    assert said == []

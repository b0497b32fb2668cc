"""The server's pages in a real browser: nothing is blocked or missing, everybody can use them, and a game by keyboard.

Skipped where no Chromium or no Playwright is installed (`marl-zoo[browser]`, and Debian's package `chromium`).
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import MARKS
from tests.looks import UNREADABLE, check_walk
from tests.zoo.serve import load
from zoo.cli import main

pytest.importorskip("starlette")
pytestmark = MARKS
ARENA = "ipd-v1(max_steps=4)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A home with a few games and their replays."""
    made = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(made))
        words = "tournament tit-for-tat always-defect random --arena ipd --set arena.max_steps=4 --episodes 8"
        words += " --panel tit-for-tat,random"
        for line in (words.split(), ["report", "--arena", ARENA, "--out", str(made / "report.html")]):
            with pytest.raises(SystemExit) as end:
                main(line)
            assert not end.value.code, line
    return str(made)


@pytest.fixture(scope="module")
def served(folder: str) -> Iterator[str]:
    """The address of a server that takes uploads."""
    server, port = load.started(folder, 0, core=None, words=["--submit"])
    yield f"http://127.0.0.1:{port}"
    server.send_signal(signal.SIGINT)
    server.wait(60)


@pytest.fixture
def duel(folder: str) -> Iterator[str]:
    """The address of a game against tit-for-tat."""
    words = "duel tit-for-tat --arena ipd --set arena.max_steps=4"
    command = [sys.executable, "-m", "zoo", *words.split()]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "ZOO_HOME": folder})
    assert server.stdout is not None
    with server.stdout as said:
        found = re.search(r"http://\S+", said.readline())
    assert found is not None
    yield found[0]
    server.send_signal(signal.SIGINT)
    server.wait(60)


def fits(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_the_pages(show: Any, served: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = show(served, color_scheme=scheme, viewport={"width": 390, "height": 800})

    def check(path: str) -> None:
        found = axe.run(page)
        assert found.violations_count == 0, (path, found.generate_report())
        assert page.evaluate(UNREADABLE) == [], path
        assert fits(page), path
        if scheme == "light":
            check_walk(page)

    for path in ("/", f"/boards/{ARENA}", "/matches", "/replays", "/entrants", "/seasons", "/submit"):
        page.goto(f"{served}{path}")
        page.locator("h1", has_not_text="One moment").wait_for()  # what a page says while it is being made
        check(path)
    page.goto(f"{served}/matches")
    page.locator("tbody a").first.click()
    page.locator("tbody a").first.wait_for()
    check("a match")
    page.locator("tbody a").first.click()  # games of two entrants
    page.locator(".player .pairing option").first.wait_for(state="attached")
    check("games")
    page.goto(f"{served}/entrants")
    page.locator("tbody a").first.click()
    page.locator("dl").first.wait_for()
    check("an entrant")


def played_to_its_end(page: Any) -> Any:
    """The player of a page, which has shown a game whose returns are those recorded."""
    player = page.locator(".player")
    player.locator(".speed").select_option("60")
    player.locator(".pairing option").first.wait_for(state="attached")
    player.locator(".play").click()
    player.locator(".ending:not(:empty)").wait_for()
    assert player.locator(".ending").inner_text() == "The end: the returns are those recorded."
    return player


def test_the_board_plays_what_the_home_keeps(show: Any, served: str) -> None:
    page = show(f"{served}/replays")
    page.locator("main a").first.click()
    played_to_its_end(page)
    page.locator("#recompute").click()
    page.locator("#agreement:not(:empty)").wait_for()
    assert "agree" in page.locator("#agreement").inner_text()


def test_a_match_plays_its_games(show: Any, served: str) -> None:
    page = show(f"{served}/matches")
    page.locator("tbody a").first.click()
    page.get_by_role("link", name="Watch always-defect with tit-for-tat, row").click()
    player = played_to_its_end(page)
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x)"
    assert player.locator(".board").evaluate(drawn)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_game_by_keyboard_alone(show: Any, duel: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = show(duel, color_scheme=scheme, viewport={"width": 390, "height": 800})
    assert axe.run(page).violations_count == 0
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "begin":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    message = page.locator("#message")
    page.locator("#actions button").first.wait_for()
    # a second Enter where the first one was would leave the game
    page.locator("#actions button:focus").wait_for()
    assert message.inner_text().startswith("You are ")
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    for step in range(4):
        page.locator("#moment", has_text=f"step {step} of 4").wait_for()
        page.keyboard.press("2")  # defect
    message.filter(has_text="The game is over. You got -6.").wait_for()
    assert "-6.00" in page.locator("#table").inner_text()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(UNREADABLE) == []
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(x => x)"
    assert page.locator("#board").evaluate(drawn)
    assert fits(page)
    page.keyboard.press("2")  # nothing more happens
    assert page.locator("#moment").inner_text().startswith("step 4 of 4")

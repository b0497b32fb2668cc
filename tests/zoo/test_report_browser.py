"""A report in a real browser, offline: it sorts, opens cells, plays games to their end and finds edited numbers.

Skipped where no Chromium or no Playwright is installed (`marl-zoo[browser]`, and Debian's package `chromium`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.browser import MARKS
from tests.looks import FOCUSED, UNREADABLE, check_walk
from zoo.cli import main

pytestmark = MARKS


def written(folder: Path, commands: Sequence[str], arenas: Sequence[str]) -> Path:
    """The report that follows some commands in a home of its own."""
    words = [word for arena in arenas for word in ("--arena", arena)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_HOME", str(folder))
        for line in (*map(str.split, commands), ["report", *words, "--out", str(folder / "report.html")]):
            with pytest.raises(SystemExit) as end:
                main(line)
            assert not end.value.code, line
    return folder / "report.html"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report on a prisoner's dilemma, a coin game and a game of particles."""
    commands = (
        "tournament tit-for-tat always-defect grim random --arena ipd --set arena.max_steps=12"
        " --panel tit-for-tat,always-defect,random --episodes 20",
        "tournament greedy cooperator random --arena coin --panel greedy,cooperator --episodes 10",
        "match assignment random --arena spread --panel assignment,random --episodes 4",
    )
    return written(tmp_path_factory.mktemp("report"), commands, ["ipd", "coin", "spread"])


def rows(page: Any, arena: int = 0) -> list[Any]:
    return page.locator(f".arena[data-arena='{arena}'] .forest tbody.ranked tr[data-entrant]").all()  # type: ignore[no-any-return]


def test_headings_sort(show: Any, file: Path) -> None:
    page = show(file)
    forest = page.locator(".arena[data-arena='0'] .forest")
    before = [row.get_attribute("data-entrant") for row in rows(page)]
    forest.locator("thead button", has_text="at worst").click()
    worst = [float(row.locator("[data-name=worst]").get_attribute("data-sort")) for row in rows(page)]
    assert worst == sorted(worst, reverse=True) and len(set(worst)) > 1
    assert forest.locator("th[aria-sort]").count() == 1
    forest.locator("thead button", has_text="at worst").click()
    worst_first = [float(row.locator("[data-name=worst]").get_attribute("data-sort")) for row in rows(page)]
    assert worst_first == sorted(worst)
    forest.locator("thead button", has_text="rank").click()
    assert [row.get_attribute("data-entrant") for row in rows(page)] == before


def test_a_cell_opens_from_the_keyboard(show: Any, file: Path) -> None:
    page = show(file)
    page.locator(".heat td[tabindex='0']").first.focus()
    for key in ("ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    told = page.locator("dialog[open]")
    told.locator("button", has_text="Play").first.wait_for()
    assert re.search(r"n = \d+ episodes", told.inner_text())
    assert {"row", "column"} <= set(told.locator("tbody th").all_inner_texts())
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0


def test_cells_open_where_games_are_compared(show: Any, tmp_path: Path) -> None:
    commands = ["match random always-defect --arena imp --panel random,win-stay-lose-shift --episodes 6"]
    page = show(written(tmp_path, commands, ["imp"]), viewport={"width": 1024, "height": 800})
    for box in page.locator(".scroll:has(.forest)").all():
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
    page.locator(".side[data-side='1'] .heat td[data-i]").first.click()
    assert re.search(r"n = \d+ episodes", page.locator("dialog[open]").inner_text())
    page.keyboard.press("Escape")
    assert "means and ranks agree" in agreement(page)


def test_tab_leads_to_everything_once(show: Any, file: Path) -> None:
    page = show(file)
    stops = check_walk(page)
    assert sum(stop["grid"] for stop in stops) == page.locator(".side .heat").count()  # of a map one cell
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the skip link
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_a_heat_map_by_keyboard(show: Any, file: Path) -> None:
    page = show(file)
    grid = page.locator(".heat[role=grid]").first
    grid.locator("td[tabindex='0']").focus()
    at = "(() => { const td = document.activeElement; return [td.parentNode.rowIndex, td.cellIndex]; })()"
    size = page.locator(".arena[data-arena='0'] .heat tbody tr").count()
    for key, expected in (
        ("ArrowUp", [1, 1]),  # at the edge it stays
        ("End", [1, size]),
        ("ArrowDown", [2, size]),
        ("Home", [2, 1]),
        ("Control+End", [size, size]),
        ("Control+Home", [1, 1]),
        ("ArrowRight", [1, 2]),
    ):
        page.keyboard.press(key)
        assert page.evaluate(at) == expected, key
    for key in ("Enter", "Space"):
        page.keyboard.press(key)
        page.locator("dialog[open] button", has_text="Play").first.wait_for()
        for _ in range(6):  # the focus does not leave what is open
            page.keyboard.press("Tab")
            assert page.evaluate("!document.querySelector('main').contains(document.activeElement)")
        page.keyboard.press("Escape")
        assert page.evaluate(at) == [1, 2]
        assert page.evaluate(FOCUSED)["ring"]


def test_a_game_by_keyboard(show: Any, file: Path) -> None:
    page = show(file)
    page.locator(".heat td[tabindex='0']").first.focus()
    page.keyboard.press("Enter")
    page.locator("dialog[open] button", has_text="Play").first.wait_for()
    while not page.evaluate("document.activeElement.textContent").startswith("Play"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    player = page.locator(".player").first
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate("document.activeElement.className") == "play"
    assert page.evaluate(FOCUSED)["shown"]
    page.keyboard.press("Space")
    assert player.locator(".play").inner_text() == "Play"
    moment = player.locator(".moment")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Home")
    assert moment.inner_text().startswith("step 0 of 12")
    page.keyboard.press("ArrowRight")
    assert moment.inner_text().startswith("step 1 of 12")
    page.keyboard.press("End")
    assert moment.inner_text().startswith("step 12 of 12")
    for key, expected in (("Tab", 12), ("Tab", 12), ("Enter", 11), ("Tab", 11), ("Space", 12)):
        page.keyboard.press(key)
        assert moment.inner_text().startswith(f"step {expected} of 12"), key
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert player.locator(".speed").input_value() == "60"


@pytest.mark.parametrize("arena", [0, 1, 2])
def test_a_game_is_played_to_its_recorded_end(show: Any, file: Path, arena: int) -> None:
    page = show(file)
    page.locator(f".arena[data-arena='{arena}'] .heat td[data-i]").first.click()
    page.locator("dialog[open] button", has_text="Play").first.click()
    player = page.locator(f".arena[data-arena='{arena}'] .player")
    player.locator(".speed").select_option("60")
    player.locator(".ending:not(:empty)").wait_for()
    assert player.locator(".ending").inner_text() == "The end: the returns are those recorded."
    for row in player.locator(".returns tbody tr").all():
        shown, recorded = row.locator("td").all_inner_texts()[2:]
        assert float(shown) == pytest.approx(float(recorded), abs=1e-3)
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(x => x)"
    assert player.locator("canvas").evaluate(drawn)
    player.locator(".scrub").focus()
    page.keyboard.press("Home")
    assert player.locator(".moment").inner_text().startswith("step 0 of ")


def agreement(page: Any) -> str:
    page.locator("#recompute").click()
    page.locator("#agreement:not(:empty)").wait_for()
    return str(page.locator("#agreement").inner_text())


def test_it_recomputes_and_agrees(show: Any, file: Path) -> None:
    said = agreement(show(file))
    assert said.startswith("All ") and "means and ranks agree" in said


def edited(file: Path, folder: Path, before: str, after: str) -> Path:
    text = file.read_text()
    assert before in text
    changed = folder / "edited.html"
    changed.write_text(text.replace(before, after, 1))
    return changed


def test_edited_numbers_are_noticed(show: Any, file: Path, tmp_path: Path) -> None:
    text = file.read_text()
    # what is read, what the script is told, and what it is told that this is made of
    table = text.split('data-name="own_return">')[1].split("<")[0]
    figure = '"own_return":' + text.split('"own_return":')[1].split(",")[0]
    start = text.index('"blocks":[[')
    block = text[start : text.index("]", start)]
    first, _, rest = table.partition(" ")
    for before, after in (
        (f'data-name="own_return">{table}', f'data-name="own_return">{float(first) + 0.5:.4f} {rest}'),
        (figure, '"own_return":' + str(float(figure.partition(":")[2]) + 0.5)),
        (block, block.rpartition(",")[0] + ",123456"),
    ):
        said = agreement(show(edited(file, tmp_path, before, after)))
        assert "do not agree" in said, (before, said)
    assert "the evidence is not what it was" in said


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(show: Any, file: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = show(file, color_scheme=scheme)
    for player in page.locator(".player").all():
        player.scroll_into_view_if_needed()
        player.locator(".pairing option").first.wait_for(state="attached")
    page.evaluate("document.querySelectorAll('details').forEach((folded) => (folded.open = true))")
    agreement(page)
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(UNREADABLE) == []
    page.locator(".heat td[data-i]").first.click()
    page.locator("dialog[open] button", has_text="Play").first.wait_for()
    found = axe.run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(UNREADABLE) == []
    faint = {"light": "#999", "dark": "#666"}[scheme]
    page.evaluate(f"document.querySelector('dialog h2').style.color = '{faint}'")
    assert [line for line in page.evaluate(UNREADABLE) if line.startswith('text "')] != []


def test_it_fits_a_telephone_and_paper(show: Any, file: Path) -> None:
    page = show(file, viewport={"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.pdf(format="A4").count(b"/Type /Page\n") < 30

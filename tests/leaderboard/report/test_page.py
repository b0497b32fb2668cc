"""A page: made of the records alone, safe to open, legible, and its figures follow from the evidence inside it."""

import json
import re

import numpy as np
import pytest

from leaderboard.errors import StoreError
from leaderboard.records import Measurement, Status
from leaderboard.report import charts, embedded, marks
from leaderboard.report.html import EntrantCard, Report, render
from leaderboard.report.layout import listed
from leaderboard.statistics.tally import sides_of
from leaderboard.store.store import Store
from leaderboard.views.game import make_game
from leaderboard.views.page import arena_page

SKILL = {"a" * 16: 0.0, "b" * 16: 0.4, "c" * 16: 0.8, "d" * 16: -0.2}
NASTY = "</script><script>alert(1)</script> & \u2028 \x1b[31m"
LABELS = {"a" * 16: "lola", "b" * 16: NASTY, "c" * 16: "c", "d" * 16: "d"}


def filled(make, path, arena, *, panel=("a" * 16, "b" * 16), faulty="") -> Store:
    """A store with a round-robin of four entrants and two measurements."""
    store = Store(path)
    blocks = make.noisy_blocks(SKILL, arena=arena.id)
    if faulty:
        pair, statuses = ("a" * 16, faulty), {faulty: Status.CRASH}
        blocks.append(make.block(pair, lambda *_: [-9.0, -9.0], arena=arena.id, first=8, statuses=statuses))
    store.add(arena)
    for who, label in LABELS.items():
        store.add(make.entrant(who, label))
    if panel:
        store.add(make.panel(*panel, arena=arena.id, id=f"{arena.id}/panel-1", weights={"": [0.25, 0.75]}))
    for block in blocks:
        store.add(block)
    store.add(make.match("m" * 16, blocks, created="2026-02-03T04:05:06.789"))
    store.add(Measurement("a" * 16, arena.id, "exploiter_gain", 0.5, 0.5, 0.5, 1, True, 0, None, {}))
    return store


@pytest.fixture(params=["mixed", "competitive", "sides", "cooperative", "unranked", "faulty"])
def page(request, make, tmp_path):
    sides = {"sides": ("predator", "prey")} if request.param == "sides" else {}
    kind = {"sides": "competitive", "unranked": "mixed", "faulty": "mixed"}.get(request.param, request.param)
    arena = make.arena(kind, **sides)
    panel = () if request.param in ("unranked", "competitive") else ("a" * 16, "b" * 16)
    faulty = "d" * 16 if request.param == "faulty" else ""
    with filled(make, tmp_path / "records.sqlite", arena, panel=panel, faulty=faulty) as store:
        return arena_page(store, arena.id)


def html(page, **terms) -> str:
    cards = {page.arena.id: {"a" * 16: EntrantCard("Somebody 1999.", [("agent", "x")], [("lr", "0.1")], "zoo match x")}}
    return render(Report([page], cards, "zoo report --arena coin-v1", "1.0", **terms))


def script(text: str, name: str):
    return json.loads(re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)[1])


def own_sums(evidence, seats, side):
    """What the page's own script adds up, in another language: {(who, partner): (total, n)}."""
    found = {}
    for _, _, i, j, seating, _, episodes, flat, spoiled, _ in evidence["blocks"]:
        for who in (0,) if i == j else (0, 1):
            rotations = {}
            for k, (rotation, seat, whose) in enumerate(evidence["seatings"][seating]):
                if whose == who and seat in seats:
                    rotations.setdefault(rotation, []).append(flat[2 * k])
            if not rotations:
                continue
            fewest = min(map(len, rotations.values()))
            sums = [sum(x) / fewest for x in rotations.values() if len(x) == fewest]
            total, n = sum(sums) / len(sums), episodes
            if spoiled:
                total, n = spoiled[side][2 * who : 2 * who + 2]
            cell = (i, j) if who == 0 else (j, i)
            before = found.get(cell, (0.0, 0))
            found[cell] = (before[0] + total, before[1] + n)
    return found


def test_figures_follow_from_the_evidence(page):
    text = html(page)
    (figures,), (evidence,) = script(text, "figures")["arenas"], script(text, "evidence")
    assert len(evidence["blocks"]) == page.board.blocks
    for number, side in enumerate(figures["sides"]):
        sums = own_sums(evidence, side["seats"], number)
        own = {cell: total / n for cell, (total, n) in sums.items() if n}
        if not figures["rated"]:
            assert {(i, j): mean for i, j, mean, *_ in side["cells"]} == pytest.approx(own, abs=1e-8)
        for row in side["rows"]:
            others = [own[cell] for cell in own if cell[0] == row["entrant"] != cell[1]]
            assert row["everybody"] == pytest.approx(np.mean(others), abs=1e-8)
            met = [(own[row["entrant"], j], w) for j, w in side["panel"] if (row["entrant"], j) in own]
            if met and row["own_return"] is not None:
                headline = sum(x * w for x, w in met) / sum(w for _, w in met)
                assert row["own_return"] == pytest.approx(headline, abs=1e-8)
    assert embedded.digest(embedded.evidence_text([page])) in text


def test_cycles_are_those_of_the_game(page, make):
    if len(page.sides) == 1:
        assert page.cycles == make_game(page.arena, make.tallies(page.blocks, page.arena)).cycles
    text, kind = html(page).lower(), page.arena.kind
    assert (page.cycles is None) == (kind == "cooperative" or len(page.sides) > 1) == ("round in circles" not in text)
    if page.cycles is not None:
        assert ("who beats whom" in text, "who of two earns more" in text) == (kind == "competitive", kind == "mixed")


def test_games_with_its_like_are_half_won(make, tmp_path):
    arena = make.arena("competitive")
    with filled(make, tmp_path / "records.sqlite", arena, panel=()) as store:
        store.add(make.block(("a" * 16, "a" * 16), lambda *_: [3.0] * 4, arena=arena.id, first=90))
        page = arena_page(store, arena.id)
    (side,) = page.sides
    rows = charts.heat_map(page, side).rows
    diagonal = {who: rows[i][i] for i, who in enumerate(side.matrix.entrants)}
    assert float(diagonal["a" * 16].text) == 0.5 and diagonal["a" * 16].shade == 0
    (figures,) = script(html(page), "figures")["arenas"]
    own = [cell for cell in figures["sides"][0]["cells"] if cell[0] == cell[1]]
    assert next(cell[2:5] for cell in own if page.evidence.entrants[cell[0]] == "a" * 16) == [0.5, None, None]
    assert "half by definition" in html(page)


def test_cells_say_what_each_got_in_each_seat(page):
    (figures,) = script(html(page), "figures")["arenas"]
    for side, seats in zip(figures["sides"], sides_of(page.arena).values(), strict=True):
        for cell in side["cells"]:
            lines = cell[6]
            assert [page.evidence.seats[line[0]] for line in lines] == list(seats)
            if not figures["rated"] and "CRASH" not in page.evidence.faults:
                assert np.mean([line[1] for line in lines]) == pytest.approx(cell[2], abs=1e-7)


def test_the_same_bytes_and_nothing_from_elsewhere(page):
    text = html(page)
    assert text == html(page)
    assert len(text) < 150_000
    assert "alert(1)</script>" not in text and "<script>alert" not in text
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", text) and "@import" not in text and "url(" not in text
    assert "2026-02-03 04:05:06 UTC" in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy


def test_every_entrant_has_a_row_a_card_and_a_name(page):
    text = html(page)
    assert text.count('class="card"') == 4
    assert text.count('<tr class="leads" data-entrant=') + text.count("<tr data-entrant=") == len(page.board.rows)
    assert "Somebody 1999." in text and "zoo match x" in text
    assert ("CRASH" in text) == bool(page.evidence.faults)


def test_the_lead_takes_the_words_of_the_verdict(make, tmp_path):
    with filled(make, tmp_path / "r.sqlite", make.arena()) as store:
        page = arena_page(store, "coin-v1")
    (side,) = page.sides
    first, second = (row.label for row in page.board.rows[:2])
    how = "with the same partners, in the same seats, on the same seeds"
    assert side.verdict in (
        f"{first} earned more than {second} {how}",
        f"{first} and {second} cannot be told apart: the interval of their difference holds 0",
    )
    assert [row.label for row in side.leading] == [row.label for row in page.board.rows if row.rank_low == 1]


def test_who_gains_with_its_like_and_is_not_robbed(make, tmp_path):
    pays = {("a", "a"): 5.0, ("a", "b"): -0.4, ("b", "a"): 1.0, ("b", "b"): 0.0, ("c", "c"): 5.0}
    names = {name: name * 16 for name in "abc"}
    letters = {who: name for name, who in names.items()}

    def own(who, partner, seat, rotation):
        mean = pays.get((letters[who], letters[partner]), -3.0 if letters[who] == "c" else 2.0)
        return mean + 0.01 * np.array([-1.0, 0.0, 1.0])

    with Store(tmp_path / "r.sqlite") as store:
        store.add(make.arena())
        for name, who in names.items():
            store.add(make.entrant(who, name))
        for a, b in ("aa", "ab", "ac", "bb", "bc", "cc"):
            store.add(make.block((names[a], names[b]), own))
        (side,) = arena_page(store, "coin-v1").sides
    assert side.neutral == 0.0 and side.fair == ("a",)


def test_nobody_yet(make, tmp_path):
    with Store(tmp_path / "r.sqlite") as store:
        store.add(make.arena())
        with pytest.raises(StoreError, match="nobody is on the board of coin-v1 yet"):
            arena_page(store, "coin-v1")


def test_every_shade_can_be_read():
    for back, front in charts.shades():
        assert charts.contrast([int(back[k : k + 2], 16) for k in (1, 3, 5)], front) >= 4.5
    assert charts.contrast((255, 255, 255), "#000000") == pytest.approx(21.0)


def test_rulers_have_few_round_ticks():
    for low, high in ((0.0, 1.0), (-0.0344, 0.2646), (-3.0, 450.0), (1e-5, 3e-5)):
        across = marks.ruler([low, high], 280)
        ticks = across.ticks()
        assert 2 <= len(ticks) <= 6 and all(across.low <= tick <= across.high for tick in ticks)
        assert marks.MARGIN <= across.at(low) < across.at(high) <= 280 - marks.MARGIN
    assert marks.ruler([], 100).ticks() and marks.ruler([2.0, 2.0], 100).ticks()
    assert "&lt;b&gt;" in marks.text(0, 0, "<b>") and "&lt;b&gt;" in marks.dot(0, 0, 1, "point", "<b>")


def test_lists_read_as_sentences():
    assert [listed(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]

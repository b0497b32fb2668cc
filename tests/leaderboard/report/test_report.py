"""Reports: every figure in JSON, terminals that stay tables at any width, and nothing dangerous in a label."""

import csv
import io
import json
import re
from dataclasses import replace
from itertools import takewhile

import pytest

from leaderboard.records import PanelRecord, Status
from leaderboard.report.layout import clean, decimals, folded, intervals, number, plural, together
from leaderboard.report.sheet import spreads
from leaderboard.report.tables import to_csv, to_json, to_markdown
from leaderboard.report.terminal import board_view, change_view, crossplay_view, to_text
from leaderboard.statistics.estimate import Estimate
from leaderboard.views.board import KEYS, rating_change
from leaderboard.views.crossplay import crossplay

SKILL = {"a" * 16: 0.0, "b" * 16: 0.4, "c" * 16: 0.8, "d" * 16: 0.2}
LABELS = {
    "a" * 16: "lola",
    "b" * 16: "lola",
    "c" * 16: "iql-fingerprint,buffer=100000,learning_rate=0.001",
    "d" * 16: "x|y",
}
PANEL = PanelRecord("coin-v1/panel-1", "coin-v1", ("a" * 16, "b" * 16), {"": [0.25, 0.75], "prey": [0.25, 0.75]})


def matrix_of(make, blocks, entrants, arena=None, **terms):
    arena = arena or make.arena()
    return crossplay(make.tallies(blocks, arena), arena, entrants, **terms)


@pytest.fixture(params=["mixed", "competitive", "cooperative", "sides"])
def board(request, make):
    sides = {"sides": ("predator", "prey")} if request.param == "sides" else {}
    arena = make.arena("competitive" if sides else request.param, **sides)
    return make.board(arena, make.noisy_blocks(SKILL), PANEL, labels=LABELS)


@pytest.fixture
def matrix(make):
    return matrix_of(make, make.noisy_blocks(SKILL), sorted(SKILL), labels=LABELS)


def tables(text: str) -> list[list[str]]:
    """The rows of each table's body; the second lines of names that take two are left out."""
    lines = text.splitlines()
    rules = [i for i, line in enumerate(lines) if line and set(line) == {"─"}]
    bodies = [takewhile(str.strip, lines[rule + 1 :]) for rule in rules]
    return [[line for line in body if not line.startswith("    ")] for body in bodies]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("wide", [False, True])
def test_a_board_is_a_table_at_any_width(board, width, wide):
    text = to_text(board_view(board, wide=wide), width)
    assert max(map(len, text.splitlines())) <= width
    body, *_ = tables(text)
    assert len(body) == (len(board.rows) if len(board.faults_decide) == 1 else len(board.rows) // 2)
    assert all(re.match(r" *\d+ \[\d+, \d+\]  \S", line) for line in body)
    assert "…" not in "".join(body)  # cells are whole: labels are shortened by us, and columns dropped
    assert all(line.count("[") == body[0].count("[") for line in body)
    for column in (match.start() for match in re.finditer(r"\[", body[0])):
        assert {line[column] for line in body} == {"["}  # intervals stand below each other


def test_the_screen_is_one_table_of_eighty_columns_and_more_on_demand(board):
    headline = "mu [95 %]" if board.headline == "mu" else "return/step"
    narrow, wide = to_text(board_view(board), 80), to_text(board_view(board, wide=True), 200)
    for text in (narrow, wide):
        assert headline in text
        assert "n = 160 games in 20 blocks of 0 matches; all seeds; rules version 1." in " ".join(text.split())
        assert board.rule in " ".join(text.split())
        assert "lola (aaaaaaaa)" in text
    header = narrow[: narrow.index("───")]
    assert narrow.count("# [95 %]") == narrow.count("───\n") == 1 and " mu" in header
    hidden = ("sigma", "TrueSkill", "blocks", "matches", "faults", "  id", "met")
    assert not [name for name in hidden if name in header]
    assert "More columns: --wide, or --columns NAME,NAME." in narrow and "More columns" not in wide
    assert not [name for name in hidden if name not in wide]
    on_narrow = to_text(board_view(board, wide=True), 80)
    assert on_narrow.count("# [95 %]") > 1 and max(map(len, on_narrow.splitlines())) <= 80
    assert "Not shown" not in narrow + wide + on_narrow
    assert "Not shown at this width:" in " ".join(to_text(board_view(board, wide=True), 20).split())
    if board.headline == "mu":
        assert "Rated by games against each other." in wide and "won" in header and "worst" not in header
    else:
        assert "worst" in header and "return" in header and "mu [95 %]" not in header


def test_named_columns_are_shown_in_their_order_and_nothing_else(board):
    text = to_text(board_view(board, columns=["matches", "sigma", "games", "headline"]), 80)
    headers = [line for line in text.splitlines() if line.startswith("# [95 %]")]
    assert re.search(r"matches +sigma +games *(headline)?$", headers[0])
    assert "mu [" not in "".join(headers) and "More columns" not in text


def test_panel_first_place_and_clones_are_in_the_caption(make):
    blocks = make.noisy_blocks(SKILL)
    board = make.board(make.arena(), blocks, PANEL, labels=LABELS)
    for text in (to_text(board_view(board), 200), to_markdown(board)):
        assert "Panel coin-v1/panel-1, members and weights: lola (aaaaaaaa) 0.250, lola (bbbbbbbb) 0.750." in text
        assert "whichever one member of the panel is left out" in text
        assert "Copies of an entrant move nobody's own return, mu or interval" in text
        assert "TrueSkill and rank intervals" in text
        assert "the order would be another one" not in text
    equals = [replace(row, rank=1) for row in board.rows[:2]]
    shared = to_text(board_view(replace(board, rows=(*equals, *board.rows[2:]))), 200)
    names = " and ".join(row.label for row in equals)
    assert f"First place: {names}, whichever one member of the panel is left out." in shared
    first_place = {"": {"entrant": "x", "without": {"lola": "y", "m": "z"}}}
    text = to_text(board_view(replace(board, first_place=first_place, faults_decide={"": True})), 200)
    assert "first would be y without lola, z without m." in text
    assert "Without the episodes that entrants spoiled themselves the order would be another one." in text


def test_faults_come_forward(make):
    spoiled = make.block(("a" * 16, "c" * 16), lambda *_: [0.0], first=90, statuses={"a" * 16: Status.CRASH})
    clean_board = make.board(make.arena(), make.noisy_blocks(SKILL), PANEL)
    faulty = make.board(make.arena(), [*make.noisy_blocks(SKILL), spoiled], PANEL)
    header = [to_text(board_view(board), 80).split("───")[0] for board in (clean_board, faulty)]
    assert "faults" not in header[0]
    assert "faults" in header[1]


# Those without a rank.


@pytest.fixture
def unqualified(make):
    """Four entrants, of whom "c" has not met one member of the panel."""
    blocks = [block for block in make.noisy_blocks(SKILL) if block.entrants != ("b" * 16, "c" * 16)]
    return make.board(make.arena(), blocks, PANEL, labels={name: name[:4] for name in SKILL})


@pytest.fixture
def unranked(make):
    return make.board(make.arena(), make.noisy_blocks(SKILL), labels={name: name[:4] for name in SKILL})


def test_who_has_not_met_the_panel_stands_apart_on_screens(unqualified):
    for wide in (False, True):
        text = to_text(board_view(unqualified, wide=wide), 80)
        above, below = text.split("\n\n")[0], text.split("\n\n")[1]
        assert [line[0] for line in tables(text)[0]][:3] == ["1", "2", "3"]
        assert max(map(len, text.splitlines())) <= 80
        if wide:
            assert re.search(r"^ +- +cccc ", below, re.M) and "cccc" not in above
        else:
            assert below.startswith("Not ranked, as they have not met all members of the panel: cccc (1/2).")
            assert "cccc" not in above


def test_who_has_not_met_the_panel_has_no_rank_in_any_report(unqualified):
    *ranked, last = json.loads(to_json(unqualified))["rows"]
    assert [row["rank"] for row in ranked] == [1, 2, 3]
    assert (last["label"], last["rank"], last["rank_low"], last["mu"], last["partners_met"]) == ("cccc", *[None] * 3, 1)
    rows = list(csv.DictReader(io.StringIO(to_csv(unqualified))))
    assert [row["rank"] for row in rows] == ["1", "2", "3", ""]
    assert (rows[3]["mu"], rows[3]["rank_high"], rows[3]["partners_met"], rows[3]["partners"]) == ("", "", "1", "2")
    lines = [line for line in to_markdown(unqualified).splitlines() if line.startswith("| - ")]
    assert len(lines) == 1 and re.match(r"\| - \| cccc \| 0\.\d+ \[.*\] \| - \| - \|", lines[0])
    assert "Who has not met all members has no rank." in to_markdown(unqualified)


def test_an_unranked_board_says_so_and_shows_what_there_is(unranked):
    narrow, wide = to_text(board_view(unranked), 80), to_text(board_view(unranked, wide=True), 80)
    for text in (narrow, wide, to_markdown(unranked)):
        flat = " ".join(text.split())
        assert "Unranked: no panel was met here, so returns with different partners stand side by side." in flat
        assert "--panel A,B,C` gives it one" in flat
        assert "# [95 %]" not in text and "| # |" not in text and "stays first" not in text
        assert "NaN" not in text and "nan" not in text and "25.0" not in text
    assert {line.split()[0] for line in tables(narrow)[0]} == {"aaaa", "bbbb", "cccc", "dddd"}
    assert "Not ranked" not in narrow
    data = json.loads(to_json(unranked))
    assert (data["headline"], data["panel"], data["first_place"]) == ("", None, {})
    assert {(row["rank"], row["headline"], row["mu"], row["trueskill_mu"]) for row in data["rows"]} == {(None,) * 4}
    rows = list(csv.DictReader(io.StringIO(to_csv(unranked))))
    assert {(row["rank"], row["own_return"], row["panel"]) for row in rows} == {("", "", "")}
    assert all(float(row["everybody"]) for row in rows)


def test_an_empty_board_says_so(make):
    text = to_text(board_view(make.board(make.arena(), [])), 80)
    assert text.startswith("coin-v1: mixed, mode play\nNo blocks are counted here: `zoo match`")
    assert "--learn" in text
    learned = to_text(board_view(make.board(make.arena(), [], mode="learn")), 80)
    assert "`zoo match A B --learn`" in learned
    assert "No blocks" in to_text(crossplay_view(matrix_of(make, [], [])), 80)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_matrix_is_a_table_at_any_width(matrix, width):
    lines = to_text(crossplay_view(matrix), width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert len([line for line in lines if re.match(r"\d  \S", line)]) == 4
    assert "n = 8 episodes per cell" in " ".join(" ".join(lines).split())


def test_a_wide_matrix_names_the_columns_it_leaves_out(make):
    names = [f"e{i:02}" for i in range(30)]
    matrix = matrix_of(make, [make.block((names[0], name), lambda *_: [1.0, 2.0]) for name in names], names)
    text = to_text(crossplay_view(matrix), 80)
    left_out = re.search(r"columns (\d+) to 30\.", text)
    shown = text.splitlines()[1].split()
    assert shown[-1] == str(int(left_out[1]) - 1)
    assert " -" in text  # pairings that have not met


def test_changes_show_rating_interval_and_ranks(make):
    blocks = make.noisy_blocks(SKILL)
    without = [block for block in blocks if "d" * 16 not in block.entrants]
    for panel in (PANEL, None):
        arena = make.arena("mixed" if panel else "competitive")
        before, after = make.board(arena, without, panel), make.board(arena, blocks, panel)
        text = to_text(change_view(rating_change(before, after, SKILL)), 80)
        assert "mu [95 %]" in text and max(map(len, text.splitlines())) <= 80
        assert re.search(r"cccccccc +\d+\.\d \[ *-?\d+\.\d, +\d+\.\d\] +[+-]\d+\.\d +1 -> 1", text)
        assert re.search(r"dddddddd +\d+\.\d \[ *-?\d+\.\d, +\d+\.\d\] +new +[234]", text)
    unranked = make.board(make.arena(), blocks)
    assert re.search(r"aaaaaaaa +- +- +-", to_text(change_view(rating_change(unranked, unranked, SKILL)), 80))


def test_json_has_every_figure(board, matrix):
    data = json.loads(to_json(board))
    assert data == json.loads(json.dumps(board.plain()))
    assert data["rows"][0]["mu"] == board.rows[0]["mu"].mean
    data = json.loads(to_json(matrix))
    assert data["mean"] == matrix.mean.tolist()
    assert data["n"][0] == [8, 8, 8, 8]


def test_unknown_figures_are_null_in_json_and_empty_in_csv(make):
    matrix = matrix_of(make, [make.block(("a", "b"), lambda *_: [1.0])], ["a", "b"])
    assert json.loads(to_json(matrix))["standard_error"] == [[None, None], [None, None]]
    rows = list(csv.DictReader(io.StringIO(to_csv(matrix))))
    assert [(row["row"], row["column"], row["mean"], row["standard_error"], row["n"]) for row in rows] == [
        ("a", "b", "1.0", "", "1"),
        ("b", "a", "1.0", "", "1"),
    ]


def test_csv_can_be_read_back(board):
    rows = list(csv.DictReader(io.StringIO(to_csv(board))))
    assert [float(row["mu"]) for row in rows] == [row.record["mu"] for row in board.rows]
    assert {row["label"] for row in rows} == {row.label for row in board.rows}
    assert {row["arena"] for row in rows} == {"coin-v1"}
    assert list(rows[0])[-len(KEYS) :] == KEYS


def test_markdown_tables_have_equal_rows_and_a_caption(board, matrix):
    for table in (board, matrix):
        lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1  # "x|y" is escaped
        assert "n = " in to_markdown(table)
    assert board.rule in to_markdown(board)


def test_labels_from_strangers_cannot_steer_the_terminal(make):
    evil = {"a" * 16: "\x1b[31mred\nline", "b" * 16: "[bold]b[/bold]"}
    board = make.board(make.arena(), make.noisy_blocks(SKILL), PANEL, labels=evil)
    for text in (to_text(board_view(board), 100), to_markdown(board)):
        assert "\x1b" not in text
        assert "?[31mred?line" in text
        assert "[bold]b[/bold]" in text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1.25, 1, "1.2"), (-0.001, 2, "0.00"), (None, 2, "-"), (float("nan"), 2, "-"), (3, 0, "3")],
)
def test_numbers(value, digits, text):
    assert number(value, digits) == text


def test_digits_follow_the_uncertainty():
    assert [decimals([spread]) for spread in (30.0, 2.4, 0.24, 0.024, 1e-9)] == [0, 1, 2, 3, 4]
    assert decimals([None, float("nan"), 0.0], default=3) == 3
    estimates = [Estimate(1.0, 0.5, 1.5, 2), Estimate(-10.0, None, 2.0, 2)]
    assert intervals(estimates, 1) == ["  1.0 [0.5, 1.5]", "-10.0 [  -, 2.0]"]
    assert (plural(1, "match"), plural(2000, "match"), plural(0, "block")) == ("1 match", "2,000 matches", "0 blocks")
    assert clean("a\tb\x00é") == "a?b?é"


def test_names_that_are_alike_are_one_and_say_how_many():
    found = together(["red_a_0", "blue", "red_a_1", "red_b"], [1.0, 2.0, 1.0, 1.0])
    assert found == [("red_* (3)", [0, 2, 3]), ("blue", [1])]


def test_a_share_shows_both_ends():
    column = spreads("won", [Estimate(0.9, 0.8, 0.95, 40, "Wilson"), Estimate(0.9, 0.8, 1.0, 40, "t"), None])
    assert column.cells[:2] == ["0.900 [0.800, 0.950]", "0.900 ±0.100"]


def test_names_take_two_lines_before_they_are_cut():
    assert folded("lola", 8) == "lola"
    assert folded("win-stay-lose-shift", 16) == "win-stay-lose-\n shift"
    assert folded("DIAL, without the images", 14) == "DIAL, without\n the images"
    assert folded("x" * 15, 8) == "x" * 8 + "\n " + "x" * 7  # no mark behind which to break
    assert folded("iql-fingerprint,buffer=100000,learning_rate=0.001", 16) == "iql-fingerprin..\n ning_rate=0.001"
    assert folded("win-stay-lose-shift", 7) == "win..ft"  # too narrow for lines

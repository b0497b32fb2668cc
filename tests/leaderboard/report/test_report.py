"""Reports: every figure in JSON, terminals that stay tables at any width, and nothing dangerous in a label."""

import csv
import io
import json
import re

import pytest

from leaderboard.records import PanelRecord, Status
from leaderboard.report.layout import clean, decimals, intervals, number, plural
from leaderboard.report.tables import to_csv, to_json, to_markdown
from leaderboard.report.terminal import board_view, change_view, crossplay_view, to_text
from leaderboard.statistics.estimate import Estimate
from leaderboard.views.board import make_board, rating_change
from leaderboard.views.crossplay import crossplay

SKILL = {"a" * 16: 0.0, "b" * 16: 0.4, "c" * 16: 0.8, "d" * 16: 0.2}
LABELS = {
    "a" * 16: "lola",
    "b" * 16: "lola",
    "c" * 16: "iql-fingerprint,buffer=100000,learning_rate=0.001",
    "d" * 16: "x|y",
}
PANEL = PanelRecord("coin-v1/panel-1", "coin-v1", ("a" * 16, "b" * 16))


@pytest.fixture(params=["mixed", "competitive", "cooperative", "sides"])
def board(request, make):
    sides = {"sides": ("predator", "prey")} if request.param == "sides" else {}
    arena = make.arena("competitive" if sides else request.param, **sides)
    return make_board(arena, make.noisy_blocks(SKILL), PANEL, labels=LABELS)


@pytest.fixture
def matrix(make):
    return crossplay(make.noisy_blocks(SKILL), sorted(SKILL), labels=LABELS, max_steps=10)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
def test_a_board_is_a_table_at_any_width(board, width):
    lines = to_text(board_view(board), width).splitlines()
    assert max(map(len, lines)) <= width
    rule = next(i for i, line in enumerate(lines) if set(line) == {"─"})
    body = [line for line in lines[rule + 1 :] if line][: len(board.rows)]
    assert all(re.match(r" *\d+ \[\d+, \d+\]  \S", line) for line in body)
    assert "…" not in "".join(body)  # cells are whole: labels are shortened by us, and columns dropped
    assert all(line.count("[") == body[0].count("[") for line in body)
    for column in (match.start() for match in re.finditer(r"\[", body[0])):
        assert {line[column] for line in body} == {"["}  # intervals stand below each other


def test_narrow_boards_begin_with_the_headline_and_go_on_below(board):
    headline = "mu [95 %]" if board.kind == "competitive" else "return/step [95 %]"
    narrow, wide = to_text(board_view(board), 80), to_text(board_view(board), 200)
    for text in (narrow, wide):
        assert headline in text
        assert "n = 160 games in 20 blocks of 0 matches; all seeds; rules version 1." in text
        assert "Panel coin-v1/panel-1: lola (aaaaaaaa), lola (bbbbbbbb)." in text
    assert headline in narrow.splitlines()[1]
    assert narrow.count("# [95 %]") > wide.count("# [95 %]") == 1
    for column in ("mu-3sigma", "TrueSkill", "games", "blocks", "matches", "faults", "id", "met"):
        assert column in wide
        assert column in narrow
    assert "Not shown" not in narrow + wide
    assert "Not shown at this width:" in " ".join(to_text(board_view(board), 20).split())
    assert board.rule in " ".join(wide.split())
    assert "lola (aaaaaaaa)" in wide


def test_faults_come_forward(make):
    spoiled = make.block(("a" * 16, "c" * 16), lambda *_: [0.0], first=90, statuses={"a" * 16: Status.CRASH})
    clean_board = make_board(make.arena(), make.noisy_blocks(SKILL), PANEL)
    faulty = make_board(make.arena(), [*make.noisy_blocks(SKILL), spoiled], PANEL)
    header = [to_text(board_view(board), 80).splitlines()[1] for board in (clean_board, faulty)]
    assert "faults" not in header[0]
    assert "faults" in header[1]


def test_an_empty_board_says_so(make):
    text = to_text(board_view(make_board(make.arena(), [])), 80)
    assert text.startswith("coin-v1: mixed, mode play\nNo blocks have been played in this mode yet: `zoo tournament`")
    assert "--learn" in text
    learned = to_text(board_view(make_board(make.arena(), [], mode="learn")), 80)
    assert "`zoo match A B --learn`" in learned
    assert "No blocks" in to_text(crossplay_view(crossplay([], [])), 80)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_matrix_is_a_table_at_any_width(matrix, width):
    lines = to_text(crossplay_view(matrix), width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    assert len([line for line in lines if re.match(r"\d  \S", line)]) == 4
    assert "n = 8 episodes per cell" in " ".join(" ".join(lines).split())


def test_a_wide_matrix_names_the_columns_it_leaves_out(make):
    names = [f"e{i:02}" for i in range(30)]
    matrix = crossplay([make.block((names[0], name), lambda *_: [1.0, 2.0]) for name in names], names)
    text = to_text(crossplay_view(matrix), 80)
    left_out = re.search(r"columns (\d+) to 30\.", text)
    shown = text.splitlines()[1].split()
    assert shown[-1] == str(int(left_out[1]) - 1)
    assert " -" in text  # pairings that have not met


def test_changes_show_before_and_after(make):
    blocks = make.noisy_blocks(SKILL)
    before = make_board(make.arena(), [block for block in blocks if "d" * 16 not in block.entrants])
    after = make_board(make.arena(), blocks)
    text = to_text(change_view(rating_change(before, after, SKILL)), 80)
    assert re.search(r"cccccccc +\d+\.\d -> \d+\.\d +[+-]\d\.\d +1 -> 1", text)
    assert re.search(r"dddddddd +\d+\.\d +new +3", text)


def test_json_has_every_figure(board, matrix):
    data = json.loads(to_json(board))
    assert data == json.loads(json.dumps(board.plain()))
    assert data["rows"][0]["mu"] == board.rows[0]["mu"].mean
    data = json.loads(to_json(matrix))
    assert data["mean"] == matrix.mean.tolist()
    assert data["n"][0] == [8, 8, 8, 8]


def test_unknown_figures_are_null_in_json_and_empty_in_csv(make):
    matrix = crossplay([make.block(("a", "b"), lambda *_: [1.0])], ["a", "b"])
    assert json.loads(to_json(matrix))["standard_error"] == [[None, None], [None, None]]
    rows = list(csv.DictReader(io.StringIO(to_csv(matrix))))
    assert [(row["row"], row["column"], row["mean"], row["standard_error"], row["n"]) for row in rows] == [
        ("a", "b", "0.1", "", "1"),
        ("b", "a", "0.1", "", "1"),
    ]


def test_csv_can_be_read_back(board):
    rows = list(csv.DictReader(io.StringIO(to_csv(board))))
    assert [float(row["mu"]) for row in rows] == [row.record["mu"] for row in board.rows]
    assert {row["label"] for row in rows} == {row.label for row in board.rows}
    assert {row["arena"] for row in rows} == {"coin-v1"}


def test_markdown_tables_have_equal_rows_and_a_caption(board, matrix):
    for table in (board, matrix):
        lines = [line for line in to_markdown(table).splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1  # "x|y" is escaped
        assert "n = " in to_markdown(table)
    assert board.rule in to_markdown(board)


def test_labels_from_strangers_cannot_steer_the_terminal(make):
    evil = {"a" * 16: "\x1b[31mred\nline", "b" * 16: "[bold]b[/bold]"}
    board = make_board(make.arena(), make.noisy_blocks(SKILL), PANEL, labels=evil)
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

"""How entrants do with strangers, on the board: which measurement is shown, and in every form of the board."""

from __future__ import annotations

import csv
import io
import json
from itertools import pairwise

import pytest

from leaderboard.records import Measurement
from leaderboard.report import tables
from leaderboard.report.terminal import board_view, to_text
from leaderboard.store.store import Store
from leaderboard.views.board import board
from leaderboard.views.strangers import COLUMNS, by_subject, shown


def measured(
    kind: str = "strangers_mean",
    value: float = 0.5,
    n: int = 4,
    episodes: int = 100,
    subject: str = "a",
    pool: str = "one",
    **sides: list[float],
) -> Measurement:
    """A measurement whose raw value, -99, is never shown."""
    between = {"all": [value, value - 0.1, value + 0.1], "sides": sides, "n": n}
    told = {"episodes": episodes, "pool": {"opponents": [pool]}, "normalised": between}
    return Measurement(subject, "coin-v1", kind, -99.0, -99.0, -99.0, n, False, 0, None, told)


def test_most_episodes_then_the_newest() -> None:
    longer, short = measured(value=0.3, n=9, episodes=500), measured(value=0.2, n=9)
    assert shown([longer, short])["strangers_mean"][0] == 0.3
    newer = measured(value=0.4, n=9)
    row = shown([short, newer])
    assert (row["strangers_mean"][:2], row["strangers"]) == ([0.4, pytest.approx(0.3)], [9])


def test_nobody_measured_is_none() -> None:
    row = shown([])
    assert row.pop("strangers") == [0]
    assert list(row.values()) == [[None] * 3] * 3


def test_a_side_has_its_own_figure() -> None:
    sided = measured(predator=[2.0, 1.0, 3.0])
    assert shown([sided], "predator")["strangers_mean"] == [2.0, 1.0, 3.0]
    assert shown([sided], "prey")["strangers_mean"][0] == 0.5


def test_one_pool_is_shown_that_of_most_rows_then_the_newest() -> None:
    both = [measured(subject=who) for who in "ab"]
    alone = measured(subject="c", pool="two", n=40)
    assert by_subject([*both, alone], "abc") == {"a": [both[0]], "b": [both[1]]}
    newer = [measured(subject=who, pool="three") for who in "bc"]
    assert by_subject([*both, alone, *newer], "abc") == {"b": [newer[0]], "c": [newer[1]]}
    again = measured(subject="a", episodes=7)  # the first pool is the newest again
    assert by_subject([*both, *newer, again], "abc") == {"a": [both[0], again], "b": [both[1]]}
    assert by_subject([*both, alone, *newer], "c") == {"c": [newer[1]]}  # others are not on the board


def test_other_measurements_and_those_without_anchors_are_passed_over() -> None:
    bare = Measurement(
        "a", "coin-v1", "strangers_mean", 1.0, 1.0, 1.0, 4, False, 0, None, {"pool": {}, "normalised": None}
    )
    assert list(by_subject([measured(), measured("exploiter_gain"), bare], "a").values()) == [[measured()]]
    assert by_subject([bare], "a") == {}


@pytest.fixture
def told() -> list[Measurement]:
    return [measured(), measured("strangers_worst", -0.25), measured("partner_gap", 0.125)]


def test_every_form_shows_the_columns(make, told: list[Measurement]) -> None:
    blocks = make.noisy_blocks({"a": 0.0, "b": 1.0})
    found = make.board(make.arena(), blocks, make.panel("a", "b"), measurements=told)
    for width in (80, 120):
        lines = to_text(board_view(found, wide=True), width).splitlines()
        assert max(map(len, lines)) <= width
        for name in COLUMNS.values():
            first, _, last = name.partition(" [")  # the interval's sign stands below where a name is long
            assert any(first in line and f"[{last}" in line + below for line, below in pairwise(lines))
        assert any("-0.25 [-0.35, -0.15]" in line for line in lines)
        assert any("strangers n" in line for line in lines)
        assert "zoo crossplay" in " ".join(lines)
    assert "0.50 [0.40, 0.60]" in tables.to_markdown(found)
    rows = {row["entrant"]: row for row in csv.DictReader(io.StringIO(tables.to_csv(found)))}
    assert (rows["a"]["partner_gap"], rows["b"]["partner_gap"]) == ("0.125", "")
    assert json.loads(tables.to_json(found))["rows"][0]["strangers_worst"] in (None, -0.25)


def test_without_measurements_there_are_no_columns(make) -> None:
    found = make.board(make.arena(), make.noisy_blocks({"a": 0.0, "b": 1.0}))
    assert "strangers" not in to_text(board_view(found, wide=True), 200)


def test_a_new_measurement_renews_the_cached_board(make, told: list[Measurement]) -> None:
    with Store(":memory:") as store:
        store.add(make.arena())
        for name in ("a", "b"):
            store.add(make.entrant(name))
        for block in make.noisy_blocks({"a": 0.0, "b": 1.0}):
            store.add(block)
        assert {row.record["strangers_mean"] for row in board(store, "coin-v1").rows} == {None}
        for measurement in told:
            store.add(measurement)
        assert {row.entrant: row.record["strangers_mean"] for row in board(store, "coin-v1").rows} == {
            "a": 0.5,
            "b": None,
        }

"""The board is a pure view: the right headline, the same bytes, and a cache that nobody can notice."""

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard.errors import StoreError
from leaderboard.labels import unique_labels
from leaderboard.records import PanelRecord, Status
from leaderboard.statistics.returns import own_return, performances
from leaderboard.store.store import Store
from leaderboard.views import board as board_module
from leaderboard.views.board import Board, board, make_board, rating_change

SKILL = {"a": 0.0, "b": 2.0, "c": 3.0, "d": 1.0}
PANEL = PanelRecord("coin-v1/panel-1", "coin-v1", ("a", "b"))


@pytest.fixture
def blocks(make):
    return make.noisy_blocks(SKILL)


@pytest.fixture
def store(tmp_path, make, blocks):
    with Store(tmp_path / "records.db") as store:
        store.add(make.arena())
        for name in SKILL:
            store.add(make.entrant(name, f"agent {name}"))
        store.add(PANEL)
        for block in blocks:
            store.add(block)
        store.add(make.match("m1", blocks[:4]))
        yield store


def test_any_order_of_blocks_gives_the_same_bytes(make, blocks):
    for kind in ("mixed", "competitive", "cooperative"):
        expected = make_board(make.arena(kind), blocks, PANEL).to_json()
        for seed in range(5):
            shuffled = random.Random(seed).sample(blocks, len(blocks))
            assert make_board(make.arena(kind), shuffled, PANEL).to_json() == expected


def test_a_board_survives_json(make, blocks):
    made = make_board(make.arena(), blocks, PANEL)
    again = Board.from_json(made.to_json())
    assert again == made
    assert again.to_json() == made.to_json()


def test_the_board_from_the_cache_is_the_board_rebuilt(store, monkeypatch):
    first = board(store, "coin-v1")
    with monkeypatch.context() as patch:
        patch.setattr(board_module, "make_board", None)  # the second one cannot have been computed
        second = board(store, "coin-v1")
    third = board(store, "coin-v1", rebuild=True)
    assert first.to_json() == second.to_json() == third.to_json()


def test_rebuilding_overwrites_the_cache(store):
    board(store, "coin-v1")
    with store._writing() as connection:
        connection.exec_driver_sql("update view set body = replace(body, 'agent a', 'agent z')")
    assert "agent z" in board(store, "coin-v1").to_json()
    assert "agent z" not in board(store, "coin-v1", rebuild=True).to_json()
    assert "agent z" not in board(store, "coin-v1").to_json()


def test_the_cache_ends_with_what_it_was_made_of(store, make):
    before = board(store, "coin-v1")
    store.add(make.match("m2", store.blocks("coin-v1")[:1]))
    assert board(store, "coin-v1").matches == before.matches + 1
    store.add(PanelRecord("coin-v1/panel-2", "coin-v1", ("c", "d")))
    assert board(store, "coin-v1").panel == "coin-v1/panel-2"
    store.add(make.block(("a", "c"), lambda *_: [1.0, 2.0], first=100))
    assert board(store, "coin-v1").blocks == before.blocks + 1
    assert board(store, "coin-v1", seed=0).blocks == before.blocks + 1
    assert board(store, "coin-v1", seed=1).rows == ()


def test_a_read_only_board_is_the_same_and_writes_nothing(store):
    path, expected = store.name, board(store, "coin-v1").to_json()
    with store._writing() as connection:
        connection.exec_driver_sql("delete from view")
    store.close()
    before = hashlib.sha256(Path(path).read_bytes()).hexdigest()
    with Store(path, read_only=True) as reader:
        assert board(reader, "coin-v1").to_json() == expected
    assert hashlib.sha256(Path(path).read_bytes()).hexdigest() == before


def test_a_cache_that_cannot_be_written_hides_no_board(store, monkeypatch):
    def full(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(Store, "cache_view", full)
    assert len(board(store, "coin-v1").rows) == 4


def test_modes_and_rules_versions_are_never_mixed(store, make):
    before = board(store, "coin-v1").to_json()
    store.add(make.block(("a", "b"), lambda *_: [50.0], mode="learn"))
    store.add(make.block(("a", "b"), lambda *_: [50.0], first=50, rules_version=2))
    assert board(store, "coin-v1", rebuild=True).to_json() == before
    assert [row.entrant for row in board(store, "coin-v1", "learn").rows] == ["a", "b"]


def test_an_unknown_arena(store):
    with pytest.raises(StoreError, match="recorded are: coin-v1"):
        board(store, "rps-v1")


def test_the_headline_fits_the_kind_of_game(make, blocks):
    mixed = make_board(make.arena("mixed"), blocks, PANEL)
    competitive = make_board(make.arena("competitive"), blocks, PANEL)
    cooperative = make_board(make.arena("cooperative"), blocks, PANEL)
    assert all(row.record["headline"] == row.record["own_return"] for row in mixed.rows + cooperative.rows)
    assert all(row.record["headline"] == row.record["mu"] for row in competitive.rows)
    assert [row.record["partners"] for row in sorted(mixed.rows, key=lambda row: row.entrant)] == [2, 2, 2, 2]
    assert [row.record["partners"] for row in sorted(cooperative.rows, key=lambda row: row.entrant)] == [1, 1, 2, 2]
    for made in (mixed, competitive, cooperative):
        assert [row.entrant for row in made.rows] == ["c", "b", "d", "a"]
        assert [row.rank for row in made.rows] == [1, 2, 3, 4]
        assert made.rule and made.method and made.headline
    assert "duplicate" not in competitive.rule
    assert "duplicate" in mixed.rule


def test_rows_tell_what_the_parts_tell(make, blocks):
    made = make_board(make.arena(), blocks, PANEL, labels={"a": "alice"}, matches=[("a", "b"), ("a", "a")])
    row = next(row for row in made.rows if row.entrant == "a")
    own = own_return(performances(blocks, max_steps=10), ["a", "b"])
    assert (row.label, row.record["matches"], row.record["blocks"], row.record["games"]) == ("alice", 2, 8, 8 * 2 * 4)
    assert (row.record["own_return"], row.record["own_return_low"]) == pytest.approx((own.value[0], own.low[0]))
    assert (row.record["episodes"], row.record["partners_met"], row.record["partners"]) == (8, 2, 2)
    assert row.record["conservative"] == pytest.approx(row.record["mu"] - 3 * row.record["sigma"])
    assert (made.blocks, made.games, made.matches) == (20, 20 * 2 * 4, 2)
    assert made.panel_members == ("alice", "b")
    assert sum(row.record["mu"] for row in made.rows) == pytest.approx(100.0)


def test_who_has_not_met_the_whole_panel_comes_last(make, blocks):
    partial = [block for block in blocks if block.entrants not in {("a", "c"), ("b", "d")}]
    made = make_board(make.arena(), partial, PANEL)
    assert [(row.entrant, row.record["partners_met"]) for row in made.rows] == [("b", 2), ("a", 2), ("c", 1), ("d", 1)]
    assert [(row.rank_low, row.rank_high) for row in made.rows[2:]] == [(3, 4), (3, 4)]


def test_equals_share_a_rank(make):
    def own(who, *_):
        return [1.0, 2.0] if who in "ab" else [0.0, 1.0]

    pairs = [(x, y) for x in "abc" for y in "abc" if x <= y]
    made = make_board(make.arena(), [make.block(pair, own) for pair in pairs])
    assert [(row.entrant, row.rank) for row in made.rows] == [("a", 1), ("b", 1), ("c", 3)]


def test_faults_are_counted_for_who_made_them(make, blocks):
    def own(who, *_):
        return [-9.0] * 3 if who == "c" else [0.0] * 3

    spoiled = make.block(("b", "c"), own, first=60, statuses={"c": Status.TIMEOUT})
    made = make_board(make.arena(), [*blocks, spoiled], PANEL)
    assert {row.entrant: row.record["faults"] for row in made.rows} == {"a": 0, "b": 0, "c": 6, "d": 0}
    assert next(row for row in made.rows if row.entrant == "c")["faults"] == (6, {"TIMEOUT": 6})


def test_a_board_of_nothing_and_of_one(make):
    empty = make_board(make.arena(), [])
    assert (empty.rows, empty.blocks) == ((), 0)
    assert Board.from_json(empty.to_json()) == empty
    (row,) = make_board(make.arena(), [make.block(("a", "a"), lambda *_: [1.0, 3.0])]).rows
    assert (row.rank, row.record["mu"], row.record["own_return"]) == (1, 25.0, pytest.approx(0.2))


def test_labels_that_occur_twice_get_a_short_id():
    ids = ["0123456789", "0123456799", "fedcba9876", "aaaaaaaaaa"]
    labels = {ids[0]: "lola", ids[1]: "naive", ids[2]: "lola"}
    found = unique_labels(ids, labels)
    assert found == {ids[0]: "lola (01234567)", ids[1]: "naive", ids[2]: "lola (fedcba98)", ids[3]: "aaaaaaaa"}
    same = unique_labels(ids[:2], {ids[0]: "x", ids[1]: "x"})
    assert len(set(same.values())) == 2


def test_rating_change(make, blocks):
    arena = make.arena("competitive")
    before = make_board(arena, [block for block in blocks if "d" not in block.entrants])
    after = make_board(arena, blocks)
    changes = rating_change(before, after, ["a", "d", "nobody"])
    assert [change.entrant for change in changes] == ["d", "a"]
    newcomer, old = changes
    assert (newcomer.mu_before, newcomer.rank_before, newcomer.rank_after) == (None, None, 3)
    assert (old.rank_before, old.rank_after) == (3, 4)
    assert old.mu_before == next(row.record["mu"] for row in before.rows if row.entrant == "a")
    assert old.mu_after == next(row.record["mu"] for row in after.rows if row.entrant == "a")


def test_figures_are_rounded_far_below_what_matters_and_never_nan(make, blocks):
    tiny = [
        replace(block, results=tuple(replace(r, returns=r.returns * (1 + 1e-15)) for r in block.results))
        for block in blocks
    ]
    assert make_board(make.arena(), tiny, PANEL).to_json() == make_board(make.arena(), blocks, PANEL).to_json()
    text = make_board(make.arena(), [make.block(("a", "b"), lambda *_: [1.0])], PANEL).to_json()
    assert "NaN" not in text
    assert "null" in text


def test_own_return_column_is_per_step_of_a_whole_panel(make):
    exact = make_board(
        make.arena(),
        make.ipd_blocks(),
        PanelRecord("p", "coin-v1", ("tit-for-tat", "always-defect")),
        labels={name: name for name in make.ipd},
    )
    by_label = {row.label: row for row in exact.rows}
    # Against itself -2; against tit-for-tat 0 once and then -2: 0.04 * 0 + 0.96 * -2.
    assert by_label["always-defect"].record["own_return"] == pytest.approx((-2.0 + -2.0 * 0.96) / 2)
    assert by_label["tit-for-tat"].record["own_return"] == pytest.approx((-1.0 + (0.04 * -3 + 0.96 * -2)) / 2)
    assert np.ptp([row.record["episodes"] for row in exact.rows]) == 0

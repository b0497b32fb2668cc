"""Records as lines: what goes out comes in again as it was, and nothing else does."""

import json

import pytest

from leaderboard.errors import StoreError
from leaderboard.records import RULES_VERSION, CheckpointRecord, EntrantRecord, Measurement, NameRecord
from leaderboard.seeds import RATED, SeedRecord
from leaderboard.store import portable
from leaderboard.store.store import Store
from leaderboard.views.board import board


@pytest.fixture
def store(make, tmp_path):
    with Store(tmp_path / "records.db") as store:
        for id in ("coin-v1", "other-v1"):
            store.add(make.arena(id=id))
        for who in ("a", "b", "c", "z"):
            store.add(EntrantRecord(who, who, "agent", 1, {}, f"w{who}", {"mode": "play"}))
            store.add(CheckpointRecord(f"w{who}", "agent", "coin-v1", "/tmp/x", {}, "2026"))
            store.add(NameRecord(f"n{who}", who, f"called {who}", "2026"))
        store.add(make.panel("a", "b", scale={"": [0.0, 1.0]}))
        store.add(SeedRecord("1" * 64, "2026"))
        blocks = make.noisy_blocks({"a": 1.0, "b": 2.0, "c": 3.0})
        for block in (*blocks, *make.noisy_blocks({"z": 1.0, "a": 2.0}, arena="other-v1")):
            store.add(block)
        store.add(make.match("m", blocks[:3]))
        store.add(Measurement("a", "coin-v1", "exploiter_gain", 1.5, 1.0, 2.0, 5, False, 10))
        yield store


def test_what_goes_out_comes_in_again(store, tmp_path):
    out = list(portable.lines(store, ["coin-v1"]))
    with Store(tmp_path / "other.db") as other:
        portable.fill(other, (portable.read(*line) for line in out))
        assert list(portable.lines(other, ["coin-v1"])) == out
        assert [arena.id for arena in other.arenas()] == ["coin-v1"]
        assert {record.id for record in other.entrants()} == {"a", "b", "c"}
        assert {record.id for record in other.checkpoints()} == {"wa", "wb", "wc"}
        assert board(other, "coin-v1", seed=RATED).to_json() == board(store, "coin-v1", seed=RATED).to_json()
        assert other.unsound() == []


def test_equal_records_are_equal_lines(store, make, tmp_path):
    with Store(tmp_path / "again.db") as again:
        records = [portable.read(*line) for line in portable.lines(store, ["coin-v1"])]
        facts, blocks = ([r for r in records if hasattr(r, "results") is whole] for whole in (False, True))
        for record in (*facts, *blocks[::-1]):
            again.add(record)
        assert list(portable.lines(again, ["coin-v1"])) == list(portable.lines(store, ["coin-v1"]))


@pytest.mark.parametrize("table", ["block", "entrant", "panel", "match", "measurement", "seed", "name", "arena"])
def test_an_edited_line_is_refused(store, table):
    line = next(line for name, line in portable.lines(store, ["coin-v1"]) if name == table)
    assert portable.read(table, line)
    row = json.loads(line)
    for name, value in row.items():
        other = f"{value}1" if isinstance(value, str) else [] if isinstance(value, list) else (value or 0) + 1
        if name == "row" or (table == "block" and name == "results"):
            continue
        with pytest.raises(StoreError):
            portable.read(table, json.dumps({**row, name: other}))
        with pytest.raises(StoreError):
            portable.read(table, json.dumps({key: x for key, x in row.items() if key != name}))


@pytest.mark.parametrize("line", ["", "{", "[]", "1", "null", '{"id": {}}', "[" * 5000, '{"results": 1}'])
@pytest.mark.parametrize("table", ["block", "entrant", "nowhere"])
def test_what_is_no_record_is_one_line(table, line):
    with pytest.raises(StoreError, match="is no such record"):
        portable.read(table, line)


def test_results_are_checked_as_when_they_are_played(store):
    line = next(line for name, line in portable.lines(store, ["coin-v1"]) if name == "block")
    row = json.loads(line)
    row["results"][0]["returns"] = row["results"][0]["returns"][:-4] + "AAA="
    with pytest.raises(StoreError, match="was damaged or edited"):
        portable.read("block", json.dumps(row))
    row["results"][0]["returns"] = "no base64"
    with pytest.raises(StoreError, match="no such record"):
        portable.read("block", json.dumps(row))
    assert row["rules_version"] == RULES_VERSION

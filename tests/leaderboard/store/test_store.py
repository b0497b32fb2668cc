"""The store keeps facts, keeps them whole, and says in one line what is wrong."""

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event, inspect, text

import leaderboard
from leaderboard.errors import StoreError
from leaderboard.records import (
    CheckpointRecord,
    Measurement,
    PanelRecord,
    SubmissionRecord,
)
from leaderboard.store import database, migrations, schema
from leaderboard.store.rows import row_of
from leaderboard.store.store import Store

HERE = Path(__file__).parents[1]
ROOT = Path(leaderboard.__file__).parents[1]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "records.db"


@pytest.fixture
def store(path, make):
    with Store(path) as store:
        store.add(make.arena())
        for name in "abc":
            store.add(make.entrant(name))
        yield store


def flat(value):
    return lambda who, partner, seat, rotation: [value, value + 1.0]


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert "Traceback" not in message
    return message


# What goes in comes out.


def test_every_record_comes_back_as_it_was(store, make):
    arena = make.arena(id="rps-v1", kind="competitive", details={"note": [1, {"deep": None}]})
    entrant = make.entrant("d", "näive", config={"lr": 0.1}, weights="f" * 64, provenance={"commit": "abc"})
    checkpoint = CheckpointRecord("c" * 64, "lola", "coin-v1", "weights/lola", {"steps": 3}, "2026-01-01T00:00:00Z")
    panel = PanelRecord("coin-v1/panel-1", "coin-v1", ("b", "a"))
    block = make.block(("a", "b"), flat(0.1), seed=2**62)
    match = make.match("m1", [block], details={"why": "test"})
    measurement = Measurement("a", "coin-v1", "exploiter_gain", 1.5, 1.0, 2.0, 8, False, 1000, None, {"k": 3})
    submission = SubmissionRecord("s1", "a", "coin-v1", {"files": ["agent.py"]}, "2026-01-01T00:00:00Z")
    assert all(
        [
            store.add(arena),
            store.add(entrant),
            store.add(checkpoint),
            store.add(panel),
            store.add(block),
            store.add(match),
            store.add(measurement),
            store.add(submission),
        ]
    )
    assert store.arena("rps-v1") == arena
    assert [record.id for record in store.arenas()] == ["coin-v1", "rps-v1"]
    assert store.entrants(["d", "nobody"]) == [entrant]
    assert [record.id for record in store.entrants()] == ["a", "b", "c", "d"]
    assert store.checkpoints("coin-v1") == store.checkpoints() == [checkpoint]
    assert store.panel("coin-v1") == panel
    assert store.panel("rps-v1") is None
    assert store.blocks("coin-v1") == [block]
    assert store.match("m") == match
    assert store.matches("coin-v1") == [match]
    assert store.matches("rps-v1") == []
    assert store.measurements(arena="coin-v1", subject="a", kind="exploiter_gain") == [measurement]
    assert store.measurements(kind="regret") == []
    assert store.submissions("coin-v1") == [submission]


def test_seat_results_keep_every_bit(store, make):
    returns = np.array([0.1, -1e-300, 12345.678901234567])
    block = make.block(("a", "a"), lambda *_: returns)
    store.add(block)
    result = store.blocks("coin-v1")[0].results[0]
    assert result.returns.tobytes() == returns.tobytes()
    assert (result.lengths.tolist(), result.statuses.tolist(), result.cpu_s) == ([10, 10, 10], [0, 0, 0], 0.25)


def test_returns_are_one_little_endian_blob(store, path, make):
    store.add(make.block(("a", "b"), flat(1.0)))
    with closing(sqlite3.connect(path)) as connection:
        (blob,) = connection.execute("select returns from seat_result limit 1").fetchone()
    assert blob == np.array([1.0, 2.0], "<f8").tobytes()


def test_the_newest_panel_is_in_force(store):
    store.add(PanelRecord("coin-v1/panel-9", "coin-v1", ("a",)))
    store.add(PanelRecord("coin-v1/panel-10", "coin-v1", ("b",)))
    assert store.panel("coin-v1").id == "coin-v1/panel-10"


def test_blocks_are_sorted_and_chosen(store, make):
    pairs = [("a", "a"), ("a", "b"), ("b", "c"), ("a", "c")]
    blocks = [make.block(pair, flat(0.0)) for pair in pairs] + [make.block(("a", "b"), flat(0.0), mode="learn")]
    for block in blocks:
        store.add(block)
    ids = sorted(block.id for block in blocks)
    assert [block.id for block in store.blocks("coin-v1")] == ids
    assert {block.entrants for block in store.blocks("coin-v1", entrants=["a", "b"])} == {("a", "a"), ("a", "b")}
    assert [block.mode for block in store.blocks("coin-v1", mode="learn")] == ["learn"]
    assert store.blocks("rps-v1") == []
    assert store.block_ids("coin-v1", "play") == sorted(block.id for block in blocks[:-1])
    assert store.block_ids("coin-v1", "play", seed=1) == []


def test_has_blocks_takes_thousands_of_ids(store, make):
    block = make.block(("a", "b"), flat(0.0))
    store.add(block)
    assert store.has_blocks([f"{i:064x}" for i in range(3000)] + [block.id]) == {block.id}
    assert store.has_blocks([]) == set()


def test_next_episode_is_the_first_gap(store, make):
    def following(**changes):
        return store.next_episode("coin-v1", **{"entrants": ("b", "a"), "mode": "play", "seed": 0} | changes)

    assert following() == 0
    for first in (0, 2, 6):
        store.add(make.block(("a", "b"), flat(0.0), first=first))
    assert following() == 4
    store.add(make.block(("a", "b"), flat(0.0), first=4))
    assert following() == 8
    store.add(make.block(("a", "b"), lambda *_: [0.0] * 20))
    assert following() == 20  # the later starts of shorter blocks take nothing back
    assert following(seed=1) == following(mode="learn") == following(entrants=("a", "a")) == 0
    assert following(rules_version=99) == 0


def test_matches_are_found_by_prefix(store, make):
    block = make.block(("a", "b"), flat(0.0))
    for name in ("abc1", "abc2", "abc", "x_y"):
        store.add(make.match(name, [block]))
    assert store.match("abc2").id == "abc2"
    assert store.match("abc").id == "abc"
    with pytest.raises(StoreError) as error:
        store.match("ab")
    assert "ambiguous" in one_line(error)
    assert "abc1 (coin-v1, 2026-01-01T00:00:00Z)" in one_line(error)
    with pytest.raises(StoreError, match=r"no match 'x%'; the latest are: abc1"):
        store.match("x%")
    assert store.match("x_").id == "x_y"


def test_an_unknown_arena_lists_those_there_are(store):
    with pytest.raises(StoreError, match="no records of arena 'rps-v1'; recorded are: coin-v1"):
        store.arena("rps-v1")


# Facts are added once, and never changed.


def test_adding_twice_adds_once(store, make):
    block = make.block(("a", "b"), flat(0.0))
    slower = replace(block, results=tuple(replace(result, cpu_s=99.0, isolation="strict") for result in block.results))
    panel = PanelRecord("coin-v1/panel-1", "coin-v1", ("a",))
    measurement = Measurement("a", "coin-v1", "regret", 1.0, 1.0, 1.0, 1, True, 0)
    for add, record, again in [
        (store.add, block, slower),
        (store.add, panel, panel),
        (store.add, make.match("m", [block]), make.match("m", [block])),
        (store.add, measurement, measurement),
        (store.add, make.entrant("n", "new"), make.entrant("n", "other label", provenance={"commit": "2"})),
        (store.add, make.arena(id="x-v1"), make.arena(id="x-v1", details={"more": 1})),
    ]:
        assert add(record)
        assert not add(again)
    assert store.blocks("coin-v1")[0].results[0].cpu_s == 0.25
    assert store.entrants(["n"])[0].label == "new"
    assert len(store.measurements()) == 1


def test_a_contradiction_is_refused_and_nothing_changes(store, make):
    store.add(make.block(("a", "b"), flat(0.0)))
    with pytest.raises(StoreError, match=r"already recorded with other content \(results\)"):
        store.add(make.block(("a", "b"), flat(5.0)))
    with pytest.raises(StoreError, match=r"entrant a is already recorded with other content \(config\)"):
        store.add(make.entrant("a", config={"lr": 1.0}))
    with pytest.raises(StoreError, match=r"\(draw_band\)"):
        store.add(make.arena(draw_band=1.0))
    assert store.blocks("coin-v1")[0].results[0].returns[0] == 0.0


def test_a_block_with_a_false_id_is_refused(store, make):
    with pytest.raises(ValueError, match="the id does not belong to this content"):
        store.add(replace(make.block(("a", "b"), flat(0.0)), seed=5))


def test_a_block_of_strangers_is_refused_whole(store, make):
    with pytest.raises(StoreError, match="arena or entrant that it does not know"):
        store.add(make.block(("a", "z"), flat(0.0)))
    assert store.blocks("coin-v1") == []


def test_there_is_no_way_to_change_or_delete_a_fact():
    public = {name for name in vars(Store) if not name.startswith("_")}
    assert not [name for name in public if name.startswith(("delete", "remove", "update", "set", "clear"))]


# Killed, and several at once.

PREAMBLE = f"""
import os, signal, sys
sys.path[:0] = [{str(ROOT)!r}, {str(HERE)!r}]
import leaderboard.store.store
from conftest import arena, block, entrant
from leaderboard.store.store import Store

def nth(number):
    return block(("a", "b"), lambda who, partner, seat, rotation: [number, 0.5], first=2 * number)

store = Store(sys.argv[1])
store.add(arena())
store.add(entrant("a"))
store.add(entrant("b"))
"""


def start(code: str, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-c", PREAMBLE + code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def is_whole(block) -> bool:
    places = [(result.rotation, result.seat) for result in block.results]
    return places == [(0, "seat_0"), (0, "seat_1"), (1, "seat_0"), (1, "seat_1")]


def test_a_process_killed_at_any_moment_leaves_whole_blocks_and_is_resumed(path):
    code = """
first = store.next_episode("coin-v1", ("a", "b"), "play", 0) // 2
print(first, flush=True)
for number in range(first, 10_000):
    store.add(nth(number))
    print(number, flush=True)
"""
    known = 0
    for delay in (0.003, 0.011, 0.019):
        child = start(code, path)
        assert int(child.stdout.readline()) == known  # it goes on where the one before it was killed
        for _ in range(10):
            child.stdout.readline()
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        told = [int(line) for line in child.communicate()[0].split()]
        with Store(path) as store:
            blocks = sorted(store.blocks("coin-v1"), key=lambda block: block.first_episode)
        assert all(map(is_whole, blocks))
        assert [block.first_episode for block in blocks] == [2 * i for i in range(len(blocks))]
        assert len(blocks) > max(told, default=known + 9)  # what was told to be kept is kept
        known = len(blocks)
    assert known >= 30


def test_a_process_killed_inside_the_transaction_leaves_nothing(path):
    code = """
store.add(nth(0))
def dies(*_):  # called when the rows of the block and its results are written, but not committed
    os.kill(os.getpid(), signal.SIGKILL)
leaderboard.store.store.tallies.add = dies
store.add(nth(1))
"""
    child = start(code, path)
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    with Store(path) as store:
        (block,) = store.blocks("coin-v1")
    assert is_whole(block)
    assert block.first_episode == 0


def test_two_processes_create_and_fill_one_file_at_once(path):
    code = "print(sum(store.add(nth(i)) for i in range(int(sys.argv[2]), int(sys.argv[3]))))"
    children = [start(code, path, 0, 60), start(code, path, 30, 90)]
    added = [int(child.communicate()[0]) for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert sum(added) == 90
    with Store(path) as store:
        blocks = store.blocks("coin-v1")
    assert sorted(block.first_episode for block in blocks) == [2 * i for i in range(90)]
    assert all(map(is_whole, blocks))


def test_a_reader_sees_what_was_there_while_another_writes(path, store, make):
    store.add(make.block(("a", "b"), flat(0.0)))
    with Store(path, read_only=True) as reader, store._writing() as connection:
        connection.execute(schema.panel.insert().values(row_of(PanelRecord("p", "coin-v1", ())) | {"content": ""}))
        assert len(reader.blocks("coin-v1")) == 1
        assert reader.panel("coin-v1") is None


# One clear line for everything that a user can cause.


def test_reading_what_is_not_there(path):
    with pytest.raises(StoreError) as error:
        Store(path, read_only=True)
    assert one_line(error) == f"{path}: no records yet; play a match first"
    path.touch()
    with pytest.raises(StoreError, match="no records yet; play a match first"):
        Store(path, read_only=True)


def test_a_read_only_store_reads_but_refuses_to_add(path, store, make):
    block = make.block(("a", "b"), flat(0.0))
    store.add(block)
    with Store(path, read_only=True) as reader:
        assert reader.blocks("coin-v1") == [block]
        with pytest.raises(StoreError, match="opened for reading only; open it again without read_only"):
            reader.add(make.entrant("n"))
        with (
            pytest.raises(StoreError, match="is read-only; make the file and its folder writable"),
            reader._reading() as c,
        ):
            c.execute(text("delete from block"))


def test_a_read_only_folder_can_be_read(path, make, monkeypatch):
    with Store(path) as store:
        store.add(make.arena())
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(database.os, "access", lambda *_: False)
    with Store(path, read_only=True) as reader:
        assert "immutable" in str(reader._engine.url)
        assert [arena.id for arena in reader.arenas()] == ["coin-v1"]
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_writing_to_a_read_only_file(path, store):
    with pytest.raises(StoreError) as error, Store(f"sqlite:///file:{path}?mode=ro&uri=true") as opened:
        opened.cache_view("coin-v1", "play", 1, "", "")
    assert "is read-only; make the file and its folder writable" in one_line(error)


def test_not_a_database(path):
    path.write_text("dear diary, " * 100)
    for read_only in (False, True):
        with pytest.raises(StoreError) as error:
            Store(path, read_only=read_only)
        assert one_line(error) == f"{path} is not a database; name another file, or move this one away"
    assert path.read_text() == "dear diary, " * 100


def test_somebody_elses_database(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table recipes (name text)")
    for read_only in (False, True):
        with pytest.raises(StoreError, match="this database holds something else"):
            Store(path, read_only=read_only)


def test_a_folder_a_missing_folder_and_no_path(tmp_path):
    for place in (tmp_path, tmp_path / "missing" / "records.db", ""):
        with pytest.raises(StoreError, match="cannot be opened; check that its folder exists"):
            Store(place)


def test_a_damaged_file(path, make):
    with Store(path) as store:
        store.add(make.arena())
        for i in range(200):
            store.add(make.entrant(f"{i:064d}"))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 8192))
    with pytest.raises(StoreError) as error, Store(path) as store:
        store.entrants()
    assert "is damaged; restore a copy" in one_line(error)


def test_a_full_disk_loses_nothing(path, store, make):
    with store._reading() as connection:  # the pool hands the same connection to the next user
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))
    big = make.block(("a", "b"), lambda *_: np.arange(5000.0))
    with pytest.raises(StoreError) as error:
        store.add(big)
    assert "the disk is full; free some space and repeat" in one_line(error)
    with store._reading() as connection:
        connection.execute(text("PRAGMA max_page_count = 100000"))
    assert store.blocks("coin-v1") == []
    assert store.add(big)


def test_a_busy_database(path, store, make, monkeypatch):
    monkeypatch.setattr(database, "BUSY_S", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process is writing, so wait for it or end it"):
            Store(path)
    Store(path).close()


def test_addresses_that_are_none():
    with pytest.raises(StoreError, match="'oracel' is no known kind of database"):
        Store("oracel://user:secret@host/db")
    with pytest.raises(StoreError, match="is not a URL") as error:
        Store("postgres ql://user:secret@host:port")
    assert "secret" not in str(error.value)
    with pytest.raises(StoreError, match="needs the Python package") as error:
        Store("postgresql+pg8000://user:secret@host/db")
    assert "secret" not in str(error.value)


def test_a_sqlalchemy_url_is_taken_as_it_is(path, make):
    with Store(f"sqlite:///{path}") as store:
        store.add(make.arena())
    assert path.exists()
    with Store("sqlite://") as store:
        store.add(make.arena())
        assert [arena.id for arena in store.arenas()] == ["coin-v1"]


# Settings and migrations.


def test_settings_of_sqlite(path, store):
    with store._reading() as connection:
        settings = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")]
        settings += [connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("busy_timeout", "foreign_keys")]
    assert settings == ["wal", 2, 30000, 1]


def test_a_newer_database_is_left_alone(path, store):
    with store._writing() as connection:
        connection.execute(schema.schema_version.insert().values(version=99, name="from the future"))
    for read_only in (False, True):
        with pytest.raises(StoreError) as error:
            Store(path, read_only=read_only)
        knows = migrations.current_version()
        assert f"written by a newer release (tables version 99, this one knows {knows}); upgrade" in one_line(error)


def with_colour(connection):
    connection.execute(text("alter table panel add column colour text"))


def fails_half_way(connection):
    connection.execute(text("alter table panel add column size text"))
    connection.execute(text("insert into nowhere values (1)"))


def test_migrations_run_once_in_order_and_are_named(store):
    steps = (*migrations.MIGRATIONS, migrations.Migration("colour of a panel", with_colour))
    for _ in range(2):
        with store._writing() as connection:
            migrations.migrate(connection, steps)
    with store._reading() as connection:
        assert connection.execute(text("select version, name from schema_version order by version")).all() == [
            (1, "first tables"),
            *((number, step.name) for number, step in enumerate(steps, start=2)),
        ]
        assert [step.name for step in steps][-1] == "colour of a panel"
        assert "colour" in {column["name"] for column in inspect(connection).get_columns("panel")}


def test_a_migration_that_fails_changes_nothing(store):
    more = (migrations.Migration("colour", with_colour), migrations.Migration("size", fails_half_way))
    steps = (*migrations.MIGRATIONS, *more)
    with pytest.raises(StoreError, match="no such table: nowhere"), store._writing() as connection:
        migrations.migrate(connection, steps)
    with store._reading() as connection:
        assert migrations.version_of(connection) == migrations.current_version()
        assert "colour" not in {column["name"] for column in inspect(connection).get_columns("panel")}


def test_reading_an_older_database_asks_for_one_opening_for_writing(path, store, monkeypatch):
    steps = (*migrations.MIGRATIONS, migrations.Migration("colour of a panel", with_colour))
    newest = migrations.current_version(steps)
    monkeypatch.setattr("leaderboard.store.migrations.current_version", lambda *_: newest)
    with pytest.raises(StoreError, match="written by an older release; open it once for writing"):
        Store(path, read_only=True)


# Views are a cache and nothing more.


def test_a_view_is_returned_only_for_its_inputs(store):
    key = ("coin-v1", "play", 1)
    assert store.cached_view(*key, "i1") is None
    store.cache_view(*key, "i1", "body 1")
    store.cache_view(*key, "i2", "body 2")
    assert store.cached_view(*key, "i2") == "body 2"
    assert store.cached_view(*key, "i1") is None
    assert store.cached_view("coin-v1", "learn", 1, "i2") is None


def test_thousands_of_blocks_are_read_in_a_few_statements(path, make):
    names = [f"{i:064x}" for i in range(20)]
    template = make.block(("a", "b"), lambda *_: np.arange(16.0))
    from leaderboard.store.rows import block_rows

    with Store(path) as store:
        store.add(make.arena())
        for name in names:
            store.add(make.entrant(name))
        rows, results = [], []
        for number in range(5000):
            block = f"{number:064x}"
            renamed = [replace(result, entrant=names[result.entrant == "b"]) for result in template.results]
            pair = (names[0], names[1])
            row, of_block = block_rows(replace(template, id=block, entrants=pair, results=tuple(renamed)))
            rows.append(row)
            results += of_block
        with store._writing() as connection:
            connection.execute(schema.block.insert(), rows)
            connection.execute(schema.seat_result.insert(), results)
        statements: list[str] = []
        event.listen(store._engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
        blocks = store.blocks("coin-v1")
    assert len(blocks) == 5000
    assert all(map(is_whole, blocks))
    assert len(statements) < 10  # one for each block would take seconds

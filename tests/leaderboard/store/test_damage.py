"""Whatever happens to a database, its board is one line that says what is wrong, or the very same board."""

import random
import shutil
import sqlite3
from itertools import combinations_with_replacement

import numpy as np
import pytest
from sqlalchemy import select, update

from leaderboard.errors import StoreError
from leaderboard.store import schema
from leaderboard.store.rows import block_content, block_values
from leaderboard.store.store import Store
from leaderboard.views.board import board

FIRST_BLOCK = "(select id from block order by row limit 1)"
OF_FIRST_BLOCK = f"block = {FIRST_BLOCK}"
ONE_RESULT = "row = (select min(row) from seat_result)"


@pytest.fixture(scope="module")
def filled(tmp_path_factory, make):
    """A database of a game of two sides, in one file, without a cached board; and its boards by seed."""
    path = tmp_path_factory.mktemp("damage") / "records.db"
    arena, generator = make.arena("competitive", sides=("predator", "prey")), np.random.default_rng(0)
    with Store(path) as store:
        store.add(arena)
        for name in "abc":
            store.add(make.entrant(name))
        store.add(make.panel("a", "b", weights={"predator": [0.3, 0.7]}))
        for pair in combinations_with_replacement("abc", 2):
            for seed, first in ((0, 0), (0, 3), (0, 9), (7, 0)):
                store.add(make.block(pair, lambda *_: generator.normal(size=3), seed=seed, first=first))
        boards = {seed: board(store, arena.id, seed=seed).to_json() for seed in (None, 7)}
        with store._writing() as connection:
            connection.exec_driver_sql("delete from view")
    return path, boards


@pytest.fixture
def copy(filled, tmp_path):
    """Makes a fresh copy of the database."""

    def fresh():
        for path in tmp_path.glob("copy.db*"):
            path.unlink()
        return shutil.copy(filled[0], tmp_path / "copy.db")

    return fresh


def boards(path, read_only: bool):
    """The boards of all seeds, or the line that says what is wrong."""
    try:
        with Store(path, read_only=read_only) as store:
            return {seed: board(store, "coin-v1", seed=seed).to_json() for seed in (None, 7)}
    except StoreError as error:
        assert "\n" not in str(error) and 20 < len(str(error)) < 600
        return str(error)


def edit(path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
        assert connection.total_changes, statement
    connection.commit()
    connection.close()


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes(filled, copy, seed):
    generator = random.Random(seed)
    data = filled[0].read_bytes()
    for number in range(8):
        place, length = generator.randrange(len(data) - 32), generator.choice([1, 1, 8, 32])
        damaged = data[:place] + generator.randbytes(length) + data[place + length :]
        path = copy()
        path.write_bytes(damaged)
        result = boards(path, read_only=bool(number % 2))
        assert isinstance(result, str) or result == filled[1], (place, length)


EDITED_RESULTS = {
    "entrants swapped between seats": "entrant = char(unicode('a') + unicode('b') - unicode(entrant))",
    "a return": f"returns = x'{np.arange(3.0).tobytes().hex()}'",
    "returns of another length": f"returns = x'{np.arange(2.0).tobytes().hex()}'",
    "returns that are no numbers": "returns = x'00ff'",
    "returns that are text": "returns = 'abc'",
    "a number for returns": "returns = 7",
    "lengths": f"lengths = x'{np.array([9, 9, 9], '<i4').tobytes().hex()}'",
    "statuses": "statuses = x'040000'",
    "a status that is unknown": "statuses = x'c80000'",
    "metrics": "metrics = '{\"coin\":[1,0,3]}'",
    "metrics that are no JSON": "metrics = '{'",
    "text that is no text": "metrics = cast(x'ff' as text)",
    "a seat": "seat = 'seat_9'",
    "a rotation": "rotation = 7",
    "a rotation that is text": "rotation = 'x'",
    "processor time": "cpu_s = cpu_s + 1",
}


@pytest.mark.parametrize("what", EDITED_RESULTS)
def test_edited_results_are_named_wherever_they_are_read(filled, copy, what):
    path = copy()
    where = f"{OF_FIRST_BLOCK} and entrant in ('a', 'b')" if "swapped" in what else ONE_RESULT
    if "swapped" in what:
        where = "block in (select id from block where first = 'a' and second = 'b')"
    edit(path, f"update seat_result set {EDITED_RESULTS[what]} where {where}")
    for read_only in (True, False):
        assert boards(path, read_only) == filled[1]  # its tallies are sound
    with pytest.raises(StoreError, match="damaged"), Store(path) as store:
        store.blocks("coin-v1")
    edit(path, "delete from tally")
    for read_only in (True, False):
        assert "damaged" in boards(path, read_only)


@pytest.mark.parametrize(
    "statement",
    [
        f"delete from seat_result where {ONE_RESULT}",
        f"delete from seat_result where {OF_FIRST_BLOCK}",
        f"insert into seat_result select 10000, block, 5, seat, entrant, returns, lengths, statuses, metrics, cpu_s,"
        f" isolation from seat_result where {ONE_RESULT}",
    ],
)
def test_missing_and_added_results_are_found(filled, copy, statement):
    path = copy()
    edit(path, statement)
    assert boards(path, True) == boards(path, False) == filled[1]
    edit(path, "delete from tally")
    assert "was damaged or edited" in boards(path, True)
    assert "was damaged or edited" in boards(path, False)


@pytest.mark.parametrize(
    "change",
    [
        "first = 'c'",
        "second = 'c'",
        "seed = 7",
        "seed = 'x'",
        "first_episode = 50",
        "episodes = 2",
        "mode = 'learn'",
        "rules_version = 2",
        "content = 'f'",
        "id = 'f'",
    ],
)
def test_edited_blocks_never_change_a_board(filled, copy, change):
    path = copy()
    edit(path, f"update block set {change} where id = (select id from block where first = 'a' and seed = 0 limit 1)")
    for read_only in (True, False):
        result = boards(path, read_only)
        assert isinstance(result, str) or result == filled[1]
    edit(path, "delete from tally")
    if not change.startswith(("mode", "rules")):  # without its tally, a block that went to another board is not missed
        assert isinstance(boards(path, True), str)


def test_a_block_that_was_removed_is_missed(filled, copy):
    path = copy()
    edit(path, f"delete from seat_result where {OF_FIRST_BLOCK}", f"delete from block where id = {FIRST_BLOCK}")
    for read_only in (True, False):
        assert "1 recorded block(s) of a and a, seed 0, were removed or damaged" in boards(path, read_only)


@pytest.mark.parametrize(
    "change",
    [
        "total_first = total_first + 1",
        "counted_second = 99",
        "won = 5",
        "games = games + 1",
        "blocks = 99",
        "repeated = 3",
        "faults = '{'",
        "own = x'00'",
        "own = 'text'",
        "faulty = x'01'",
        "arrays = 'f'",
        "content = 'f'",
        "seed = 'x'",
        "seed = 7.5",
        "start = 40",
        "episodes = -1",
        "side = 'judge'",
        "first = x'ff'",
        "second = 'c', start = 77",
        "arena = 'rps-v1'",
        "mode = 'learn'",
        "rules_version = 9",
    ],
)
def test_an_edited_tally_is_made_again(filled, copy, change):
    path = copy()
    edit(path, f"update tally set {change} where row = (select row from tally where side = 'prey' limit 1)")
    for read_only in (True, False, True):
        assert boards(path, read_only) == filled[1]
    with Store(path) as store:
        assert board(store, "coin-v1", "learn").rows == ()


@pytest.mark.parametrize("side", ["predator", "prey"])
def test_a_tally_that_was_removed_is_made_again(filled, copy, side):
    path = copy()
    edit(path, f"delete from tally where side = '{side}' and first = 'a'")
    assert boards(path, True) == boards(path, False) == boards(path, True) == filled[1]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("arena", "draw_band = 2"),
        ("arena", "seats = '{'"),
        ("arena", "kind = 'mixed'"),
        ("entrant", "label = 'z'"),
        ("entrant", "config = '['"),
        ("panel", "weights = '{}'"),
        ("panel", "entrants = '[\"a\"]'"),
        ("panel", "arena = 'rps-v1'"),
        ("panel", "content = ''"),
    ],
)
def test_edited_facts_are_named(copy, table, change):
    path = copy()
    edit(path, f"update {table} set {change} where row = (select min(row) from {table})")
    for read_only in (True, False):
        assert f"{table} " in (line := boards(path, read_only)) and "was damaged or edited" in line


@pytest.mark.parametrize("metrics", ['{"x": 1}', "[]", "7", "{", '{"x": ["a"]}'])
def test_a_block_whose_hash_was_made_to_fit_is_named(copy, metrics):
    path = copy()
    edit(path, f"update seat_result set metrics = '{metrics}' where {ONE_RESULT}")
    with Store(path) as store, store._writing() as connection:
        (edited,) = connection.execute(
            select(schema.seat_result.c.block).order_by(schema.seat_result.c.row).limit(1)
        ).scalars()
        ((row, results),) = block_values(connection, schema.block.c.id == edited)
        connection.execute(
            update(schema.block).where(schema.block.c.id == edited).values(content=block_content(row, results))
        )
    with Store(path) as store, pytest.raises(StoreError, match=f"block {edited} was damaged or edited"):
        store.blocks("coin-v1")


def test_a_block_is_not_added_to_an_edited_tally(filled, copy, make):
    arena = make.arena("competitive", sides=("predator", "prey"))
    path = copy()
    edit(path, "update tally set total_first = 0, own = x'00' where first = 'a' and second = 'b'")
    with Store(path) as store:
        store.add(make.block(("a", "b"), lambda *_: [1.0] * 2, first=6))
        panel = make.panel("a", "b", weights={"predator": [0.3, 0.7]})
        expected = make.board(arena, store.blocks("coin-v1"), panel).to_json()
        assert board(store, "coin-v1").to_json() == expected


@pytest.mark.parametrize("change", ["entrants = '{'", "entrants = '[\"a\"]'", "command = 'zoo'", "blocks = x'00'"])
def test_an_edited_match_is_named(copy, make, change):
    path = copy()
    with Store(path) as store:
        store.add(make.match("played", store.blocks("coin-v1")))
    edit(path, f"update match set {change}")
    for read_only in (True, False):
        assert "match played was damaged or edited" in boards(path, read_only)


@pytest.mark.parametrize(
    "change", ["arena = 'rps-v1'", "mode = 'learn'", "seed = 7", "version = '9'", 'details = \'{"panel":"b"}\'']
)
def test_matches_that_were_moved_off_their_board_are_counted(copy, make, change):
    path = copy()
    with Store(path) as store:
        for name in ("one", "two", "whole"):
            store.add(make.match(name, store.blocks("coin-v1")))
        store.add(make.arena("mixed", id="rps-v1"))
    edit(path, f"update match set {change} where id != 'whole'")
    for read_only in (True, False):
        line = boards(path, read_only)
        assert "match one was damaged or edited" in line
        assert "(and 1 more of this kind)" in line


@pytest.mark.parametrize("change", ["arena = 'rps-v1'", "mode = 'other'", "rules_version = 9"])
def test_a_tally_without_blocks_is_named_and_dropped(filled, copy, change):
    path = copy()
    edit(path, f"update tally set {change} where row = (select min(row) from tally)")
    with Store(path) as store:
        (line,) = [line for line in store.unsound() if "belong to no block" in line]
        assert change.partition(" = ")[2].strip("'") in line
        assert board(store, "coin-v1", rebuild=True).to_json() == filled[1][None]
        assert store.unsound() == []


@pytest.mark.parametrize("change", ["first_episode = 'x'", "episodes = 'x'", "first_episode = x'00'"])
def test_numbers_of_a_block_that_are_none_are_named_before_more_is_played(copy, change):
    path = copy()
    edit(path, f"update block set {change} where first = 'a' and second = 'b' and seed = 0 and first_episode = 0")
    with Store(path) as store, pytest.raises(StoreError, match=r"block \w+ was damaged or edited"):
        store.next_episode("coin-v1", ("a", "b"), "play", 0)


@pytest.mark.parametrize("change", ["id = x'00'", "first = x'00'", "seed = 'x'", "first_episode = 1.5"])
def test_blocks_are_not_put_in_order_by_values_of_other_types(copy, change):
    path = copy()
    edit(path, f"update block set {change} where id = {FIRST_BLOCK}")
    with Store(path) as store, pytest.raises(StoreError, match=r"block .* was damaged or edited"):
        store.in_order(store.block_ids("coin-v1", "play"))

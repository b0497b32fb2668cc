"""Boards from tallies kept up in a store are those from the blocks, whatever was added when, and by which release."""

import random
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest
from sqlalchemy import text

from leaderboard.records import RULES_VERSION, Status
from leaderboard.store import schema, tallies
from leaderboard.store.store import Store
from leaderboard.views.board import board
from leaderboard.views.crossplay import crossplay, read_crossplay

NAMES = "abcd"


def luck(seed: int, number: int, who: str, partner: str, seat: str) -> float:
    """Own return of an episode: the same in every block that has it."""
    words = [seed, number, ord(who), ord(partner), int(seat[-1])]
    return float(np.random.default_rng(words).normal() + ord(who) / 9)


def cut(make, pair, seed: int, first: int, episodes: int, **changes):
    def own(who, partner, seat, rotation):
        return [luck(seed, number, who, partner, seat) for number in range(first, first + episodes)]

    return make.block(pair, own, seed=seed, first=first, **changes)


def ragged(make, generator: random.Random, seeds=(0, 7), blocks: int = 5):
    """Blocks of all pairings and several seeds, with gaps and overlaps, in random order; some are spoiled."""
    made = []
    for pair in combinations_with_replacement(NAMES, 2):
        for seed in seeds:
            for _ in range(blocks):
                made.append(cut(make, pair, seed, generator.randrange(12), generator.randrange(1, 6)))
            statuses = {pair[1]: Status.CRASH} if pair[0] != pair[1] else None
            made.append(cut(make, pair, seed, 20, 2, statuses=statuses))
    made = list({block.id: block for block in made}.values())
    generator.shuffle(made)
    return made


ARENAS = {
    "mixed": {},
    "cooperative": {"kind": "cooperative"},
    "competitive": {"kind": "competitive", "draw_band": 0.1},
    "sides": {"kind": "competitive", "sides": ("predator", "prey")},
}


def filled(path, make, arena, blocks) -> Store:
    store = Store(path)
    store.add(arena)
    for name in NAMES:
        store.add(make.entrant(name))
    store.add(make.panel("a", "c", weights={"": [0.3, 0.7], "prey": [0.6, 0.4]}))
    for block in blocks:
        store.add(block)
    return store


def expected_board(make, arena, blocks, **terms):
    panel = make.panel("a", "c", weights={"": [0.3, 0.7], "prey": [0.6, 0.4]})
    return make.board(arena, blocks, panel, labels={name: name for name in NAMES}, **terms).to_json()


@pytest.mark.parametrize("kind", ARENAS)
@pytest.mark.parametrize("order", range(2))
def test_the_board_of_a_store_is_that_of_its_blocks(make, kind, order):
    arena, blocks = make.arena(**ARENAS[kind]), ragged(make, random.Random(order))
    with filled(":memory:", make, arena, blocks) as store:
        assert board(store, arena.id).to_json() == expected_board(make, arena, blocks)
        for seed in (0, 7, 3):
            some = [block for block in blocks if block.seed == seed]
            assert board(store, arena.id, seed=seed).to_json() == expected_board(make, arena, some, seed=seed)
        for side in {"sides": ("predator", "prey")}.get(kind, ("",)):
            ours = crossplay(make.tallies(blocks, arena), arena, NAMES, side=side).plain()
            assert read_crossplay(store, arena.id, side=side).plain() == ours | {"entrants": list(NAMES)}


def summed(tallies) -> dict[tuple[str, str, str], list[int]]:
    """Numbers of blocks, of repeated ones and of episodes of each pairing and side."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for tally in tallies:
        counts = sums.setdefault((tally.first, tally.second, tally.side), [0, 0, 0])
        for i, n in enumerate((tally.blocks, tally.repeated, tally.episodes)):
            counts[i] += n
    return sums


@pytest.mark.parametrize("seed", range(3))
def test_the_tallies_of_a_store_are_those_of_its_blocks(make, seed):
    arena, blocks = make.arena(), ragged(make, random.Random(seed), seeds=(0,), blocks=9)
    with filled(":memory:", make, arena, blocks[:-1]) as store:
        for some in (blocks[:-1], blocks):
            store.add(some[-1])
            assert summed(store.tallies(arena.id, "play")) == summed(make.tallies(some, arena))


def test_a_tally_is_never_longer_than_one_row_may_be(make, monkeypatch):
    monkeypatch.setattr(tallies, "LONGEST", 10)
    blocks = [cut(make, ("a", "b"), 0, first, 3) for first in range(0, 30, 3)]
    with filled(":memory:", make, make.arena(), blocks) as store:
        assert [tally.episodes for tally in store.tallies("coin-v1", "play")] == [9, 9, 9, 3]
        with store._writing() as connection:
            connection.execute(text("delete from tally"))
        assert [tally.episodes for tally in store.tallies("coin-v1", "play")] == [9, 9, 9, 3]


def test_returns_of_episodes_are_read_only_where_they_are_asked_for(make):
    arena, blocks = make.arena(), ragged(make, random.Random(0))
    with filled(":memory:", make, arena, blocks) as store:
        for tally in store.tallies(arena.id, "play", None, ["c"]):
            assert (tally.own is not None) == ("c" in (tally.first, tally.second))
        assert all(tally.own is None for tally in store.tallies(arena.id, "play", None, []))
        assert all(tally.own is not None for tally in store.tallies(arena.id, "play"))


def test_modes_and_rules_versions_are_tallied_apart(make):
    arena = make.arena()
    learning, old = cut(make, ("a", "b"), 0, 0, 3, mode="learn"), cut(make, ("a", "b"), 0, 0, 2, rules_version=9)
    with filled(":memory:", make, arena, [learning, cut(make, ("a", "b"), 0, 0, 4), old]) as store:
        assert [tally.episodes for tally in store.tallies(arena.id, "play")] == [4]
        assert [tally.episodes for tally in store.tallies(arena.id, "learn")] == [3]
        assert [tally.episodes for tally in store.tallies(arena.id, "play", rules_version=9)] == [2]


# What another release, or a reader, leaves.


def test_a_read_only_store_without_tallies_has_the_same_board_and_writes_nothing(tmp_path, make):
    path, arena, blocks = tmp_path / "records.db", make.arena(), ragged(make, random.Random(3))
    with filled(path, make, arena, blocks) as store, store._writing() as connection:
        connection.execute(text("delete from tally where first = 'a'"))
    before = path.read_bytes()
    with Store(path, read_only=True) as reader:
        assert board(reader, arena.id).to_json() == expected_board(make, arena, blocks)
        some = [block for block in blocks if block.seed == 7]
        assert board(reader, arena.id, seed=7).to_json() == expected_board(make, arena, some, seed=7)
    assert path.read_bytes() == before


@pytest.mark.parametrize("read_only", [False, True])
def test_rebuilt_it_is_made_of_blocks_whatever_the_sums_say(tmp_path, make, read_only):
    path, arena, blocks = tmp_path / "records.db", make.arena(), ragged(make, random.Random(5))
    expected = expected_board(make, arena, blocks)
    with filled(path, make, arena, blocks) as store:
        where = {"arena": arena.id, "mode": "play", "rules_version": RULES_VERSION}
        with store._writing() as connection:  # other sums, with the hashes that belong to them
            made, _ = tallies.read(connection, arena, where, None)
            connection.execute(text("delete from tally"))
            for tally in made:
                forged = replace(tally, own=tally.own + 1.0)
                connection.execute(schema.tally.insert().values(**tallies._row(forged, where)))
        assert board(store, arena.id).to_json() != expected
    with Store(path, read_only=read_only) as store:
        assert board(store, arena.id, rebuild=True).to_json() == expected
        assert (board(store, arena.id).to_json() == expected) is not read_only


def as_version_1(path) -> None:
    """Takes from a database what the migrations since version 1 have added."""
    facts = ("arena", "entrant", "checkpoint", "panel", "match", "measurement", "submission", "block")
    first = {*facts, "seat_result", "view", "schema_version"}
    with Store(path) as store, store._writing() as connection:
        for index in ("tally_by_pairing", "block_by_pairing"):
            connection.execute(text(f"drop index {index}"))
        for table in sorted(set(schema.metadata.tables) - first):
            connection.execute(text(f"drop table {table}"))
        for column in ("weights", "scale", "anchors", "texts", "details"):
            connection.execute(text(f"alter table panel drop column {column}"))
        for table in facts:
            connection.execute(text(f'alter table "{table}" drop column content'))
        connection.execute(text("create index block_by_pairing on block (arena, mode, first, second)"))
        connection.execute(text("delete from view"))
        connection.execute(text("delete from schema_version where version > 1"))


@pytest.mark.parametrize("kind", ["mixed", "sides"])
def test_a_database_of_version_1_is_brought_up_to_date(tmp_path, make, kind):
    path, arena, blocks = tmp_path / "records.db", make.arena(**ARENAS[kind]), ragged(make, random.Random(4))
    with Store(path) as store:
        store.add(arena)
        for name in NAMES:
            store.add(make.entrant(name))
        store.add(make.panel("a", "c"))
        for block in blocks:
            store.add(block)
        store.add(make.match("m", blocks[:3]))
        facts = (store.arenas(), store.entrants(), store.panel(arena.id), store.matches(), store.blocks(arena.id))
        expected = board(store, arena.id).to_json()
        columns = {
            table.name: {column["name"] for column in schema_of(store, table.name)} for table in schema.TABLES.values()
        }
        hashes = contents(store)
    as_version_1(path)
    with Store(path) as store:
        assert (
            store.arenas(),
            store.entrants(),
            store.panel(arena.id),
            store.matches(),
            store.blocks(arena.id),
        ) == facts
        assert contents(store) == hashes
        assert board(store, arena.id).to_json() == expected
        for table in schema.TABLES.values():
            assert {column["name"] for column in schema_of(store, table.name)} == columns[table.name]
        assert not store.add(blocks[0]) and store.add(cut(make, ("a", "b"), 3, 0, 2))
        assert not store.add(make.panel("a", "c"))
    with Store(path, read_only=True) as reader:
        assert reader.panel(arena.id).weights == {}


def schema_of(store: Store, table: str):
    with store._reading() as connection:
        return connection.execute(text(f'select name from pragma_table_info("{table}")')).mappings().all()


def contents(store: Store) -> dict[str, list]:
    """The hash of every fact."""
    with store._reading() as connection:
        return {
            table: connection.execute(text(f'select id, content from "{table}" order by id')).all()
            for table in ("arena", "entrant", "panel", "match", "block")
        }


def test_a_match_costs_the_same_in_a_full_store(make):
    """Adding a block reads the tallies of its own pairing and nothing else: as many statements, on as many rows."""
    counts = []
    for size in (2, 40):
        blocks = [cut(make, pair, seed, 0, 2) for pair in (("a", "b"), ("c", "d")) for seed in range(size)]
        with filled(":memory:", make, make.arena(), blocks) as store:
            statements: list[str] = []
            with store._writing() as connection:
                raw = connection.connection.driver_connection
            raw.set_trace_callback(statements.append)
            raw_rows = raw.total_changes
            store.add(cut(make, ("a", "b"), 0, 2, 2))
            counts.append((len(statements), raw.total_changes - raw_rows))
            raw.set_trace_callback(None)
    assert counts[0] == counts[1]

"""Which blocks a board counts: those that ship on the public seed, strangers on the home's secret ones."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from sqlalchemy import text

from leaderboard.records import EntrantRecord
from leaderboard.report import tables
from leaderboard.report.terminal import board_view, to_text
from leaderboard.seeds import PUBLIC_SEED, RATED, SeedRecord, is_stranger, seed_number
from leaderboard.store.migrations import MIGRATIONS, migrate
from leaderboard.store.store import Store
from leaderboard.store.tallies import tallies_of
from leaderboard.views.board import board
from leaderboard.views.crossplay import read_crossplay
from leaderboard.views.game import read_game
from leaderboard.views.rated import counted

HOUSE, GUESTS = ("a", "b", "c"), ("x", "y")
SEEDS = [SeedRecord(digit * 64, f"2026-01-0{digit}") for digit in "12"]
FIRST, SECOND = (record.number for record in SEEDS)
MEAN = {"a": 0.2, "b": 0.3, "c": 0.4, "x": 0.25, "y": 0.35}


def played(make, pair, seed, episodes=30, mean=None):
    """A block in which each gets its mean, the luck of the episode, and noise, all fixed by the arguments."""
    luck = np.random.default_rng([seed % 97, 5]).normal(size=episodes)

    def own(who, partner, seat, rotation):
        noise = np.random.default_rng([seed % 97, ord(who), ord(partner), rotation, int(seat[-1])])
        return (mean or MEAN)[who] + luck + 0.2 * noise.normal(size=episodes)

    return make.block(pair, own, seed=seed)


@pytest.fixture
def store(make, tmp_path):
    with Store(tmp_path / "records.db") as store:
        store.add(make.arena())
        for who in (*HOUSE, *GUESTS):
            store.add(make.entrant(who, provenance={"stranger": True} if who in GUESTS else {}))
        store.add(make.panel("a", "b", scale={"": [0.25, 0.05]}))
        for pair in combinations_with_replacement(HOUSE, 2):
            store.add(played(make, pair, PUBLIC_SEED))
        yield store


def meet(make, store, guest, seed, **how):
    for partner in (*HOUSE, guest):
        store.add(played(make, (guest, partner), seed, **how))


def test_strangers_are_rated_on_secret_seeds_alone(make, store):
    meet(make, store, "x", PUBLIC_SEED, mean=MEAN | {"x": 99.0})  # lucky, as it knew what came
    assert [row.entrant for row in board(store, "coin-v1", seed=RATED).rows] == ["c", "b", "a"]
    assert board(store, "coin-v1", seed=RATED).not_rated == 4
    for record in SEEDS:
        store.add(record)
    meet(make, store, "x", FIRST)
    meet(make, store, "y", SECOND)
    store.add(played(make, ("x", "y"), SECOND))
    store.add(played(make, ("a", "c"), FIRST))  # those that ship are not rated there
    made = board(store, "coin-v1", seed=RATED)
    assert {row.entrant for row in made.rows if row.rank is not None} == {*HOUSE, *GUESTS}
    assert made.rows[0].entrant != "x"
    assert (made.secret_seeds, made.not_rated, made.blocks) == (("1" * 64, "2" * 64), 4, 6 + 4 + 4 + 1)
    assert made.seed == PUBLIC_SEED


def test_the_blocks_behind_a_board_are_those_that_it_counts(make, store):
    meet(make, store, "x", PUBLIC_SEED)
    for record in SEEDS:
        store.add(record)
    meet(make, store, "x", FIRST)
    store.add(played(make, ("a", "c"), FIRST))
    for seed in (RATED, None, PUBLIC_SEED):
        chosen = counted(store, seed)
        tallies, _ = chosen.tallies(store, "coin-v1", "play")
        own = tallies_of(chosen.blocks(store, "coin-v1", "play"), store.arena("coin-v1"))
        figures = ("first", "second", "seed", "episodes", "total", "blocks")
        assert sorted([getattr(t, name) for name in figures] for t in own) == sorted(
            [getattr(t, name) for name in figures] for t in tallies
        )


def test_a_strangers_entry_moves_no_figure_of_the_house(make, store):
    figures = ("headline", "own_return", "mu", "uniform", "worst", "episodes")

    def house():
        made = {row.entrant: row for row in board(store, "coin-v1", seed=RATED).rows}
        kept = {who: {k: x for k, x in made[who].to_json().items() if k.startswith(figures)} for who in HOUSE}
        return kept, made

    before, _ = house()
    classical = {who: row["trueskill_mu"] for who, row in house()[1].items()}
    store.add(SEEDS[0])
    meet(make, store, "x", PUBLIC_SEED)
    meet(make, store, "x", FIRST, episodes=120)
    after, rows = house()
    assert after == before
    assert len(after["a"]) > 10
    assert rows["x"].rank is not None
    # classical TrueSkill takes results with the stranger, too: its episodes stand beside those of the same number
    assert rows["x"]["trueskill_mu"] is not None
    assert {who: rows[who]["trueskill_mu"] for who in HOUSE} != classical


def test_a_board_is_made_again_when_a_secret_seed_or_its_blocks_come(make, store):
    meet(make, store, "x", FIRST)
    assert "x" not in {row.entrant for row in board(store, "coin-v1", seed=RATED).rows}
    store.add(SEEDS[0])  # now it is known whose number that is
    assert "x" in {row.entrant for row in board(store, "coin-v1", seed=RATED).rows}
    meet(make, store, "y", FIRST)
    cached = board(store, "coin-v1", seed=RATED)
    assert "y" in {row.entrant for row in cached.rows}
    assert board(store, "coin-v1", seed=RATED, rebuild=True).to_json() == cached.to_json()


def test_matrix_and_game_count_what_the_board_counts(make, store):
    store.add(SEEDS[0])
    meet(make, store, "x", PUBLIC_SEED, mean=MEAN | {"x": 99.0})
    meet(make, store, "x", FIRST)
    matrix = read_crossplay(store, "coin-v1", entrants=["a", "x"], seed=RATED)
    assert matrix.n.tolist() == [[30, 30], [30, 30]]
    assert np.nanmax(matrix.mean) < 1
    assert {row.entrant for row in read_game(store, "coin-v1", seed=RATED).strategies} == {*HOUSE, "x"}
    assert read_crossplay(store, "coin-v1", entrants=["a", "x"], seed=PUBLIC_SEED).mean[1, 0] > 90


def test_screens_say_on_which_seed_strangers_are_rated(make, store):
    plain = to_text(board_view(board(store, "coin-v1", seed=RATED)))
    assert "seed 0; rules" in plain
    assert "secret" not in plain
    store.add(SEEDS[0])
    meet(make, store, "x", FIRST)
    meet(make, store, "x", PUBLIC_SEED)
    made = board(store, "coin-v1", seed=RATED)
    for said in (to_text(board_view(made), 200), tables.together([made], "markdown")):
        assert f"commitment (sha256) {'1' * 16}..." in said
        assert "seed 0, with strangers a secret one; rules" in said
        assert "Not rated: 4 blocks of strangers on the public seed" in said
    assert made.plain()["secret_seeds"] == ["1" * 64]


def test_numbers_of_secrets_are_no_plain_seeds():
    assert seed_number("0" * 64) == 2**62
    assert seed_number("f" * 64) == 2**63 - 1
    assert FIRST != SECOND


def test_entrants_from_files_of_older_databases_become_strangers(make, tmp_path):
    path = tmp_path / "old.db"
    keys = {"a": "lola", "b": "sha256-0123:Mine", "c": "theirs.agents:Theirs", "d": "axelrod:TitForTat,4.14"}
    with Store(path) as store:
        for id, key in keys.items():
            store.add(EntrantRecord(id, id, key, 1, {}, None, {"mode": "play"}, {"commit": "1f"}))
        with store._writing() as connection:
            connection.execute(text("update entrant set config = '{\"edited\": 1}' where id = 'c'"))
            connection.execute(text("drop table seed"))
            number = 1 + next(n for n, step in enumerate(MIGRATIONS, 1) if step.name == "secret seeds")
            connection.execute(text(f"delete from schema_version where version >= {number}"))
            migrate(connection, MIGRATIONS[: number - 1])
    with Store(path) as store:
        assert store.seeds() == []
        assert [is_stranger(record) for record in store.entrants(["a", "b", "d"])] == [False, True, False]
        assert store.entrants(["b"])[0].provenance == {"commit": "1f", "stranger": True}
        assert [line[:9] for line in store.unsound()] == ["entrant c"]
        with store._writing() as connection:
            connection.execute(text("delete from entrant where id = 'c'"))
        assert store.strangers() == {"b"}

"""The board is a pure view: the right headline, the same bytes, and a cache that nobody can notice."""

import gc
import hashlib
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from leaderboard.errors import StoreError
from leaderboard.labels import unique_labels
from leaderboard.records import PanelRecord, Status
from leaderboard.statistics.tally import is_head_to_head
from leaderboard.store.store import Store
from leaderboard.views import board as board_module
from leaderboard.views.board import Board, board, rating_change

SKILL = {"a": 0.0, "b": 2.0, "c": 3.0, "d": 1.0}
PANEL = PanelRecord("coin-v1/panel-1", "coin-v1", ("a", "b"), {"": [0.25, 0.75]})


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
        expected = make.board(make.arena(kind), blocks, PANEL).to_json()
        for seed in range(5):
            shuffled = random.Random(seed).sample(blocks, len(blocks))
            assert make.board(make.arena(kind), shuffled, PANEL).to_json() == expected


def test_a_board_survives_json(make, blocks):
    made = make.board(make.arena(), blocks, PANEL)
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


def test_an_edited_cache_is_computed_again(store):
    expected = board(store, "coin-v1").to_json()
    for edit in ("replace(body, 'agent a', 'agent z')", "'{'", "x'00ff'", "7"):
        with store._writing() as connection:
            connection.exec_driver_sql(f"update view set body = {edit}")
        assert board(store, "coin-v1").to_json() == expected
        with store._reading() as connection:
            assert connection.exec_driver_sql("select body from view").scalar().endswith(expected)


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


@pytest.mark.parametrize("collecting", [True, False])
def test_garbage_is_collected_afterwards_as_before(store, monkeypatch, collecting):
    def broken(*_, **__):
        assert not gc.isenabled()
        raise StoreError("broken")

    monkeypatch.setattr(board_module, "make_board", broken)
    before = gc.isenabled()
    try:
        gc.enable() if collecting else gc.disable()
        with pytest.raises(StoreError, match="broken"):
            board(store, "coin-v1", rebuild=True)
        assert gc.isenabled() == collecting
    finally:
        gc.enable() if before else gc.disable()


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
    boards = {kind: make.board(make.arena(kind), blocks, PANEL) for kind in ("mixed", "competitive", "cooperative")}
    mixed, competitive, cooperative = boards.values()
    assert [made.headline for made in boards.values()] == ["own_return", "mu", "own_return"]
    for made in boards.values():
        assert all(row.record["headline"] == row.record[made.headline] for row in made.rows)
        assert [row.entrant for row in made.rows] == ["c", "b", "d", "a"]
        assert [row.rank for row in made.rows] == [1, 2, 3, 4]
        assert made.rule and made.method
    assert {row.entrant: row.record["partners"] for row in mixed.rows} == dict.fromkeys("abcd", 2)
    assert {row.entrant: row.record["partners"] for row in cooperative.rows} == dict.fromkeys("abcd", 2)
    assert "own return per episode" in mixed.rule and "own return per episode" in cooperative.rule
    assert "rating of all games" in competitive.rule
    assert {row.record["won"] for row in mixed.rows} == {None}
    assert competitive.rows[0].record["won"] > 0.9


def test_always_defect_comes_first_by_who_got_more_and_last_by_own_return(make):
    """The exact iterated prisoner's dilemma: "who got more" puts the worst partner on top, own return does not."""
    blocks = make.ipd_blocks()
    reciprocators = ("grim", "soft-tit-for-tat", "tit-for-tat")
    who_got_more = make.board(make.arena("competitive"), blocks)
    duplicate = make.board(make.arena("mixed"), blocks, make.panel(*reciprocators))
    assert who_got_more.rows[0].entrant == "always-defect"
    by_mu = sorted(duplicate.rows, key=lambda row: -row.record["mu"])
    assert [row.entrant for row in by_mu] == [row.entrant for row in duplicate.rows]
    places = [row.entrant for row in duplicate.rows]
    assert places[0] in {"grim", "tit-for-tat", "always-cooperate", "win-stay-lose-shift"}
    assert all(places.index("always-defect") > places.index(who) for who in reciprocators)
    by_trueskill = sorted(duplicate.rows, key=lambda row: -row.record["trueskill_mu"])
    assert [row.entrant for row in by_trueskill].index("always-defect") > 3


def test_mu_is_the_headline_on_trueskills_scale(make, blocks):
    here = make.board(make.arena(), blocks, PANEL)
    own = {row.entrant: row.record["own_return"] for row in here.rows}
    middle, half = (own["a"] + own["b"]) / 2, abs(own["a"] - own["b"]) / 2
    assert here.scale[""] == pytest.approx([middle, half])
    scale = {"": [1.0, 2.0]}
    frozen = make.board(make.arena(), blocks, replace(PANEL, scale=scale))
    assert frozen.scale == scale
    for made, (centre, spread) in ((here, (middle, half)), (frozen, (1.0, 2.0))):
        for row in made.rows:
            for end in ("", "_low", "_high"):
                expected = 25 + 25 / 3 * (row.record[f"own_return{end}"] - centre) / spread
                assert row.record[f"mu{end}"] == pytest.approx(expected, abs=1e-6)
            assert row.record["conservative"] == pytest.approx(row.record["mu"] - 3 * row.record["sigma"])
            assert row.record["mu_low"] < row.record["mu"] < row.record["mu_high"]
    assert [row.record["own_return"] for row in frozen.rows] == [row.record["own_return"] for row in here.rows]
    assert "frozen with the panel" in frozen.method and "as they stand here" in here.method


def test_a_panel_of_equals_has_no_scale_and_no_division_by_zero(make):
    blocks = [make.block(pair, lambda *_: [1.0, 2.0]) for pair in ("aa", "ab", "bb")]
    assert {row.record["mu"] for row in make.board(make.arena(), blocks, PANEL).rows} == {None}


def test_an_anchored_return_is_scaled(make, blocks):
    made = make.board(make.arena("cooperative"), blocks, replace(PANEL, anchors={"": [-1.0, 3.0]}))
    for row in made.rows:
        assert row.record["scaled"] == pytest.approx((row.record["own_return"] + 1.0) / 4.0)
    assert make.board(make.arena(), blocks, PANEL).rows[0].record["scaled"] is None


def test_rows_hold_what_the_parts_hold(make, blocks):
    made = make.board(make.arena(), blocks, PANEL, labels={"a": "alice"}, matches=[("a", "b"), ("a", "a")])
    row = make.row(made, "a")
    # Eight episodes with each member, the mean over both seats and rotations.
    episodes = {
        partner: np.concatenate(
            [
                np.mean([r.returns for r in block.results if r.entrant == "a"], axis=0)
                for block in sorted(blocks, key=lambda block: block.first_episode)
                if block.entrants == ("a", partner)
            ]
        )
        for partner in "ab"
    }
    panel_means = 0.25 * episodes["a"] + 0.75 * episodes["b"]
    low, high = stats.t.interval(0.95, 7, panel_means.mean(), stats.sem(panel_means))
    figures = [row.record[key] for key in ("own_return", "own_return_low", "own_return_high")]
    assert figures == pytest.approx([panel_means.mean(), low, high])
    assert (row.label, row.record["matches"], row.record["blocks"], row.record["games"]) == ("alice", 2, 8, 8 * 2 * 4)
    assert (row.record["episodes"], row.record["partners_met"], row.record["partners"]) == (8, 2, 2)
    assert row.record["uniform"] == pytest.approx((episodes["a"].mean() + episodes["b"].mean()) / 2)
    with_partner = {"alice": episodes["a"].mean(), "b": episodes["b"].mean()}
    assert row.record["worst"] == pytest.approx(min(with_partner.values()))
    assert row.record["worst_partner"] == min(with_partner, key=with_partner.get)
    assert row["own_return"].known and row["mu"].mean == row.record["mu"]
    assert (made.blocks, made.games, made.matches, made.length) == (20, 20 * 2 * 4, 2, 10)
    assert made.panel_members == ("alice", "b")
    assert made.panel_weights == {"": [0.25, 0.75]}


def test_sides_are_ranked_apart(make):
    # a is the better predator, b the better prey, whoever the partner is.
    def own(who, partner, seat, rotation):
        return [1.0 if (who == "a") == (seat == "seat_0") else 0.0] * 2

    arena = make.arena("competitive", sides=("predator", "prey"))
    assert not is_head_to_head(arena)
    made = make.board(arena, [make.block(pair, own) for pair in ("aa", "ab", "bb")], make.panel("a", "b"))
    assert made.headline == "own_return" and "within each side" in made.rule
    assert [(row.side, row.rank, row.label) for row in made.rows] == [
        ("predator", 1, "a"),
        ("predator", 2, "b"),
        ("prey", 1, "b"),
        ("prey", 2, "a"),
    ]
    assert sum(row.record["mu"] for row in made.rows if row.side == "prey") == pytest.approx(50.0)
    assert (made.blocks, made.games) == (3, 3 * 2 * 2)


def test_who_has_not_met_the_whole_panel_comes_last_without_a_rank(make, blocks):
    partial = [block for block in blocks if block.entrants not in {("a", "c"), ("b", "d")}]
    made = make.board(make.arena(), partial, PANEL)
    assert [(row.entrant, row.record["partners_met"]) for row in made.rows] == [("b", 2), ("a", 2), ("c", 1), ("d", 1)]
    assert [row.rank for row in made.rows] == [1, 2, None, None]
    for row in made.rows[2:]:
        assert (row.rank_low, row.rank_high, row.record["mu"], row["mu"]) == (None,) * 4
        assert row.record["above_next"] is None
        assert row.record["own_return"] is not None  # with the one that was met
    whole = make.board(make.arena(), [block for block in partial if set(block.entrants) <= {"a", "b"}], PANEL)
    for row in whole.rows:  # who has no rank moves nobody
        now = make.row(made, row.entrant).record
        assert {key for key, value in row.record.items() if now[key] != value} <= {"everybody", "games", "blocks"}
    assert Board.from_json(made.to_json()) == made


@pytest.mark.parametrize("sides", [("player", "player"), ("predator", "prey")])
def test_without_a_panel_a_board_is_unranked_and_says_so(make, blocks, sides):
    made = make.board(make.arena("mixed" if len(set(sides)) == 1 else "competitive", sides=sides), blocks)
    assert made.rule.startswith("Unranked: no panel was met here")
    assert (made.headline, made.panel, made.panel_members, dict(made.panel_weights)) == ("", None, (), {})
    assert (dict(made.scale), dict(made.first_place), any(made.faults_decide.values())) == ({}, {}, False)
    for side in dict.fromkeys(sides):
        got = [row.record["everybody"] for row in made.rows if row.side in ("", side)]
        assert len(got) == 4 and got == sorted(got, reverse=True)
    for row in made.rows:
        unknown = ("headline", "mu", "sigma", "own_return", "own_return_low", "uniform", "worst", "worst_partner")
        assert [row.rank, row.rank_low, row.rank_high, *(row.record[name] for name in unknown)] == [None] * 11
        assert row.record["everybody"] is not None
        assert (row.record["partners_met"], row.record["partners"], row.record["blocks"]) == (0, 0, 8)
    assert Board.from_json(made.to_json()) == made


def test_those_who_learn_are_ranked_over_everybody_else(make, blocks):
    learning = [replace(block, mode="learn") for block in blocks]
    made = make.board(make.arena(), learning, mode="learn")
    assert [row.entrant for row in made.rows] == ["c", "b", "d", "a"]
    assert (made.headline, made.panel) == ("own_return", None)
    assert {row.record["partners"] for row in made.rows} == {3}
    assert "everybody" in made.rule


def test_equals_share_a_rank(make):
    def own(who, *_):
        return [1.0, 2.0] if who in "ab" else [0.0, 1.0]

    pairs = [(x, y) for x in "abc" for y in "abc" if x <= y]
    for kind in ("mixed", "competitive"):
        made = make.board(make.arena(kind), [make.block(pair, own) for pair in pairs], make.panel(*"abc"))
        assert [(row.entrant, row.rank) for row in made.rows] == [("a", 1), ("b", 1), ("c", 3)]
        assert made.rows[0].rank_low == 1 and made.rows[0].rank_high >= 1


def test_faults_are_counted_for_who_made_them(make, blocks):
    def own(who, *_):
        return [-9.0] * 3 if who == "c" else [0.0] * 3

    spoiled = make.block(("b", "c"), own, first=60, statuses={"c": Status.TIMEOUT})
    made = make.board(make.arena(), [*blocks, spoiled], PANEL)
    assert {row.entrant: row.record["faults"] for row in made.rows} == {"a": 0, "b": 0, "c": 6, "d": 0}
    assert next(row for row in made.rows if row.entrant == "c")["faults"] == (6, {"TIMEOUT": 6})


def test_a_board_of_nothing_and_of_one(make):
    for panel in (None, PANEL):
        empty = make.board(make.arena(), [], panel)
        assert (empty.rows, empty.blocks) == ((), 0)
        assert Board.from_json(empty.to_json()) == empty
    (row,) = make.board(make.arena(), [make.block(("a", "a"), lambda *_: [1.0, 3.0])], make.panel("a")).rows
    assert (row.rank, row.record["mu"], row.record["own_return"]) == (1, None, 2.0)  # one member has no spread
    (row,) = make.board(make.arena("competitive"), [make.block(("a", "a"), lambda *_: [1.0, 3.0])]).rows
    assert (row.rank, row.record["mu"], row.record["won"]) == (1, 25.0, None)


def test_labels_that_occur_twice_get_a_short_id():
    ids = ["0123456789", "0123456799", "fedcba9876", "aaaaaaaaaa"]
    labels = {ids[0]: "lola", ids[1]: "naive", ids[2]: "lola"}
    found = unique_labels(ids, labels)
    assert found == {ids[0]: "lola (01234567)", ids[1]: "naive", ids[2]: "lola (fedcba98)", ids[3]: "aaaaaaaa"}
    same = unique_labels(ids[:2], {ids[0]: "x", ids[1]: "x"})
    assert len(set(same.values())) == 2


def test_rating_change(make, blocks):
    arena = make.arena("competitive")
    before = make.board(arena, [block for block in blocks if "d" not in block.entrants])
    after = make.board(arena, blocks)
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
    assert make.board(make.arena(), tiny, PANEL).to_json() == make.board(make.arena(), blocks, PANEL).to_json()
    text = make.board(make.arena(), [make.block(("a", "b"), lambda *_: [1.0])], PANEL).to_json()
    assert "NaN" not in text
    assert "null" in text


def test_own_return_is_that_of_an_episode_over_the_whole_panel(make):
    exact = make.board(make.arena(), make.ipd_blocks(), make.panel("tit-for-tat", "always-defect"))
    # Ten steps. Against itself -2 each; against tit-for-tat 0 once and then -2: 0.04 * 0 + 0.96 * -2.
    defect, reciprocate = (make.row(exact, who).record["own_return"] for who in ("always-defect", "tit-for-tat"))
    assert defect == pytest.approx(10 * (-2.0 + -2.0 * 0.96) / 2)
    assert reciprocate == pytest.approx(10 * (-1.0 + (0.04 * -3 + 0.96 * -2)) / 2)
    assert np.ptp([row.record["episodes"] for row in exact.rows]) == 0
    assert exact.length == 10

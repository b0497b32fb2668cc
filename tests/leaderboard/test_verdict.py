"""One quantity decides: headline, mu, cross-play and the order agree, and nobody's entry moves anybody."""

import time
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest

from leaderboard.records import Status
from leaderboard.store.store import Store
from leaderboard.views.crossplay import crossplay

SKILL = {"a": 0.0, "b": 2.0, "c": 3.0, "d": 1.0}


# Rarely and quickly, or often and slowly.


def race(make, share: float, quick: int, slow: int, *, episodes: int = 40, seed: int = 0):
    """Games of which "slow" wins this share, each after `slow` steps, and "quick" the others, after `quick` steps.

    The winner of an episode has +1, the other -1; in self-play nobody wins.
    """
    generator = np.random.default_rng(seed)
    wins = generator.permutation(np.arange(episodes) < round(share * episodes))
    lengths = np.where(wins, slow, quick)
    blocks = []
    for pair in combinations_with_replacement(("quick", "slow"), 2):

        def own(who, partner, seat, rotation):
            return [0.0] * episodes if who == partner else np.where(wins == (who == "slow"), 1.0, -1.0)

        made = make.block(pair, own)
        results = tuple(replace(result, lengths=lengths) for result in made.results)
        blocks.append(replace(made, results=results))
    return blocks


def verdicts(make, kind: str, blocks) -> dict[str, list[str]]:
    """Best first, by each figure that names somebody."""
    arena, panel = make.arena(kind), make.panel("quick", "slow")
    made = make.board(arena, blocks, None if kind == "competitive" else panel)
    matrix = crossplay(make.tallies(blocks, arena), arena, ["quick", "slow"])
    orders = {"rank": [row.entrant for row in made.rows]}
    for column in ("headline", "mu", "trueskill_mu"):
        orders[column] = [row.entrant for row in sorted(made.rows, key=lambda row: -row.record[column])]
    orders["crossplay"] = ["quick", "slow"] if matrix.mean[0, 1] > matrix.mean[1, 0] else ["slow", "quick"]
    return orders


@pytest.mark.parametrize("kind", ["mixed", "competitive"])
def test_who_wins_seldom_and_quickly_stands_behind_who_wins_often_and_slowly(make, kind):
    # By mean return per step "quick" would lead: .3 / 1 - .7 / 10 for it.
    assert set(map(tuple, verdicts(make, kind, race(make, 0.7, 1, 10)).values())) == {("slow", "quick")}
    assert set(map(tuple, verdicts(make, kind, race(make, 0.3, 10, 1)).values())) == {("quick", "slow")}


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["mixed", "competitive"])
def test_no_length_of_games_changes_a_verdict(make, kind, seed):
    generator = np.random.default_rng(seed)
    share = float(generator.choice([0.1, 0.25, 0.4, 0.6, 0.75, 0.9]))
    quick, slow = (int(steps) for steps in generator.integers(1, 1000, size=2))
    orders = verdicts(make, kind, race(make, share, quick, slow, seed=seed))
    best = "slow" if share > 0.5 else "quick"
    if kind == "mixed" and 0.25 < share < 0.75:  # the classical column sees two series here, which may be one each
        orders.pop("trueskill_mu")
    assert {name: order[0] for name, order in orders.items()} == dict.fromkeys(orders, best)


@pytest.mark.parametrize("kind", ["mixed", "competitive", "cooperative"])
def test_no_figure_but_the_length_depends_on_lengths(make, kind):
    arena, panel = make.arena(kind), make.panel("quick", "slow")
    plain, stretched = (make.board(arena, race(make, 0.7, *steps), panel).plain() for steps in ((5, 5), (3, 70)))
    assert (plain.pop("length"), stretched.pop("length")) == (5, None)
    assert plain == stretched


# Clones.

#: What copies of others may change: uniform means over all, and what takes them for players.
MOVED = {"everybody", "games", "blocks", "matches", "trueskill_mu", "trueskill_sigma", "above_next"}


@pytest.mark.parametrize("kind", ["mixed", "cooperative", "sides"])
@pytest.mark.parametrize("original", "abcd")
def test_thirty_clones_move_nobodys_headline_mu_or_interval(make, kind, original):
    arena = make.arena("competitive", sides=("predator", "prey")) if kind == "sides" else make.arena(kind)
    panel, blocks = make.panel("a", "b", weights={"": [0.25, 0.75]}), make.noisy_blocks(SKILL)
    copies = make.clones(blocks, original, [f"{original}-{i:02}" for i in range(30)])
    before, after = make.board(arena, blocks, panel), make.board(arena, [*blocks, *copies], panel)
    assert len(after.rows) == len(before.rows) + 30 * len(before.panel_weights)
    for row in before.rows:
        now = make.row(after, row.entrant, row.side)
        assert {key for key, value in row.record.items() if now.record[key] != value} <= MOVED
        assert row.record["mu_low"] < row.record["mu"] < row.record["mu_high"]
    for side in before.panel_weights:
        first, now = (next(row for row in made.rows if row.side == side) for made in (before, after))
        assert now.entrant.startswith(first.entrant) and now.rank == 1
    assert (after.scale, after.first_place.keys()) == (before.scale, before.first_place.keys())


# Faults.


def faulty_blocks(make, who: str, status: Status = Status.CRASH):
    """Returns of 0 for "a", 1 for "b" and 2 for "c", and four more episodes with "a", in which one gets -9."""
    blocks = []
    for pair in combinations_with_replacement("abc", 2):
        blocks.append(make.block(pair, lambda name, *_: ["abc".index(name)] * 4))
        if who in pair and "a" in pair:

            def own(name, *_):
                return [-9.0 if name == who else "abc".index(name)] * 4

            blocks.append(make.block(pair, own, first=4, statuses={who: status}))
    return blocks


def test_an_episode_that_the_partner_spoiled_moves_nobody_else(make):
    panel = make.panel("a", "b")
    before = make.board(make.arena(), [block for block in faulty_blocks(make, "c") if not block.first_episode], panel)
    after = make.board(make.arena(), faulty_blocks(make, "c"), panel)
    for who in "ab":
        assert make.row(after, who).record["own_return"] == make.row(before, who).record["own_return"]
        assert make.row(after, who).record["faults"] == 0
    spoiled = make.row(after, "c")
    assert spoiled.record["own_return"] == pytest.approx(((2 * 4 - 9 * 4) / 8 + 2) / 2)
    assert spoiled["faults"] == (8, {"CRASH": 8})
    assert spoiled.record["without_faults"] == 2.0


def test_the_board_says_where_faults_decide_the_order(make):
    panel = make.panel("a", "b")
    made = make.board(make.arena(), faulty_blocks(make, "c"), panel)
    assert [row.entrant for row in made.rows] == ["b", "a", "c"]
    assert made.faults_decide == {"": True}
    last = make.board(make.arena(), faulty_blocks(make, "a"), panel)  # who is last anyway
    assert [row.entrant for row in last.rows] == ["c", "b", "a"]
    assert last.faults_decide == {"": False}
    assert make.board(make.arena(), make.noisy_blocks(SKILL), panel).faults_decide == {"": False}


def test_who_spoiled_everything_is_passed_over_where_faults_are_left_out(make):
    statuses = {"b": Status.TIMEOUT}
    blocks = [
        make.block(pair, lambda who, *_: ["acb".index(who)] * 3, statuses=statuses if "b" in pair else None)
        for pair in combinations_with_replacement("abc", 2)
    ]
    made = make.board(make.arena(), blocks, make.panel("a"))
    assert [row.entrant for row in made.rows] == ["b", "c", "a"]
    assert make.row(made, "b").record["without_faults"] is None
    assert made.faults_decide == {"": False}


# The first place.


def test_the_first_place_names_the_members_on_whom_it_hangs(make):
    own = {"a": {"a": 0, "b": 0, "p": 9}, "b": {"a": 2, "b": 2, "p": 2}, "p": {"a": 0, "b": 0, "p": 0}}
    blocks = [
        make.block(pair, lambda who, partner, *_: [own[who][partner]] * 3)
        for pair in combinations_with_replacement("abp", 2)
    ]
    panel = make.panel("a", "b", "p")
    labels = {"a": "anna", "b": "bob", "p": "prey"}
    made = make.board(make.arena(), blocks, panel, labels=labels)
    assert made.first_place == {"": {"entrant": "anna", "without": {"prey": "bob"}}}
    weighted = replace(panel, weights={"": [0.45, 0.45, 0.1]})
    assert make.board(make.arena(), blocks, weighted, labels=labels).first_place[""] == {
        "entrant": "bob",
        "without": {},
    }
    alone = make.board(make.arena(), blocks, make.panel("p"))
    assert alone.first_place[""]["without"] == {}  # nothing is left to leave out


# Time.


def test_a_board_of_many_blocks_takes_no_longer_than_one_of_few(make):
    """A board reads tallies: fifty times the blocks of the same episodes cost as much."""

    def spent(length: int) -> float:
        with Store(":memory:") as store:
            store.add(make.arena())
            for name in "abc":
                store.add(make.entrant(name))
            store.add(make.panel("a", "b"))
            for pair in combinations_with_replacement("abc", 2):
                for first in range(0, 50, length):
                    store.add(make.block(pair, lambda *_: np.arange(float(length)), first=first))
            times = []
            for _ in range(5):
                started = time.process_time()
                store.tallies("coin-v1", "play")
                times.append(time.process_time() - started)
            return min(times)

    assert spent(1) < 4 * spent(50)  # about 1: were blocks read, it would be more than 10

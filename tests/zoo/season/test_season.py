"""A season from its start to its end: deadlines, limits, one entry of each author, resumable games, and the reveal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leaderboard.report.terminal import to_text
from leaderboard.store.store import Store
from leaderboard.views.submissions import DISQUALIFIED
from tests.zoo.season.conftest import AFTER, BEFORE, DEADLINE, enter, rules_of
from tests.zoo.season.thirty import HONEST
from zoo.errors import UserError
from zoo.matches.plan import Work
from zoo.season.ending import checked, reveal
from zoo.season.entries import counted, entries
from zoo.season.games import run_season
from zoo.season.place import Season, at_home, begin, opened
from zoo.season.screen import board_screen
from zoo.season.standings import standings
from zoo.submission.events import take_off
from zoo.work.progress import Reading


@pytest.fixture
def fresh(zoo_home: str) -> Season:
    """A season in which nobody has entered yet."""
    return begin(rules_of("fresh"), Work(), BEFORE)


@pytest.fixture
def copy(played: Season, zoo_home: str) -> Season:
    """The season that was played, in a home of this test's own."""
    folder = Path(zoo_home) / "seasons" / "small"
    shutil.copytree(played.folder, folder)
    return opened("small")


def test_a_season_says_at_its_start_what_can_be_checked_at_its_end(fresh: Season) -> None:
    assert opened("fresh") == fresh
    assert fresh.card.rules == fresh.rules.digest
    with at_home(fresh):
        assert fresh.seed.commitment == fresh.card.seed
    with pytest.raises(UserError, match="line 1: name: there is a season fresh already"):
        begin(rules_of("fresh"), Work(), BEFORE)
    (fresh.folder / "season.toml").write_text(fresh.rules.text.replace("episodes = 3", "episodes = 4"))
    with pytest.raises(UserError, match="was edited since the season began"):
        opened("fresh")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (('"grim"', '"grimm"'), "line 8: hidden: unknown agent 'grimm'; did you mean grim"),
        (('"grim"', '"random"'), "line 8: hidden: random is one of the partners that all know"),
        (('"random"', '"greedy"'), "line 7: partners: greedy cannot play"),
        (("max_steps=5", "steps=5"), "line 3: settings: "),
        (('"ipd"', '"idp"'), "line 2: arena: unknown arena"),
        (("2027", "2026"), "line 4: deadline: 2026-03-01 12:00 UTC is over"),
    ],
)
def test_what_cannot_be_played_is_told_with_its_line(change: tuple[str, str], told: str, zoo_home: str) -> None:
    with pytest.raises(UserError) as error:
        begin(rules_of("wrong", change), Work(), BEFORE)
    assert str(error.value).startswith(f"season.toml, {told}")
    with pytest.raises(UserError, match="there is no season 'wrong'"):
        opened("wrong")


def test_entries_come_before_the_deadline_and_not_too_often(fresh: Season, tmp_path: Path) -> None:
    text = HONEST["cem"]
    enter(fresh, tmp_path, "cem", text, DEADLINE)  # to the second
    with pytest.raises(UserError, match="the deadline of season fresh was 2027-03-01 12:00 UTC, and it is 2027-03-01"):
        enter(fresh, tmp_path, "cem", text, DEADLINE + timedelta(seconds=1))
    for minute in range(2):
        enter(fresh, tmp_path, "gita", HONEST["gita"], BEFORE + timedelta(minutes=minute))
    with pytest.raises(UserError, match="GITA has entered 2 times on 2027-02-26"):
        enter(fresh, tmp_path, "gita", HONEST["gita"], BEFORE + timedelta(hours=2), author="GITA")
    enter(fresh, tmp_path, "gita", HONEST["gita"], BEFORE + timedelta(days=1))  # another day
    with pytest.raises(UserError, match="the name 'gita' is gita's"):
        enter(fresh, tmp_path, "gita", HONEST["gita"], BEFORE, author="somebody")
    with at_home(fresh) as store:
        assert [entry.author for entry in counted(entries(fresh, store))] == ["cem", "gita"]


def test_the_latest_entry_of_each_author_counts(fresh: Season, tmp_path: Path) -> None:
    enter(fresh, tmp_path, "first", HONEST["cem"], BEFORE + timedelta(hours=1), author="Uma")
    enter(fresh, tmp_path, "second", HONEST["gita"], BEFORE + timedelta(hours=2), author="uma")
    with at_home(fresh) as store:
        assert [entry.name for entry in counted(entries(fresh, store))] == ["second"]
        assert len(entries(fresh, store)) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f(:\n", "line 1"),
        ("x = 1\n", "entry"),
        ("import torch\nraise OSError('worn out')\nclass A:\n    def act(self): ...\n", "rule: "),
    ],
)
def test_what_is_refused_leaves_nothing_behind(text: str, told: str, fresh: Season, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=told):
        enter(fresh, tmp_path, "bad", text)
    with at_home(fresh) as store:
        assert entries(fresh, store) == []


def test_the_board_has_places_faults_and_no_secret(played: Season) -> None:
    with at_home(played) as store:
        board = standings(played, store, AFTER)
    own = {line.name: line for line in board.lines if line.author}
    assert {name: line.place for name, line in own.items()}["rae"] is None
    assert sorted(line.place or 0 for line in own.values()) in ([0, 1, 2], [0, 1, 1])
    assert own["rae"].faults == {"CRASH": 12}  # two partners, two seatings, three episodes
    assert own["ada"].faults == {}
    assert (own["ada"].met, own["ada"].wanted) == (4, 4)
    assert board.partners_hidden and all(line.author for line in board.lines)
    told = json.dumps(board.to_json())
    assert not any(secret in told for secret in ("grim", *map(played.venue.id, played.partners)))
    assert "mu" not in board.rule.split()  # there is no column of it
    assert [(mark.kind, mark.who) for mark in board.marks] == [("broken", ("rae",))]
    assert "RuntimeError: oops" in board.marks[0].what


NOSY = """
from agents.protocol import Agent

class Nosy(Agent):
    \"\"\"Looks where it must not.\"\"\"

    def act(self, timestep, memory):
        return open("/etc/passwd").read(), memory
"""


def test_who_tries_what_is_forbidden_is_named(fresh: Season, tmp_path: Path) -> None:
    enter(fresh, tmp_path, "nosy", NOSY)
    with at_home(fresh) as store:
        run_season(fresh, store, Work(), AFTER)
        marks = {mark.kind: mark.what for mark in standings(fresh, store, AFTER).marks}
    assert marks.keys() == {"broken", "forbidden", "reaches"}
    assert "PermissionError" in marks["forbidden"]
    assert marks["reaches"] == "calls open: files (nosy.py, line 8)"


def test_copies_of_a_file_share_a_line_and_are_marked(fresh: Season, tmp_path: Path) -> None:
    for number, name in enumerate(("cem", "cora")):
        enter(fresh, tmp_path, name, HONEST["cem"], BEFORE + timedelta(minutes=2 * number))
    with at_home(fresh) as store:
        run_season(fresh, store, Work(), AFTER)
        board = standings(fresh, store, AFTER)
    assert {line.name: line.place for line in board.lines if line.author} == {"cem": 1, "cora": 1}
    (mark,) = board.marks
    assert (mark.kind, mark.who) == ("same file", ("cem", "cora"))
    assert "cem entered first" in mark.what
    assert mark.figures["answers"] == 1.0


def test_a_run_that_was_stopped_goes_on_and_ends_in_the_same_records(copy: Season, tmp_path: Path) -> None:
    enter(copy, tmp_path, "cem", HONEST["cem"])
    whole = tmp_path / "whole"
    shutil.copytree(copy.folder, whole)
    stops = iter(range(1, 100))

    def stop(_: str, reading: Reading) -> None:
        if reading.done and next(stops) % 3 == 0:
            raise KeyboardInterrupt

    with at_home(copy) as store:
        for _ in range(20):
            try:
                run_season(copy, store, Work(watch=stop), AFTER)
                break
            except KeyboardInterrupt:
                continue
        halves = store.block_ids(copy.venue.identity, "play")
    other = replace(copy, folder=whole)
    with at_home(other) as store:
        run_season(other, store, Work(), AFTER)
        assert store.block_ids(other.venue.identity, "play") == halves
        blocks = {block.id: block for block in store.blocks(other.venue.identity)}
    with at_home(copy) as store:
        for block in store.blocks(copy.venue.identity):
            assert block.results == blocks[block.id].results
        assert run_season(copy, store, Work(), AFTER).blocks == 0


def test_who_was_disqualified_has_no_line_but_a_reason(copy: Season) -> None:
    with at_home(copy) as store:
        take_off(store, "bela", DISQUALIFIED, "it threw games")
        board = standings(copy, store, AFTER)
        assert {line.name for line in board.lines if line.author} == {"ada", "rae"}
        assert board.gone == (("bela/1", "disqualified: it threw games"),)
        assert "bela/1 does not count; disqualified: it threw games." in to_text(board_screen(board))


def test_a_season_without_entries_is_not_played(fresh: Season) -> None:
    with at_home(fresh) as store:
        assert [line for line in standings(fresh, store, BEFORE).lines if line.author] == []
        with pytest.raises(UserError, match="nobody has entered season fresh"):
            run_season(fresh, store, Work(), BEFORE)


def test_minutes_end_a_run_that_goes_on_later(fresh: Season, tmp_path: Path) -> None:
    enter(fresh, tmp_path, "cem", HONEST["cem"])
    with at_home(fresh) as store:
        ran = run_season(fresh, store, Work(), AFTER, minutes=1e-9)
        assert not ran.whole
        assert run_season(fresh, store, Work(), AFTER, minutes=0).whole


def test_games_before_the_deadline_are_practice(copy: Season, tmp_path: Path) -> None:
    with at_home(copy) as store:
        results = {line.name: line.result for line in standings(copy, store, AFTER).lines}
        known = set(store.block_ids(copy.venue.identity, "play"))
        practice = standings(copy, store, BEFORE)
        assert all(line.place is None for line in practice.lines)
        assert not run_season(copy, store, Work(), BEFORE).counts
        played = {block.first_episode for block in store.blocks(copy.venue.identity) if block.id not in known}
        assert played == {4}  # behind the three that count, and a gap
        assert standings(copy, store, BEFORE).lines[0].place == 1
        assert {line.name: line.result for line in standings(copy, store, AFTER).lines} == results
    copy.close(BEFORE)
    assert copy.is_over(BEFORE + timedelta(seconds=1))
    copy.close(AFTER)  # once and for all
    assert copy.ends == BEFORE
    with pytest.raises(UserError, match="the deadline of season small was 2027-02-26 12:00 UTC"):
        enter(copy, tmp_path, "cem", HONEST["cem"], BEFORE + timedelta(minutes=1))


def test_nobody_learns_the_seed_before_the_end_and_everybody_after(copy: Season, tmp_path: Path) -> None:
    with at_home(copy) as store:
        with pytest.raises(UserError, match="takes entries until 2027-03-01 12:00 UTC; reveal its seed after that"):
            reveal(copy, store, DEADLINE)
        before = standings(copy, store, AFTER).lines
        shown = reveal(copy, store, AFTER)
        assert shown["hidden"] == [["grim", copy.venue.id("grim")]]
        assert reveal(copy, store, AFTER) == shown  # once and for all
        board = standings(copy, store, DEADLINE + timedelta(days=1))
        assert tuple(line for line in board.lines if line.author) == before
        assert "grim" in {line.name for line in board.lines}
        assert [mark.kind for mark in board.marks] == ["broken"]
        with pytest.raises(UserError, match="has ended"):
            run_season(copy, store, Work(), AFTER)
        assert all(check.holds for check in checked(copy, store, None))
    with pytest.raises(UserError, match="has ended"):
        enter(copy, tmp_path, "late", HONEST["cem"])


def test_a_season_is_not_ended_by_mistake_before_all_is_played(copy: Season, tmp_path: Path) -> None:
    enter(copy, tmp_path, "cem", HONEST["cem"])
    with at_home(copy) as store:
        with pytest.raises(UserError, match="7 blocks of season small are not played yet"):
            reveal(copy, store, AFTER)
        assert copy.revealed is None
        assert reveal(copy, store, AFTER, unfinished=True)["seed"]


def test_another_seed_or_partner_than_said_is_found(copy: Season) -> None:
    with at_home(copy) as store:
        shown = reveal(copy, store, AFTER)
        for change in ({"seed": "00" * 32}, {"hidden": [["random", "x"]]}, {"seed": "no hex"}):
            (copy.folder / "revealed.json").write_text(json.dumps({**shown, **change}))
            wrong = [check.what for check in checked(copy, store, None) if not check.holds]
            assert wrong, change


def test_games_come_out_again(copy: Season) -> None:
    with at_home(copy) as store:
        (games,) = [check for check in checked(copy, store, Work()) if check.what == "games"]
    assert games.holds, games.said


def test_one_game_of_an_edited_record_is_not_trusted(copy: Season) -> None:
    with at_home(copy) as store:
        name = store.name
    import sqlite3

    with closing(sqlite3.connect(name)) as database, database:
        database.execute("update seat_result set returns = zeroblob(length(returns)) where row = 1")
    with at_home(copy) as store:
        assert [check.what for check in checked(copy, store, None) if not check.holds] == ["records"]


def test_the_season_is_a_home_of_its_own(played: Season, zoo_home: str) -> None:
    with at_home(played) as store:
        assert Path(store.name).parent == played.folder
    assert not (Path(zoo_home) / "records.sqlite").exists() or not Store(Path(zoo_home) / "records.sqlite").arenas()


RUSH = """
import torch
from agents.protocol import Agent
from arenas.protocol import Action

class Rush(Agent):
    \"\"\"Always plays {action}.\"\"\"

    def act(self, timestep, memory):
        return Action(torch.full_like(timestep.reward, {action}).long()), memory
"""


def test_games_against_each_other_are_rated_where_one_side_competes(zoo_home: str, tmp_path: Path) -> None:
    payoffs = "[[[0,0],[-1,1],[1,-1]],[[1,-1],[0,0],[-1,1]],[[-1,1],[1,-1],[0,0]]]"
    rules = rules_of(
        "scissors",
        ('"ipd"', '"matrix"'),
        ('["max_steps=5"]', f"['max_steps=3', 'payoffs={payoffs}']"),
        ('"tit-for-tat", "always-defect", "random"', '"random"'),
        ('"grim"', ""),
        ("episodes = 3", "episodes = 20"),
    )
    season = begin(rules, Work(), BEFORE)
    for name, action in {"stone": 0, "paper": 1}.items():
        enter(season, tmp_path, name, RUSH.format(action=action))
    with at_home(season) as store:
        assert run_season(season, store, Work(), AFTER).broken == ()
        board = standings(season, store, AFTER)
    assert board.quantity == "mu"
    own = {line.name: line.place for line in board.lines if line.author}
    assert own == {"paper": 1, "stone": 2}
    assert board.marks == ()


@pytest.mark.slow
def test_killed_runs_end_in_the_same_records(copy: Season, tmp_path: Path) -> None:
    for name in ("cem", "dora", "eva"):
        enter(copy, tmp_path, name, HONEST[name])
    copy.close(datetime(2020, 1, 1, tzinfo=UTC))  # the commands have the real time
    whole = replace(copy, folder=tmp_path / "whole")
    shutil.copytree(copy.folder, whole.folder)
    with at_home(whole) as store:
        run_season(whole, store, Work(), AFTER)
        ids = store.block_ids(whole.venue.identity, "play")
        blocks = store.blocks(whole.venue.identity)
    command = [sys.executable, "-m", "zoo", "season", "run", "small", "--workers", "2"]
    before = -1
    while True:
        process = subprocess.Popen(command, env={**os.environ, "ZOO_HOME": str(copy.folder.parent.parent)})
        with at_home(copy) as store:
            start = len(store.block_ids(copy.venue.identity, "play"))
            assert start > before  # each run records something before it is killed
            before = start
            while process.poll() is None and len(store.block_ids(copy.venue.identity, "play")) < start + 10:
                time.sleep(0.05)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
    assert process.returncode == 0
    with at_home(copy) as store:
        assert store.block_ids(copy.venue.identity, "play") == ids
        assert [block.results for block in store.blocks(copy.venue.identity)] == [block.results for block in blocks]

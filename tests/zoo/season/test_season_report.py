"""`zoo report --season`: the board of a season as a page, which tells nothing secret before the end."""

from __future__ import annotations

import html
import shutil
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from click.testing import CliRunner

from leaderboard.records import Measurement
from leaderboard.seeds import RATED
from leaderboard.views.board import board as board_of
from tests.zoo.season.conftest import AFTER, BEFORE, rules_of
from zoo.commands import report as report_command
from zoo.errors import UserError
from zoo.matches.plan import Work
from zoo.season.ending import reveal
from zoo.season.place import Season, at_home, begin, opened
from zoo.season.report import counting_records, season_notes
from zoo.season.standings import standings


class After(datetime):
    """It is just after the deadline."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> After:
        return cls.fromtimestamp(AFTER.timestamp(), tz)


@pytest.fixture
def copy(played: Season, zoo_home: str, monkeypatch: pytest.MonkeyPatch) -> Season:
    """The season that was played, in a home of this test's own, after its deadline."""
    shutil.copytree(played.folder, Path(zoo_home) / "seasons" / "small")
    monkeypatch.setattr("datetime.datetime", After)
    return opened("small")


def written(out: Path, *words: str) -> str:
    """The page that the command writes."""
    done = CliRunner().invoke(report_command.command, ["--season", "small", "--out", str(out), *words])
    assert done.exit_code == 0, done.output
    return out.read_text()


def test_before_the_end_a_page_tells_nothing_secret(copy: Season, tmp_path: Path) -> None:
    page = written(tmp_path / "a.html")
    assert page == written(tmp_path / "b.html")
    words = html.unescape(page)
    assert "<title>Report on season small</title>" in page
    for said in (
        copy.card.seed,
        copy.card.hidden,
        copy.card.rules,
        "is secret until the end",
        "12 CRASH",
        "broken, rae",
    ):
        assert said in words, said
    assert "Place 1 [1, " in words and "zoo report --season small" in words
    with at_home(copy):
        secrets = [copy.seed.key.hex(), str(copy.seed.number)]
    hidden = [copy.venue.id("grim"), "grim", "Grim", "hidden partner 1"]
    ids = [copy.venue.id(text) for text in copy.card.known]  # whose figures follow from who is hidden
    for secret in (*secrets, *hidden, *ids):
        assert secret not in page, secret


def test_after_the_end_a_page_has_all(copy: Season, tmp_path: Path) -> None:
    with at_home(copy) as store:
        shown = reveal(copy, store, AFTER)
        places = {line.entrant: line.place for line in standings(copy, store, AFTER).lines if line.place}
        with counting_records(copy, store, AFTER) as counting:
            rows = board_of(counting, copy.venue.identity, seed=RATED).rows
    ranked = [row.entrant for row in rows if row.entrant in places]
    assert [places[who] for who in ranked] == sorted(places.values())
    page = written(tmp_path / "a.html")
    assert page == written(tmp_path / "b.html", "--json")
    assert shown["seed"] in page and copy.card.seed in page and "Hidden partners: grim;" in page
    assert "Who meets whom" in page and "zoo report --season small" in page


def test_games_that_do_not_count_are_on_no_page(copy: Season) -> None:
    with at_home(copy) as store:
        every = store.block_ids(copy.venue.identity, "play")
        assert store.add(
            Measurement(copy.venue.id("grim"), copy.venue.identity, "exploiter_gain", 1, 0, 2, 5, False, 9)
        )
        with counting_records(copy, store, AFTER) as counting:
            assert set(counting.block_ids(copy.venue.identity, "play")) == set(every)
            assert counting.measurements() == store.measurements() != []
    # before the deadline only practice counts, and nobody has practised
    with at_home(copy) as store, counting_records(copy, store, BEFORE) as counting:
        strangers = counting.strangers()
        assert strangers
        assert not any(strangers & set(b.entrants) for b in counting.blocks(copy.venue.identity))


def test_a_season_without_entries_has_no_page(zoo_home: str) -> None:
    fresh = begin(rules_of("fresh"), Work(), BEFORE)
    with at_home(fresh) as store, pytest.raises(UserError, match="nobody has entered season fresh"):
        season_notes(fresh, store, BEFORE)


@pytest.mark.parametrize("words", [[], ["--season", "small", "--arena", "ipd"]])
def test_a_page_is_on_arenas_or_on_a_season(words: list[str]) -> None:
    done = CliRunner().invoke(report_command.command, words)
    assert done.exit_code == 2 and "name each --arena, or one --season" in done.output
